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
