//! Records as text.

use std::{fmt::Debug, sync::Arc, sync::PoisonError};

use streams_core::{Context, Nothing, stores::Data};

use crate::{options::Printed, stream::KStream};

const NAME: &str = "KSTREAM-PRINTER-";

impl<K: Data, V: Data> KStream<K, V> {
    /// Prints each record to standard output, as a line `[node before]: key, value`, and forwards
    /// nothing: for a look while developing.
    ///
    /// # Topics and stores
    /// None.
    ///
    /// # Example: a look while developing
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, i64>("orders");
    /// orders.filter(|_, amount| *amount < 0).print();
    /// orders.to("checked");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// // Prints `[KSTREAM-FILTER-0000000001]: "ann", -5`.
    /// driver.input::<String, i64>("orders").pipe("ann", -5, 0)?;
    /// assert_eq!(driver.output::<String, i64>("checked").read_all()?.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn print(&self)
    where
        K: Debug,
        V: Debug,
    {
        self.print_with(Printed::to_stdout());
    }

    /// As [`print`](Self::print), to another place or in another form.
    pub fn print_with(&self, printed: Printed<K, V>) {
        let Printed { out, label, format, named } = printed;
        let label = label.unwrap_or_else(|| Arc::clone(&self.at.name));
        let out = match out {
            Ok(out) => Some(out),
            Err(reason) => {
                self.at.plan.reject_option(&label, reason);
                None
            }
        };
        let run = move |key, value, _: &mut Context<'_, Nothing, Nothing>| {
            let Some(out) = &out else { return Ok(()) };
            let line = format!("[{label}]: {}\n", format(&key, &value));
            // A writer that panicked has at worst half a line.
            let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
            out.write_all(line.as_bytes())?;
            Ok(out.flush()?)
        };
        self.at.step(named, NAME, run);
    }
}
