//! The end of a stream in code of one's own.

use std::convert::Infallible;

use streams_core::{Context, Nothing, ProcessorError, stores::Data};

use crate::{options::Named, stream::KStream};

const NAME: &str = "KSTREAM-FOREACH-";

impl<K: Data, V: Data> KStream<K, V> {
    /// Runs `action` for each record and forwards nothing.
    ///
    /// After a failure the records since the last commit are read again, and with them the action
    /// is run again, under exactly-once too.
    ///
    /// # Topics and stores
    /// None.
    ///
    /// # Example: records leave by a channel
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// builder.stream::<String, i64>("in").try_for_each(move |key, value| sender.send((key, value)));
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("in").pipe("a", 1, 0)?;
    /// assert_eq!(receiver.try_recv()?, ("a".to_owned(), 1));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "foreach")]
    pub fn for_each(&self, action: impl Fn(K, V) + Send + Sync + 'static) {
        self.for_each_with(action, Named::generated());
    }

    /// As [`for_each`](Self::for_each), with a name.
    pub fn for_each_with(
        &self,
        action: impl Fn(K, V) + Send + Sync + 'static,
        named: impl Into<Named>,
    ) {
        self.try_for_each_with(
            move |key, value| {
                action(key, value);
                Ok::<_, Infallible>(())
            },
            named,
        );
    }

    /// As [`for_each`](Self::for_each), for code that can fail; the processing handler decides
    /// then.
    pub fn try_for_each<E: Into<ProcessorError>>(
        &self,
        action: impl Fn(K, V) -> Result<(), E> + Send + Sync + 'static,
    ) {
        self.try_for_each_with(action, Named::generated());
    }

    /// As [`try_for_each`](Self::try_for_each), with a name.
    pub fn try_for_each_with<E: Into<ProcessorError>>(
        &self,
        action: impl Fn(K, V) -> Result<(), E> + Send + Sync + 'static,
        named: impl Into<Named>,
    ) {
        self.at.step(named, NAME, move |key, value, _: &mut Context<'_, Nothing, Nothing>| {
            action(key, value).map_err(Into::into)
        });
    }
}
