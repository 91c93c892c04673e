//! Through a topic of the user's own.

use std::sync::Arc;

use streams_core::{
    SinkOptions, SourceOptions, SourceTopics,
    stores::{Data, StreamData},
};

use crate::{
    options::{Named, PartitionerFor, Produced, SerdeFor},
    plan::{Kind, ROOT},
    stage::Stage,
    stream::KStream,
};

impl<K: Data, V: Data> KStream<K, V> {
    /// Writes the records to a topic, which has to exist, and reads them again.
    ///
    /// The same as [`to`](Self::to) and [`stream`](crate::StreamsBuilder::stream) of one topic:
    /// key, value, timestamp and headers come back as they were written, and the stream behind it
    /// is partitioned by its key. Others can read the topic too; where nobody does,
    /// [`repartition`](Self::repartition) keeps a topic of its own.
    ///
    /// # Topics and stores
    /// Writes to `topic` and reads it.
    ///
    /// # Late and null records
    /// Null keys and values pass.
    ///
    /// # Example: a topic that others read too
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, String>("raw")
    ///     .try_map_values(|text| text.parse::<i64>())
    ///     .through("parsed")
    ///     .group_by_key()
    ///     .count()
    ///     .to_stream()
    ///     .to("counts");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, String>("raw").pipe("a", "12", 0)?;
    /// assert_eq!(driver.output::<String, i64>("parsed").read_key_values()?, [("a".to_owned(), 12)]);
    /// let counts = driver.output::<String, Option<i64>>("counts").read_key_values()?;
    /// assert_eq!(counts, [("a".to_owned(), Some(1))]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn through(&self, topic: &str) -> Self
    where
        K: StreamData,
        V: StreamData,
    {
        self.through_with(topic, Produced::new())
    }

    /// As [`through`](Self::through), with options.
    pub fn through_with<KS, VS, P>(&self, topic: &str, produced: Produced<KS, VS, P>) -> Self
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
        P: PartitionerFor<K, V>,
    {
        let plan = self.at.plan.clone();
        let Produced { key, value, partitioner, named, .. } = produced;
        let key = key.settle(self.key_serde());
        let value = value.settle(self.value_serde());
        let sink = SinkOptions::with(topic, Arc::clone(&key), Arc::clone(&value));
        let sink_name = plan.node_name(named, "KSTREAM-SINK-");
        self.sink(&sink_name, sink.partitioner(partitioner.settle()));

        let topics = SourceTopics::from(topic);
        let options = SourceOptions::with(Arc::clone(&key), Arc::clone(&value));
        let name = plan.node_name(Named::generated(), "KSTREAM-SOURCE-");
        let node_name = Arc::clone(&name);
        let kind = Kind::Source { topics: topics.clone(), reset: None };
        let node = plan.add(&[ROOT], &name, kind, move |place| {
            place.topology.add_source_with(&node_name, topics, options);
        });
        let sources = vec![Arc::clone(&name)];
        KStream::new(Stage { plan, node, name, sources, is_rekeyed: false }, Some(key), Some(value))
    }
}
