//! Feeds one task from memory and measures it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use streams_core::{
    Handlers, Outgoing, RecordCollector, StreamTask, StreamsError, TaskParts, TopicSlot, Topology,
    batch::{BatchBuilder, RecordBatch, SealOptions},
    broker::{TaskId, TopicPartition},
    stores::{
        Backend, CacheBudget, ChangelogSink, Headers, StateStore, StoreEnv, StoreError, StoreId,
        Timestamp, WriteBatch,
    },
};

const BATCH_BYTES: usize = 64 * 1024;
const APPLICATION: &str = "bench";

/// Encodes records into a batch and throws the batch away when it is full.
#[derive(Default)]
pub struct DiscardingProducer {
    batch: BatchBuilder,
}

impl DiscardingProducer {
    fn append(&mut self, at: Timestamp, key: Option<&[u8]>, value: Option<&[u8]>) {
        let appended = self.batch.append(at, key, value, &[]);
        appended.expect("records of a benchmark fit a batch");
        if self.batch.estimated_size() >= BATCH_BYTES {
            self.batch.seal_in_place(&SealOptions::default());
            self.batch.clear();
        }
    }
}

/// Takes records and drops them.
struct Discard;

impl RecordCollector for Discard {
    fn topic(&mut self, _: &str) -> Result<TopicSlot, StreamsError> {
        Ok(TopicSlot(0))
    }

    fn partition_count(&self, _: TopicSlot) -> i32 {
        1
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), StreamsError> {
        std::hint::black_box(&record);
        Ok(())
    }
}

impl RecordCollector for DiscardingProducer {
    fn topic(&mut self, _: &str) -> Result<TopicSlot, StreamsError> {
        Ok(TopicSlot(0))
    }

    fn partition_count(&self, _: TopicSlot) -> i32 {
        1
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), StreamsError> {
        self.append(record.timestamp, record.key, record.value);
        Ok(())
    }
}

impl ChangelogSink for DiscardingProducer {
    fn append(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Option<Timestamp>,
        _: &Headers,
    ) -> Result<(), StoreError> {
        let at = timestamp.unwrap_or(Timestamp::from_millis(0));
        Self::append(self, at, Some(key), value);
        Ok(())
    }
}

/// A task with one input partition, its stores and what a commit writes.
pub struct Bench {
    task: StreamTask,
    input: TopicPartition,
    backend: Arc<dyn Backend>,
    batch: WriteBatch,
}

impl Bench {
    /// The task of sub-topology 0 over `backend`.
    pub fn new(
        topology: &Topology,
        input: &str,
        cache: usize,
        backend: Arc<dyn Backend>,
        encode: bool,
    ) -> Self {
        let collector: Box<dyn RecordCollector> =
            if encode { Box::new(DiscardingProducer::default()) } else { Box::new(Discard) };
        let input = TopicPartition::new(input, 0);
        let mut stores: Vec<Option<Box<dyn StateStore>>> = Vec::new();
        for (number, store) in topology.stores_of(&[0], APPLICATION).into_iter().enumerate() {
            let env = StoreEnv {
                id: StoreId(number),
                backend: Arc::clone(&backend),
                changelog: Some(Box::new(DiscardingProducer::default())),
                cache: Arc::new(CacheBudget::new(cache)),
                changelog_topic: store.serde_topic,
            };
            stores.resize_with(stores.len().max(store.index + 1), || None);
            stores[store.index] = Some((store.build)(env).expect("the store opens"));
        }
        let mut task = StreamTask::new(TaskParts {
            id: TaskId::new(0, 0),
            topology: topology.clone(),
            subtopologies: vec![0],
            application_id: APPLICATION.into(),
            partitions: vec![input.clone()],
            stores,
            collector,
            handlers: Handlers::default(),
            max_task_idle_ms: -1,
            now: Timestamp::from_millis(0),
        })
        .expect("the task is wired");
        task.init(Timestamp::from_millis(0)).expect("the processors start");
        Self { task, input, backend, batch: WriteBatch::default() }
    }

    /// Processes all `batches`, with a commit after each `commit_every` records; returns the time.
    pub fn run(&mut self, batches: &[RecordBatch], commit_every: usize) -> Duration {
        let mut since_commit = 0;
        let start = now();
        for batch in batches {
            self.task.push(&self.input, batch.clone()).expect("the batch is sound");
            loop {
                let done = self
                    .task
                    .process(1_000, Timestamp::from_millis(0))
                    .expect("processing succeeds");
                since_commit += done;
                if since_commit >= commit_every {
                    self.commit();
                    since_commit = 0;
                }
                if done < 1_000 {
                    break;
                }
            }
        }
        self.commit();
        start.elapsed()
    }

    fn commit(&mut self) {
        self.task.flush().expect("the caches flush");
        drop(self.task.committable(false));
        self.task.seal(&mut self.batch);
        self.backend.write(&mut self.batch).expect("the stores take the batch");
        self.batch.clear();
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
pub fn now() -> Instant {
    Instant::now()
}

/// `count` records in batches of 64 KiB; `record` fills key and value of each.
pub fn batches(
    count: usize,
    mut record: impl FnMut(usize, &mut Vec<u8>, &mut Vec<u8>),
) -> Vec<RecordBatch> {
    let (mut key, mut value) = (Vec::new(), Vec::new());
    let mut builder = BatchBuilder::new();
    let mut batches = Vec::new();
    let mut offset = 0;
    let mut seal = |builder: &mut BatchBuilder| {
        let count = i64::try_from(builder.record_count()).expect("a count of records");
        let Some(mut batch) = builder.seal_in_place(&SealOptions::default()) else { return };
        batch.place(offset, 0);
        offset += count;
        let bytes = Bytes::copy_from_slice(batch.bytes());
        builder.clear();
        batches.push(RecordBatch::parse(bytes).expect("a sealed batch"));
    };
    for at in 0..count {
        key.clear();
        value.clear();
        record(at, &mut key, &mut value);
        builder
            .append(Timestamp::from_millis(1_000), Some(&key), Some(&value), &[])
            .expect("the record fits");
        if builder.estimated_size() >= BATCH_BYTES {
            seal(&mut builder);
        }
    }
    seal(&mut builder);
    batches
}
