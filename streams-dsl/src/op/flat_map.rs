//! Any number of records for each.

use std::convert::Infallible;

use streams_core::{Context, ProcessorError, stores::Data};

use crate::{options::Named, stream::KStream};

const NAME: &str = "KSTREAM-FLATMAP-";

impl<K: Data, V: Data> KStream<K, V> {
    /// Makes any number of records of each, with keys and values of their own.
    ///
    /// All have the timestamp and the headers of the record they come from, and are forwarded in
    /// the order of the iterator.
    ///
    /// # Topics and stores
    /// None here; a grouping or join further down repartitions by the new key.
    ///
    /// # Example: an entry for each side of a transfer
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, i64>("transfers")
    ///     .flat_map(|from, amount| [(from, -amount), ("bank".to_owned(), amount)])
    ///     .to("entries");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("transfers").pipe("ann", 5, 0)?;
    /// let entries = driver.output::<String, i64>("entries").read_key_values()?;
    /// assert_eq!(entries, [("ann".to_owned(), -5), ("bank".to_owned(), 5)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn flat_map<K2: Data, V2: Data, I: IntoIterator<Item = (K2, V2)>>(
        &self,
        mapper: impl Fn(K, V) -> I + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        self.flat_map_with(mapper, Named::generated())
    }

    /// As [`flat_map`](Self::flat_map), with a name.
    pub fn flat_map_with<K2: Data, V2: Data, I: IntoIterator<Item = (K2, V2)>>(
        &self,
        mapper: impl Fn(K, V) -> I + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K2, V2> {
        self.try_flat_map_with(move |key, value| Ok::<_, Infallible>(mapper(key, value)), named)
    }

    /// As [`flat_map`](Self::flat_map), for code that can fail; the processing handler decides
    /// then.
    pub fn try_flat_map<K2: Data, V2: Data, I, E: Into<ProcessorError>>(
        &self,
        mapper: impl Fn(K, V) -> Result<I, E> + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        I: IntoIterator<Item = (K2, V2)>,
    {
        self.try_flat_map_with(mapper, Named::generated())
    }

    /// As [`try_flat_map`](Self::try_flat_map), with a name.
    pub fn try_flat_map_with<K2: Data, V2: Data, I, E: Into<ProcessorError>>(
        &self,
        mapper: impl Fn(K, V) -> Result<I, E> + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K2, V2>
    where
        I: IntoIterator<Item = (K2, V2)>,
    {
        let at = self.at.step(named, NAME, move |key, value, ctx: &mut Context<'_, K2, V2>| {
            let records = mapper(key, value).map_err(Into::into)?;
            records.into_iter().try_for_each(|(key, value)| ctx.pass(key, value))
        });
        KStream::new(at.rekeyed(), None, None)
    }
}
