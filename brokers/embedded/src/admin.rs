//! Topics, offsets and groups, asked and changed at once.

use std::sync::Arc;

use streams_core::broker::{
    Admin, BrokerError, CommittedOffset, GroupAdmin, GroupDescription, NewTopic, OffsetSpec,
    TopicDescription, TopicPartition,
};

use crate::broker::Shared;
use crate::folder::Checkpoint;
use crate::partition::lock;

#[derive(Debug)]
pub(crate) struct EmbeddedAdmin {
    shared: Arc<Shared>,
}

impl EmbeddedAdmin {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn offset(&self, name: &TopicPartition, spec: OffsetSpec) -> Result<i64, BrokerError> {
        let partition = self.shared.topics.partition(name)?;
        let offsets = partition.offsets();
        Ok(match spec {
            OffsetSpec::Earliest => offsets.log_start_offset,
            OffsetSpec::Latest => offsets.high_watermark,
            OffsetSpec::LatestStable => offsets.last_stable_offset,
            OffsetSpec::AtOrAfter(timestamp) => {
                partition.offset_at(timestamp)?.unwrap_or(offsets.high_watermark)
            }
        })
    }
}

/// Does all of it; the first error is returned.
fn each<T>(
    items: impl IntoIterator<Item = T>,
    mut act: impl FnMut(T) -> Result<(), BrokerError>,
) -> Result<(), BrokerError> {
    let mut first = Ok(());
    for item in items {
        let done = act(item);
        if first.is_ok() {
            first = done;
        }
    }
    first
}

impl Admin for EmbeddedAdmin {
    fn create_topics(&self, topics: &[NewTopic]) -> Result<(), BrokerError> {
        let created = each(topics, |topic| self.shared.topics.create(topic));
        self.shared.wake_groups();
        created
    }

    fn create_partitions(&self, topic: &str, partitions: i32) -> Result<(), BrokerError> {
        self.shared.topics.create_partitions(topic, partitions)?;
        self.shared.wake_groups();
        Ok(())
    }

    fn delete_topics(&self, topics: &[&str]) -> Result<(), BrokerError> {
        let deleted = each(topics, |topic| self.shared.topics.delete(topic));
        self.shared.wake_groups();
        deleted
    }

    fn describe_topics(
        &self,
        topics: &[&str],
    ) -> Result<Vec<Option<TopicDescription>>, BrokerError> {
        Ok(topics.iter().map(|topic| self.shared.topics.describe(topic)).collect())
    }

    fn list_topics(&self) -> Result<Vec<Arc<str>>, BrokerError> {
        Ok(self.shared.topics.partition_counts().into_keys().collect())
    }

    fn list_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetSpec)],
    ) -> Result<Vec<i64>, BrokerError> {
        partitions.iter().map(|(name, spec)| self.offset(name, *spec)).collect()
    }

    fn delete_records(&self, before: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        let now = self.shared.clock.now();
        let deleted = each(before, |(name, offset)| {
            self.shared.topics.partition(name)?.delete_before(*offset, now)
        });
        self.shared.topics.checkpoint(Checkpoint::LogStart)?;
        deleted
    }
}

impl GroupAdmin for EmbeddedAdmin {
    fn list_groups(&self) -> Result<Vec<String>, BrokerError> {
        Ok(lock(&self.shared.coordinator).list_groups())
    }

    fn describe_group(&self, group_id: &str) -> Result<Option<GroupDescription>, BrokerError> {
        let now = self.shared.clock.now();
        Ok(lock(&self.shared.coordinator).describe(group_id, &self.shared.topics, now))
    }

    fn alter_offsets(
        &self,
        group_id: &str,
        offsets: &[(TopicPartition, CommittedOffset)],
    ) -> Result<(), BrokerError> {
        let now = self.shared.clock.now();
        let mut coordinator = lock(&self.shared.coordinator);
        coordinator.check_empty(group_id, now)?;
        coordinator.offsets.commit(&self.shared.topics, group_id, offsets, now).map(drop)
    }

    fn delete_offsets(
        &self,
        group_id: &str,
        partitions: &[TopicPartition],
    ) -> Result<(), BrokerError> {
        let now = self.shared.clock.now();
        let mut coordinator = lock(&self.shared.coordinator);
        coordinator.check_empty(group_id, now)?;
        coordinator.offsets.forget(&self.shared.topics, group_id, partitions, now)
    }

    fn delete_group(&self, group_id: &str) -> Result<(), BrokerError> {
        let now = self.shared.clock.now();
        let mut coordinator = lock(&self.shared.coordinator);
        coordinator.check_empty(group_id, now)?;
        coordinator.delete_group(&self.shared.topics, group_id, now)
    }
}
