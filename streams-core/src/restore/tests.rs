use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{Arc, Mutex},
};

use state_stores::{
    Backend, KeyRange, MemoryBackend, MemoryLedger, MemoryPart, Order, StoreError, StoreId, Stores,
};

use super::{
    BackendOpener, ChangelogToRead, RestoreReply, RestoreRequest, Restorer, RestorerParts,
    SharedProgress, StoreToOpen,
};
use crate::{
    batch::{BatchBuilder, BatchMut, RecordBatch, SealOptions, Timestamp},
    broker::{
        Admin, BrokerError, BrokerErrorKind, Fetched, FetchedBatches, Fetcher, NewTopic,
        OffsetSpec, TaskId, TopicDescription, TopicPartition,
    },
    error::ErrorKind,
};

/// A changelog partition: where it begins, and its records.
#[derive(Debug, Default)]
struct Log {
    start: i64,
    end: i64,
    batches: Vec<RecordBatch>,
}

#[derive(Debug, Default)]
struct Cluster {
    logs: BTreeMap<TopicPartition, Log>,
    assigned: BTreeMap<TopicPartition, i64>,
    failures: VecDeque<BrokerErrorKind>,
}

#[derive(Debug, Clone, Default)]
struct FakeBroker(Arc<Mutex<Cluster>>);

impl FakeBroker {
    /// Appends a batch of the store's records.
    fn append(&self, log: &TopicPartition, records: &[(&str, Option<i64>)]) {
        let mut builder = BatchBuilder::new();
        for (key, value) in records {
            let value = value.map(i64::to_be_bytes);
            let value = value.as_ref().map(|bytes| &bytes[..]);
            let at = Timestamp::from_millis(5);
            builder.append(at, Some(key.as_bytes()), value, &[]).unwrap();
        }
        let mut bytes = builder.seal(&SealOptions::default()).to_vec();
        let mut cluster = self.0.lock().unwrap();
        let log = cluster.logs.entry(log.clone()).or_default();
        BatchMut::parse(&mut bytes).unwrap().place(log.end, 0);
        log.end += records.len() as i64;
        log.batches.push(RecordBatch::parse(bytes.into()).unwrap());
    }

    /// Changes the last byte of the log.
    fn damage_last(&self, log: &TopicPartition) {
        let mut cluster = self.0.lock().unwrap();
        let last = cluster.logs.get_mut(log).unwrap().batches.last_mut().unwrap();
        let mut bytes = last.bytes().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        *last = RecordBatch::parse(bytes.into()).unwrap();
    }
}

impl Fetcher for FakeBroker {
    fn assign(&mut self, partition: &TopicPartition, position: i64) {
        self.0.lock().unwrap().assigned.insert(partition.clone(), position);
    }

    fn unassign(&mut self, partition: &TopicPartition) {
        self.0.lock().unwrap().assigned.remove(partition);
    }

    fn pause(&mut self, _: &TopicPartition) {}

    fn resume(&mut self, _: &TopicPartition) {}

    /// One batch of each partition.
    fn poll(&mut self, out: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        let mut cluster = self.0.lock().unwrap();
        let cluster = &mut *cluster;
        let failure = cluster.failures.pop_front();
        for (partition, position) in &mut cluster.assigned {
            let log = cluster.logs.entry(partition.clone()).or_default();
            let result = if let Some(kind) = failure {
                Err(BrokerError::new(kind, "failed"))
            } else if *position < log.start || *position > log.end {
                let error =
                    BrokerError::offset_out_of_range(partition, *position, log.start, log.end);
                Err(error)
            } else {
                let batch = log.batches.iter().find(|batch| batch.next_offset() > *position);
                *position = batch.map_or(*position, RecordBatch::next_offset);
                Ok(FetchedBatches {
                    batches: batch.cloned().into_iter().collect(),
                    next_offset: *position,
                    // A new leader learns late how much is acknowledged.
                    high_watermark: log.start,
                    last_stable_offset: log.start,
                    log_start_offset: log.start,
                })
            };
            out.push(Fetched { partition: partition.clone(), result });
        }
        Ok(())
    }
}

impl Admin for FakeBroker {
    fn create_topics(&self, _: &[NewTopic]) -> Result<(), BrokerError> {
        Ok(())
    }

    fn create_partitions(&self, _: &str, _: i32) -> Result<(), BrokerError> {
        Ok(())
    }

    fn delete_topics(&self, _: &[&str]) -> Result<(), BrokerError> {
        Ok(())
    }

    fn describe_topics(&self, _: &[&str]) -> Result<Vec<Option<TopicDescription>>, BrokerError> {
        Ok(Vec::new())
    }

    fn list_topics(&self) -> Result<Vec<Arc<str>>, BrokerError> {
        Ok(Vec::new())
    }

    fn list_offsets(
        &self,
        asked: &[(TopicPartition, OffsetSpec)],
    ) -> Result<Vec<i64>, BrokerError> {
        let cluster = self.0.lock().unwrap();
        let offset = |(partition, which): &(TopicPartition, OffsetSpec)| {
            let end = *which == OffsetSpec::Latest;
            cluster.logs.get(partition).map_or(0, |log| if end { log.end } else { log.start })
        };
        Ok(asked.iter().map(offset).collect())
    }

    fn delete_records(&self, _: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        Ok(())
    }
}

struct NoDisk;

impl BackendOpener for NoDisk {
    fn open(
        &self,
        _: &Path,
        _: TaskId,
        stores: &[Arc<str>],
    ) -> Result<Arc<dyn Backend>, StoreError> {
        Ok(Arc::new(MemoryBackend::new("disk", stores.len())))
    }
}

struct Bench {
    broker: FakeBroker,
    restorer: Restorer,
    replies: Arc<Mutex<Vec<RestoreReply>>>,
    progress: SharedProgress,
    memory: MemoryLedger,
}

const TASK: TaskId = TaskId::new(0, 1);

impl Bench {
    fn new() -> Self {
        let broker = FakeBroker::default();
        let (progress, memory) = (SharedProgress::default(), MemoryLedger::new(16 << 20));
        let restorer = Restorer::new(RestorerParts {
            fetcher: Box::new(broker.clone()),
            admin: Arc::new(broker.clone()),
            opener: Arc::new(NoDisk),
            directory: None,
            memory: memory.account(MemoryPart::Restore),
            progress: Arc::clone(&progress),
        });
        Self { broker, restorer, replies: Arc::default(), progress, memory }
    }

    /// Asks for a task with one store.
    fn ask(&mut self, limit: Option<i64>) {
        self.ask_for(&[log()], limit);
    }

    /// Asks for a task with a store for each of these changelogs.
    fn ask_for(&mut self, logs: &[TopicPartition], limit: Option<i64>) {
        let store = |(at, log): (usize, &TopicPartition)| {
            let restore = Stores::key_value::<String, i64>("counts").restorer();
            let changelog = ChangelogToRead { partition: log.clone(), restore, limit };
            StoreToOpen {
                index: 3 + at,
                name: format!("counts-{at}").into(),
                persistent: true,
                changelog: Some(changelog),
            }
        };
        let replies = Arc::clone(&self.replies);
        self.restorer.add(RestoreRequest {
            task: TASK,
            attempt: 9,
            stores: logs.iter().enumerate().map(store).collect(),
            reply: Box::new(move |reply| replies.lock().unwrap().push(reply)),
        });
    }

    /// Steps until there is an answer.
    fn answer(&mut self) -> RestoreReply {
        for _ in 0..100 {
            if let Some(reply) = self.replies.lock().unwrap().pop() {
                return reply;
            }
            self.restorer.step().unwrap();
        }
        panic!("no answer");
    }
}

fn log() -> TopicPartition {
    TopicPartition::new("app-counts-changelog", 1)
}

/// What the store of a finished task holds, and where it stands.
fn content(reply: RestoreReply) -> (Vec<(String, i64)>, Option<i64>, u64) {
    let stores = reply.outcome.unwrap();
    let (backend, id) = stores.place(3).unwrap();
    let mut found = Vec::new();
    backend.scan(id, KeyRange::ALL, Order::Forward, 100, &mut found).unwrap();
    let entry = |(key, value): (bytes::Bytes, bytes::Bytes)| {
        let value = i64::from_be_bytes(value[..].try_into().unwrap());
        (String::from_utf8(key.to_vec()).unwrap(), value)
    };
    let offset = backend.offsets().unwrap().first().map(|(_, _, offset)| *offset);
    (found.into_iter().map(entry).collect(), offset, stores.restored)
}

fn entries(entries: &[(&str, i64)]) -> Vec<(String, i64)> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
}

#[test]
fn the_last_value_of_each_key_wins_and_tombstones_delete() {
    let mut bench = Bench::new();
    bench.broker.append(&log(), &[("b", Some(1)), ("a", Some(1)), ("b", Some(2))]);
    bench.broker.append(&log(), &[("c", Some(1)), ("a", None), ("b", Some(3))]);
    bench.ask(None);
    let reply = bench.answer();
    assert_eq!((reply.task, reply.attempt), (TASK, 9));
    assert_eq!(content(reply), (entries(&[("b", 3), ("c", 1)]), Some(5), 6));
    assert!(bench.broker.0.lock().unwrap().assigned.is_empty());
}

#[test]
fn an_empty_changelog_and_no_changelog_are_done_at_once() {
    let mut bench = Bench::new();
    bench.ask(None);
    let reply = bench.answer();
    assert_eq!(content(reply), (Vec::new(), None, 0));

    let replies = Arc::clone(&bench.replies);
    bench.restorer.add(RestoreRequest {
        task: TASK,
        attempt: 1,
        stores: vec![StoreToOpen {
            index: 0,
            name: "unlogged".into(),
            persistent: false,
            changelog: None,
        }],
        reply: Box::new(move |reply| replies.lock().unwrap().push(reply)),
    });
    assert!(bench.answer().outcome.is_ok());
}

#[test]
fn records_that_come_after_the_restore_began_are_left() {
    let mut bench = Bench::new();
    bench.broker.append(&log(), &[("a", Some(1))]);
    bench.broker.append(&log(), &[("a", Some(2))]);
    bench.ask(None);
    bench.restorer.step().unwrap();
    let progress = bench.progress.lock().unwrap()[&TASK];
    assert_eq!((progress.restored, progress.remaining), (1, 1));
    bench.broker.append(&log(), &[("a", Some(3))]);
    let reply = bench.answer();
    assert_eq!(content(reply), (entries(&[("a", 2)]), Some(1), 2));
    assert!(bench.progress.lock().unwrap().is_empty());
}

#[test]
fn a_source_topic_is_read_as_far_as_it_is_committed() {
    let mut bench = Bench::new();
    bench.broker.append(&log(), &[("a", Some(1)), ("a", Some(2)), ("a", Some(3))]);
    bench.ask(Some(2));
    let reply = bench.answer();
    assert_eq!(content(reply), (entries(&[("a", 2)]), Some(1), 2));
    bench.ask(Some(0));
    let reply = bench.answer();
    assert_eq!(content(reply), (Vec::new(), None, 0));
}

#[test]
fn a_changelog_whose_beginning_is_gone_is_read_from_what_is_left() {
    let mut bench = Bench::new();
    bench.broker.append(&log(), &[("a", Some(1))]);
    bench.broker.append(&log(), &[("b", Some(2))]);
    bench.broker.0.lock().unwrap().logs.get_mut(&log()).unwrap().start = 1;
    bench.ask(None);
    let reply = bench.answer();
    assert_eq!(content(reply), (entries(&[("b", 2)]), Some(1), 1));
}

#[test]
fn a_position_that_falls_out_of_the_changelog_starts_anew() {
    let mut bench = Bench::new();
    bench.broker.append(&log(), &[("stale", Some(1))]);
    bench.broker.append(&log(), &[("gone", Some(1))]);
    bench.broker.append(&log(), &[("kept", Some(1))]);
    bench.ask(None);
    bench.restorer.step().unwrap();
    bench.broker.0.lock().unwrap().logs.get_mut(&log()).unwrap().start = 2;
    let reply = bench.answer();
    assert_eq!(content(reply), (entries(&[("kept", 1)]), Some(2), 1));
}

#[test]
fn a_failure_is_told_with_the_changelog() {
    let failures = [
        (BrokerErrorKind::TimedOut, ErrorKind::Timeout),
        (BrokerErrorKind::Unauthorized, ErrorKind::Broker),
    ];
    let mut bench = Bench::new();
    bench.broker.append(&log(), &[("a", Some(1))]);
    for (failure, kind) in failures {
        bench.broker.0.lock().unwrap().failures.push_back(failure);
        bench.ask(None);
        let error = bench.answer().outcome.err().unwrap();
        assert_eq!((error.kind(), error.task_id()), (kind, Some(TASK)));
        assert!(error.report().contains("app-counts-changelog-1"), "{}", error.report());
        assert!(bench.broker.0.lock().unwrap().assigned.is_empty());
    }
    bench.ask(None);
    let reply = bench.answer();
    assert_eq!(content(reply).0, entries(&[("a", 1)]));
}

#[test]
fn a_damaged_batch_is_named_and_nothing_of_it_is_kept() {
    let mut bench = Bench::new();
    bench.broker.append(&log(), &[("a", Some(1))]);
    bench.broker.append(&log(), &[("b", Some(1))]);
    bench.broker.damage_last(&log());
    bench.ask(None);
    let error = bench.answer().outcome.err().unwrap();
    assert_eq!((error.kind(), error.task_id()), (ErrorKind::Broker, Some(TASK)));
    let says = "the batch of changelog app-counts-changelog-1 at offset 1 is damaged";
    assert!(error.report().contains(says), "{}", error.report());
    assert!(error.report().contains("checksum mismatch"), "{}", error.report());
    assert!(bench.broker.0.lock().unwrap().assigned.is_empty());
}

#[test]
fn a_task_that_is_no_longer_wanted_is_forgotten() {
    let mut bench = Bench::new();
    bench.broker.append(&log(), &[("a", Some(1))]);
    bench.broker.append(&log(), &[("a", Some(2))]);
    bench.ask(None);
    bench.restorer.step().unwrap();
    bench.restorer.remove(TASK);
    assert!(!bench.restorer.step().unwrap());
    assert!(bench.replies.lock().unwrap().is_empty());
    assert!(bench.broker.0.lock().unwrap().assigned.is_empty());
}

#[test]
fn runs_are_written_as_they_fill_up() {
    let mut bench = Bench::new();
    let value = |n: i64| (format!("key {:05}", n % 5_000), n);
    for batch in 0..30 {
        let records: Vec<(String, i64)> = (0..1_000).map(|n| value(batch * 1_000 + n)).collect();
        let records: Vec<(&str, Option<i64>)> =
            records.iter().map(|(key, n)| (key.as_str(), Some(*n))).collect();
        bench.broker.append(&log(), &records);
    }
    bench.ask(None);
    let stores = bench.answer().outcome.unwrap();
    assert_eq!(stores.restored, 30_000);
    let (backend, id) = stores.place(3).unwrap();
    assert_eq!(id, StoreId(0));
    for n in 25_000..30_000 {
        let (key, value) = value(n);
        let found = backend.get(id, key.as_bytes()).unwrap().unwrap();
        assert_eq!(found[..], value.to_be_bytes());
    }
    assert_eq!(backend.offsets().unwrap()[0].2, 29_999);
}

#[test]
fn runs_of_many_changelogs_are_written_early_when_they_take_too_much_memory() {
    let mut bench = Bench::new();
    let logs: Vec<TopicPartition> =
        (0..16).map(|at| TopicPartition::new(format!("log-{at}").as_str(), 1)).collect();
    let keys: Vec<String> = (0..10_000).map(|n| format!("key {n:05}")).collect();
    for log in &logs {
        for part in keys.chunks(500) {
            let records: Vec<(&str, Option<i64>)> =
                part.iter().map(|key| (key.as_str(), Some(7))).collect();
            bench.broker.append(log, &records);
        }
    }
    bench.ask_for(&logs, None);
    let share = bench.memory.share(MemoryPart::Restore);
    let mut most = 0;
    while bench.replies.lock().unwrap().is_empty() {
        assert!(bench.restorer.step().unwrap());
        most = most.max(bench.memory.used());
    }
    // Published once a step, in which each changelog may add a batch.
    let of_a_step = logs.len() * 500 * 64;
    assert!((share..share + of_a_step).contains(&most), "{most} of {share}");
    assert_eq!(bench.memory.used(), 0);
    assert_eq!(bench.answer().outcome.unwrap().restored, 160_000);
}
