//! One record for each, the value anew.

use std::convert::Infallible;

use streams_core::{Context, ProcessorError, stores::Data};

use crate::{options::Named, stream::KStream};

const NAME: &str = "KSTREAM-MAPVALUES-";

impl<K: Data, V: Data> KStream<K, V> {
    /// Makes a new value of each value.
    ///
    /// Key, timestamp and headers stay.
    ///
    /// # Topics and stores
    /// None; the records stay in their partition.
    ///
    /// # Late and null records
    /// A null value is mapped as any other: it is `None` of a `KStream<K, Option<V>>`.
    ///
    /// # Example: the length of each line
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<Ignored, String>("lines").map_values(|line| line.len() as i64).to("lengths");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<Ignored, String>("lines").pipe(Ignored, "hello", 0)?;
    /// assert_eq!(driver.output::<Ignored, i64>("lengths").read_key_values()?, [(Ignored, 5)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map_values<V2: Data>(
        &self,
        mapper: impl Fn(V) -> V2 + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.map_values_with(mapper, Named::generated())
    }

    /// As [`map_values`](Self::map_values), with a name.
    pub fn map_values_with<V2: Data>(
        &self,
        mapper: impl Fn(V) -> V2 + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K, V2> {
        self.map_values_with_key_with(move |_, value| mapper(value), named)
    }

    /// As [`map_values`](Self::map_values), for code that can fail; the processing handler decides
    /// then.
    pub fn try_map_values<V2: Data, E: Into<ProcessorError>>(
        &self,
        mapper: impl Fn(V) -> Result<V2, E> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.try_map_values_with(mapper, Named::generated())
    }

    /// As [`try_map_values`](Self::try_map_values), with a name.
    pub fn try_map_values_with<V2: Data, E: Into<ProcessorError>>(
        &self,
        mapper: impl Fn(V) -> Result<V2, E> + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K, V2> {
        self.try_map_values_with_key_with(move |_, value| mapper(value), named)
    }

    /// As [`map_values`](Self::map_values), with a look at the key.
    pub fn map_values_with_key<V2: Data>(
        &self,
        mapper: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.map_values_with_key_with(mapper, Named::generated())
    }

    /// As [`map_values_with_key`](Self::map_values_with_key), with a name.
    pub fn map_values_with_key_with<V2: Data>(
        &self,
        mapper: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K, V2> {
        self.try_map_values_with_key_with(
            move |key, value| Ok::<_, Infallible>(mapper(key, value)),
            named,
        )
    }

    /// As [`map_values_with_key`](Self::map_values_with_key), for code that can fail; the
    /// processing handler decides then.
    pub fn try_map_values_with_key<V2: Data, E: Into<ProcessorError>>(
        &self,
        mapper: impl Fn(&K, V) -> Result<V2, E> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.try_map_values_with_key_with(mapper, Named::generated())
    }

    /// As [`try_map_values_with_key`](Self::try_map_values_with_key), with a name.
    pub fn try_map_values_with_key_with<V2: Data, E: Into<ProcessorError>>(
        &self,
        mapper: impl Fn(&K, V) -> Result<V2, E> + Send + Sync + 'static,
        named: impl Into<Named>,
    ) -> KStream<K, V2> {
        self.with_values(self.at.step(
            named,
            NAME,
            move |key, value, ctx: &mut Context<'_, K, V2>| {
                let value = mapper(&key, value).map_err(Into::into)?;
                ctx.pass(key, value)
            },
        ))
    }
}
