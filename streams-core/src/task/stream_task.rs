//! An active task.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
};

use state_stores::{StateStore, Timestamp, WriteBatch};

use super::group::{NewQueue, PartitionGroup, Queues, TaskIdle};
use crate::{
    batch::RecordBatch,
    broker::{CommittedOffset, TaskId, TopicPartition},
    error::{ErrorKind, Outcome, StreamsError},
    handlers::Handlers,
    metrics::TaskCounters,
    processor::{Life, PunctuationKind, RecordCollector, TaskState, TaskStateParts},
    topology::Topology,
};

/// What a task is made of.
pub struct TaskParts {
    /// Its name.
    pub id: TaskId,
    /// The topology it runs a part of.
    pub topology: Topology,
    /// Which sub-topologies: normally that of `id`; all of them in the test driver's merged mode.
    pub subtopologies: Vec<usize>,
    /// Prefix of internal topics.
    pub application_id: Arc<str>,
    /// What it reads.
    pub partitions: Vec<TopicPartition>,
    /// Its stores, opened, by [`StoreHandle::index`](crate::StoreHandle::index).
    pub stores: Vec<Option<Box<dyn StateStore>>>,
    /// Takes what it sends.
    pub collector: Box<dyn RecordCollector>,
    /// Who decides about errors.
    pub handlers: Handlers,
    /// `max.task.idle.ms`: -1 never waits for partitions without buffered records.
    pub max_task_idle_ms: i64,
    /// The clock at its making.
    pub now: Timestamp,
}

impl std::fmt::Debug for TaskParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskParts")
            .field("id", &self.id)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// One sub-topology at one partition: takes fetched batches, processes records one at a time,
/// lowest timestamp first, and tells what to commit.
///
/// A task does no I/O, reads no clock and owns its stores; it lives on one thread.
///
/// The order of a commit is [`flush`](Self::flush), then the caller sends and awaits what the
/// collector holds, then [`committable`](Self::committable) offsets are committed, then
/// [`seal`](Self::seal) makes the stores' writes durable together with their changelog offsets.
pub struct StreamTask {
    state: TaskState,
    group: PartitionGroup,
    lives: Vec<Option<Rc<dyn Life>>>,
    /// Stores in the order in which their caches are flushed, each with the node that forwards.
    flush_order: Vec<(usize, Option<usize>)>,
    commit_needed: bool,
}

impl std::fmt::Debug for StreamTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamTask").field("id", &self.state.id).finish_non_exhaustive()
    }
}

impl StreamTask {
    /// Wires the chain. Call [`init`](Self::init) when the stores are restored.
    ///
    /// # Errors
    /// If no source of these sub-topologies reads one of the partitions.
    pub fn new(parts: TaskParts) -> Result<Self, StreamsError> {
        Self::wired(parts, Queues::by_partition)
    }

    /// As [`new`](Self::new), for the merged mode of the test driver: as in Java's, all topics that
    /// a pattern picks are one queue.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn merged(parts: TaskParts) -> Result<Self, StreamsError> {
        Self::wired(parts, Queues::by_pattern)
    }

    fn wired(
        parts: TaskParts,
        add_queue: fn(&mut Queues, NewQueue<'_>),
    ) -> Result<Self, StreamsError> {
        let TaskParts { id, topology, subtopologies, application_id, partitions, .. } = parts;
        let wired = topology.wire(&subtopologies, &application_id);
        let node_names: Arc<[Arc<str>]> =
            topology.parts.nodes.iter().map(|node| Arc::clone(&node.name)).collect();
        let mut queues = Queues::default();
        for partition in &partitions {
            let source = topology.source_of(&subtopologies, &partition.topic, &application_id);
            let entry = source.and_then(|node| Some((node, wired.entries[node].as_deref()?)));
            let Some((node, entry)) = entry else {
                let what = format!("no source of task {id} reads topic {}", partition.topic);
                return Err(StreamsError::new(ErrorKind::Topic, what));
            };
            add_queue(
                &mut queues,
                NewQueue { partition, node: &topology.parts.nodes[node], entry },
            );
        }
        let idle = match parts.max_task_idle_ms {
            wait if wait < 0 => TaskIdle::Never,
            wait => TaskIdle::Wait(wait),
        };
        let flush_order = flush_order(&topology, &subtopologies);
        let state = TaskState::new(TaskStateParts {
            id,
            application_id,
            node_names,
            stores: parts.stores,
            partitions,
            collector: parts.collector,
            handlers: parts.handlers,
            wall_clock: parts.now,
        });
        let group = PartitionGroup::new(queues, idle);
        Ok(Self { state, group, lives: wired.lives, flush_order, commit_needed: false })
    }

    /// Calls `init` of every processor, parents first.
    ///
    /// # Errors
    /// What a processor returned, or its panic.
    pub fn init(&mut self, now: Timestamp) -> Result<(), StreamsError> {
        self.state.wall_clock = now;
        self.guarded(|task| {
            for life in task.lives.iter().flatten() {
                task.state.leave_record(Timestamp::NONE);
                life.init(&mut task.state)?;
            }
            Ok(())
        })
    }

    /// Its name.
    pub fn id(&self) -> TaskId {
        self.state.id
    }

    /// What it reads.
    pub fn partitions(&self) -> &[TopicPartition] {
        &self.state.partitions
    }

    /// What the queue of a partition is named after: the partition, in [`merged`](Self::merged) mode
    /// the pattern that picked it.
    pub fn queue_name(&self, partition: &TopicPartition) -> Option<&TopicPartition> {
        self.slot_of(partition).map(|slot| &self.group.queue(slot).partition)
    }

    fn slot_of(&self, partition: &TopicPartition) -> Option<u16> {
        let at = self.state.partitions.iter().position(|own| own == partition)?;
        u16::try_from(at).ok()
    }

    /// Continues `partition` where the group left off; records below `committed` are skipped.
    pub fn resume(&mut self, partition: &TopicPartition, committed: &CommittedOffset) {
        let Some(slot) = self.slot_of(partition) else { return };
        let queue = self.group.queue_mut(slot);
        queue.resume(committed.offset, &committed.metadata);
        self.state.stream_time = self.state.stream_time.max(queue.partition_time());
    }

    /// Buffers a fetched batch.
    ///
    /// # Errors
    /// If the batch is damaged or a record in it cannot be read and the handler says fail.
    pub fn push(
        &mut self,
        partition: &TopicPartition,
        batch: RecordBatch,
    ) -> Result<(), StreamsError> {
        let Some(slot) = self.slot_of(partition) else { return Ok(()) };
        self.group.push(slot, batch, &mut self.state)
    }

    /// How many records of `partition` the broker has that were not fetched yet, as far as known.
    pub fn set_lag(&mut self, partition: &TopicPartition, lag: Option<i64>) {
        if let Some(slot) = self.slot_of(partition) {
            self.group.queue_mut(slot).lag = lag;
        }
    }

    /// Records buffered of `partition`.
    pub fn buffered(&self, partition: &TopicPartition) -> usize {
        self.slot_of(partition).map_or(0, |slot| self.group.queue(slot).len())
    }

    /// Records buffered of all partitions.
    pub fn buffered_total(&self) -> usize {
        self.group.len()
    }

    /// Bytes of fetched batches that are not read to their end; of one being read, decompressed.
    pub fn buffered_bytes(&self) -> usize {
        self.group.queues().map(super::queue::PartitionQueue::bytes).sum()
    }

    /// Processes at most `max` records, lowest timestamp first, each followed by the stream-time
    /// punctuations it makes due; returns how many. Fewer than `max`: nothing is ready, or a
    /// processor asked for a commit.
    ///
    /// # Errors
    /// What user code returned and the handler did not skip; a panic of user code. The task is to
    /// be closed without a commit then.
    pub fn process(&mut self, max: usize, now: Timestamp) -> Result<usize, StreamsError> {
        self.state.wall_clock = now;
        let mut count = 0;
        self.guarded(|task| {
            while count < max && task.group.is_ready(now) {
                task.process_one()?;
                count += 1;
                if task.state.commit_requested {
                    break;
                }
            }
            Ok(())
        })?;
        Ok(count)
    }

    #[inline]
    fn process_one(&mut self) -> Outcome {
        let Some((queue, timestamp)) = self.group.take(&mut self.state)? else { return Ok(()) };
        self.commit_needed = true;
        self.state.counters.processed += 1;
        if let Some(timestamp) = timestamp {
            self.state.stream_time = self.state.stream_time.max(timestamp);
            queue.process(&mut self.state)?;
        }
        if self.state.punctuations.has_due(PunctuationKind::StreamTime, self.state.stream_time) {
            self.fire(PunctuationKind::StreamTime, self.state.stream_time)?;
        }
        Ok(())
    }

    /// Fires the wall-clock punctuations that are due; returns how many.
    ///
    /// # Errors
    /// As [`process`](Self::process).
    pub fn punctuate(&mut self, now: Timestamp) -> Result<usize, StreamsError> {
        self.state.wall_clock = now;
        if !self.state.punctuations.has_due(PunctuationKind::WallClock, now) {
            return Ok(0);
        }
        let mut count = 0;
        self.guarded(|task| {
            count = task.fire(PunctuationKind::WallClock, now)?;
            Ok(())
        })?;
        Ok(count)
    }

    /// When the next wall-clock punctuation is due.
    pub fn next_punctuation(&self) -> Option<Timestamp> {
        self.state.punctuations.next_wall_clock()
    }

    fn fire(
        &mut self,
        kind: PunctuationKind,
        now: Timestamp,
    ) -> Result<usize, crate::error::ProcessorError> {
        let mut count = 0;
        while let Some(due) = self.state.punctuations.begin(kind, now) {
            self.state.leave_record(now);
            self.state.counters.punctuated += 1;
            self.commit_needed = true;
            if let Some(life) = self.lives[due.node].as_ref().map(Rc::clone) {
                life.punctuate(due.punctuation, &mut self.state)?;
            }
            self.state.punctuations.finish(due);
            count += 1;
        }
        Ok(count)
    }

    /// Whether anything happened since the last commit.
    pub fn commit_needed(&self) -> bool {
        self.commit_needed
    }

    /// Whether a processor asked for a commit since the last one.
    pub fn commit_requested(&self) -> bool {
        self.state.commit_requested
    }

    /// Writes and forwards what the caches hold back, store by store.
    ///
    /// # Errors
    /// As [`process`](Self::process).
    pub fn flush(&mut self) -> Result<(), StreamsError> {
        self.guarded(|task| {
            for at in 0..task.flush_order.len() {
                let (store, owner) = task.flush_order[at];
                let life = owner.and_then(|node| task.lives[node].as_ref().map(Rc::clone));
                if let Some(life) = life {
                    life.flush(&mut task.state)?;
                } else if let Some(store) = &mut task.state.stores[store] {
                    store.flush_cache()?;
                }
            }
            Ok(())
        })
    }

    /// The offsets to commit: of the partitions that records were taken from since the last call,
    /// or of all that were ever read.
    pub fn committable(&mut self, all: bool) -> Vec<(TopicPartition, CommittedOffset)> {
        self.group.committable(all)
    }

    /// After the offsets are committed: moves the stores' writes into `batch`.
    pub fn seal(&mut self, batch: &mut WriteBatch) {
        for store in self.state.stores.iter_mut().flatten() {
            store.seal(batch);
        }
        self.state.counters.committed += 1;
        self.state.commit_requested = false;
        self.commit_needed = false;
    }

    /// Drops the stores' writes since the last commit.
    pub fn discard(&mut self) {
        for store in self.state.stores.iter_mut().flatten() {
            store.discard();
        }
    }

    /// Calls `close` of every processor.
    pub fn close(&mut self) {
        for life in self.lives.iter().flatten() {
            let closing = catch_unwind(AssertUnwindSafe(|| life.close()));
            if closing.is_err() {
                tracing::warn!(task = %self.state.id, "a processor panicked while it was closed");
            }
        }
    }

    /// Its counters so far, what its stores dropped included.
    pub fn counters(&mut self) -> TaskCounters {
        for store in self.state.stores.iter_mut().flatten() {
            self.state.counters.dropped += store.take_dropped();
        }
        self.state.counters
    }

    /// Stream time: the greatest timestamp taken so far.
    pub fn stream_time(&self) -> Timestamp {
        self.state.stream_time
    }

    /// The store at `index`, for queries and tests.
    pub fn store_mut(&mut self, index: usize) -> Option<&mut dyn StateStore> {
        self.state.stores.get_mut(index)?.as_deref_mut()
    }

    /// The store of that name, for queries and tests.
    pub fn store_named(&mut self, name: &str) -> Option<&mut dyn StateStore> {
        let mut stores = self.state.stores.iter_mut().flatten();
        stores.find(|store| store.name() == name).map(|store| &mut **store)
    }

    /// What it sends through.
    pub fn collector_mut(&mut self) -> &mut dyn RecordCollector {
        &mut *self.state.collector
    }

    /// Runs user code: a panic becomes an error with the node's name.
    fn guarded(&mut self, run: impl FnOnce(&mut Self) -> Outcome) -> Result<(), StreamsError> {
        let id = self.state.id;
        let outcome = catch_unwind(AssertUnwindSafe(|| run(self)));
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(match error.downcast::<StreamsError>() {
                Ok(error) => error.in_task(id),
                Err(error) => {
                    StreamsError::caused_by(ErrorKind::Processing, "processing failed", error)
                        .in_task(id)
                }
            }),
            Err(panic) => {
                let what = format!("user code panicked: {}", panic_text(&*panic));
                let node = self.state.node_names.get(self.state.node).map(Arc::clone);
                let error = StreamsError::new(ErrorKind::Panic, what).in_task(id);
                Err(match node {
                    Some(node) => error.at_node(&node),
                    None => error,
                })
            }
        }
    }
}

/// Stores in the order in which the nodes use them, each with the node that owns its cache.
fn flush_order(topology: &Topology, subtopologies: &[usize]) -> Vec<(usize, Option<usize>)> {
    let parts = &topology.parts;
    let mut order = Vec::new();
    for subtopology in subtopologies {
        for store in &parts.subtopologies[*subtopology].stores {
            let definition = parts.stores[*store].as_ref();
            let owner = definition.and_then(|definition| definition.cache_owner.as_ref());
            let node =
                owner.and_then(|owner| parts.nodes.iter().position(|node| node.name == *owner));
            order.push((*store, node));
        }
    }
    order
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
