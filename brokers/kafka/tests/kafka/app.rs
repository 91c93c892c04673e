//! A small application, and ways to wait for what it does.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use streams_core::{
    KafkaStreams, State, StreamsConfig, StreamsError, Topology, TopologyBuilder,
    broker::{
        Broker, OffsetSpec, TopicPartition,
        client::{
            ProducerRecord, ReadOptions, ReadRecord, RecordProducer, RecordProducerOptions,
            RecordReader,
        },
    },
};

use crate::support::{block_on, unique, until};

/// Copies each record.
pub(crate) fn copy(from: &str, to: &str) -> Topology {
    let mut builder = TopologyBuilder::new();
    builder.add_source::<String, String>("from", &[from]).add_sink::<String, String>(
        "to",
        to,
        &["from"],
    );
    builder.build().unwrap()
}

/// An application that runs until it is dropped.
pub(crate) struct App(KafkaStreams);

impl App {
    /// Starts a topology as a new application.
    pub(crate) fn start(broker: Arc<dyn Broker>, topology: Topology) -> Self {
        Self::start_as(broker, topology, settings(&unique("app")))
    }

    pub(crate) fn start_as(
        broker: Arc<dyn Broker>,
        topology: Topology,
        config: StreamsConfig,
    ) -> Self {
        let streams = KafkaStreams::new(topology, config, broker).unwrap();
        block_on(streams.start()).unwrap();
        Self(streams)
    }

    /// Waits until all its tasks run.
    pub(crate) fn is_running(&self) {
        let is_running = || match self.0.state() {
            State::Running => Some(()),
            State::Error => panic!("{}", self.ends()),
            _ => None,
        };
        until("a running application", is_running);
    }

    /// Waits for the error that ends it: the whole report.
    pub(crate) fn ends(&self) -> String {
        self.ends_with().report()
    }

    /// Waits for the error that ends it.
    pub(crate) fn ends_with(&self) -> StreamsError {
        until("the end of the application", || {
            self.0.error().filter(|_| self.0.state() == State::Error)
        })
    }

    /// Commits and leaves the group.
    pub(crate) fn close(&self) {
        block_on(self.0.close()).unwrap();
    }
}

/// Commits often.
pub(crate) fn settings(application_id: &str) -> StreamsConfig {
    let config = StreamsConfig::new(application_id).unwrap();
    config.commit_interval(Duration::from_millis(100)).heartbeat_interval(Duration::from_secs(1))
}

/// Writes values without keys, spread over the partitions.
pub(crate) fn write(broker: &dyn Broker, topic: &str, values: impl IntoIterator<Item = String>) {
    let producer = RecordProducer::new(broker, RecordProducerOptions::default()).unwrap();
    for value in values {
        producer.send(ProducerRecord::new(topic).key(&value).value(&value)).unwrap();
    }
    producer.flush_blocking().unwrap();
}

/// How many records were ever written to the partitions of a topic; `None` while nobody can tell.
pub(crate) fn written(broker: &dyn Broker, topic: &str, partitions: i32) -> Option<i64> {
    let ends: Vec<_> = (0..partitions)
        .map(|number| (TopicPartition::new(topic, number), OffsetSpec::Latest))
        .collect();
    Some(broker.admin().list_offsets(&ends).ok()?.into_iter().sum())
}

/// The values in a topic, sorted.
pub(crate) fn values(broker: &dyn Broker, topic: &str) -> Vec<String> {
    let reader = RecordReader::topic(broker, topic, &ReadOptions::all()).unwrap();
    let text = |record: ReadRecord| String::from_utf8(record.value.unwrap().to_vec()).unwrap();
    let mut values: Vec<String> = reader.read_to_end().unwrap().into_iter().map(text).collect();
    values.sort_unstable();
    values
}

/// How many records go through the faults.
pub(crate) const RECORDS: usize = 200_000;

/// Writes numbered records in the background: three quarters at once, the rest when told so.
pub(crate) struct Feed {
    broker: Arc<dyn Broker>,
    topic: String,
    rest: mpsc::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Feed {
    pub(crate) fn start(broker: Arc<dyn Broker>, topic: &str) -> Self {
        let (rest, told) = mpsc::channel();
        let (theirs, to) = (Arc::clone(&broker), topic.to_owned());
        let thread = thread::spawn(move || {
            let numbers = (0..RECORDS).inspect(|number| {
                if *number == RECORDS / 4 * 3 {
                    told.recv().unwrap();
                }
            });
            write(&*theirs, &to, numbers.map(value));
        });
        Self { broker, topic: topic.to_owned(), rest, thread }
    }

    pub(crate) fn go_on(&self) {
        self.rest.send(()).unwrap();
    }

    /// Waits until all is written, and compares: neither here nor in the copy is one missing or
    /// there twice.
    pub(crate) fn assert_copied(self, copy: &str) {
        self.thread.join().unwrap();
        for topic in [&*self.topic, copy] {
            let found = values(&*self.broker, topic);
            let first = found.iter().zip(0..).find(|(found, number)| **found != value(*number));
            assert_eq!(first, None, "{topic} has {} records", found.len());
            assert_eq!(found.len(), RECORDS, "{topic}");
        }
    }
}

fn value(number: usize) -> String {
    format!(
        "{number:08} and so many more bytes that a batch is full after some hundreds of records"
    )
}
