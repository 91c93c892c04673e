//! One record for each, key and value anew.

use std::convert::Infallible;

use streams_core::{Context, ProcessorError, stores::Data};

use crate::{options::Named, stream::KStream};

const NAME: &str = "KSTREAM-MAP-";

impl<K: Data, V: Data> KStream<K, V> {
    /// Makes a new key and value of each record.
    ///
    /// Timestamp and headers stay. Where only the value changes, [`map_values`](Self::map_values)
    /// saves a repartitioning later.
    ///
    /// # Topics and stores
    /// None here; a grouping or join further down repartitions by the new key.
    ///
    /// # Example: key and value change places
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("in").map(|name, number| (number, name)).to("out");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("in").pipe("seven", 7, 0)?;
    /// assert_eq!(driver.output::<i64, String>("out").read_key_values()?, [(7, "seven".to_owned())]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map<K2: Data, V2: Data>(
        &self,
        mapper: impl Fn(K, V) -> (K2, V2) + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        self.map_with(mapper, Named::generated())
    }

    /// As [`map`](Self::map), with a name.
    pub fn map_with<K2: Data, V2: Data>(
        &self,
        mapper: impl Fn(K, V) -> (K2, V2) + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K2, V2> {
        self.try_map_with(move |key, value| Ok::<_, Infallible>(mapper(key, value)), named)
    }

    /// As [`map`](Self::map), for code that can fail; the processing handler decides then.
    pub fn try_map<K2: Data, V2: Data, E: Into<ProcessorError>>(
        &self,
        mapper: impl Fn(K, V) -> Result<(K2, V2), E> + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        self.try_map_with(mapper, Named::generated())
    }

    /// As [`try_map`](Self::try_map), with a name.
    pub fn try_map_with<K2: Data, V2: Data, E: Into<ProcessorError>>(
        &self,
        mapper: impl Fn(K, V) -> Result<(K2, V2), E> + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K2, V2> {
        let at = self.at.step(named, NAME, move |key, value, ctx: &mut Context<'_, K2, V2>| {
            let (key, value) = mapper(key, value).map_err(Into::into)?;
            ctx.pass(key, value)
        });
        KStream::new(at.rekeyed(), None, None)
    }
}
