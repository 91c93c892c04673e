//! The task around the state, on a cluster that answers by script.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::BytesMut;
use futures::{FutureExt, future::BoxFuture};
use streams_core::broker::{BrokerErrorKind, Fetcher, WakeUp};
use tokio::sync::Notify;

use super::*;
use crate::{
    client::Client,
    config::KafkaConfig,
    fetcher::KafkaFetcher,
    protocol::list_offsets,
    transport::{Api, Lane, Node, Request, Transport},
    wire::Reader,
};

/// How long a test waits for what has to come.
const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for a condition.
fn until(what: &str, condition: impl Fn() -> bool) {
    let nap = WakeUp::new();
    for _ in 0..DEADLINE.as_millis() {
        if condition() {
            return;
        }
        nap.wait(ms(1));
    }
    unreachable!("waited in vain: {what}");
}

/// What a node does with a fetch.
enum Step {
    /// Answers with these partitions.
    Answer(Vec<PartitionData>),
    /// Answers with these bytes.
    Garbage(&'static [u8]),
    /// Breaks the connection.
    Break,
}

/// One node, which leads every partition of `orders`: each fetch takes the next step, or is held
/// until there is one. It is the cluster, each lane to it, and the lanes' log of what was asked.
#[derive(Default)]
struct Script {
    steps: Mutex<VecDeque<Step>>,
    more: Notify,
    /// The partitions of each fetch.
    asked: Mutex<Vec<Vec<i32>>>,
    refreshes: AtomicUsize,
    /// How many partitions it says there are.
    partitions: AtomicUsize,
}

#[derive(Clone)]
struct Scripted(Arc<Script>);

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scripted {
    fn new(partitions: usize) -> Self {
        let script = Script { partitions: AtomicUsize::new(partitions), ..Script::default() };
        Self(Arc::new(script))
    }

    fn then(&self, step: Step) {
        lock(&self.0.steps).push_back(step);
        self.0.more.notify_waiters();
    }

    async fn next(&self) -> Step {
        loop {
            let more = self.0.more.notified();
            if let Some(step) = lock(&self.0.steps).pop_front() {
                return step;
            }
            more.await;
        }
    }

    async fn serve(self, api: Api, body: Bytes) -> Result<Bytes, TransportError> {
        if api == Api::ListOffsets {
            let is_earliest = body.windows(8).any(|bytes| bytes == (-2_i64).to_be_bytes());
            let offset = if is_earliest { 5 } else { 20 };
            return Ok(list_offsets::tests::write_response(&[(partition(0), Ok(offset))]));
        }
        lock(&self.0.asked).push(asked_for(body));
        match self.next().await {
            Step::Answer(partitions) => Ok(write_response(ErrorCode::NONE, &partitions)),
            Step::Garbage(bytes) => Ok(Bytes::from_static(bytes)),
            Step::Break => Err(TransportError::new(TransportErrorKind::Network, "node 1 is gone")),
        }
    }
}

/// The partitions that a written request names.
fn asked_for(body: Bytes) -> Vec<i32> {
    let mut reader = Reader::new(body);
    for _ in 0..4 {
        reader.i32("head").unwrap();
    }
    reader.i8("isolation").unwrap();
    for _ in 0..2 {
        reader.i32("session").unwrap();
    }
    let mut numbers = Vec::new();
    let topics = reader.array("topics", |reader| {
        reader.string("topic")?;
        reader.array("partitions", |reader| {
            numbers.push(reader.i32("number")?);
            (0..5).try_for_each(|_| reader.i32("rest").map(drop))?;
            (0..2).try_for_each(|_| reader.i32("more").map(drop))?;
            reader.skip_tagged_fields()
        })?;
        reader.skip_tagged_fields()
    });
    topics.unwrap();
    numbers
}

impl Lane for Scripted {
    fn send(
        &self,
        node: Node,
        request: Request,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        assert_eq!(node, Node::Id(1));
        let mut body = BytesMut::new();
        (request.body)(&mut body);
        self.clone().serve(request.api, body.freeze()).boxed()
    }
}

impl Transport for Scripted {
    fn lane(&self, _: &str) -> Arc<dyn Lane> {
        Arc::new(self.clone())
    }

    fn partition_count(&self, _: &str) -> Option<i32> {
        i32::try_from(self.0.partitions.load(Ordering::Relaxed)).ok().filter(|count| *count > 0)
    }

    fn leader(&self, name: &TopicPartition) -> Option<Leader> {
        let is_known = self.partition_count("orders").is_some_and(|count| name.partition < count);
        is_known.then_some(Leader { node: 1, epoch: 0 })
    }

    fn topic_error(&self, _: &str) -> Option<ErrorCode> {
        self.partition_count("orders").is_none().then_some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }

    fn refresh(&self, _: Vec<Arc<str>>) -> BoxFuture<'static, Result<(), TransportError>> {
        self.0.refreshes.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }.boxed()
    }
}

/// Who owns a fetcher.
struct Caller {
    fetcher: KafkaFetcher,
    wake: WakeUp,
}

impl Caller {
    fn new(cluster: &Scripted) -> Self {
        let config = KafkaConfig::new("localhost:9092").unwrap();
        let client = Client::new(Arc::new(cluster.clone()), config).unwrap();
        let wake = WakeUp::new();
        Self { fetcher: KafkaFetcher::start(&client, FetchOptions::default(), wake.clone()), wake }
    }

    /// What the next poll with news reports, after it was woken for it.
    fn next(&mut self) -> Result<Vec<Fetched>, BrokerError> {
        loop {
            assert!(self.wake.wait(DEADLINE), "it is woken");
            let mut out = Vec::new();
            self.fetcher.poll(&mut out)?;
            if !out.is_empty() {
                return Ok(out);
            }
        }
    }

    fn batches(&mut self) -> FetchedBatches {
        self.next().unwrap().remove(0).result.unwrap()
    }
}

fn empty(number: i32) -> Step {
    Step::Answer(vec![partition_data(&partition(number), 0)])
}

#[test]
fn what_is_answered_wakes_the_caller_and_is_polled() {
    let cluster = Scripted::new(1);
    let mut caller = Caller::new(&cluster);
    cluster.then(empty(0));
    caller.fetcher.assign(&partition(0), 0);
    assert!(caller.batches().batches.is_empty());
    cluster.then(Step::Answer(vec![data(&partition(0), &[batch_of(0, 3, 10)])]));
    assert_eq!(spans(&caller.batches()), [(0, 2)]);
}

#[test]
fn broken_connections_are_survived_without_a_word() {
    let cluster = Scripted::new(1);
    let mut caller = Caller::new(&cluster);
    cluster.then(empty(0));
    caller.fetcher.assign(&partition(0), 0);
    caller.next().unwrap();
    (0..3).for_each(|_| cluster.then(Step::Break));
    cluster.then(Step::Answer(vec![data(&partition(0), &[batch_of(0, 3, 10)])]));
    assert_eq!(spans(&caller.batches()), [(0, 2)]);
    assert!(cluster.0.refreshes.load(Ordering::Relaxed) > 0, "the cluster was asked who leads");
}

#[test]
fn a_topic_created_after_its_assignment_is_read() {
    let cluster = Scripted::new(0);
    let mut caller = Caller::new(&cluster);
    caller.fetcher.assign(&partition(0), 0);
    until("it is looked for", || cluster.0.refreshes.load(Ordering::Relaxed) >= 2);
    cluster.0.partitions.store(1, Ordering::Relaxed);
    cluster.then(empty(0));
    assert_eq!(caller.batches().next_offset, 0);
}

#[test]
fn an_offset_out_of_range_is_reported_with_the_range_it_was_looked_up_in() {
    let cluster = Scripted::new(1);
    let mut caller = Caller::new(&cluster);
    cluster.then(Step::Answer(vec![refusal(&partition(0), ErrorCode::OFFSET_OUT_OF_RANGE)]));
    caller.fetcher.assign(&partition(0), 100);
    let error = caller.next().unwrap().remove(0).result.unwrap_err();
    assert_eq!(error.kind(), BrokerErrorKind::OffsetOutOfRange);
    assert!(error.to_string().contains("offsets 5 up to, not including, 20"), "{error}");
}

#[test]
fn a_response_that_is_none_is_an_error_of_the_poll() {
    let cluster = Scripted::new(1);
    let mut caller = Caller::new(&cluster);
    cluster.then(Step::Garbage(b"HTTP/1.1 400"));
    caller.fetcher.assign(&partition(0), 0);
    let error = caller.next().unwrap_err();
    assert_eq!(error.kind(), BrokerErrorKind::Fatal);
    assert!(error.to_string().starts_with("node 1: the response ends within"), "{error}");
    cluster.then(empty(0));
    assert!(caller.batches().batches.is_empty(), "an owner that goes on is served");
}

#[test]
fn a_partition_assigned_while_a_request_is_held_is_reported_before_that_is_answered() {
    let cluster = Scripted::new(2);
    let mut caller = Caller::new(&cluster);
    cluster.then(empty(0));
    caller.fetcher.assign(&partition(0), 0);
    caller.next().unwrap();
    // The request for partition 0 alone is held, as there is no step for it.
    until("a request is held", || lock(&cluster.0.asked).len() == 2);
    caller.fetcher.assign(&partition(1), 0);
    until("another one is sent", || lock(&cluster.0.asked).len() == 3);
    assert_eq!(lock(&cluster.0.asked)[1..], [vec![0], vec![1]]);
}

#[test]
fn a_dropped_fetcher_ends_its_task() {
    let cluster = Scripted::new(1);
    let mut caller = Caller::new(&cluster);
    cluster.then(empty(0));
    caller.fetcher.assign(&partition(0), 0);
    caller.next().unwrap();
    drop(caller);
    // The task held clones of the cluster; the test's own is the last.
    until("the task is over", || Arc::strong_count(&cluster.0) == 1);
}
