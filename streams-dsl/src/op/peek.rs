//! A look at each record.

use std::convert::Infallible;

use streams_core::{Context, ProcessorError, stores::Data};

use crate::{options::Named, stream::KStream};

const NAME: &str = "KSTREAM-PEEK-";

impl<K: Data, V: Data> KStream<K, V> {
    /// Runs `action` for each record and passes the record on as it is.
    ///
    /// After a failure the records since the last commit are read again, and with them the action
    /// is run again, under exactly-once too.
    ///
    /// # Topics and stores
    /// None.
    ///
    /// # Example: a look while passing
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
    ///
    /// let seen = Arc::new(AtomicU64::new(0));
    /// let counter = Arc::clone(&seen);
    /// builder
    ///     .stream::<String, i64>("in")
    ///     .peek(move |_, _| _ = counter.fetch_add(1, Ordering::Relaxed))
    ///     .to("out");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("in").pipe("a", 1, 0)?;
    /// assert_eq!(driver.output::<String, i64>("out").read_key_values()?, [("a".to_owned(), 1)]);
    /// assert_eq!(seen.load(Ordering::Relaxed), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn peek(&self, action: impl Fn(&K, &V) + Send + Sync + 'static) -> Self {
        self.peek_with(action, Named::generated())
    }

    /// As [`peek`](Self::peek), with a name.
    pub fn peek_with(
        &self,
        action: impl Fn(&K, &V) + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> Self {
        self.try_peek_with(
            move |key, value| {
                action(key, value);
                Ok::<_, Infallible>(())
            },
            named,
        )
    }

    /// As [`peek`](Self::peek), for code that can fail; the processing handler decides then.
    pub fn try_peek<E: Into<ProcessorError>>(
        &self,
        action: impl Fn(&K, &V) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        self.try_peek_with(action, Named::generated())
    }

    /// As [`try_peek`](Self::try_peek), with a name.
    pub fn try_peek_with<E: Into<ProcessorError>>(
        &self,
        action: impl Fn(&K, &V) -> Result<(), E> + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> Self {
        self.at(self.at.step(named, NAME, move |key, value, ctx: &mut Context<'_, K, V>| {
            action(&key, &value).map_err(Into::into)?;
            ctx.pass(key, value)
        }))
    }
}
