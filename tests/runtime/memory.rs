//! What happens when memory is short: nothing but that everything takes its turn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use streams_core::{
    ErrorKind, KafkaStreams, State, StreamsConfig, Topology, TopologyBuilder,
    broker::{
        Broker, NewTopic,
        client::{ProducerRecord, RecordProducer, RecordProducerOptions},
    },
    stores::{Ignored, MemoryLedger, MemoryPart, Stores, Timestamp},
};

use crate::support::{
    Kept, PATIENCE, Scratch, Updates, close, config, counted, counts, lines, log, running,
    word_count, write,
};

const LEAST: usize = 16 << 20;

/// What a part of the memory had at most, whenever a record was processed.
#[derive(Clone)]
struct Watch {
    ledger: MemoryLedger,
    part: MemoryPart,
    most: Arc<AtomicUsize>,
    records: Arc<AtomicUsize>,
}

impl Watch {
    fn new(ledger: &MemoryLedger, part: MemoryPart) -> Self {
        Self { ledger: ledger.clone(), part, most: Arc::default(), records: Arc::default() }
    }

    fn used(&self) -> usize {
        self.ledger.usage().part(self.part).unwrap().used
    }

    fn look(&self) {
        self.most.fetch_max(self.used(), Ordering::Relaxed);
        self.records.fetch_add(1, Ordering::Relaxed);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    fn records(&self) -> usize {
        self.records.load(Ordering::Relaxed)
    }

    async fn until(&self, wanted: impl Fn(&Self) -> bool) {
        let come = async {
            let mut looks = tokio::time::interval(Duration::from_millis(5));
            while !wanted(self) {
                looks.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, come).await.expect("it never came");
    }
}

fn config_with(ledger: &MemoryLedger, id: &str, scratch: &Scratch) -> StreamsConfig {
    config(id, scratch.path()).memory(ledger)
}

/// Records that each task has to have of both topics before it processes any.
fn joined(watch: &Watch) -> Topology {
    let seen = watch.clone();
    let mut builder = TopologyBuilder::new();
    builder
        .add_source::<Ignored, Vec<u8>>("left", &["left"])
        .add_source::<Ignored, Vec<u8>>("right", &["right"])
        .add_step::<_, _, Ignored, (), _>(
            "look",
            move |_: Ignored, _: Vec<u8>, _| {
                seen.look();
                Ok(())
            },
            &["left", "right"],
        );
    builder.build().unwrap()
}

#[tokio::test]
async fn many_tasks_hold_few_fetched_bytes_and_each_gets_what_it_waits_for() {
    const TASKS: i32 = 32;
    const RECORDS: usize = 120;
    let (log, scratch, ledger) = (log(), Scratch::new(), MemoryLedger::new(LEAST));
    let topics = [NewTopic::new("left", TASKS), NewTopic::new("right", TASKS)];
    log.admin().create_topics(&topics).unwrap();
    let watch = Watch::new(&ledger, MemoryPart::Fetched);
    // For ever: without a record on the right none on the left is processed.
    let config = config_with(&ledger, "joined", &scratch).max_task_idle_ms(i64::MAX);
    let streams = running(&log, &joined(&watch), config).await;
    let producer = RecordProducer::new(&*log, RecordProducerOptions::default()).unwrap();
    let send = |topic: &str, partition: i32, bytes: usize, at: usize| {
        let (value, at) = (vec![0_u8; bytes], Timestamp::from_millis(at as i64));
        let record = ProducerRecord::new(topic).value(&value).partition(partition).timestamp(at);
        producer.send(record).unwrap();
    };

    // Many times the share, for all tasks but the last, which cannot process it.
    for n in 0..RECORDS {
        (1..TASKS).for_each(|partition| send("left", partition, 20_000, n));
    }
    producer.flush_blocking().unwrap();
    let share = ledger.share(MemoryPart::Fetched);
    watch.until(|watch| watch.used() > share).await;
    assert_eq!(watch.records(), 0);
    // The one that holds nothing goes on.
    for n in 0..50 {
        send("left", 0, 100, n);
        send("right", 0, 100, n);
    }
    producer.flush_blocking().unwrap();
    watch.until(|watch| watch.records() == 99).await;
    // What the others wait for: all on the left is older.
    (1..TASKS).for_each(|partition| send("right", partition, 10, RECORDS));
    producer.flush_blocking().unwrap();
    let all = 99 + RECORDS * (TASKS as usize - 1);
    watch.until(|watch| watch.records() == all).await;
    // The share, a poll more, and of each task that held nothing one fetch.
    let most = share + share / 2 + TASKS as usize * (share / 8 + (64 << 10));
    assert!((share..most).contains(&watch.most()), "{} of {share}", watch.most());
    close(&streams).await;
    assert_eq!(watch.used(), 0);
}

#[tokio::test]
async fn staged_writes_over_their_share_are_committed_early() {
    let (log, scratch, ledger) = (log(), Scratch::new(), MemoryLedger::new(LEAST));
    log.admin().create_topics(&[NewTopic::new("rows", 1)]).unwrap();
    let watch = Watch::new(&ledger, MemoryPart::Staged);
    let seen = watch.clone();
    let mut builder = TopologyBuilder::new();
    let rows = builder.add_state_store(Stores::key_value::<i64, Vec<u8>>("rows").persistent());
    builder
        .add_source::<i64, Vec<u8>>("source", &["rows"])
        .add_step::<_, _, Ignored, (), _>(
            "keep",
            move |key: i64, value: Vec<u8>, ctx| {
                seen.look();
                Ok(ctx.store(rows)?.put(&key, Some(value))?)
            },
            &["source"],
        )
        .connect("keep", rows);
    let topology = builder.build().unwrap();
    let config = config_with(&ledger, "rows", &scratch).commit_interval(Duration::from_secs(3600));
    let streams = running(&log, &topology, config).await;
    let producer = RecordProducer::new(&*log, RecordProducerOptions::default()).unwrap();
    for key in 0_i64..20_000 {
        let key = key.to_be_bytes();
        producer.send(ProducerRecord::new("rows").key(&key).value(&[7; 1000])).unwrap();
    }
    producer.flush_blocking().unwrap();
    watch.until(|watch| watch.records() == 20_000).await;
    let share = ledger.share(MemoryPart::Staged);
    let most = watch.most();
    // Beyond the share by what is processed in one turn.
    assert!((share / 2..share + 1024 * 1100).contains(&most), "{most} of {share}");
    let commits = streams.metrics().await.total().committed;
    assert!(commits >= 20_000 * 1000 / (share as u64 + 1024 * 1100), "{commits} commits");
    close(&streams).await;
}

#[tokio::test]
async fn two_applications_of_a_process_share_one_ledger() {
    let (log, scratches, ledger) =
        (log(), [Scratch::new(), Scratch::new()], MemoryLedger::new(LEAST));
    let (topology, store) = word_count(Kept::OnDisk);
    let application = |id: &str, scratch| {
        let config = config_with(&ledger, id, scratch).cache_max_bytes(3 << 20);
        KafkaStreams::new(topology.clone(), config, Arc::clone(&log))
    };
    let first = application("first", &scratches[0]).unwrap();
    let second = application("second", &scratches[1]).unwrap();
    let refused = application("third", &scratches[1]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(refused.to_string().contains("statestore.cache.max.bytes"), "{refused}");
    let text = lines(400, 3);
    for streams in [&first, &second] {
        streams.start().await.unwrap();
        crate::support::reach(streams, State::Running).await;
    }
    write(&log, &text);
    let mut updates = Updates::new(&log);
    while updates.latest != counted(&text) || counts(&second, store).await != counted(&text) {
        updates.wait_for(updates.seen + 1);
    }
    let seen = first.metrics().await.memory;
    assert_eq!((seen.capacity, seen.part(MemoryPart::Cache).unwrap().share), (LEAST, 6 << 20));
    assert!(seen.part(MemoryPart::Stores).unwrap().used > 0, "{seen:?}");
    close(&first).await;
    assert_eq!(ledger.share(MemoryPart::Cache), 3 << 20, "a closed application needs no cache");
    close(&second).await;
    let third = application("third", &scratches[1]);
    assert!(third.is_ok());
}
