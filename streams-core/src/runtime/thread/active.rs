//! A running task with everything that belongs to it.

use std::sync::Arc;

use state_stores::{StateStore, StoreEnv, WriteBatch};

use super::{Env, holdings::Pressure};
use crate::{
    batch::Timestamp,
    broker::{CommittedOffset, Fetcher, TaskId, TopicPartition},
    collector::{ChangelogLane, Collector},
    error::StreamsError,
    metrics::TaskCounters,
    restore::TaskStores,
    task::StreamTask,
};

/// From so many bytes between durable and acknowledged state on, a flush is forced ..
const UNFLUSHED_BYTES_MAX: usize = 64 << 20;
/// .. or after so long: a crash replays at most that.
const UNFLUSHED_MS_MAX: i64 = 60_000;

/// What a store's acknowledged offset is read from.
pub(super) enum Log {
    /// A changelog of its own.
    Own(TopicPartition, ChangelogLane),
    /// A source partition: what is committed of it is in the store.
    Source(TopicPartition),
}

/// A task that processes records.
pub(crate) struct ActiveTask {
    pub(crate) task: StreamTask,
    stores: TaskStores,
    /// By place in the topology.
    logs: Vec<(usize, Log)>,
    /// Entered while the task works.
    pub(crate) span: tracing::Span,
    /// Partitions that hold enough and are not fetched.
    pub(super) paused: Vec<TopicPartition>,
    /// Whether anything was fetched since the last look at the partitions.
    pub(super) fed: bool,
    /// Whether the commit in progress includes it.
    pub(crate) committing: bool,
    unflushed_bytes: usize,
    flushed_at: Timestamp,
}

impl ActiveTask {
    pub(super) fn new(
        task: StreamTask,
        stores: TaskStores,
        logs: Vec<(usize, Log)>,
        now: Timestamp,
    ) -> Self {
        let span = tracing::info_span!("task", id = %task.id());
        Self {
            task,
            stores,
            logs,
            span,
            paused: Vec::new(),
            fed: false,
            committing: false,
            unflushed_bytes: 0,
            flushed_at: now,
        }
    }

    /// Pauses partitions that hold enough and resumes the others.
    pub(super) fn regulate(
        &mut self,
        fetcher: &mut dyn Fetcher,
        records_max: usize,
        pressure: Pressure,
    ) {
        let fed = std::mem::take(&mut self.fed);
        if !fed && pressure == Pressure::None && self.paused.is_empty() {
            return;
        }
        let task_holds = self.task.buffered_total() > 0;
        for partition in self.task.partitions() {
            let records = self.task.buffered(partition);
            let waits = records > records_max || pressure.pauses(records > 0, task_holds);
            let place = self.paused.iter().position(|paused| paused == partition);
            match (waits, place) {
                (true, None) => {
                    self.paused.push(partition.clone());
                    fetcher.pause(partition);
                }
                (false, Some(place)) => {
                    self.paused.swap_remove(place);
                    fetcher.resume(partition);
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
    }

    /// Bytes of writes since the last commit.
    pub(crate) fn staged_bytes(&mut self) -> usize {
        let (task, indices) = (&mut self.task, self.stores.indices());
        let staged = |index| task.store_mut(index).map_or(0, |store| store.staged_bytes());
        indices.map(staged).sum()
    }

    /// Counters, the restored records included.
    pub(crate) fn counters(&mut self) -> TaskCounters {
        let mut counters = self.task.counters();
        counters.restored += self.stores.restored;
        counters
    }

    /// After offsets are committed: moves staged writes into the backends, together with the
    /// changelog offsets that include them.
    pub(crate) fn apply(
        &mut self,
        batch: &mut WriteBatch,
        collector: &Collector,
        committed: &[(TopicPartition, CommittedOffset)],
        now: Timestamp,
    ) -> Result<(), StreamsError> {
        for on_disk in [false, true] {
            batch.clear();
            let mut backend = None;
            for index in self.stores.indices() {
                if self.stores.is_on_disk(index) != on_disk {
                    continue;
                }
                backend = self.stores.place(index).map(|(backend, _)| backend);
                if let Some(store) = self.task.store_mut(index) {
                    store.seal(batch);
                }
                for (_, log) in self.logs.iter().filter(|(store, _)| *store == index) {
                    if let Some((partition, offset)) = log.reached(collector, committed) {
                        batch.set_offset(&partition.topic, partition.partition, offset);
                    }
                }
            }
            if let (Some(backend), false) = (backend, batch.is_empty()) {
                if on_disk {
                    self.unflushed_bytes += batch.size();
                }
                backend.write(batch)?;
            }
        }
        batch.clear();
        self.task.seal(batch);
        debug_assert!(batch.is_empty(), "all stores were sealed above");
        self.committing = false;
        if self.unflushed_bytes == 0 {
            self.flushed_at = now;
        }
        Ok(())
    }

    /// The backend to flush, if enough was written since the last time.
    pub(crate) fn flush_due(&mut self, now: Timestamp) -> Option<Arc<dyn state_stores::Backend>> {
        let waited = now.as_millis().saturating_sub(self.flushed_at.as_millis());
        let due = self.unflushed_bytes >= UNFLUSHED_BYTES_MAX
            || (self.unflushed_bytes > 0 && waited >= UNFLUSHED_MS_MAX);
        if !due {
            return None;
        }
        self.unflushed_bytes = 0;
        self.flushed_at = now;
        self.stores.disk().map(Arc::clone)
    }

    /// Ends the task. What is staged and not sealed is dropped; what is sealed becomes durable.
    pub(super) fn close(mut self, collector: &mut Collector) -> Result<(), StreamsError> {
        let span = self.span.clone();
        let _entered = span.enter();
        self.task.close();
        self.task.discard();
        for (_, log) in &self.logs {
            if let Log::Own(_, lane) = log {
                collector.close_changelog(lane);
            }
        }
        let Self { task, stores, .. } = self;
        // The stores hold the backends open.
        drop(task);
        stores.close()
    }
}

impl Log {
    /// The last offset that the store includes, as far as the broker has said.
    fn reached<'a>(
        &'a self,
        collector: &Collector,
        committed: &[(TopicPartition, CommittedOffset)],
    ) -> Option<(&'a TopicPartition, i64)> {
        match self {
            Self::Own(partition, lane) => Some((partition, collector.acknowledged(lane)?)),
            Self::Source(partition) => {
                let (_, at) = committed.iter().find(|(other, _)| other == partition)?;
                Some((partition, at.offset - 1))
            }
        }
    }
}

/// Stores by their place in the topology, and what is read of their changelogs.
type BuiltStores = (Vec<Option<Box<dyn StateStore>>>, Vec<(usize, Log)>);

/// Builds the stores of a task over their backends, each with the lane of its changelog.
pub(super) fn build_stores(
    env: &Env,
    task: TaskId,
    opened: &TaskStores,
    collector: &mut Collector,
) -> Result<BuiltStores, StreamsError> {
    let parts = &env.topology.parts;
    let application_id = &env.config.application_id;
    let mut stores: Vec<Option<Box<dyn StateStore>>> =
        (0..parts.stores.len()).map(|_| None).collect();
    let mut logs = Vec::new();
    for index in opened.indices() {
        let (Some(Some(definition)), Some((backend, id))) =
            (parts.stores.get(index), opened.place(index))
        else {
            continue;
        };
        let topic = env.topology.changelog_of(index, application_id);
        let log = topic.map(|topic| {
            let partition = TopicPartition::new(topic, task.partition);
            if definition.source_changelog.is_some() {
                return Log::Source(partition);
            }
            let lane = collector.changelog(&partition);
            Log::Own(partition, lane)
        });
        let sink = match &log {
            Some(Log::Own(_, lane)) => Some(lane.sink(&definition.name)),
            _ => None,
        };
        // Serdes see the name that a changelog would have, also where there is none.
        let changelog_topic = format!("{application_id}-{}-changelog", definition.name).into();
        stores[index] = Some((definition.make)(StoreEnv {
            id,
            backend: Arc::clone(backend),
            changelog: sink,
            cache: Arc::clone(&env.cache),
            changelog_topic,
        })?);
        logs.extend(log.map(|log| (index, log)));
    }
    Ok((stores, logs))
}
