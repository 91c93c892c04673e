//! `StreamsBuilder`: where a topology begins.

use std::sync::Arc;

use streams_core::{
    SourceOptions, SourceTopics, StoreHandle, TimestampExtractor, Topology, TopologyBuilder,
    TopologyError,
    stores::{Data, StoreBuilder, StoreType, StreamData},
};

use crate::{
    options::{Consumed, Materialized, SerdeFor},
    plan::{Kind, Plan, ROOT},
    stage::Stage,
    stream::KStream,
    table::KTable,
};

/// Describes a topology: what is read, what becomes of it, where it goes.
///
/// Names and numbers of nodes, topics and stores are those of Kafka Streams for the same calls in
/// the same order.
#[derive(Debug, Default)]
pub struct StreamsBuilder {
    plan: Plan,
}

impl StreamsBuilder {
    /// An empty description.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the stores of operators in memory where their [`Materialized`] says nothing else, in
    /// place of on disk: Java's `dsl.store.suppliers.class`. For operators described after this.
    #[must_use]
    pub fn in_memory_stores(self) -> Self {
        self.plan.keep_in_memory();
        self
    }

    /// Reads a topic, several, or all that match a pattern, as a stream.
    ///
    /// Keys and values are read by the serdes of their types; name the types here, the compiler
    /// finds all later ones: `builder.stream::<Ignored, String>("lines")`. A null where the type
    /// has none goes to the deserialization handler: read `Option<String>` where nulls are data,
    /// [`Ignored`](crate::Ignored) where a key does not matter. Timestamp and headers are the
    /// record's.
    ///
    /// # Topics and stores
    /// Two streams of the same topics share one source node; streams whose topics overlap in part
    /// are a mistake of the topology.
    pub fn stream<K: StreamData, V: StreamData>(
        &self,
        topics: impl Into<SourceTopics>,
    ) -> KStream<K, V> {
        self.stream_with(topics, Consumed::new())
    }

    /// As [`stream`](Self::stream), with options.
    pub fn stream_with<K: Data, V: Data, KS, VS, T>(
        &self,
        topics: impl Into<SourceTopics>,
        consumed: Consumed<KS, VS, T>,
    ) -> KStream<K, V>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
        T: TimestampExtractor<K, V>,
    {
        let topics = topics.into();
        let Consumed { key, value, extractor, reset, named } = consumed;
        let (key, value) = (key.settle(None), value.settle(None));
        let options = SourceOptions::with(Arc::clone(&key), Arc::clone(&value))
            .timestamp_extractor(Arc::new(extractor))
            .offset_reset(reset);

        let name = self.plan.node_name(named, "KSTREAM-SOURCE-");
        let node_name = Arc::clone(&name);
        let kind = Kind::Source { topics: topics.clone(), reset };
        let node = self.plan.add(&[ROOT], &name, kind, move |place| {
            place.topology.add_source_with(&node_name, topics, options);
        });
        let sources = vec![Arc::clone(&name)];
        let plan = self.plan.clone();
        let at = Stage { plan, node, name, sources, is_rekeyed: false };
        KStream::new(at, Some(key), Some(value))
    }

    /// Reads a topic as a table: a record is the new value of its key, a null value deletes it.
    ///
    /// Key, value and timestamp are the record's.
    ///
    /// # Topics and stores
    /// The table is kept in a store only where a join or a name asks for it; the store has a
    /// changelog topic.
    ///
    /// # Late and null records
    /// A record with a null key is dropped and counted. An update that is older than the value it
    /// replaces replaces it all the same.
    pub fn table<K: StreamData, V: StreamData>(&self, topic: &str) -> KTable<K, V> {
        self.table_with(topic, Consumed::new(), Materialized::new())
    }

    /// As [`table`](Self::table), with options; the serdes are those of `consumed`. A timestamp
    /// extractor sees the value of a deletion as `None`.
    pub fn table_with<K: Data, V: Data, KS, VS, T>(
        &self,
        topic: &str,
        consumed: Consumed<KS, VS, T>,
        materialized: Materialized,
    ) -> KTable<K, V>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
        T: TimestampExtractor<K, Option<V>>,
    {
        crate::op::table_source::read(&self.plan, topic, consumed, materialized)
    }

    /// Adds a store of one's own; the handle goes into
    /// [`Processed::store`](crate::Processed::store) and into the processors that use it.
    pub fn add_state_store<S: StoreType>(&self, store: StoreBuilder<S>) -> StoreHandle<S> {
        self.plan.add_store(store)
    }

    /// The finished topology. Streams and tables of this builder describe nothing any more.
    ///
    /// # Errors
    /// The first mistake in the description: names used twice, options that contradict each
    /// other, topics read twice, nodes whose types do not fit.
    pub fn build(self) -> Result<Topology, TopologyError> {
        self.into_topology_builder().build()
    }

    /// The topology so far, to go on node by node.
    pub fn into_topology_builder(self) -> TopologyBuilder {
        self.plan.lower()
    }
}
