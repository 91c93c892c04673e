//! Committed offsets: a table in memory, a log behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use streams_core::batch::{BatchBuilder, DecodeOptions, SealOptions};
use streams_core::broker::{BrokerError, CommittedOffset, NewTopic, TopicPartition};
use streams_core::stores::Timestamp;

use super::records::{put_key, put_value, read_key, read_value};
use crate::errors;
use crate::partition::Partition;
use crate::topics::{OFFSETS_TOPIC, Topics};

/// A log of commits that is smaller is not rewritten.
const REWRITE_SIZE_MIN: u64 = 4 << 20;

/// Offsets per batch of a rewrite.
const REWRITE_BATCH: usize = 1000;

/// Where a write to the log of commits ends: it is durable once its partition is, up to there.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) partition: Arc<Partition>,
    pub(crate) end_offset: i64,
}

/// The committed offsets of all groups.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    by_group: BTreeMap<String, BTreeMap<TopicPartition, CommittedOffset>>,
    builder: BatchBuilder,
    rewritten_size: u64,
}

impl Offsets {
    /// Reads the log of commits, if there is one.
    pub(super) fn load(topics: &Topics) -> Result<Self, BrokerError> {
        let mut offsets = Self::default();
        let Ok(partition) = topics.partition(&TopicPartition::new(OFFSETS_TOPIC, 0)) else {
            return Ok(offsets);
        };
        let (mut position, end) =
            (partition.offsets().log_start_offset, partition.offsets().log_end_offset);
        while position < end {
            let batches = partition.read(position, 1 << 20)?;
            let Some(last) = batches.last() else { break };
            position = last.next_offset();
            for batch in &batches {
                let decoded = batch.decode(&DecodeOptions::default()).map_err(errors::batch)?;
                for record in decoded.records() {
                    let record = record.map_err(errors::batch)?;
                    offsets.apply(record.key.unwrap_or_default(), record.value);
                }
            }
        }
        Ok(offsets)
    }

    fn apply(&mut self, key: &[u8], value: Option<&[u8]>) {
        let Some((group_id, partition)) = read_key(key) else { return };
        match value.and_then(read_value) {
            Some(committed) => {
                self.by_group.entry(group_id).or_default().insert(partition, committed);
            }
            None => self.remove(&group_id, &partition),
        }
    }

    fn remove(&mut self, group_id: &str, partition: &TopicPartition) {
        if let Some(of_group) = self.by_group.get_mut(group_id) {
            of_group.remove(partition);
            if of_group.is_empty() {
                self.by_group.remove(group_id);
            }
        }
    }

    /// Groups that have offsets.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &str> {
        self.by_group.keys().map(String::as_str)
    }

    /// All offsets of a group.
    pub(crate) fn of_group(&self, group_id: &str) -> BTreeMap<TopicPartition, CommittedOffset> {
        self.by_group.get(group_id).cloned().unwrap_or_default()
    }

    pub(crate) fn get(
        &self,
        group_id: &str,
        partition: &TopicPartition,
    ) -> Option<&CommittedOffset> {
        self.by_group.get(group_id)?.get(partition)
    }

    /// Commits offsets as one batch: all take effect, or none.
    pub(crate) fn commit(
        &mut self,
        topics: &Topics,
        group_id: &str,
        offsets: &[(TopicPartition, CommittedOffset)],
        now: Timestamp,
    ) -> Result<Option<Written>, BrokerError> {
        let entries = offsets.iter().map(|(partition, committed)| (partition, Some(committed)));
        let written = self.write(topics, group_id, entries, now)?;
        let of_group = self.by_group.entry(group_id.to_owned()).or_default();
        of_group.extend(offsets.iter().cloned());
        self.rewrite_if_due(topics, now)?;
        Ok(written)
    }

    /// Forgets offsets.
    pub(crate) fn forget(
        &mut self,
        topics: &Topics,
        group_id: &str,
        partitions: &[TopicPartition],
        now: Timestamp,
    ) -> Result<(), BrokerError> {
        let known: Vec<_> =
            partitions.iter().filter(|name| self.get(group_id, name).is_some()).collect();
        self.write(topics, group_id, known.iter().map(|name| (*name, None)), now)?;
        for name in known {
            self.remove(group_id, name);
        }
        Ok(())
    }

    fn write<'a>(
        &mut self,
        topics: &Topics,
        group_id: &str,
        entries: impl Iterator<Item = (&'a TopicPartition, Option<&'a CommittedOffset>)>,
        now: Timestamp,
    ) -> Result<Option<Written>, BrokerError> {
        self.builder.clear();
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for (partition, committed) in entries {
            key.clear();
            value.clear();
            put_key(&mut key, group_id, partition)?;
            if let Some(committed) = committed {
                put_value(&mut value, committed, now)?;
            }
            let value = committed.map(|_| &value[..]);
            self.builder.append(now, Some(&key), value, &[]).map_err(errors::batch)?;
        }
        let Some(mut batch) = self.builder.seal_in_place(&SealOptions::default()) else {
            return Ok(None);
        };
        let partition = offsets_partition(topics)?;
        let base_offset = partition.append(&mut batch, now)?;
        let end_offset = base_offset + batch.offset_count();
        Ok(Some(Written { partition, end_offset }))
    }

    /// Writes what is valid once more and drops the log before it, when most of the log is outdated.
    fn rewrite_if_due(&mut self, topics: &Topics, now: Timestamp) -> Result<(), BrokerError> {
        let partition = offsets_partition(topics)?;
        if partition.size() < REWRITE_SIZE_MIN.max(4 * self.rewritten_size) {
            return Ok(());
        }
        let start = partition.offsets().log_end_offset;
        let before = partition.size();
        let groups: Vec<_> = self.by_group.clone().into_iter().collect();
        for (group_id, offsets) in groups {
            let entries: Vec<_> = offsets.iter().collect();
            for chunk in entries.chunks(REWRITE_BATCH) {
                let entries = chunk.iter().map(|(name, committed)| (*name, Some(*committed)));
                self.write(topics, &group_id, entries, now)?;
            }
        }
        self.rewritten_size = partition.size().saturating_sub(before);
        // The copy has to be safe before the original goes.
        partition.sync()?;
        partition.delete_before(start, now)?;
        topics.checkpoint(crate::folder::Checkpoint::LogStart)
    }
}

fn offsets_partition(topics: &Topics) -> Result<Arc<Partition>, BrokerError> {
    let name = TopicPartition::new(OFFSETS_TOPIC, 0);
    if topics.partition_count(OFFSETS_TOPIC).is_none() {
        let topic = NewTopic::new(OFFSETS_TOPIC, 1)
            .config("cleanup.policy", "compact")
            .config("segment.bytes", "1048576")
            .config("max.message.bytes", i32::MAX.to_string());
        topics.create(&topic)?;
    }
    topics.partition(&name)
}
