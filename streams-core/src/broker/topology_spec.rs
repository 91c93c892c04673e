//! What a group member tells the coordinator of its topology.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A topology as the streams group heartbeat carries it (`StreamsGroupHeartbeatRequest.Topology`
/// of KIP-1071). All members of a group send an equal one: brokers refuse another, also where only
/// the order differs. Lists are sorted by name, co-partitioned topics as Java's hash sets walk them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopologySpec {
    /// Kafka 4.3 always sends 0.
    pub epoch: i32,
    /// The sub-topologies; their place in the list is their number.
    pub subtopologies: Vec<SubtopologySpec>,
}

/// One sub-topology: what it reads, writes and logs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubtopologySpec {
    /// The application's own topics that it reads; they have to exist.
    pub source_topics: Vec<Arc<str>>,
    /// Regular expressions of topics that it reads.
    pub source_topic_patterns: Vec<Arc<str>>,
    /// Repartition topics that it writes.
    pub repartition_sink_topics: Vec<Arc<str>>,
    /// Repartition topics that it reads; the coordinator creates them.
    pub repartition_source_topics: Vec<InternalTopicSpec>,
    /// Changelogs of its stores; the coordinator creates them, but for source topics that serve as
    /// changelogs, which exist.
    pub changelog_topics: Vec<InternalTopicSpec>,
    /// Topics among its sources that need the same number of partitions.
    pub copartition_groups: Vec<CopartitionGroup>,
}

/// A topic that the library owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalTopicSpec {
    /// Its full name, application id included.
    pub name: Arc<str>,
    /// The number of partitions the application asks for; `None` leaves it to the coordinator.
    pub partitions: Option<i32>,
    /// The replication factor; `None` takes the broker's default.
    pub replication_factor: Option<i16>,
    /// Topic configs, fully resolved.
    pub configs: BTreeMap<String, String>,
}

impl InternalTopicSpec {
    /// A topic whose partition count, replication factor and configs are left to the broker.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            partitions: None,
            replication_factor: None,
            configs: BTreeMap::new(),
        }
    }
}

/// Topics of one sub-topology whose records meet by key, so that their partition counts must agree.
/// (The wire form has indices into the sub-topology's lists; here are names.)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopartitionGroup {
    /// Members among `source_topics`.
    pub source_topics: Vec<Arc<str>>,
    /// Members among `source_topic_patterns`.
    pub source_topic_patterns: Vec<Arc<str>>,
    /// Members among `repartition_source_topics`, by name.
    pub repartition_source_topics: Vec<Arc<str>>,
}
