//! A word count at the low level, a log to run it on, and ways to wait for what it does.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use broker_embedded::EmbeddedBroker;
use streams_core::{
    Context, KafkaStreams, Outcome, Processor, Record, State, StoreHandle, StreamsConfig, Topology,
    TopologyBuilder,
    broker::{
        Broker, NewTopic, TopicPartition,
        client::{
            ProducerRecord, ReadOptions, RecordProducer, RecordProducerOptions, RecordReader,
        },
    },
    stores::{Ignored, KeyValueStore, Stores},
};

pub use streams_tests::Scratch;

/// Nothing here takes so long; a test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const LINES: &str = "lines";
pub const UPDATES: &str = "updates";
pub const PARTITIONS: i32 = 4;

pub type Counts = BTreeMap<String, i64>;
pub type CountStore = StoreHandle<KeyValueStore<String, i64>>;

/// Counts words; forwards each new count.
struct Count(CountStore);

impl Processor<String, String, String, i64> for Count {
    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut Context<'_, String, i64>,
    ) -> Outcome {
        let store = ctx.store(self.0)?;
        let count = store.get(&record.key)?.unwrap_or(0) + 1;
        store.put(&record.key, Some(count))?;
        ctx.forward(record.with_value(count))
    }
}

/// Splits a line; the word `refused` is an error, the word "panic" panics.
fn split(line: &str, refused: &str, forward: &mut dyn FnMut(&str) -> Outcome) -> Outcome {
    for word in line.split_whitespace() {
        match word {
            word if word == refused => return Err(format!("the word is {word}").into()),
            "panic" => panic!("the word is panic"),
            word => forward(word)?,
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    InMemory,
    OnDisk,
}

/// Lines are split by one sub-topology and counted by another; each update goes out.
pub fn word_count(kept: Kept) -> (Topology, CountStore) {
    word_count_without(kept, "poison")
}

/// The same, with another word that is refused.
pub fn word_count_without(kept: Kept, refused: &'static str) -> (Topology, CountStore) {
    let mut builder = TopologyBuilder::new();
    let counts = Stores::key_value::<String, i64>("counts");
    let counts = match kept {
        Kept::InMemory => counts.in_memory(),
        Kept::OnDisk => counts.persistent(),
    };
    let store = builder.add_state_store(counts);
    builder
        .add_source::<Ignored, String>("lines", &[LINES])
        .add_step::<Ignored, String, String, String, _>(
            "split",
            move |_, line, ctx| {
                split(&line, refused, &mut |word| ctx.pass(word.to_owned(), String::new()))
            },
            &["lines"],
        )
        .add_internal_topic("words-repartition", None)
        .add_sink::<String, String>("to-words", "words-repartition", &["split"])
        .add_source::<String, String>("words", &["words-repartition"])
        .add_processor("count", move || Count(store), &["words"])
        .connect("count", store)
        .add_sink::<String, i64>("to-updates", UPDATES, &["count"]);
    (builder.build().unwrap(), store)
}

/// A log in memory with the topics of the word count.
pub fn log() -> Arc<EmbeddedBroker> {
    let log = Arc::new(EmbeddedBroker::in_memory());
    let topics = [NewTopic::new(LINES, PARTITIONS), NewTopic::new(UPDATES, 1)];
    log.admin().create_topics(&topics).unwrap();
    log
}

pub fn config(application_id: &str, state_dir: &Path) -> StreamsConfig {
    StreamsConfig::new(application_id)
        .unwrap()
        .state_dir(state_dir)
        .commit_interval(Duration::from_millis(100))
        .cache_max_bytes(0)
}

/// Appends lines, spread over the partitions.
pub fn write(log: &EmbeddedBroker, lines: &[String]) {
    let producer = RecordProducer::new(log, RecordProducerOptions::default()).unwrap();
    for (n, line) in lines.iter().enumerate() {
        let partition = (n % PARTITIONS as usize) as i32;
        producer.send(ProducerRecord::new(LINES).value(line).partition(partition)).unwrap();
    }
    producer.flush_blocking().unwrap();
}

/// Lines of words whose numbers follow no pattern a partitioner would notice.
pub fn lines(count: usize, seed: usize) -> Vec<String> {
    let word = |n: usize| format!("w{}", (n * 7919 + seed * 104_729) % 97);
    (0..count).map(|n| format!("{} {} {}", word(n), word(n * 3 + 1), word(n * n))).collect()
}

/// What counting these lines once comes to.
pub fn counted<'a>(lines: impl IntoIterator<Item = &'a String>) -> Counts {
    let mut counts = Counts::new();
    for word in lines.into_iter().flat_map(|line| line.split_whitespace()) {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

/// The updates that went out so far, and those that will.
pub struct Updates {
    reader: RecordReader,
    pub latest: Counts,
    pub seen: usize,
}

impl Updates {
    pub fn new(log: &EmbeddedBroker) -> Self {
        let starts = [(TopicPartition::new(UPDATES, 0), 0)];
        let reader = RecordReader::partitions(log, starts, &ReadOptions::default()).unwrap();
        Self { reader, latest: Counts::new(), seen: 0 }
    }

    /// Waits until `count` updates were seen in all.
    pub fn wait_for(&mut self, count: usize) {
        while self.seen < count {
            let update = self.reader.next_blocking(PATIENCE).unwrap().expect("updates stopped");
            let word = String::from_utf8(update.key.unwrap().to_vec()).unwrap();
            let count = i64::from_be_bytes(update.value.unwrap()[..].try_into().unwrap());
            self.latest.insert(word, count);
            self.seen += 1;
        }
    }
}

/// All counts of an instance that runs.
pub async fn counts(streams: &KafkaStreams, store: CountStore) -> Counts {
    let parts = streams
        .with_store(store, |_, store| {
            let all = store.all().unwrap();
            store.collect(all).unwrap()
        })
        .await;
    parts.unwrap().into_iter().flatten().collect()
}

/// Waits for a state, with an end to patience.
pub async fn reach(streams: &KafkaStreams, wanted: State) {
    let reached = streams.wait_for(|state| state == wanted);
    let reached = tokio::time::timeout(PATIENCE, reached).await.expect("the state never came");
    assert_eq!(reached, wanted, "{:?}", streams.error());
}

pub async fn close(streams: &KafkaStreams) {
    tokio::time::timeout(PATIENCE, streams.close()).await.expect("close hangs").unwrap();
    assert_eq!(streams.state(), State::NotRunning);
}

/// Waits until an instance runs `count` tasks.
pub async fn owns(streams: &KafkaStreams, count: usize) {
    let mut states = streams.states();
    loop {
        let metrics = streams.metrics().await;
        let tasks: usize = metrics.threads.iter().map(|thread| thread.tasks.len()).sum();
        if tasks == count && *states.borrow_and_update() == State::Running {
            return;
        }
        tokio::time::timeout(PATIENCE, states.changed()).await.expect("tasks never came").unwrap();
    }
}

/// Starts an instance and waits until it runs.
pub async fn running(
    log: &Arc<EmbeddedBroker>,
    topology: &Topology,
    config: StreamsConfig,
) -> KafkaStreams {
    let streams = KafkaStreams::new(topology.clone(), config, Arc::clone(log)).unwrap();
    streams.start().await.unwrap();
    reach(&streams, State::Running).await;
    streams
}
