//! The producer as its thread sees it, over a scripted transport.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bytes::{BufMut, Bytes, BytesMut};
use futures::FutureExt;
use streams_core::broker::{Acks, ProduceOptions, Producer, WakeUp};

use super::{cluster::Answer, *};
use crate::{
    client::Client,
    config::KafkaConfig,
    producer::KafkaProducer,
    transport::{Api, Node},
    wire::{Reader, Writer},
};

/// Long enough for a machine that has more to do.
const DEADLINE: Duration = Duration::from_secs(30);

fn builder(values: &[&str]) -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.append(Timestamp::from_millis(1), None, Some(value.as_bytes()), &[]).unwrap();
    }
    builder
}

/// A producer on a cluster whose node 1 leads topic "t".
struct Writing {
    producer: KafkaProducer,
    wake: WakeUp,
}

impl Writing {
    fn on(cluster: FakeCluster, options: ProduceOptions) -> Self {
        cluster.lead("t", 4, Leader { node: 1, epoch: 0 });
        let config = KafkaConfig::new("a:1").unwrap();
        let client = Client::new(Arc::new(cluster), config).unwrap();
        let wake = WakeUp::new();
        Self { producer: KafkaProducer::start(&client, options, wake.clone()), wake }
    }

    fn send(&mut self, partition: i32, values: &[&str]) -> SendTicket {
        self.producer.send(&t(partition), &mut builder(values)).unwrap()
    }

    /// All acknowledgements that are missing.
    fn acks(&mut self) -> Vec<Ack> {
        let mut acks = Vec::new();
        while self.producer.in_flight() > 0 {
            self.producer.poll(&mut acks).unwrap();
            if self.producer.in_flight() > 0 {
                assert!(self.wake.wait(DEADLINE), "{} are missing", self.producer.in_flight());
            }
        }
        acks
    }
}

fn producer_id() -> Bytes {
    let mut to = BytesMut::new();
    to.put_i32(0);
    to.put_i16(0);
    to.put_i64(7);
    to.put_i16(0);
    to.no_tagged_fields();
    to.freeze()
}

/// The batches of a request: partition and values.
fn requested(body: Bytes) -> Vec<(i32, Vec<String>)> {
    let mut from = Reader::new(body);
    let mut batches = Vec::new();
    from.nullable_string("id").unwrap();
    from.i16("acks").unwrap();
    from.i32("time-out").unwrap();
    from.array("topics", |from| {
        from.string("topic")?;
        from.array("partitions", |from| {
            let partition = from.i32("partition")?;
            let batch = from.bytes("batch")?.unwrap();
            batches.push((partition, cluster::values(batch)));
            from.skip_tagged_fields()
        })?;
        from.skip_tagged_fields()
    })
    .unwrap();
    batches
}

/// A response that each batch was written at `base`.
fn produced(batches: &[(i32, Vec<String>)], base: impl Fn(i32) -> i64) -> Bytes {
    let mut to = BytesMut::new();
    to.compact_length(1);
    to.string("t");
    to.array(batches.iter(), |to, (partition, _)| {
        to.put_i32(*partition);
        to.put_i16(0);
        to.put_i64(base(*partition));
        to.put_i64(-1);
        to.put_i64(0);
        to.compact_length(0);
        to.nullable_string(None);
        to.no_tagged_fields();
    });
    to.no_tagged_fields();
    to.put_i32(0);
    to.no_tagged_fields();
    to.freeze()
}

fn at_once(result: Result<Bytes, TransportError>) -> Answer {
    async move { result }.boxed()
}

#[test]
fn what_is_sent_is_acknowledged_in_order() {
    let log = Arc::new(Mutex::new(Vec::<String>::new()));
    let theirs = Arc::clone(&log);
    let cluster = FakeCluster::scripted(move |node, api, body| match api {
        Api::InitProducerId => {
            assert_eq!(node, Node::Any);
            at_once(Ok(producer_id()))
        }
        Api::Produce => {
            assert_eq!(node, Node::Id(1));
            let batches = requested(body);
            let mut log = theirs.lock().unwrap();
            let base = log.len() as i64;
            batches.iter().for_each(|(_, values)| log.extend(values.clone()));
            at_once(Ok(produced(&batches, |_| base)))
        }
        other => unreachable!("{other:?}"),
    });
    let mut writing = Writing::on(cluster, ProduceOptions::default());
    let mut expected = Vec::new();
    let mut sent = Vec::new();
    for n in 0..500_i64 {
        let (a, b) = (format!("{n}a"), format!("{n}b"));
        sent.push((writing.send(0, &[&a, &b]), 2 * n));
        expected.extend([a, b]);
    }
    assert!(sent.is_sorted(), "tickets grow");
    let acks: Vec<_> =
        writing.acks().into_iter().map(|ack| (ack.ticket, ack.result.unwrap())).collect();
    assert_eq!(acks, sent);
    assert_eq!(*log.lock().unwrap(), expected);
}

#[test]
fn a_request_that_fails_is_sent_again_by_itself() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&attempts);
    let cluster = FakeCluster::scripted(move |_, api, body| {
        if api == Api::InitProducerId {
            return at_once(Ok(producer_id()));
        }
        at_once(match theirs.fetch_add(1, Ordering::SeqCst) {
            0 => Err(network()),
            1 => Ok(Bytes::from_static(b"no response at all")),
            _ => Ok(produced(&requested(body), |_| 5)),
        })
    });
    let mut writing = Writing::on(cluster, ProduceOptions::default());
    writing.send(0, &["a"]);
    assert_eq!(writing.acks()[0].result.as_ref().unwrap(), &5);
    assert_eq!(attempts.load(Ordering::SeqCst), 3);
}

#[test]
fn a_batch_that_is_never_answered_is_given_up_in_time() {
    let cluster = FakeCluster::scripted(|_, api, _| match api {
        Api::InitProducerId => at_once(Ok(producer_id())),
        _ => futures::future::pending().boxed(),
    });
    let mut options = ProduceOptions::default();
    options.delivery_timeout = Duration::from_millis(200);
    let mut writing = Writing::on(cluster, options);
    writing.send(0, &["a"]);
    writing.send(0, &["b"]);
    let acks = writing.acks();
    assert_eq!(acks.len(), 2);
    for ack in acks {
        assert_kind(&ack.result.unwrap_err(), BrokerErrorKind::TimedOut, "t-0");
    }
}

#[test]
fn without_acknowledgements_there_is_no_id_and_no_answer_to_read() {
    let cluster = FakeCluster::scripted(|_, api, _| match api {
        Api::Produce => at_once(Ok(Bytes::new())),
        other => unreachable!("{other:?}"),
    });
    let mut options = ProduceOptions::default();
    options.acks = Acks::None;
    let mut writing = Writing::on(cluster, options);
    writing.send(0, &["a"]);
    assert_eq!(writing.acks()[0].result.as_ref().unwrap(), &-1);
}

#[test]
fn a_fenced_producer_says_so_from_then_on() {
    let cluster = FakeCluster::scripted(|_, api, _| match api {
        Api::InitProducerId => at_once(Ok(producer_id())),
        _ => {
            let fenced = produced(&[(0, Vec::new())], |_| -1);
            let mut fenced = BytesMut::from(&fenced[..]);
            // Behind the topic's length and name and the partition.
            fenced[8..10].copy_from_slice(&ErrorCode::PRODUCER_FENCED.0.to_be_bytes());
            at_once(Ok(fenced.freeze()))
        }
    });
    let mut writing = Writing::on(cluster, ProduceOptions::default());
    writing.send(0, &["a"]);
    assert!(writing.wake.wait(DEADLINE));
    for _ in 0..2 {
        let mut acks = Vec::new();
        let ended = writing.producer.poll(&mut acks).unwrap_err();
        assert_kind(&ended, BrokerErrorKind::Fenced, "t-0");
    }
    assert_eq!(writing.producer.in_flight(), 0);
    let refused = writing.producer.send(&t(0), &mut builder(&["b"])).unwrap_err();
    assert_eq!(refused.kind(), BrokerErrorKind::Fenced);
}

#[test]
fn a_full_producer_leaves_the_batch_where_it_is() {
    let cluster = FakeCluster::scripted(|_, api, _| match api {
        Api::InitProducerId => at_once(Ok(producer_id())),
        _ => futures::future::pending().boxed(),
    });
    let mut writing = Writing::on(cluster, ProduceOptions::default());
    let large = "x".repeat(40 << 20);
    writing.send(0, &[&large]);
    let mut batch = builder(&[&large]);
    let refused = writing.producer.send(&t(1), &mut batch).unwrap_err();
    assert_eq!(refused.kind(), BrokerErrorKind::Retriable);
    assert_eq!((batch.record_count(), writing.producer.in_flight()), (1, 1));
}

#[test]
fn an_empty_batch_is_refused() {
    let cluster = FakeCluster::scripted(|_, _, _| unreachable!("nothing is sent"));
    let mut writing = Writing::on(cluster, ProduceOptions::default());
    let refused = writing.producer.send(&t(3), &mut BatchBuilder::new()).unwrap_err();
    assert_kind(&refused, BrokerErrorKind::InvalidRequest, "t-3");
    assert_eq!(writing.producer.in_flight(), 0);
}

#[test]
fn the_partitions_of_a_topic_are_counted_and_a_deleted_one_keeps_its_count() {
    let cluster = FakeCluster::scripted(|_, _, _| unreachable!("nothing is sent"));
    let mut writing = Writing::on(cluster.clone(), ProduceOptions::default());
    assert_eq!(cluster.refreshes(), 0, "known without a question");
    assert_eq!(writing.producer.partition_count("t").unwrap(), 4);
    cluster.lead("t", 6, Leader { node: 1, epoch: 0 });
    assert_eq!(writing.producer.partition_count("t").unwrap(), 6);
    cluster.refuse("t", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(writing.producer.partition_count("t").unwrap(), 6);
    cluster.refuse("closed", ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    let refused = writing.producer.partition_count("closed").unwrap_err();
    assert_kind(&refused, BrokerErrorKind::Unauthorized, "topic closed ");
}

#[test]
fn a_topic_that_is_just_being_made_is_waited_for() {
    let cluster = FakeCluster::scripted(|_, _, _| unreachable!("nothing is sent"));
    cluster.refuse("new", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let mut writing = Writing::on(cluster.clone(), ProduceOptions::default());
    std::thread::scope(|scope| {
        let counting = scope.spawn(|| writing.producer.partition_count("new"));
        while cluster.refreshes() < 2 {
            std::thread::yield_now();
        }
        cluster.lead("new", 3, Leader { node: 1, epoch: 0 });
        assert_eq!(counting.join().unwrap().unwrap(), 3);
    });
}

#[test]
fn a_producer_that_is_dropped_waits_for_nothing() {
    let cluster = FakeCluster::scripted(|_, _, _| futures::future::pending().boxed());
    let mut writing = Writing::on(cluster, ProduceOptions::default());
    writing.send(0, &["a"]);
    drop(writing);
}
