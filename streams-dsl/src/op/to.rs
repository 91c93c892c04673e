//! Into topics.

use std::sync::Arc;

use streams_core::{
    RecordContext, SinkOptions,
    stores::{Data, StreamData},
};

use crate::{
    options::{PartitionerFor, Produced, SerdeFor},
    plan::Kind,
    stream::KStream,
};

const NAME: &str = "KSTREAM-SINK-";

impl<K: Data, V: Data> KStream<K, V> {
    /// Writes the records to a topic, which has to exist.
    ///
    /// Key, value, timestamp and headers are written as they are; the hash of the key's bytes
    /// chooses the partition, of a windowed key without its window.
    ///
    /// # Topics and stores
    /// Writes to `topic`.
    ///
    /// # Late and null records
    /// Null keys and values are written.
    ///
    /// # Example: a copy of a topic
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("in").to("out");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("in").pipe("a", 1, 7)?;
    /// let copies = driver.output::<String, i64>("out").read_all()?;
    /// assert_eq!(copies, [Record::new("a".to_owned(), 1, Timestamp::from_millis(7))]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn to(&self, topic: &str)
    where
        K: StreamData,
        V: StreamData,
    {
        self.to_with(topic, Produced::new());
    }

    /// As [`to`](Self::to), with options.
    pub fn to_with<KS, VS, P>(&self, topic: &str, produced: Produced<KS, VS, P>)
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
        P: PartitionerFor<K, V>,
    {
        let Produced { key, value, partitioner, named, .. } = produced;
        let key = key.settle(self.key_serde());
        let value = value.settle(self.value_serde());
        let sink = SinkOptions::with(topic, key, value).partitioner(partitioner.settle());
        self.sink(&self.at.plan.node_name(named, NAME), sink);
    }

    /// Writes each record to the topic that `chooser` names; the topics have to exist.
    ///
    /// Key, value, timestamp and headers are written as they are. The chooser sees where the
    /// record was read, its timestamp and headers.
    ///
    /// # Topics and stores
    /// Writes to the topics chosen; a topic that does not exist ends the stream thread.
    ///
    /// # Late and null records
    /// Null keys and values are written.
    ///
    /// # Example: a topic for each country
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, i64>("orders")
    ///     .to_topic_by(|country, _, _| format!("orders-{country}"));
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("orders").pipe("fr", 1, 0)?;
    /// assert_eq!(driver.output::<String, i64>("orders-fr").read_all()?.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "TopicNameExtractor")]
    pub fn to_topic_by(
        &self,
        chooser: impl Fn(&K, &V, &RecordContext<'_>) -> String + Send + Sync + 'static,
    ) where
        K: StreamData,
        V: StreamData,
    {
        self.to_topic_by_with(chooser, Produced::new());
    }

    /// As [`to_topic_by`](Self::to_topic_by), with options.
    pub fn to_topic_by_with<KS, VS, P>(
        &self,
        chooser: impl Fn(&K, &V, &RecordContext<'_>) -> String + Send + Sync + 'static,
        produced: Produced<KS, VS, P>,
    ) where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
        P: PartitionerFor<K, V>,
    {
        let Produced { key, value, partitioner, named, label } = produced;
        let key = key.settle(self.key_serde());
        let value = value.settle(self.value_serde());
        let sink =
            SinkOptions::per_record(&label, chooser, key, value).partitioner(partitioner.settle());
        self.sink(&self.at.plan.node_name(named, NAME), sink);
    }

    pub(crate) fn sink(&self, name: &Arc<str>, sink: SinkOptions<K, V>) {
        let node_name = Arc::clone(name);
        self.at.plan.add(&[self.at.node], name, Kind::Inner, move |place| {
            place.topology.add_sink_with(&node_name, sink, &place.parents);
        });
    }
}
