//! How far an application is behind the topics it reads.

use std::sync::Arc;

use streams_dsl::{
    Broker, SourceTopics, Topology,
    core::{
        NodeRole,
        broker::{OffsetSpec, TopicPartition},
    },
};

use crate::Result;

/// The committed offset and the end offset of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The partition.
    pub(crate) partition: TopicPartition,
    /// Where the group goes on; 0 if it has committed nothing.
    pub(crate) committed: i64,
    /// Where the partition ends.
    pub(crate) end: i64,
}

/// Looks at the source topics of an application, repartition topics among them, and at what its
/// group has committed.
#[derive(Debug)]
pub(crate) struct Lag {
    broker: Arc<dyn Broker>,
    application_id: String,
    /// As the topology names them: internal ones without the application id.
    sources: Vec<Arc<str>>,
}

impl Lag {
    /// Of the application `application_id`, which runs `topology`.
    pub(crate) fn new(broker: &Arc<dyn Broker>, application_id: &str, topology: &Topology) -> Self {
        let described = topology.describe().subtopologies;
        let nodes = described.into_iter().flat_map(|subtopology| subtopology.nodes);
        let sources = nodes.filter_map(|node| match node.role {
            NodeRole::Source(SourceTopics::Named(topics)) => Some(topics),
            _ => None,
        });
        Self {
            broker: Arc::clone(broker),
            application_id: application_id.to_owned(),
            sources: sources.flatten().collect(),
        }
    }

    /// By partition; a topic that does not exist yet has none.
    pub(crate) fn rows(&self) -> Result<Vec<Row>> {
        let admin = self.broker.admin();
        let own = |source: &Arc<str>| format!("{}-{source}", self.application_id);
        let mut names: Vec<String> = self.sources.iter().map(own).collect();
        names.extend(self.sources.iter().map(|source| source.to_string()));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut asked = Vec::new();
        for topic in admin.describe_topics(&names)?.into_iter().flatten() {
            asked.extend((0..topic.partitions).map(|number| {
                (TopicPartition::new(Arc::clone(&topic.name), number), OffsetSpec::Latest)
            }));
        }
        let ends = admin.list_offsets(&asked)?;
        let group = self.broker.group_admin().describe_group(&self.application_id)?;
        let offsets = group.map(|group| group.offsets).unwrap_or_default();
        let rows = asked.into_iter().zip(ends).map(|((partition, _), end)| {
            let committed = offsets.get(&partition).map_or(0, |committed| committed.offset);
            Row { partition, committed, end }
        });
        Ok(rows.collect())
    }
}

/// The partitions that have records beyond what is committed, for people to read.
pub(crate) fn left(rows: &[Row]) -> Vec<String> {
    let behind = rows.iter().filter(|row| row.committed != row.end);
    behind.map(|row| format!("{} at {} of {}", row.partition, row.committed, row.end)).collect()
}
