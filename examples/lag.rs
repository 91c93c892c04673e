//! How far an application is behind the topics it reads.

use std::{sync::Arc, time::Duration};

use streams_dsl::{
    Broker, KafkaStreams, Topology,
    core::{
        InternalTopicConfigs,
        broker::{OffsetSpec, TopicPartition},
    },
};

use crate::Result;

/// How far an application is behind: records in its source topics, repartition topics included,
/// beyond the offsets it committed.
#[derive(Clone, Debug)]
pub struct Lag {
    broker: Arc<dyn Broker>,
    application_id: String,
    sources: Vec<Arc<str>>,
    before: Vec<(TopicPartition, i64, i64)>,
}

impl Lag {
    /// Of the application `application_id`, which runs `topology`.
    pub fn of(broker: &Arc<dyn Broker>, application_id: &str, topology: &Topology) -> Self {
        let spec = topology.spec(application_id, &InternalTopicConfigs::default());
        let sources = spec.subtopologies.into_iter().flat_map(|subtopology| {
            let internal = subtopology.repartition_source_topics.into_iter().map(|it| it.name);
            subtopology.source_topics.into_iter().chain(internal)
        });
        Self {
            broker: Arc::clone(broker),
            application_id: application_id.to_owned(),
            sources: sources.collect(),
            before: Vec::new(),
        }
    }

    /// By partition: committed offset and end offset.
    pub fn offsets(&self) -> Result<Vec<(TopicPartition, i64, i64)>> {
        let group = self.broker.group_admin().describe_group(&self.application_id)?;
        let committed = group.map(|group| group.offsets).unwrap_or_default();
        let mut partitions = Vec::new();
        let names: Vec<&str> = self.sources.iter().map(|source| &**source).collect();
        for topic in self.broker.admin().describe_topics(&names)?.into_iter().flatten() {
            let partition = |number| TopicPartition::new(Arc::clone(&topic.name), number);
            partitions.extend((0..topic.partitions).map(partition));
        }
        let asked: Vec<_> =
            partitions.iter().map(|partition| (partition.clone(), OffsetSpec::Latest)).collect();
        let ends = self.broker.admin().list_offsets(&asked)?;
        let rows = partitions.into_iter().zip(ends).map(|(partition, end)| {
            let offset = committed.get(&partition).map_or(0, |committed| committed.offset);
            (partition, offset, end)
        });
        Ok(rows.collect())
    }

    /// Whether the application has processed and committed all there is. Has to be seen twice: what
    /// one look found done wrote nothing more before the next.
    pub fn is_none_left(&mut self) -> Result<bool> {
        let now = self.offsets()?;
        let is_done = now.iter().all(|(_, committed, end)| committed == end);
        let is_same = now == self.before;
        self.before = now;
        Ok(is_done && is_same)
    }

    /// What the last look found, as [`offsets`](Self::offsets).
    pub fn seen(&self) -> &[(TopicPartition, i64, i64)] {
        &self.before
    }

    /// Waits until the application has processed and committed all there is.
    pub async fn none_left(mut self, streams: &KafkaStreams) -> Result<()> {
        let mut looks = tokio::time::interval(Duration::from_millis(10));
        while !self.is_none_left()? {
            if let Some(error) = streams.error() {
                return Err(error.into());
            }
            looks.tick().await;
        }
        Ok(())
    }
}
