//! An application with topics of its own, and ways to wait for what it does.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use broker_kafka::{KafkaBroker, KafkaConfig};
use streams_core::{
    Clock, KafkaStreams, StreamsConfig, SystemClock, Topology,
    broker::{
        Broker, NewTopic, OffsetSpec, TopicPartition,
        client::{
            ProducerRecord, ReadOptions, RecordProducer, RecordProducerOptions, RecordReader,
        },
    },
    stores::Timestamp,
};
use streams_tests::{Scratch, topologies};

/// Nothing here takes so long; a test that waits longer has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How many lines are written at once.
const LINES: usize = 200;

const HOUR: i64 = 3_600_000;

/// Between one line and the next: what is written at once is never too late for its window.
const STEP: i64 = 10_000;

/// The first line is so many hours old: topics keep it, and the last one is not in the future.
const AGE: i64 = 6;

/// An application that is there in both languages.
pub(super) struct App {
    pub(super) name: &'static str,
    pub(super) store: &'static str,
    topology: fn(&str) -> Topology,
    /// Its topics, the one it writes last; `None` leaves the number of partitions to the test.
    topics: &'static [(&'static str, Option<i32>)],
    /// What a word of this time is counted under.
    key: fn(&str, i64) -> String,
}

pub(super) const WORD_COUNT: App = App {
    name: "word_count",
    store: "counts",
    topology: topologies::word_count,
    topics: &[("lines", None), ("word-counts", Some(1))],
    key: |word, _| word.to_owned(),
};

pub(super) const WINDOWED_COUNT: App = App {
    name: "windowed_count",
    store: "hourly",
    topology: topologies::windowed_count,
    topics: &[("lines", None), ("hourly-counts", Some(1))],
    key: |word, time| format!("{word}@{}", time / HOUR * HOUR),
};

pub(super) const ORDERS: App = App {
    name: "orders",
    store: "purchases",
    topology: topologies::orders,
    topics: &[
        ("orders", None),
        ("users", None),
        ("items", Some(6)),
        ("purchases-per-hour", Some(1)),
    ],
    key: |word, _| word.to_owned(),
};

/// An application under an id of its own, on topics of its own.
#[derive(Clone)]
pub(super) struct World {
    pub(super) app: &'static App,
    pub(super) bootstrap: String,
    pub(super) application_id: String,
    /// Stands before the names of its topics.
    pub(super) prefix: String,
    broker: KafkaBroker,
    partitions: i32,
    scratch: Arc<Scratch>,
    /// How many lines were written, and folders made.
    written: Arc<AtomicU64>,
    /// The time of the first line, the beginning of an hour.
    begin: i64,
    folders: Arc<AtomicU64>,
}

impl World {
    /// Makes the topics.
    pub(super) fn new(app: &'static App, partitions: i32) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let bootstrap = std::env::var("STREAMS_KAFKA").expect(
            "STREAMS_KAFKA is not set: run `cargo xtask test kafka`, or give the address of a \
             Kafka that `cargo xtask kafka start --profile test` has started",
        );
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("interop-{}-{number}-", std::process::id());
        let world = Self {
            app,
            broker: KafkaBroker::new(KafkaConfig::new(&bootstrap).unwrap()).unwrap(),
            bootstrap,
            application_id: format!("{prefix}app"),
            prefix,
            partitions,
            scratch: Arc::new(Scratch::new()),
            written: Arc::default(),
            begin: (SystemClock.now().as_millis() / HOUR - AGE) * HOUR,
            folders: Arc::default(),
        };
        let topics = app.topics.iter();
        let new = |(name, own): &(&str, Option<i32>)| {
            NewTopic::new(world.topic(name), own.unwrap_or(partitions))
        };
        let topics: Vec<NewTopic> = topics.map(new).collect();
        world.broker.admin().create_topics(&topics).unwrap();
        world
    }

    /// The same topics, read by another application.
    pub(super) fn with_application(&self, name: &str) -> Self {
        Self { application_id: format!("{}{name}", self.prefix), ..self.clone() }
    }

    fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The full name of an internal topic.
    pub(super) fn internal(&self, name: &str) -> String {
        format!("{}-{name}", self.application_id)
    }

    /// A folder that is not there yet.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        let number = self.folders.fetch_add(1, Ordering::Relaxed);
        self.scratch.path().join(format!("{name}-{number}"))
    }

    /// Appends lines to topic `lines`, spread over its partitions.
    pub(super) fn write(&self) -> Lines {
        let begin = self.written.fetch_add(LINES as u64, Ordering::Relaxed) as usize;
        // Numbers that follow no pattern a partitioner would notice.
        let word = |number: usize| format!("w{}", number * 7919 % 97);
        let lines = (begin..begin + LINES).map(|n| {
            let text = format!("{} {} {}", word(n), word(n * 3 + 1), word(n * n));
            (text, self.begin + n as i64 * STEP)
        });
        let lines = Lines(lines.collect());
        let topic = self.topic("lines");
        let producer = RecordProducer::new(&self.broker, RecordProducerOptions::default()).unwrap();
        for (n, (line, time)) in lines.0.iter().enumerate() {
            let record = ProducerRecord::new(&topic)
                .value(line)
                .timestamp(Timestamp::from_millis(*time))
                .partition((n % self.partitions as usize) as i32);
            producer.send(record).unwrap();
        }
        producer.flush_blocking().unwrap();
        lines
    }

    /// The counts that go out, of which there are none yet.
    pub(super) fn counts(&self) -> Counts {
        let (name, _) = self.app.topics[self.app.topics.len() - 1];
        let topic = self.topic(name);
        let starts = [(TopicPartition::new(&*topic, 0), 0)];
        Counts {
            world: self.clone(),
            reader: RecordReader::partitions(&self.broker, starts, &ReadOptions::default())
                .unwrap(),
            topic,
            next: 0,
            expected: BTreeMap::new(),
            latest: BTreeMap::new(),
        }
    }

    /// How many records the changelog of the application's store has.
    pub(super) fn logged(&self) -> u64 {
        let changelog = self.internal(&format!("{}-changelog", self.app.store));
        self.offsets(&changelog, OffsetSpec::Latest).iter().sum::<i64>() as u64
    }

    /// The offsets of all partitions of a topic.
    pub(super) fn offsets(&self, topic: &str, spec: OffsetSpec) -> Vec<i64> {
        let admin = self.broker.admin();
        let described = admin.describe_topics(&[topic]).unwrap().pop().flatten().unwrap();
        let asked: Vec<_> = (0..described.partitions)
            .map(|number| (TopicPartition::new(Arc::clone(&described.name), number), spec))
            .collect();
        admin.list_offsets(&asked).unwrap()
    }

    /// Waits until the members of the group own so many tasks each, and nothing is moving.
    pub(super) fn wait_for_tasks(&self, expected: &[usize]) {
        let admin = self.broker.group_admin();
        eventually("the tasks are shared", || {
            let group = admin.describe_group(&self.application_id).unwrap().unwrap();
            let mut counts: Vec<usize> =
                group.members.iter().map(|member| member.owned.active.len()).collect();
            counts.sort_unstable();
            match counts == expected && group.state == "Stable" {
                true => Ok(()),
                false => Err(format!("{counts:?}, {}", group.state)),
            }
        });
    }

    /// The application's own topics, by name without its id: partitions, replicas and settings.
    pub(super) fn internal_topics(&self) -> BTreeMap<String, Settings> {
        let admin = self.broker.admin();
        let own = self.internal("");
        let names = admin.list_topics().unwrap();
        let names: Vec<&str> =
            names.iter().map(|name| &**name).filter(|name| name.starts_with(&own)).collect();
        let described = admin.describe_topics(&names).unwrap().into_iter().flatten();
        described
            .map(|topic| {
                let name = topic.name[own.len()..].to_owned();
                (name, (topic.partitions, topic.replication_factor, topic.configs))
            })
            .collect()
    }
}

/// Partitions, replicas and settings of a topic.
pub(super) type Settings = (i32, i16, BTreeMap<String, String>);

/// Lines with their times.
pub(super) struct Lines(Vec<(String, i64)>);

impl Lines {
    pub(super) fn words(&self) -> u64 {
        self.0.iter().map(|(line, _)| line.split(' ').count() as u64).sum()
    }

    /// How many records are processed for them: the lines, and behind the repartitioning the words.
    pub(super) fn records(&self) -> u64 {
        self.0.len() as u64 + self.words()
    }
}

/// The counts that go out, against those there should be.
pub(super) struct Counts {
    world: World,
    reader: RecordReader,
    topic: String,
    /// The next offset to be read.
    next: i64,
    expected: BTreeMap<String, i64>,
    latest: BTreeMap<String, i64>,
}

impl Counts {
    /// Counts lines that were written.
    pub(super) fn add(&mut self, lines: &Lines) {
        for (line, time) in &lines.0 {
            for word in line.split(' ') {
                *self.expected.entry((self.world.app.key)(word, *time)).or_default() += 1;
            }
        }
    }

    /// Waits until the latest counts are exact.
    pub(super) fn wait(&mut self) {
        while self.latest != self.expected {
            if !self.read() {
                assert_eq!(self.latest, self.expected, "no more counts come");
            }
        }
    }

    /// Whether the counts are exact to the end of the topic: nothing was counted twice since.
    pub(super) fn check(&mut self) {
        let end = self.world.offsets(&self.topic, OffsetSpec::Latest)[0];
        while self.next < end {
            assert!(self.read(), "{} ends at {end}, nothing came after {}", self.topic, self.next);
        }
        assert_eq!(self.latest, self.expected);
    }

    fn read(&mut self) -> bool {
        let Some(record) = self.reader.next_blocking(PATIENCE).unwrap() else { return false };
        let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
        let count = i64::from_be_bytes(record.value.unwrap()[..].try_into().unwrap());
        self.next = record.offset + 1;
        self.latest.insert(key, count);
        true
    }
}

/// An instance in Rust.
pub(super) struct RustApplication {
    pub(super) streams: KafkaStreams,
}

impl RustApplication {
    /// Starts the application of `world` with an empty state folder.
    pub(super) async fn start(world: &World) -> Self {
        let config = StreamsConfig::from_properties([
            ("application.id", &*world.application_id),
            ("commit.interval.ms", "100"),
            ("repartition.purge.interval.ms", "100"),
        ]);
        let config = config.unwrap().state_dir(world.folder("rust"));
        let topology = (world.app.topology)(&world.prefix);
        let streams = KafkaStreams::new(topology, config, world.broker.clone()).unwrap();
        streams.start().await.unwrap();
        Self { streams }
    }

    /// How many records it has restored.
    pub(super) async fn restored(&self) -> u64 {
        self.streams.metrics().await.total().restored
    }

    /// How many records it has processed.
    pub(super) async fn processed(&self) -> u64 {
        self.streams.metrics().await.total().processed
    }

    /// Closes it cleanly.
    pub(super) async fn close(self) {
        self.streams.close().await.unwrap();
    }
}

/// Waits until `holds` does; it says what holds in place of that.
pub(super) fn eventually(what: &str, mut holds: impl FnMut() -> Result<(), String>) {
    const PAUSE: Duration = Duration::from_millis(20);
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        if holds().is_ok() {
            return;
        }
        thread::park_timeout(PAUSE);
    }
    if let Err(instead) = holds() {
        panic!("{what}? Not so: {instead}");
    }
}
