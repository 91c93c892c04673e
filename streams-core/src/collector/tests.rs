use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use state_stores::{Headers, MemoryLedger, MemoryPart};

use super::{Collector, Due};
use crate::{
    batch::{BatchBuilder, DecodeOptions, RecordBatch, SealOptions, Timestamp},
    broker::{
        Ack, BrokerError, BrokerErrorKind, ProduceOptions, Producer, SendTicket, TopicPartition,
    },
    config::ProducerConfig,
    error::{ErrorKind, StreamsError},
    processor::{Outgoing, TopicSlot},
};

/// What the producer took, and what it is told to answer.
#[derive(Debug, Default)]
struct Broker {
    sent: VecDeque<(SendTicket, TopicPartition, Vec<String>)>,
    answers: Vec<Ack>,
    partitions: BTreeMap<String, i32>,
    next_ticket: u64,
    full: bool,
}

#[derive(Debug, Clone, Default)]
struct FakeProducer(Arc<Mutex<Broker>>);

impl Producer for FakeProducer {
    fn send(
        &mut self,
        partition: &TopicPartition,
        batch: &mut BatchBuilder,
    ) -> Result<SendTicket, BrokerError> {
        let mut broker = self.0.lock().unwrap();
        if broker.full {
            return Err(BrokerError::new(BrokerErrorKind::Retriable, "full"));
        }
        let batch = RecordBatch::parse(batch.seal(&SealOptions::default())).unwrap();
        let decoded = batch.decode(&DecodeOptions::default()).unwrap();
        let value = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        let values = decoded.records().map(|record| value(record.unwrap().value)).collect();
        let ticket = SendTicket(broker.next_ticket);
        broker.next_ticket += 1;
        broker.sent.push_back((ticket, partition.clone(), values));
        Ok(ticket)
    }

    fn poll(&mut self, acks: &mut Vec<Ack>) -> Result<(), BrokerError> {
        acks.append(&mut self.0.lock().unwrap().answers);
        Ok(())
    }

    fn in_flight(&self) -> usize {
        self.0.lock().unwrap().sent.len()
    }

    fn partition_count(&mut self, topic: &str) -> Result<i32, BrokerError> {
        let known = self.0.lock().unwrap().partitions.get(topic).copied();
        known.ok_or_else(|| BrokerError::unknown_topic(topic))
    }
}

struct Bench {
    collector: Collector,
    broker: FakeProducer,
}

const HEADERS: Headers = Headers::new();

impl Bench {
    fn new(batch_size: usize) -> Self {
        let broker = FakeProducer::default();
        broker.0.lock().unwrap().partitions.insert("out".into(), 3);
        let config = ProducerConfig {
            options: ProduceOptions::default(),
            batch_size,
            linger: Duration::from_millis(100),
            buffer_memory: 1 << 20,
        };
        let memory = MemoryLedger::new(512 << 20).account(MemoryPart::Unsent);
        let collector = Collector::new(Box::new(broker.clone()), &config, memory, at(0));
        Self { collector, broker }
    }

    fn send(&mut self, partition: Option<i32>, key: Option<&str>, value: &str) {
        let topic = self.collector.topic("out").unwrap();
        self.try_send(topic, partition, key, value).unwrap();
    }

    fn try_send(
        &mut self,
        topic: TopicSlot,
        partition: Option<i32>,
        key: Option<&str>,
        value: &str,
    ) -> Result<(), StreamsError> {
        self.collector.send(&Outgoing {
            topic,
            partition,
            partition_key: key.map(str::as_bytes),
            key: key.map(str::as_bytes),
            value: Some(value.as_bytes()),
            timestamp: at(7),
            headers: &HEADERS,
        })
    }

    /// What was sent since the last call: partition and values of each batch.
    fn sent(&self) -> Vec<(i32, Vec<String>)> {
        let broker = self.broker.0.lock().unwrap();
        broker.sent.iter().map(|(_, to, values)| (to.partition, values.clone())).collect()
    }

    /// Answers the oldest batch.
    fn answer(&self, result: Result<i64, BrokerError>) {
        let mut broker = self.broker.0.lock().unwrap();
        let (ticket, partition, _) = broker.sent.pop_front().unwrap();
        broker.answers.push(Ack { ticket, partition, result });
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

#[test]
fn records_of_one_key_go_where_java_puts_them_and_stay_in_order() {
    let mut bench = Bench::new(1 << 16);
    for value in ["1", "2", "3"] {
        bench.send(None, Some("key"), value);
    }
    bench.send(Some(0), Some("key"), "chosen");
    bench.collector.send_due(at(0), Due::All).unwrap();
    let partition = crate::batch::partition_for_key(b"key", 3);
    assert_eq!(
        bench.sent(),
        [(partition, vec!["1".to_owned(), "2".into(), "3".into()]), (0, vec!["chosen".to_owned()]),]
    );
}

#[test]
fn records_without_a_key_fill_one_batch_after_the_other() {
    let mut bench = Bench::new(100);
    for n in 0..12 {
        bench.send(None, None, &format!("value {n}"));
    }
    bench.collector.send_due(at(0), Due::Lingered).unwrap();
    // By what is in them: the batches of one partition are sent together.
    let number = |value: &str| value.trim_start_matches("value ").parse::<u32>().unwrap();
    let mut batches = bench.sent();
    batches.sort_by_key(|(_, values)| number(&values[0]));
    let partitions: Vec<i32> = batches.iter().map(|(partition, _)| *partition).collect();
    assert!(partitions.len() >= 3, "{batches:?}");
    assert_eq!(partitions[..3], [0, 1, 2]);
    assert!(batches[0].1.len() > 1, "{batches:?}");
}

#[test]
fn a_batch_waits_for_linger_unless_its_partition_is_idle() {
    let mut bench = Bench::new(1 << 16);
    bench.send(Some(0), None, "first");
    bench.collector.send_due(at(0), Due::Lingered).unwrap();
    assert!(bench.sent().is_empty());
    bench.collector.send_due(at(0), Due::Idle).unwrap();
    assert_eq!(bench.sent().len(), 1);

    bench.send(Some(0), None, "second");
    bench.collector.send_due(at(0), Due::Idle).unwrap();
    assert_eq!(bench.sent().len(), 1, "the first is on its way");
    assert_eq!(bench.collector.next_linger(), Some(at(100)));
    bench.collector.send_due(at(99), Due::Lingered).unwrap();
    assert_eq!(bench.sent().len(), 1);
    bench.collector.send_due(at(100), Due::Lingered).unwrap();
    assert_eq!(bench.sent().len(), 2);
}

#[test]
fn it_is_flushed_when_all_is_acknowledged() {
    let mut bench = Bench::new(1 << 16);
    assert!(bench.collector.is_flushed());
    bench.send(Some(0), None, "a");
    bench.send(Some(1), None, "b");
    assert!(!bench.collector.is_flushed());
    bench.collector.send_due(at(0), Due::All).unwrap();
    bench.answer(Ok(0));
    assert!(bench.collector.poll().unwrap());
    assert!(!bench.collector.is_flushed());
    bench.answer(Ok(0));
    assert!(bench.collector.poll().unwrap());
    assert!(bench.collector.is_flushed());
    assert!(!bench.collector.poll().unwrap());
}

#[test]
fn a_full_producer_is_tried_again_in_order() {
    let mut bench = Bench::new(1 << 16);
    bench.broker.0.lock().unwrap().full = true;
    bench.send(Some(0), None, "a");
    bench.collector.send_due(at(0), Due::All).unwrap();
    bench.send(Some(0), None, "b");
    bench.collector.send_due(at(0), Due::All).unwrap();
    assert!(bench.sent().is_empty() && !bench.collector.is_flushed());
    bench.broker.0.lock().unwrap().full = false;
    bench.collector.send_due(at(0), Due::All).unwrap();
    assert_eq!(bench.sent(), [(0, vec!["a".to_owned()]), (0, vec!["b".to_owned()])]);
}

#[test]
fn a_refused_batch_names_its_partition_and_what_follows() {
    use BrokerErrorKind::{Corrupted, Fenced, InvalidRequest, TimedOut, Unauthorized};
    let kinds = [
        (TimedOut, ErrorKind::Corrupted),
        (Fenced, ErrorKind::Migrated),
        (InvalidRequest, ErrorKind::Production),
        (Unauthorized, ErrorKind::Production),
        (Corrupted, ErrorKind::Production),
    ];
    for (given, expected) in kinds {
        let mut bench = Bench::new(1 << 16);
        bench.send(Some(2), None, "a");
        bench.collector.send_due(at(0), Due::All).unwrap();
        bench.answer(Err(BrokerError::new(given, "no")));
        let error = bench.collector.poll().unwrap_err();
        assert_eq!(error.kind(), expected);
        assert_eq!(error.report(), "1 records for out-2 could not be written: no");
    }
}

#[test]
fn unknown_topics_and_partitions_are_named() {
    let mut bench = Bench::new(1 << 16);
    let error = bench.collector.topic("other").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Topic);
    assert!(error.to_string().contains("topic other"), "{error}");
    let topic = bench.collector.topic("out").unwrap();
    for partition in [3, -1] {
        let error = bench.try_send(topic, Some(partition), None, "a").unwrap_err();
        let text =
            format!("partition {partition} of topic out does not exist: it has 3 partitions");
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_topic_that_grows_is_noticed() {
    let mut bench = Bench::new(1 << 16);
    let topic = bench.collector.topic("out").unwrap();
    bench.broker.0.lock().unwrap().partitions.insert("out".into(), 5);
    assert_eq!(bench.collector.partition_count(topic), 3);
    bench.collector.refresh_partition_counts().unwrap();
    assert_eq!(bench.collector.partition_count(topic), 5);
    bench.send(Some(4), None, "a");
}

#[test]
fn a_changelog_tells_its_last_acknowledged_offset() {
    let mut bench = Bench::new(60 + 61);
    let partition = TopicPartition::new("app-counts-changelog", 1);
    let lane = bench.collector.changelog(&partition);
    let mut sink = lane.sink(&"counts".into());
    for n in 0..20 {
        sink.append(b"k", Some(format!("{n}").as_bytes()), None, &HEADERS).unwrap();
    }
    bench.collector.send_due(at(0), Due::Lingered).unwrap();
    let full = bench.sent().len();
    assert!(full > 0, "full batches do not wait");
    sink.append(b"k", Some(b"20"), None, &HEADERS).unwrap();
    bench.collector.send_due(at(0), Due::All).unwrap();
    let batches = bench.sent();
    assert_eq!(batches.len(), full + 1);
    assert_eq!(bench.collector.acknowledged(&lane), None);
    let mut next = 100;
    for (_, values) in &batches {
        bench.answer(Ok(next));
        next += values.len() as i64;
    }
    bench.collector.poll().unwrap();
    assert_eq!(bench.collector.acknowledged(&lane), Some(120));
    let values: Vec<String> = batches.into_iter().flat_map(|(_, values)| values).collect();
    assert_eq!(values, (0..=20).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn acknowledgements_of_a_lane_s_former_owner_do_not_count() {
    let mut bench = Bench::new(1 << 16);
    let partition = TopicPartition::new("changelog", 0);
    let old = bench.collector.changelog(&partition);
    old.sink(&"s".into()).append(b"k", Some(b"sent"), None, &HEADERS).unwrap();
    bench.collector.send_due(at(0), Due::All).unwrap();
    old.sink(&"s".into()).append(b"k", Some(b"dropped"), None, &HEADERS).unwrap();
    bench.collector.close_changelog(&old);
    let new = bench.collector.changelog(&partition);
    bench.answer(Ok(41));
    bench.collector.poll().unwrap();
    assert_eq!(bench.collector.acknowledged(&new), None);
    bench.collector.send_due(at(0), Due::All).unwrap();
    assert!(bench.sent().is_empty(), "what was not sent is dropped");
    assert!(bench.collector.is_flushed());
}

#[test]
fn too_much_in_flight_holds_tasks_up() {
    let mut bench = Bench::new(1 << 10);
    bench.collector.buffer_memory = 4 << 10;
    for n in 0..1000 {
        bench.send(Some(0), None, &format!("value {n}"));
    }
    bench.collector.send_due(at(0), Due::Lingered).unwrap();
    assert!(bench.collector.is_full());
    while !bench.sent().is_empty() {
        bench.answer(Ok(0));
    }
    bench.collector.poll().unwrap();
    assert!(!bench.collector.is_full());
}

#[test]
fn batches_count_against_the_memory_from_their_first_record_to_their_acknowledgement() {
    let mut bench = Bench::new(1 << 16);
    let ledger = MemoryLedger::new(16 << 20);
    bench.collector.memory = ledger.account(MemoryPart::Unsent);
    let unsent = || ledger.usage().part(MemoryPart::Unsent).unwrap().used;
    let lane = bench.collector.changelog(&TopicPartition::new("changelog", 0));
    bench.send(Some(0), None, &"v".repeat(1000));
    bench.collector.send_due(at(0), Due::Lingered).unwrap();
    let sink = unsent();
    assert!(bench.sent().is_empty() && (1000..1200).contains(&sink), "{sink}");
    lane.sink(&"s".into()).append(b"k", Some(&[0; 1000]), None, &HEADERS).unwrap();
    bench.collector.send_due(at(0), Due::Lingered).unwrap();
    let both = unsent();
    assert!(bench.sent().is_empty() && (1000..1200).contains(&(both - sink)), "{both}");
    bench.collector.send_due(at(0), Due::All).unwrap();
    assert_eq!((bench.sent().len(), unsent()), (2, both));
    for _ in 0..2 {
        bench.answer(Ok(0));
    }
    bench.collector.poll().unwrap();
    assert_eq!(unsent(), 0);
}

#[test]
fn a_thread_over_its_share_waits_for_acknowledgements_and_another_does_not() {
    let mut bench = Bench::new(1 << 16);
    let ledger = MemoryLedger::new(16 << 20);
    bench.collector.memory = ledger.account(MemoryPart::Unsent);
    bench.collector.buffer_memory = usize::MAX;
    let other = ledger.account(MemoryPart::Unsent);
    for _ in 0..600 {
        bench.send(Some(0), None, &"v".repeat(1000));
    }
    bench.collector.send_due(at(0), Due::Idle).unwrap();
    assert!(bench.collector.is_full() && !other.is_over());
    while !bench.sent().is_empty() {
        bench.answer(Ok(0));
    }
    bench.collector.poll().unwrap();
    assert!(!bench.collector.is_full());
}

#[test]
fn tasks_of_a_thread_share_its_collector() {
    let bench = Bench::new(1 << 16);
    let shared = Rc::new(RefCell::new(bench.collector));
    let mut tasks = [0, 1].map(|_| super::TaskCollector(Rc::clone(&shared)));
    use crate::processor::RecordCollector;
    let slots = [tasks[0].topic("out").unwrap(), tasks[1].topic("out").unwrap()];
    assert_eq!(slots[0], slots[1]);
    assert_eq!(tasks[1].partition_count(slots[0]), 3);
}
