//! From an assigned task to a running one.
//!
//! ```text
//!  Offsets ---> Restoring ---> running
//!  the group's  the state
//!  offsets      updater
//! ```

use crate::{
    batch::Timestamp,
    broker::{CommittedOffset, OffsetSpec, TaskId, TopicPartition},
    collector::TaskCollector,
    error::{ErrorKind, StreamsError},
    restore::{ChangelogToRead, Command, RestoreReply, RestoreRequest, StoreToOpen, TaskStores},
    task::{StreamTask, TaskParts},
    topology::OffsetReset,
};

use super::{
    ActiveTask, Message, Start, StreamThread, active::build_stores, millis, processing::fetch_error,
};

/// A task on its way.
pub(super) struct Opening {
    pub(super) partitions: Vec<TopicPartition>,
    attempt: u64,
    /// Where it begins, once known.
    starts: Option<Vec<Start>>,
    since: Timestamp,
}

impl Opening {
    pub(super) fn new(partitions: Vec<TopicPartition>, attempt: u64, now: Timestamp) -> Self {
        Self { partitions, attempt, starts: None, since: now }
    }
}

impl StreamThread {
    /// Asks for offsets, then for stores, of tasks on their way.
    pub(super) fn open_tasks(&mut self, now: Timestamp) -> Result<(), StreamsError> {
        if self.asked.is_none() {
            let waiting = self.opening.values().filter(|opening| opening.starts.is_none());
            let partitions: Vec<_> =
                waiting.flat_map(|opening| opening.partitions.iter().cloned()).collect();
            if self.opening.values().all(|opening| opening.starts.is_some()) {
                return Ok(());
            }
            self.asked = Some(partitions);
        }
        let Some(asked) = &self.asked else { return Ok(()) };
        let Some(found) = self.group.committed(asked)? else { return Ok(()) };
        let committed: Vec<_> = asked.iter().cloned().zip(found).collect();
        let ready: Vec<TaskId> = self
            .opening
            .iter()
            .filter(|(_, opening)| {
                let known = |p: &TopicPartition| committed.iter().any(|(other, _)| other == p);
                opening.starts.is_none() && opening.partitions.iter().all(known)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in ready {
            let starts = self.starts(id, &committed, now)?;
            self.restore(id, starts, now)?;
        }
        self.asked = None;
        if self.opening.values().any(|opening| opening.starts.is_none()) {
            self.env.wake.wake();
        }
        Ok(())
    }

    /// Where each partition of a task begins.
    fn starts(
        &self,
        id: TaskId,
        committed: &[(TopicPartition, Option<CommittedOffset>)],
        now: Timestamp,
    ) -> Result<Vec<Start>, StreamsError> {
        let Some(opening) = self.opening.get(&id) else { return Ok(Vec::new()) };
        let mut starts = Vec::with_capacity(opening.partitions.len());
        for partition in &opening.partitions {
            let found = committed.iter().find(|(other, _)| other == partition);
            let committed = found.and_then(|(_, committed)| committed.clone());
            let position = match &committed {
                Some(committed) => committed.offset,
                None => {
                    let spec = self.reset_of(id, partition, now)?.ok_or_else(|| {
                        let what = format!(
                            "the group has committed no offset of {partition}, \
                             and its offset reset policy is none"
                        );
                        StreamsError::new(ErrorKind::Topic, what).in_task(id)
                    })?;
                    self.list_offset(partition, spec)?
                }
            };
            starts.push(Start { partition: partition.clone(), position, committed });
        }
        Ok(starts)
    }

    /// Where the reset policy of a partition's source points; `None` is nowhere.
    pub(super) fn reset_of(
        &self,
        id: TaskId,
        partition: &TopicPartition,
        now: Timestamp,
    ) -> Result<Option<OffsetSpec>, StreamsError> {
        let config = &self.env.config;
        let topology = &self.env.topology;
        let own = topology.reset_of(id.subtopology, &partition.topic, &config.application_id);
        Ok(match own.unwrap_or(config.consumer.auto_offset_reset) {
            OffsetReset::Earliest => Some(OffsetSpec::Earliest),
            OffsetReset::Latest => Some(OffsetSpec::Latest),
            OffsetReset::ByDuration(age) => {
                let from = now.as_millis().saturating_sub(millis(age));
                Some(OffsetSpec::AtOrAfter(Timestamp::from_millis(from)))
            }
            OffsetReset::None => None,
        })
    }

    pub(super) fn list_offset(
        &self,
        partition: &TopicPartition,
        spec: OffsetSpec,
    ) -> Result<i64, StreamsError> {
        let found = self.env.broker.admin().list_offsets(&[(partition.clone(), spec)]);
        let found = found.map_err(|error| {
            fetch_error(&format!("the offsets of {partition} cannot be asked for"), error)
        })?;
        Ok(found.first().copied().unwrap_or(0))
    }

    /// Has the stores of a task opened and restored; a task without any runs at once.
    fn restore(
        &mut self,
        id: TaskId,
        starts: Vec<Start>,
        now: Timestamp,
    ) -> Result<(), StreamsError> {
        let stores = self.stores_of(id, &starts);
        let Some(opening) = self.opening.get_mut(&id) else { return Ok(()) };
        opening.starts = Some(starts);
        let attempt = opening.attempt;
        if stores.is_empty() {
            let outcome = Ok(TaskStores::none());
            return self.take_restored(RestoreReply { task: id, attempt, outcome }, now);
        }
        let mailbox = std::sync::Arc::clone(&self.env.mailbox);
        let reply = Box::new(move |reply| mailbox.send(Message::Restored(reply)));
        let request = RestoreRequest { task: id, attempt, stores, reply };
        self.env.updater.send(Command::Restore(request));
        Ok(())
    }

    fn stores_of(&self, id: TaskId, starts: &[Start]) -> Vec<StoreToOpen> {
        let topology = &self.env.topology;
        let parts = &topology.parts;
        let Some(subtopology) = parts.subtopologies.get(id.subtopology) else { return Vec::new() };
        let stores = subtopology.stores.iter();
        stores
            .filter_map(|index| {
                let definition = parts.stores.get(*index)?.as_ref()?;
                let topic = topology.changelog_of(*index, &self.env.config.application_id);
                let changelog = topic.map(|topic| {
                    let partition = TopicPartition::new(topic, id.partition);
                    let limit = definition.source_changelog.is_some().then(|| {
                        let start = starts.iter().find(|start| start.partition == partition);
                        let committed = start.and_then(|start| start.committed.as_ref());
                        committed.map_or(0, |committed| committed.offset)
                    });
                    ChangelogToRead {
                        partition,
                        restore: std::sync::Arc::clone(&definition.restore),
                        limit,
                    }
                });
                Some(StoreToOpen {
                    index: *index,
                    name: std::sync::Arc::clone(&definition.name),
                    persistent: definition.spec.persistent,
                    changelog,
                })
            })
            .collect()
    }

    /// The stores of a task are up to date: it runs from here on.
    pub(super) fn take_restored(
        &mut self,
        reply: RestoreReply,
        now: Timestamp,
    ) -> Result<(), StreamsError> {
        let RestoreReply { task: id, attempt, outcome } = reply;
        let is_wanted = self.opening.get(&id).is_some_and(|opening| opening.attempt == attempt);
        if !is_wanted {
            // Given up meanwhile: what was restored is of use to whoever opens it next.
            self.closed.restored += outcome.as_ref().map_or(0, |stores| stores.restored);
            if let Err(error) = outcome.and_then(TaskStores::close) {
                tracing::warn!(task = %id, error = error.report(), "a task that is given up");
            }
            return Ok(());
        }
        let stores = outcome?;
        let Some(opening) = self.opening.remove(&id) else { return Ok(()) };
        let restored = stores.restored;
        let active = match self.build(id, &opening, stores, now) {
            Ok(active) => active,
            Err(error) => {
                // On its way still: an error that passes begins it anew.
                self.opening.insert(id, opening);
                return Err(error.in_task(id));
            }
        };
        for start in opening.starts.iter().flatten() {
            self.readers.insert(start.partition.clone(), id);
            self.fetcher.assign(&start.partition, start.position);
        }
        self.running.insert(id, active);
        let waited = now.as_millis() - opening.since.as_millis();
        tracing::info!(task = %id, restored, ms = waited, "running");
        Ok(())
    }

    fn build(
        &mut self,
        id: TaskId,
        opening: &Opening,
        stores: TaskStores,
        now: Timestamp,
    ) -> Result<ActiveTask, StreamsError> {
        let env = &self.env;
        let (typed, logs) = build_stores(env, id, &stores, &mut self.collector.borrow_mut())?;
        let mut task = StreamTask::new(TaskParts {
            id,
            topology: env.topology.clone(),
            subtopologies: vec![id.subtopology],
            application_id: std::sync::Arc::clone(&env.config.application_id),
            partitions: opening.partitions.clone(),
            stores: typed,
            collector: Box::new(TaskCollector(std::rc::Rc::clone(&self.collector))),
            handlers: env.config.handlers.clone(),
            max_task_idle_ms: env.config.max_task_idle_ms,
            now,
        })?;
        for start in opening.starts.iter().flatten() {
            if let Some(committed) = &start.committed {
                task.resume(&start.partition, committed);
            }
        }
        task.init(now)?;
        Ok(ActiveTask::new(task, stores, logs, now))
    }
}
