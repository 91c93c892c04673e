//! Into groups.

use std::{convert::Infallible, sync::Arc};

use streams_core::{
    ProcessorError,
    stores::{Data, StreamData},
};

use crate::{
    grouped::KGroupedStream,
    options::{Grouped, SerdeFor},
    stream::KStream,
};

impl<K: Data, V: Data> KStream<K, V> {
    /// Groups by the key, for an aggregation.
    ///
    /// Key, value, timestamp and headers stay what they are.
    ///
    /// # Topics and stores
    /// Where the key may have changed since the records were read, each aggregation reads them
    /// through a topic `<name>-repartition`, named after the grouping or else after its store.
    ///
    /// # Late and null records
    /// Records with a null key are dropped: by the repartitioning uncounted, by the aggregation
    /// counted.
    ///
    /// # Example: orders of each customer
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("orders").group_by_key().count().to_stream().to("counts");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("orders").pipe("ann", 7, 0)?;
    /// let counts = driver.output::<String, i64>("counts").read_key_values()?;
    /// assert_eq!(counts, [("ann".to_owned(), 1)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn group_by_key(&self) -> KGroupedStream<K, V>
    where
        K: StreamData,
        V: StreamData,
    {
        self.group_by_key_with(Grouped::new())
    }

    /// As [`group_by_key`](Self::group_by_key), with options.
    pub fn group_by_key_with<KS, VS>(&self, grouped: Grouped<KS, VS>) -> KGroupedStream<K, V>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
    {
        let key = grouped.key.settle(self.key_serde());
        let value = grouped.value.settle(self.value_serde());
        KGroupedStream::new(self.at.clone(), key, value, grouped.named)
    }

    /// Groups by a new key, for an aggregation.
    ///
    /// Value, timestamp and headers stay what they are.
    ///
    /// # Topics and stores
    /// Each aggregation reads the records through a topic `<name>-repartition`, named after the
    /// grouping or else after its store; with a name, all aggregations of the grouping share it.
    ///
    /// # Late and null records
    /// Records with a null key are dropped by the repartitioning, uncounted.
    ///
    /// # Example: how often each value occurs
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let by_value = builder.stream::<String, i64>("in").group_by(|_, value| *value);
    /// by_value.count().to_stream().to("counts");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let input = driver.input::<String, i64>("in");
    /// input.pipe("ann", 7, 0)?;
    /// input.pipe("bob", 7, 1)?;
    /// let counts = driver.output::<i64, i64>("counts").read_key_values()?;
    /// assert_eq!(counts, [(7, 1), (7, 2)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn group_by<K2: StreamData>(
        &self,
        selector: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
    ) -> KGroupedStream<K2, V>
    where
        V: StreamData,
    {
        self.group_by_with(selector, Grouped::new())
    }

    /// As [`group_by`](Self::group_by), with options.
    pub fn group_by_with<K2: Data, KS, VS>(
        &self,
        selector: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
        grouped: Grouped<KS, VS>,
    ) -> KGroupedStream<K2, V>
    where
        KS: SerdeFor<K2>,
        VS: SerdeFor<V>,
    {
        self.try_group_by_with(move |key, value| Ok::<_, Infallible>(selector(key, value)), grouped)
    }

    /// As [`group_by`](Self::group_by), for code that can fail; the processing handler decides
    /// then.
    pub fn try_group_by<K2: StreamData, E: Into<ProcessorError>>(
        &self,
        selector: impl Fn(&K, &V) -> Result<K2, E> + Send + Sync + 'static,
    ) -> KGroupedStream<K2, V>
    where
        V: StreamData,
    {
        self.try_group_by_with(selector, Grouped::new())
    }

    /// As [`try_group_by`](Self::try_group_by), with options.
    pub fn try_group_by_with<K2: Data, E: Into<ProcessorError>, KS, VS>(
        &self,
        selector: impl Fn(&K, &V) -> Result<K2, E> + Send + Sync + 'static,
        grouped: Grouped<KS, VS>,
    ) -> KGroupedStream<K2, V>
    where
        KS: SerdeFor<K2>,
        VS: SerdeFor<V>,
    {
        let Grouped { key, value, named } = grouped;
        let at = self.rekey(selector, named.clone());
        let (key, value) = (key.settle(None), value.settle(self.value_serde()));
        KGroupedStream::new(at, key, Arc::clone(&value), named)
    }
}
