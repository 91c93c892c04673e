//! How far an application is behind the topics it reads.

use std::sync::Arc;

use streams_dsl::{
    Broker, Topology,
    core::{
        InternalTopicConfigs,
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
    sources: Vec<Arc<str>>,
}

impl Lag {
    /// Of the application `application_id`, which runs `topology`.
    pub(crate) fn new(broker: &Arc<dyn Broker>, application_id: &str, topology: &Topology) -> Self {
        let spec = topology.spec(application_id, &InternalTopicConfigs::default());
        let sources = spec.subtopologies.into_iter().flat_map(|subtopology| {
            let internal = subtopology.repartition_source_topics.into_iter().map(|it| it.name);
            subtopology.source_topics.into_iter().chain(internal)
        });
        Self {
            broker: Arc::clone(broker),
            application_id: application_id.to_owned(),
            sources: sources.collect(),
        }
    }

    /// By partition; a topic that does not exist yet has none.
    pub(crate) fn rows(&self) -> Result<Vec<Row>> {
        let admin = self.broker.admin();
        let names: Vec<&str> = self.sources.iter().map(|source| &**source).collect();
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
