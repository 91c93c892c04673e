//! What the tests of a fetcher share.

mod answers;
mod leaders;
mod offsets;
mod requests;
mod tasks;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use streams_core::{
    batch::{BatchBuilder, BatchMut, SealOptions, Timestamp},
    broker::{BrokerError, FetchOptions, Fetched, FetchedBatches, TopicPartition},
};

use super::{
    answer::{self, Answer},
    plan::{Fetch, Plan},
    state::{Cluster, Limits, State},
};
use crate::{
    protocol::{
        ErrorCode,
        fetch::{
            PartitionData,
            tests::{partition_data, write_response},
        },
    },
    transport::{Leader, TransportError, TransportErrorKind},
};

/// The broker's wait of a request that is in no hurry.
const FETCH_WAIT: Duration = Duration::from_millis(500);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("orders", number)
}

/// One batch of `rows` records of `size` bytes, the first at `offset`.
fn batch_of(offset: i64, rows: usize, size: usize) -> BytesMut {
    sealed(offset, &vec![vec![b'x'; size]; rows], None)
}

/// Two records of a transaction.
fn transactional(offset: i64, producer_id: i64) -> BytesMut {
    sealed(offset, &[b"a".to_vec(), b"b".to_vec()], Some(producer_id))
}

/// The control batch that ends a transaction.
fn marker(offset: i64, producer_id: i64, is_commit: bool) -> BytesMut {
    let key = [0, 0, 0, u8::from(is_commit)];
    let mut builder = BatchBuilder::new();
    builder.append(Timestamp::from_millis(1), Some(&key), Some(&[0; 6]), &[]).unwrap();
    let mut bytes = seal(&mut builder, Some(producer_id));
    bytes[22] |= 0x20;
    let mut batch = BatchMut::parse(&mut bytes).unwrap();
    batch.place(offset, 0);
    // For the checksum, which covers the attributes.
    batch.stamp(Timestamp::from_millis(1));
    bytes
}

fn sealed(offset: i64, values: &[Vec<u8>], producer_id: Option<i64>) -> BytesMut {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.append(Timestamp::from_millis(1), None, Some(value), &[]).unwrap();
    }
    let mut bytes = seal(&mut builder, producer_id);
    BatchMut::parse(&mut bytes).unwrap().place(offset, 0);
    bytes
}

/// What has a producer id belongs to a transaction.
fn seal(builder: &mut BatchBuilder, producer_id: Option<i64>) -> BytesMut {
    let mut options = SealOptions::default();
    options.producer_id = producer_id.unwrap_or(-1);
    options.transactional = producer_id.is_some();
    BytesMut::from(&builder.seal(&options)[..])
}

/// A partition of a response with these batches, in a log that ends with them.
fn data(name: &TopicPartition, batches: &[BytesMut]) -> PartitionData {
    let mut end = 0;
    for batch in batches {
        let mut batch = batch.clone();
        let count = BatchMut::parse(&mut batch).unwrap().offset_count();
        end = i64::from_be_bytes(batch[..8].try_into().unwrap()) + count;
    }
    PartitionData { records: batches.concat().into(), ..partition_data(name, end) }
}

/// A partition of a response that was not read.
fn refusal(name: &TopicPartition, error: ErrorCode) -> PartitionData {
    PartitionData { error, ..partition_data(name, -1) }
}

/// A cluster as the fetcher sees it, with topics of four partitions each.
#[derive(Debug, Default)]
struct Known {
    leaders: BTreeMap<TopicPartition, Leader>,
    errors: BTreeMap<Arc<str>, ErrorCode>,
}

impl Known {
    /// Node 1 leads the first partitions of `orders`.
    fn new(partitions: i32) -> Self {
        let mut known = Self::default();
        (0..partitions).for_each(|number| known.lead(number, 1, 0));
        known
    }

    fn lead(&mut self, number: i32, node: i32, epoch: i32) {
        self.leaders.insert(partition(number), Leader { node, epoch });
    }
}

impl Cluster for Known {
    fn leader(&self, name: &TopicPartition) -> Option<Leader> {
        self.leaders.get(name).copied()
    }

    fn partition_count(&self, topic: &str) -> Option<i32> {
        let is_known = self.leaders.keys().any(|name| &*name.topic == topic);
        is_known.then_some(4)
    }

    fn topic_error(&self, topic: &str) -> Option<ErrorCode> {
        self.errors.get(topic).copied()
    }
}

/// A fetcher's state with a cluster and a clock.
struct Bench {
    state: State,
    known: Known,
    now: Duration,
}

impl Bench {
    fn new(known: Known) -> Self {
        Self::with(known, &FetchOptions::default())
    }

    fn with(known: Known, options: &FetchOptions) -> Self {
        let state = State::new(Limits::new(options, FETCH_WAIT), "app-consumer");
        Self { state, known, now: Duration::ZERO }
    }

    /// Partitions of `orders`, read from offset 0 by a patient request that is on its way: their
    /// first answer said that the log is empty.
    fn reading(partitions: i32) -> (Self, Fetch) {
        let mut bench = Self::new(Known::new(partitions));
        (0..partitions).for_each(|number| bench.state.assign(&partition(number), 0));
        let first = bench.fetch();
        assert_eq!(first.request.max_wait, Duration::ZERO);
        bench.answer_empty(&first);
        assert_eq!(bench.poll().len(), partitions as usize, "each is reported once");
        let patient = bench.fetch();
        assert_eq!(patient.request.max_wait, FETCH_WAIT);
        (bench, patient)
    }

    fn plan(&mut self) -> Plan {
        self.state.plan(self.now, &self.known)
    }

    /// The only request that is sent now.
    fn fetch(&mut self) -> Fetch {
        let mut fetches = self.plan().fetches;
        assert_eq!(fetches.len(), 1, "one request");
        fetches.remove(0)
    }

    fn pass(&mut self, time: u64) {
        self.now += ms(time);
    }

    /// Passes the time until the next plan is due; returns it.
    fn wait(&mut self) -> Plan {
        let before = self.plan();
        assert!(before.fetches.is_empty() && before.refresh.is_none(), "{before:?}");
        self.now = before.next.expect("something is waited for");
        self.plan()
    }

    fn answer(&mut self, to: &Fetch, partitions: &[PartitionData]) {
        self.answer_bytes(to, write_response(ErrorCode::NONE, partitions));
    }

    fn answer_bytes(&mut self, to: &Fetch, body: Bytes) {
        let answers: Vec<Answer> = answer::read(&to.request, body).unwrap().unwrap();
        self.state.answered(self.now, to.node, to.patience, Ok(answers));
    }

    /// Answers that there is nothing to read.
    fn answer_empty(&mut self, to: &Fetch) {
        let asked = &to.request.partitions;
        let empty: Vec<_> =
            asked.iter().map(|one| partition_data(&one.name, one.fetch_offset)).collect();
        self.answer(to, &empty);
    }

    fn break_off(&mut self, fetch: &Fetch) {
        let gone = TransportError::new(TransportErrorKind::Network, "node 1 cannot be reached");
        self.state.answered(self.now, fetch.node, fetch.patience, Err(gone));
    }

    /// The cluster answers a refresh with what is known.
    fn refreshed(&mut self, plan: &Plan) {
        let topics = plan.refresh.as_ref().expect("a refresh is wanted");
        self.state.refreshed(self.now, topics, Ok(()), &self.known);
    }

    fn poll(&mut self) -> Vec<Fetched> {
        let mut out = Vec::new();
        self.state.poll(&mut out).expect("the fetcher works");
        out
    }

    /// What the only partition has that a poll reports.
    fn batches(&mut self) -> FetchedBatches {
        let mut polled = self.poll();
        assert_eq!(polled.len(), 1, "{polled:?}");
        polled.remove(0).result.expect("it was read")
    }

    /// Why the only partition failed that a poll reports.
    fn error(&mut self) -> BrokerError {
        let mut polled = self.poll();
        assert_eq!(polled.len(), 1, "{polled:?}");
        polled.remove(0).result.expect_err("it failed")
    }
}

/// The partitions of a request, in its order.
fn asked(fetch: &Fetch) -> Vec<i32> {
    fetch.request.partitions.iter().map(|asked| asked.name.partition).collect()
}

/// The first and the last offset of each batch.
fn spans(found: &FetchedBatches) -> Vec<(i64, i64)> {
    found.batches.iter().map(|batch| (batch.base_offset(), batch.last_offset())).collect()
}
