//! Through a topic of the application's own.

use streams_core::stores::{Data, StreamData};

use crate::{
    options::{PartitionerFor, Repartitioned, SerdeFor},
    plan::Repartition,
    stream::KStream,
};

const NAME: &str = "KSTREAM-REPARTITION-";

impl<K: Data, V: Data> KStream<K, V> {
    /// Sends the records through an internal topic, partitioned by their keys.
    ///
    /// Key, value, timestamp and headers stay what they are. Groupings and joins repartition by
    /// themselves where a key changed: this is for another number of partitions, another
    /// partitioner, or one repartitioning for several of them.
    ///
    /// # Topics and stores
    /// The topic `<name>-repartition`, which the application creates, and empties as it goes.
    ///
    /// # Late and null records
    /// Records with a null key are dropped, uncounted, unless a left join below takes them.
    ///
    /// # Example: one repartitioning for two counts
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let by_value = builder.stream::<String, i64>("in").select_key(|_, value| *value).repartition();
    /// by_value.group_by_key().count().to_stream().to("counts");
    /// by_value.filter(|value, _| *value > 10).group_by_key().count().to_stream().to("large-counts");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("in").pipe("a", 42, 0)?;
    /// let counts = driver.output::<i64, Option<i64>>("counts").read_key_values()?;
    /// assert_eq!(counts, [(42, Some(1))]);
    /// let sent = driver.take_sent("test-KSTREAM-REPARTITION-0000000002-repartition");
    /// assert_eq!(sent.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn repartition(&self) -> Self
    where
        K: StreamData,
        V: StreamData,
    {
        self.repartition_with(Repartitioned::new())
    }

    /// As [`repartition`](Self::repartition), with options.
    pub fn repartition_with<KS, VS, P>(&self, repartitioned: Repartitioned<KS, VS, P>) -> Self
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
        P: PartitionerFor<K, V>,
    {
        let Repartitioned { key, value, partitioner, partitions, named } = repartitioned;
        let key = key.settle(self.key_serde());
        let value = value.settle(self.value_serde());
        let prefix = self.at.plan.undrawn_name(named, NAME);
        if partitions.is_some_and(|partitions| partitions < 1) {
            let reason = "a topic has at least one partition".to_owned();
            self.at.plan.reject_option(&prefix, reason);
        }
        let partitioner = partitioner.settle();
        let options = Repartition { partitions, partitioner, ..Repartition::by_key(&key, &value) };
        let at = self.at.repartition(&prefix, options);
        KStream::new(at, Some(key), Some(value))
    }
}
