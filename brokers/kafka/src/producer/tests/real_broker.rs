//! Against real brokers: the one at `STREAMS_KAFKA` (`cargo xtask kafka start`), and one of its own
//! that is killed.

mod killed;
mod log;

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use streams_core::{
    batch::{Compression, RecordBatch},
    broker::{Acks, Admin, NewTopic, ProduceOptions, Producer, WakeUp},
};

use super::*;
use crate::{
    admin::KafkaAdmin,
    client::Client,
    config::KafkaConfig,
    producer::{KafkaProducer, identity::ProducerId},
    transport::KrafkaTransport,
};

const WAIT: Duration = Duration::from_secs(60);

/// What is as large as a stream thread makes it (`batch.size`).
const BATCH_BYTES: usize = 64 << 10;

#[derive(Clone)]
struct Kafka {
    client: Client,
    admin: KafkaAdmin,
}

impl Kafka {
    fn at(bootstrap: &str) -> Self {
        let config = KafkaConfig::new(bootstrap).unwrap();
        let transport = KrafkaTransport::new(config.clone(), "test").unwrap();
        let client = Client::new(Arc::new(transport.clone()), config).unwrap();
        let admin = KafkaAdmin::new(client.clone(), transport);
        Self { client, admin }
    }

    fn shared() -> Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        let open = || {
            let bootstrap = std::env::var("STREAMS_KAFKA").expect(
                "this test needs a broker: `cargo xtask kafka start`, and its address in the \
                 environment variable STREAMS_KAFKA",
            );
            Self::at(&bootstrap)
        };
        SHARED.get_or_init(open).clone()
    }

    /// A topic that no other test and no earlier run knows.
    fn topic(&self, partitions: i32, configs: &[(&str, &str)]) -> String {
        let name = unique_name();
        let mut topic = NewTopic::new(name.as_str(), partitions);
        for (key, value) in configs {
            topic = topic.config(*key, *value);
        }
        self.admin.create_topics(&[topic]).unwrap();
        name
    }

    fn writer(&self, options: ProduceOptions) -> Writer {
        let wake = WakeUp::new();
        let producer = KafkaProducer::start(&self.client, options, wake.clone());
        Writer { producer, wake, acks: Vec::new() }
    }
}

fn unique_name() -> String {
    static COUNTER: AtomicUsize = AtomicUsize::new(0);
    let run = std::process::id();
    format!("produce-{run}-{}", COUNTER.fetch_add(1, Ordering::Relaxed))
}

struct Writer {
    producer: KafkaProducer,
    wake: WakeUp,
    acks: Vec<Ack>,
}

impl Writer {
    /// Waits while the producer is full.
    fn send(&mut self, to: &TopicPartition, batch: &mut BatchBuilder) -> SendTicket {
        loop {
            match self.producer.send(to, batch) {
                Ok(ticket) => return ticket,
                Err(error) => assert_eq!(error.kind(), BrokerErrorKind::Retriable, "{error}"),
            }
            self.wait();
        }
    }

    fn wait(&mut self) {
        assert!(self.wake.wait(WAIT), "{} batches are not acknowledged", self.producer.in_flight());
        self.producer.poll(&mut self.acks).unwrap();
    }

    /// The acknowledgements of all that was sent, in the order of sending.
    fn acks(&mut self) -> Vec<Ack> {
        while self.producer.in_flight() > 0 {
            self.wait();
        }
        let mut acks = std::mem::take(&mut self.acks);
        acks.sort_by_key(|ack| ack.ticket);
        acks
    }

    /// Writes one batch, and tells where.
    fn write(&mut self, to: &TopicPartition, values: &[&str]) -> Result<i64, BrokerError> {
        let mut batch = builder(values);
        self.send(to, &mut batch);
        let mut acks = self.acks();
        assert_eq!(acks.len(), 1);
        acks.remove(0).result
    }
}

fn builder(values: &[&str]) -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.append(Timestamp::from_millis(1), None, Some(value.as_bytes()), &[]).unwrap();
    }
    builder
}

#[test]
fn a_million_records_are_written_once_and_in_order() {
    const RECORDS: usize = 1_000_000;
    let kafka = Kafka::shared();
    let topic = kafka.topic(4, &[]);
    let partitions: Vec<_> =
        (0..4).map(|number| TopicPartition::new(topic.as_str(), number)).collect();
    let mut writer = kafka.writer(ProduceOptions::default());
    let mut builders: Vec<_> = (0..4).map(|_| BatchBuilder::new()).collect();
    let mut written = [0_i64; 4];
    let mut expected = Vec::new();
    for n in 0..RECORDS {
        let place = n % 4;
        let builder = &mut builders[place];
        let value = format!("{:06} {}", n / 4, "x".repeat(90));
        builder.append(Timestamp::from_millis(1), None, Some(value.as_bytes()), &[]).unwrap();
        if builder.estimated_size() >= BATCH_BYTES || n + 4 >= RECORDS {
            let count = builder.record_count() as i64;
            let ticket = writer.send(&partitions[place], builder);
            expected.push((ticket, written[place]));
            written[place] += count;
        }
    }
    let acks = writer.acks();
    let told: Vec<_> = acks.into_iter().map(|ack| (ack.ticket, ack.result.unwrap())).collect();
    assert_eq!(told, expected);
    for partition in &partitions {
        let values = log::read(&kafka, partition);
        assert_eq!(values.len(), RECORDS / 4);
        for (n, value) in values.iter().enumerate() {
            assert!(value.starts_with(&format!("{n:06} ")), "{partition} at {n}: {value}");
        }
    }
}

#[test]
fn every_compression_is_taken_by_the_broker_and_kept() {
    let kafka = Kafka::shared();
    let topic = kafka.topic(1, &[]);
    let to = TopicPartition::new(topic.as_str(), 0);
    let codecs = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];
    let values: Vec<String> = (0..500).map(|n| format!("{n} of many values alike")).collect();
    let texts: Vec<&str> = values.iter().map(String::as_str).collect();
    for (place, codec) in codecs.into_iter().enumerate() {
        let mut options = ProduceOptions::default();
        options.compression = codec;
        let base = kafka.writer(options).write(&to, &texts).unwrap();
        assert_eq!(base, 500 * place as i64, "{codec}");
    }
    let batches = log::batches(&kafka, &to);
    let found: Vec<_> = batches.iter().map(|batch| batch.compression().unwrap()).collect();
    assert_eq!(found, codecs);
    assert_eq!(log::read(&kafka, &to), vec![values; codecs.len()].concat());
}

#[test]
fn every_kind_of_acknowledgement_writes() {
    let kafka = Kafka::shared();
    let topic = kafka.topic(1, &[]);
    let to = TopicPartition::new(topic.as_str(), 0);
    for (acks, base) in [(Acks::All, 0), (Acks::Leader, 1), (Acks::None, -1)] {
        let mut options = ProduceOptions::default();
        options.acks = acks;
        assert_eq!(kafka.writer(options).write(&to, &["a"]).unwrap(), base, "{acks:?}");
    }
    let mut options = ProduceOptions::default();
    options.idempotent = false;
    kafka.writer(options).write(&to, &["a"]).unwrap();
    let batches = log::batches(&kafka, &to);
    let idempotent: Vec<_> = batches.iter().map(|batch| batch.producer_id() >= 0).collect();
    assert!(idempotent[0] && idempotent[1..].iter().all(|with_id| !with_id), "{idempotent:?}");
}

#[test]
fn a_missing_topic_is_named() {
    let kafka = Kafka::shared();
    let missing = unique_name();
    let mut writer = kafka.writer(ProduceOptions::default());
    let error = writer.producer.partition_count(&missing).unwrap_err();
    assert_kind(&error, BrokerErrorKind::UnknownTopic, &missing);
    let to = TopicPartition::new(missing.as_str(), 0);
    let error = writer.write(&to, &["a"]).unwrap_err();
    assert_kind(&error, BrokerErrorKind::UnknownTopic, &missing);
    let topic = kafka.topic(2, &[]);
    assert_eq!(writer.producer.partition_count(&topic).unwrap(), 2);
    let beyond = TopicPartition::new(topic.as_str(), 2);
    let error = writer.write(&beyond, &["a"]).unwrap_err();
    assert_kind(&error, BrokerErrorKind::UnknownTopic, "has no partition 2");
}

#[test]
fn a_batch_that_the_topic_refuses_is_written_in_parts() {
    let kafka = Kafka::shared();
    let topic = kafka.topic(1, &[("max.message.bytes", "2000")]);
    let to = TopicPartition::new(topic.as_str(), 0);
    let mut writer = kafka.writer(ProduceOptions::default());
    let values: Vec<String> = (0..100).map(|n| format!("{n:03}{}", "x".repeat(97))).collect();
    let texts: Vec<&str> = values.iter().map(String::as_str).collect();
    assert_eq!(writer.write(&to, &texts).unwrap(), 0);
    assert_eq!(writer.write(&to, &texts).unwrap(), 100);
    let large = "x".repeat(3000);
    let error = writer.write(&to, &[&large]).unwrap_err();
    assert_kind(&error, BrokerErrorKind::InvalidRequest, &format!("{to}"));
    assert!(error.to_string().contains("3070 bytes"), "{error}");
    assert_eq!(writer.write(&to, &["small"]).unwrap(), 200, "the log goes on");
    assert_eq!(log::read(&kafka, &to)[..200], vec![values; 2].concat());
}

#[test]
fn a_broker_that_lost_the_producer_s_state_is_written_to_under_another_epoch() {
    let kafka = Kafka::shared();
    let topic = kafka.topic(1, &[]);
    let to = TopicPartition::new(topic.as_str(), 0);
    let mut writer = kafka.writer(ProduceOptions::default());
    writer.write(&to, &["a", "b"]).unwrap();
    // As if the broker had lost what came between.
    writer.producer.shared.lock().slots[0].next_sequence += 5;
    assert_eq!(writer.write(&to, &["c"]).unwrap(), 2);
    assert_eq!(writer.write(&to, &["d"]).unwrap(), 3);
    let epochs: Vec<_> =
        log::batches(&kafka, &to).iter().map(RecordBatch::producer_epoch).collect();
    assert_eq!(epochs, [0, 1, 1]);
    // Of the last epoch there is no next one.
    let last = ProducerId { id: log::batches(&kafka, &to)[0].producer_id(), epoch: i16::MAX };
    {
        let mut state = writer.producer.shared.lock();
        state.identity.known = Some(last);
        state.slots[0].identity = Some(last);
        state.slots[0].next_sequence = 5;
    }
    assert_eq!(writer.write(&to, &["e"]).unwrap(), 4);
    let ids: Vec<_> = log::batches(&kafka, &to).iter().map(RecordBatch::producer_id).collect();
    assert_ne!(ids[3], ids[2], "another producer id");
}

#[test]
fn a_batch_that_is_sent_twice_is_written_once() {
    let kafka = Kafka::shared();
    let topic = kafka.topic(1, &[]);
    let to = TopicPartition::new(topic.as_str(), 0);
    let mut writer = kafka.writer(ProduceOptions::default());
    writer.write(&to, &["a"]).unwrap();
    assert_eq!(writer.write(&to, &["b", "c"]).unwrap(), 1);
    // As if the acknowledgement had been lost.
    writer.producer.shared.lock().slots[0].next_sequence = 1;
    assert_eq!(writer.write(&to, &["b", "c"]).unwrap(), 1, "where it was written first");
    assert_eq!(writer.write(&to, &["d"]).unwrap(), 3);
    assert_eq!(log::read(&kafka, &to), ["a", "b", "c", "d"]);
}

#[test]
fn a_topic_whose_records_were_deleted_is_written_to_as_before() {
    let kafka = Kafka::shared();
    let topic = kafka.topic(1, &[]);
    let to = TopicPartition::new(topic.as_str(), 0);
    let mut writer = kafka.writer(ProduceOptions::default());
    writer.write(&to, &["a", "b"]).unwrap();
    kafka.admin.delete_records(&[(to.clone(), 2)]).unwrap();
    assert_eq!(writer.write(&to, &["c"]).unwrap(), 2);
}
