//! The partitions of a task, and which of them gives the next record.

use std::{collections::BTreeMap, sync::Arc};

use state_stores::Timestamp;

use super::queue::PartitionQueue;
use crate::{
    batch::RecordBatch,
    broker::{CommittedOffset, TopicPartition},
    error::StreamsError,
    heap::MinHeap,
    processor::{Entry, TaskState},
    topology::{NodeKind, NodeSpec, SourceTopics, partition_bucket},
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

/// A partition that gets its queue.
#[derive(Clone, Copy)]
pub(super) struct NewQueue<'a> {
    pub(super) partition: &'a TopicPartition,
    /// The source that reads it.
    pub(super) node: &'a NodeSpec,
    pub(super) entry: &'a dyn Entry,
}

/// The queues of a task in the making.
#[derive(Default)]
pub(super) struct Queues {
    queues: Vec<PartitionQueue>,
    /// By slot, the queue of the partition.
    queue_of: Vec<u16>,
    /// The queue of each pattern.
    by_pattern: BTreeMap<Arc<str>, u16>,
}

impl Queues {
    /// A queue for each partition.
    pub(super) fn by_partition(&mut self, new: NewQueue<'_>) {
        let queue = self.add(new.partition.clone(), &new);
        self.queue_of.push(queue);
    }

    /// One queue for all partitions that a pattern picks, under the name of the pattern.
    pub(super) fn by_pattern(&mut self, new: NewQueue<'_>) {
        let NodeKind::Source { topics: SourceTopics::Pattern(pattern), .. } = &new.node.kind else {
            return self.by_partition(new);
        };
        let known = self.by_pattern.get(pattern).copied();
        let queue = known.unwrap_or_else(|| {
            let name = TopicPartition::new(Arc::clone(pattern), new.partition.partition);
            self.add(name, &new)
        });
        self.by_pattern.insert(Arc::clone(pattern), queue);
        self.queue_of.push(queue);
    }

    fn add(&mut self, name: TopicPartition, NewQueue { node, entry, .. }: &NewQueue<'_>) -> u16 {
        self.queues.push(PartitionQueue::new(name, Arc::clone(&node.name), entry.queue()));
        u16::try_from(self.queues.len() - 1).unwrap_or(u16::MAX)
    }
}

/// All partitions of one task, by their slots, and their queues.
pub(super) struct PartitionGroup {
    queues: Vec<PartitionQueue>,
    /// By slot, the queue of the partition: one of its own, but in Java's test driver.
    queue_of: Vec<u16>,
    /// Queues with a head, by its timestamp; unused where there is only one queue.
    by_time: MinHeap<Timestamp, u16>,
    idle: TaskIdle,
    /// When waiting for an empty queue ends.
    deadlines: BTreeMap<u16, Timestamp>,
    /// The queues in the order in which they are waited for, one after the other: that of Java's
    /// hash map, since it decides when a record is taken.
    wait_order: Vec<u16>,
}

impl PartitionGroup {
    pub(super) fn new(Queues { queues, queue_of, .. }: Queues, idle: TaskIdle) -> Self {
        let mut wait_order: Vec<u16> = (0_u16..).take(queues.len()).collect();
        wait_order
            .sort_by_key(|at| partition_bucket(&queues[usize::from(*at)].partition, queues.len()));
        let (by_time, deadlines) = (MinHeap::default(), BTreeMap::new());
        Self { queues, queue_of, by_time, idle, deadlines, wait_order }
    }

    /// The queue of a partition.
    pub(super) fn queue(&self, slot: u16) -> &PartitionQueue {
        &self.queues[usize::from(self.queue_of[usize::from(slot)])]
    }

    /// The same, to change it.
    pub(super) fn queue_mut(&mut self, slot: u16) -> &mut PartitionQueue {
        &mut self.queues[usize::from(self.queue_of[usize::from(slot)])]
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
        let at = self.queue_of[usize::from(slot)];
        let queue = &mut self.queues[usize::from(at)];
        let was_empty = queue.is_empty();
        queue.push(slot, batch, task)?;
        if let (true, Some(timestamp)) = (was_empty, queue.head_timestamp())
            && self.queues.len() > 1
        {
            self.by_time.push(timestamp, at);
        }
        Ok(())
    }

    /// Takes the record with the lowest timestamp: its queue, and its timestamp unless it was
    /// skipped. `None` if nothing is buffered.
    pub(super) fn take(
        &mut self,
        task: &mut TaskState,
    ) -> Result<Option<(&mut PartitionQueue, Option<Timestamp>)>, StreamsError> {
        if self.queues.len() == 1 {
            let only = &mut self.queues[0];
            if only.is_empty() {
                return Ok(None);
            }
            let taken = only.take(task)?;
            return Ok(Some((only, taken)));
        }
        let Some((_, at)) = self.by_time.pop() else { return Ok(None) };
        let queue = &mut self.queues[usize::from(at)];
        let taken = queue.take(task);
        if let Some(timestamp) = queue.head_timestamp() {
            self.by_time.push(timestamp, at);
        }
        Ok(Some((queue, taken?)))
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
        for at in &self.wait_order {
            let queue = &self.queues[usize::from(*at)];
            if !queue.is_empty() {
                self.deadlines.remove(at);
                continue;
            }
            if queue.lag != Some(0) {
                self.deadlines.remove(at);
                return false;
            }
            let end = Timestamp::from_millis(now.as_millis().saturating_add(idle));
            if now < *self.deadlines.entry(*at).or_insert(end) {
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
