//! The restore of all tasks of an instance, step by step.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use state_stores::{Backend, ChangelogRestore, Headers, MemoryAccount, StoreId, WriteBatch};

use super::{
    BackendOpener, ChangelogToRead, RestoreProgress, RestoreReply, RestoreRequest, SharedProgress,
    TaskStores, run::Run,
};
use crate::{
    batch::{BatchError, DecodeOptions, RecordBatch},
    broker::{
        Admin, BrokerError, BrokerErrorKind, Fetched, FetchedBatches, Fetcher, OffsetSpec, TaskId,
        TopicPartition,
    },
    error::{ErrorKind, StreamsError},
    state_directory::StateDirectory,
};

/// The least and the most bytes of a run.
const RUN_BYTES: std::ops::RangeInclusive<usize> = (256 << 10)..=(32 << 20);

/// What a restorer works with.
pub(crate) struct RestorerParts {
    pub(crate) fetcher: Box<dyn Fetcher>,
    pub(crate) admin: Arc<dyn Admin>,
    pub(crate) opener: Arc<dyn BackendOpener>,
    pub(crate) directory: Option<Arc<StateDirectory>>,
    /// Of the runs of all changelogs.
    pub(crate) memory: MemoryAccount,
    pub(crate) progress: SharedProgress,
}

/// Restores any number of tasks at once, within its share of the memory.
pub(crate) struct Restorer {
    parts: RestorerParts,
    /// Their folders are still used by another thread of this process.
    waiting: Vec<RestoreRequest>,
    tasks: BTreeMap<TaskId, Restoring>,
    readers: BTreeMap<TopicPartition, TaskId>,
    fetched: Vec<Fetched>,
}

/// One task.
struct Restoring {
    request: RestoreRequest,
    stores: TaskStores,
    logs: Vec<Log>,
    restored: u64,
}

/// One changelog partition.
struct Log {
    partition: TopicPartition,
    store: StoreId,
    backend: Arc<dyn Backend>,
    restore: Arc<dyn ChangelogRestore>,
    limit: Option<i64>,
    position: i64,
    /// Where the log ended when the restore began.
    log_end: i64,
    /// The last offset in `run`.
    last: Option<i64>,
    run: Run,
}

impl Log {
    /// Where the restore ends.
    fn end(&self) -> i64 {
        self.limit.map_or(self.log_end, |limit| limit.min(self.log_end))
    }

    fn is_done(&self) -> bool {
        self.position >= self.end()
    }

    fn write(&mut self) -> Result<(), StreamsError> {
        let Some(last) = self.last.take() else { return Ok(()) };
        Ok(self.run.write(&*self.backend, self.store, &self.partition, last)?)
    }

    /// Applies a fetched batch up to the end; returns how many records.
    fn apply(&mut self, batch: &RecordBatch) -> Result<u64, StreamsError> {
        let damaged = |error: BatchError| {
            let what = error.told_of(&format_args!("changelog {}", self.partition));
            StreamsError::caused_by(ErrorKind::Broker, what, error)
        };
        let decoded = batch.decode(&DecodeOptions::default()).map_err(damaged)?;
        let end = self.end();
        let mut count = 0;
        for record in decoded.records() {
            let record = record.map_err(damaged)?;
            if record.offset < self.position || record.offset >= end {
                continue;
            }
            let headers = match record.headers {
                [0] => Headers::default(),
                wire => Headers::from_wire(decoded.share(wire)).map_err(|error| {
                    let (log, offset) = (&self.partition, record.offset);
                    let what =
                        format!("the headers of changelog {log} at offset {offset} are damaged");
                    StreamsError::caused_by(ErrorKind::Broker, what, error)
                })?,
            };
            count += u64::from(self.run.push(&record, &headers, &*self.restore)?);
            self.last = Some(record.offset);
        }
        self.position = self.position.max(decoded.next_offset());
        Ok(count)
    }
}

impl Restorer {
    pub(crate) fn new(parts: RestorerParts) -> Self {
        Self {
            parts,
            waiting: Vec::new(),
            tasks: BTreeMap::new(),
            readers: BTreeMap::new(),
            fetched: Vec::new(),
        }
    }

    /// Begins with a task, or waits for its folder.
    pub(crate) fn add(&mut self, request: RestoreRequest) {
        self.waiting.push(request);
    }

    /// Forgets a task that is no longer wanted.
    pub(crate) fn remove(&mut self, task: TaskId) {
        self.waiting.retain(|request| request.task != task);
        if let Some(restoring) = self.end(task) {
            // What was restored so far is of use the next time.
            if let Err(error) = restoring.stores.close() {
                tracing::warn!(task = %task, error = error.report(), "stores could not be closed");
            }
        }
    }

    /// Does what can be done without waiting; true if that was anything.
    pub(crate) fn step(&mut self) -> Result<bool, BrokerError> {
        let mut progressed = false;
        for request in std::mem::take(&mut self.waiting) {
            progressed |= self.begin(request);
        }
        let mut fetched = std::mem::take(&mut self.fetched);
        let polled = self.parts.fetcher.poll(&mut fetched);
        for Fetched { partition, result } in fetched.drain(..) {
            progressed = true;
            let Some(task) = self.readers.get(&partition).copied() else { continue };
            let outcome = match result {
                Ok(batches) => self.apply(task, &partition, &batches),
                Err(error) => self.failed(task, &partition, error),
            };
            if let Err(error) = outcome {
                self.give_up(task, error);
            }
        }
        self.fetched = fetched;
        self.account();
        polled.map(|()| progressed)
    }

    /// Publishes what is gathered and not written.
    fn account(&mut self) {
        let logs = self.tasks.values().flat_map(|restoring| &restoring.logs);
        self.parts.memory.set(logs.map(|log| log.run.bytes()).sum());
    }

    /// From how many bytes on a run is written: batches that are fetched ahead have the other half.
    /// With too many changelogs at a time, each batch is written at once.
    fn run_bytes(&self) -> usize {
        if self.parts.memory.is_over() {
            return 0;
        }
        let share = self.parts.memory.fair_part() / 2;
        (share / self.readers.len().max(1)).clamp(*RUN_BYTES.start(), *RUN_BYTES.end())
    }

    fn begin(&mut self, request: RestoreRequest) -> bool {
        let needs_folder = request.stores.iter().any(|store| store.persistent);
        let directory = match &self.parts.directory {
            Some(directory) if needs_folder => match directory.take(request.task) {
                Some(taken) => Some(taken),
                None => {
                    self.waiting.push(request);
                    return false;
                }
            },
            _ => None,
        };
        let opener = &*self.parts.opener;
        match TaskStores::open(request.task, &request.stores, directory, opener) {
            Ok(stores) => self.begin_reading(request, stores),
            Err(error) => reply(&request, Err(error)),
        }
        true
    }

    fn begin_reading(&mut self, request: RestoreRequest, stores: TaskStores) {
        let task = request.task;
        match self.logs(&request, &stores) {
            Ok(logs) => {
                if let Some(log) = logs.iter().find(|log| log.position > log.log_end) {
                    let partition = log.partition.clone();
                    drop(logs);
                    return self.wipe(request, stores, &partition);
                }
                for log in logs.iter().filter(|log| !log.is_done()) {
                    self.readers.insert(log.partition.clone(), task);
                    self.parts.fetcher.assign(&log.partition, log.position);
                }
                tracing::debug!(task = %task, changelogs = logs.len(), "restoring");
                self.tasks.insert(task, Restoring { request, stores, logs, restored: 0 });
                self.finish_if_done(task);
            }
            Err(error) => reply(&request, Err(error)),
        }
    }

    /// The changelogs of a task, each from where its store stands.
    fn logs(
        &self,
        request: &RestoreRequest,
        stores: &TaskStores,
    ) -> Result<Vec<Log>, StreamsError> {
        let mut known = BTreeMap::new();
        for backend in stores.backends() {
            let offsets = backend.offsets().map_err(StreamsError::from)?;
            known.extend(
                offsets
                    .into_iter()
                    .map(|(topic, partition, at)| (TopicPartition::new(topic, partition), at + 1)),
            );
        }
        let mut logs = Vec::new();
        for store in &request.stores {
            let (Some(changelog), Some((backend, id))) =
                (&store.changelog, stores.place(store.index))
            else {
                continue;
            };
            let partition = &changelog.partition;
            let is_anew = self.prepare(changelog, backend, id)?;
            let position = match known.get(partition) {
                Some(position) if !is_anew => *position,
                _ => self.offset(partition, OffsetSpec::Earliest)?,
            };
            logs.push(Log {
                partition: partition.clone(),
                store: id,
                backend: Arc::clone(backend),
                restore: Arc::clone(&changelog.restore),
                limit: changelog.limit,
                position,
                // Not what a fetch tells: a new leader may not know yet how much is acknowledged,
                // and answers this question only when it does (KIP-207).
                log_end: self.offset(partition, OffsetSpec::Latest)?,
                last: None,
                run: Run::default(),
            });
        }
        Ok(logs)
    }

    /// Makes a store ready; whether it was emptied, because its entries do not lie as the retention
    /// asks. Then its changelog has to be read from the beginning.
    fn prepare(
        &self,
        changelog: &ChangelogToRead,
        backend: &Arc<dyn Backend>,
        store: StoreId,
    ) -> Result<bool, StreamsError> {
        let mut batch = WriteBatch::default();
        let is_anew = changelog.restore.prepare(&**backend, store, &mut batch)?;
        let partition = &changelog.partition;
        if is_anew {
            tracing::info!(changelog = %partition, "the entries do not lie as the retention asks: restoring the store anew");
            let before_first = self.offset(partition, OffsetSpec::Earliest)? - 1;
            batch.set_offset(&partition.topic, partition.partition, before_first);
        }
        if !batch.is_empty() {
            backend.write(&mut batch)?;
        }
        if is_anew {
            // Tables of restored entries are durable at once: the removal has to be before.
            backend.flush()?;
        }
        Ok(is_anew)
    }

    fn offset(&self, partition: &TopicPartition, which: OffsetSpec) -> Result<i64, StreamsError> {
        let asked = [(partition.clone(), which)];
        let offsets = self.parts.admin.list_offsets(&asked);
        let offsets = offsets.map_err(|error| changelog_error(partition, error))?;
        Ok(offsets.first().copied().unwrap_or(0))
    }

    fn apply(
        &mut self,
        task: TaskId,
        partition: &TopicPartition,
        fetched: &FetchedBatches,
    ) -> Result<(), StreamsError> {
        let run_bytes = self.run_bytes();
        let Some(restoring) = self.tasks.get_mut(&task) else { return Ok(()) };
        let Some(log) = restoring.logs.iter_mut().find(|log| log.partition == *partition) else {
            return Ok(());
        };
        for batch in &fetched.batches {
            restoring.restored += log.apply(batch)?;
            if log.run.bytes() >= run_bytes {
                log.write()?;
            }
        }
        log.position = log.position.max(fetched.next_offset);
        if log.is_done() {
            log.write()?;
            self.parts.fetcher.unassign(partition);
            self.readers.remove(partition);
        }
        self.finish_if_done(task);
        Ok(())
    }

    fn failed(
        &mut self,
        task: TaskId,
        partition: &TopicPartition,
        error: BrokerError,
    ) -> Result<(), StreamsError> {
        match error.kind() {
            BrokerErrorKind::OffsetOutOfRange => {
                if let Some(Restoring { request, stores, logs, .. }) = self.end(task) {
                    drop(logs);
                    self.wipe(request, stores, partition);
                }
                Ok(())
            }
            _ => Err(changelog_error(partition, error)),
        }
    }

    /// The changelog no longer has the records that follow the state we hold.
    fn wipe(&mut self, request: RestoreRequest, stores: TaskStores, partition: &TopicPartition) {
        let task = request.task;
        tracing::warn!(
            task = %task,
            changelog = %partition,
            "the stores stand at an offset that the changelog no longer has: restoring them anew"
        );
        match stores.wipe(task, &request.stores, &*self.parts.opener) {
            Ok(stores) => self.begin_reading(request, stores),
            Err(error) => reply(&request, Err(error)),
        }
    }

    fn finish_if_done(&mut self, task: TaskId) {
        let Some(restoring) = self.tasks.get(&task) else { return };
        if !restoring.logs.iter().all(Log::is_done) {
            self.report(task);
            return;
        }
        if let Some(Restoring { request, mut stores, restored, .. }) = self.end(task) {
            tracing::info!(task = %task, records = restored, "restored");
            stores.restored = restored;
            reply(&request, Ok(stores));
        }
    }

    fn give_up(&mut self, task: TaskId, error: StreamsError) {
        if let Some(restoring) = self.end(task) {
            reply(&restoring.request, Err(error));
        }
    }

    /// Takes a task out.
    fn end(&mut self, task: TaskId) -> Option<Restoring> {
        let restoring = self.tasks.remove(&task)?;
        for log in &restoring.logs {
            self.parts.fetcher.unassign(&log.partition);
            self.readers.remove(&log.partition);
        }
        self.parts.progress.lock().unwrap_or_else(PoisonError::into_inner).remove(&task);
        Some(restoring)
    }

    fn report(&self, task: TaskId) {
        let Some(restoring) = self.tasks.get(&task) else { return };
        let remaining = |log: &Log| (log.end() - log.position).max(0) as u64;
        let progress = RestoreProgress {
            restored: restoring.restored,
            remaining: restoring.logs.iter().map(remaining).sum(),
        };
        let mut all = self.parts.progress.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(task, progress);
    }
}

fn reply(request: &RestoreRequest, outcome: Result<TaskStores, StreamsError>) {
    let RestoreRequest { task, attempt, .. } = request;
    let outcome = outcome.map_err(|error| error.in_task(*task));
    (request.reply)(RestoreReply { task: *task, attempt: *attempt, outcome });
}

fn changelog_error(partition: &TopicPartition, error: BrokerError) -> StreamsError {
    let kind = match error.kind() {
        BrokerErrorKind::Retriable | BrokerErrorKind::TimedOut => ErrorKind::Timeout,
        BrokerErrorKind::UnknownTopic => ErrorKind::Topic,
        _ => ErrorKind::Broker,
    };
    StreamsError::caused_by(kind, format!("changelog {partition} cannot be read"), error)
}
