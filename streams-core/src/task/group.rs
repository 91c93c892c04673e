//! The partitions of a task, and which of them gives the next record.

use std::{collections::BTreeMap, sync::Arc};

use state_stores::Timestamp;

use super::queue::PartitionQueue;
use crate::{
    batch::RecordBatch,
    broker::{CommittedOffset, TopicPartition},
    error::StreamsError,
    heap::MinHeap,
    processor::{SourceQueue, TaskState},
    topology::partition_bucket,
};

/// `max.task.idle.ms` as Kafka reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskIdle {
    /// -1: never waits for a partition without buffered records.
    Never,
    /// Waits while the broker is known to have records that are not fetched yet, and this many
    /// milliseconds more for partitions that have none.
    Wait(i64),
}

/// All partitions of one task.
pub(super) struct PartitionGroup {
    queues: Vec<PartitionQueue>,
    /// Queues with a head, by its timestamp; unused where there is only one queue.
    by_time: MinHeap<Timestamp, u16>,
    idle: TaskIdle,
    /// When waiting for an empty partition ends, by slot.
    deadlines: BTreeMap<u16, Timestamp>,
    /// The slots in the order in which they are waited for, one after the other: that of Java's
    /// hash map, since it decides when a record is taken.
    wait_order: Vec<u16>,
}

impl PartitionGroup {
    pub(super) fn new(
        queues: impl Iterator<Item = (TopicPartition, Arc<str>, Box<dyn SourceQueue>)>,
        idle: TaskIdle,
    ) -> Self {
        let queues =
            queues.map(|(partition, node, source)| PartitionQueue::new(partition, node, source));
        let queues: Vec<PartitionQueue> = queues.collect();
        let mut wait_order: Vec<u16> = (0_u16..).take(queues.len()).collect();
        wait_order.sort_by_key(|slot| {
            partition_bucket(&queues[usize::from(*slot)].partition, queues.len())
        });
        let (by_time, deadlines) = (MinHeap::default(), BTreeMap::new());
        Self { queues, by_time, idle, deadlines, wait_order }
    }

    pub(super) fn slot_of(&self, partition: &TopicPartition) -> Option<u16> {
        let at = self.queues.iter().position(|queue| queue.partition == *partition)?;
        u16::try_from(at).ok()
    }

    pub(super) fn queue(&self, slot: u16) -> &PartitionQueue {
        &self.queues[usize::from(slot)]
    }

    pub(super) fn queue_mut(&mut self, slot: u16) -> &mut PartitionQueue {
        &mut self.queues[usize::from(slot)]
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = &PartitionQueue> {
        self.queues.iter()
    }

    /// Buffered records of all partitions.
    pub(super) fn len(&self) -> usize {
        self.queues.iter().map(PartitionQueue::len).sum()
    }

    pub(super) fn push(
        &mut self,
        slot: u16,
        batch: RecordBatch,
        task: &mut TaskState,
    ) -> Result<(), StreamsError> {
        let queue = &mut self.queues[usize::from(slot)];
        let was_empty = queue.is_empty();
        queue.push(batch, task)?;
        if let (true, Some(timestamp)) = (was_empty, queue.head_timestamp())
            && self.queues.len() > 1
        {
            self.by_time.push(timestamp, slot);
        }
        Ok(())
    }

    /// Takes the record with the lowest timestamp: its slot, and its timestamp unless it was
    /// skipped. `None` if nothing is buffered.
    pub(super) fn take(
        &mut self,
        task: &mut TaskState,
    ) -> Result<Option<(u16, Option<Timestamp>)>, StreamsError> {
        if let [only] = self.queues.as_mut_slice() {
            return if only.is_empty() { Ok(None) } else { Ok(Some((0, only.take(0, task)?))) };
        }
        let Some((_, slot)) = self.by_time.pop() else { return Ok(None) };
        let queue = &mut self.queues[usize::from(slot)];
        let taken = queue.take(slot, task);
        if let Some(timestamp) = queue.head_timestamp() {
            self.by_time.push(timestamp, slot);
        }
        Ok(Some((slot, taken?)))
    }

    /// Whether a record may be taken: not while a partition without buffered records may still
    /// bring an older one (`max.task.idle.ms`).
    pub(super) fn is_ready(&mut self, now: Timestamp) -> bool {
        if let [only] = self.queues.as_slice() {
            return !only.is_empty();
        }
        if self.by_time.is_empty() {
            return false;
        }
        let TaskIdle::Wait(idle) = self.idle else { return true };
        if self.by_time.len() == self.queues.len() {
            if !self.deadlines.is_empty() {
                self.deadlines.clear();
            }
            return true;
        }
        for slot in &self.wait_order {
            let queue = &self.queues[usize::from(*slot)];
            if !queue.is_empty() {
                self.deadlines.remove(slot);
                continue;
            }
            if queue.lag != Some(0) {
                self.deadlines.remove(slot);
                return false;
            }
            let end = Timestamp::from_millis(now.as_millis().saturating_add(idle));
            if now < *self.deadlines.entry(*slot).or_insert(end) {
                return false;
            }
        }
        true
    }

    pub(super) fn committable(&mut self, all: bool) -> Vec<(TopicPartition, CommittedOffset)> {
        let queues = self.queues.iter_mut();
        queues
            .filter_map(|queue| Some((queue.partition.clone(), queue.committable(all)?)))
            .collect()
    }
}
