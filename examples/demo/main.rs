//! Counts the words of texts, and can be stopped and started at will.
//!
//! ```text
//! cargo xtask demo [--input FILE..] [--output COUNTS.tsv] [--fresh] [--dir DIR]
//! ```
//!
//! The texts are fed line by line into the topic `lines` of an embedded log on disk; an application
//! counts their words in a store on disk. What was read, processed and counted is all in the log,
//! so that a run goes on where the one before stopped, cleanly or not:
//!
//! * how far each text was read stands with its lines, in the log ([`Feed`]),
//! * how far the lines were processed are the application's committed offsets,
//! * the counts are in its store, or are restored from the store's changelog topic.

mod arguments;
mod texts;
mod counts;
mod report;

use std::{fs::File, io::IsTerminal, path::Path, process::ExitCode, sync::Arc, time::Duration};

use streams_dsl::{
    Broker, NewTopic, State, TimestampedKeyValueStore,
    core::{Clock, SystemClock, broker::Acks},
    prelude::*,
};
use streams_examples::{Feed, FeedOptions, Lag, Result, Stop, at, with_causes, words_of};
use tokio::time::MissedTickBehavior;

use arguments::Arguments;
use report::{Done, Processed, Progress};

const APPLICATION: &str = "demo";
const LINES: &str = "lines";
const STORE: &str = "counts";

/// Lines in, a table of counts out. `demo` asks the table when it is complete.
fn topology() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<Ignored, String>(LINES)
        .flat_map_values_into(|line, words| words.extend(words_of(line)))
        .group_by(|_, word| word.clone())
        .count_with(Materialized::named(STORE));
    Ok(builder.build()?)
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let outcome = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => run(&arguments).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let texts = texts::find(&arguments.inputs)?;
    let folder = arguments.folder.join(&texts.name);
    let _lock = lock(&folder)?;
    if arguments.fresh && folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| at(&folder, &error))?;
    }
    let mut stop = Stop::listen()?;

    // All threads are there when tasks are first given out: none has to move at once.
    let options = EmbeddedOptions::default().initial_rebalance_delay(Duration::from_millis(20));
    let broker: Arc<dyn Broker> = Arc::new(EmbeddedBroker::open(folder.join("log"), options)?);
    if broker.admin().describe_topics(&[LINES])?[0].is_none() {
        broker.admin().create_topics(&[NewTopic::new(LINES, 2)])?;
    }
    let topology = topology()?;
    let counts = topology.store::<TimestampedKeyValueStore<String, i64>>(STORE);
    let counts = counts.ok_or("the topology has no store of counts")?;
    let lag = Lag::of(&broker, APPLICATION, &topology);
    let before = committed(&lag)?;

    let started = SystemClock.now();
    // Acknowledged when the operating system has it: enough for any end of the process.
    let config = StreamsConfig::new(APPLICATION)?
        .state_dir(folder.join("state"))
        .num_stream_threads(
            std::thread::available_parallelism().map_or(1, |cores| cores.get().min(2)),
        )
        .commit_interval(Duration::from_millis(500))
        .cache_max_bytes(32 << 20)
        .memory_bytes(96 << 20)
        .repartition_purge_interval(Duration::from_secs(5))
        .acks(Acks::Leader);
    let streams = KafkaStreams::new(topology, config, Arc::clone(&broker))?;
    streams.start().await?;
    let options = FeedOptions {
        topic: LINES.to_owned(),
        acks: Acks::Leader,
        lock: None,
        anew: "--fresh counts anew",
    };
    let mut feed = Feed::start(broker, texts.files, options)?;

    let finished = watch(&streams, lag.clone(), before, &feed, &mut stop).await;
    let notes = feed.stop().await;
    let mut done = Done {
        fed: feed.so_far(),
        notes: notes?,
        processed: Processed::default(),
        restored: streams.metrics().await.total().restored,
        millis: SystemClock.now().as_millis() - started.as_millis(),
    };
    if !finished? {
        streams.close().await?;
        done.processed = committed(&lag)?.since(before);
        report::stopped(&done);
        return Ok(());
    }
    done.processed = committed(&lag)?.since(before);
    let most = counts::read(&streams, counts, arguments.output.as_deref()).await?;
    streams.close().await?;
    report::finished(&done, &most, &folder, arguments.output.as_deref());
    Ok(())
}

/// Shows progress until all is counted (true) or the user wants to stop (false).
async fn watch(
    streams: &KafkaStreams,
    mut lag: Lag,
    before: Processed,
    feed: &Feed,
    stop: &mut Stop,
) -> Result<bool> {
    let mut progress = Progress::new(std::io::stderr().is_terminal());
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = stop.wanted() => {
                progress.end();
                return Ok(false);
            }
        }
        if let Some(error) = streams.error() {
            progress.end();
            return Err(error.into());
        }
        let restoring: u64 =
            streams.restore_progress().values().map(|progress| progress.restored).sum();
        let [committed, ends] = offsets(&lag)?;
        progress.show(&feed.so_far(), committed.since(before), ends.since(before), restoring);
        // Counted through and running: a restore of what was counted before may still go on.
        if feed.has_ended() && lag.is_none_left()? && streams.state() == State::Running {
            progress.end();
            return Ok(true);
        }
    }
}

/// What the application has processed and committed.
fn committed(lag: &Lag) -> Result<Processed> {
    let [committed, _] = offsets(lag)?;
    Ok(committed)
}

/// Records processed and committed, and records in the log.
fn offsets(lag: &Lag) -> Result<[Processed; 2]> {
    let (mut processed, mut written) = (Processed::default(), Processed::default());
    for (partition, committed, end) in lag.offsets()? {
        match &*partition.topic {
            LINES => (processed.lines += committed, written.lines += end),
            _ => (processed.words += committed, written.words += end),
        };
    }
    Ok([processed, written])
}

/// Only one demo works in a folder at a time.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.with_extension("lock");
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| at(parent, &error))?;
    }
    let file = File::create(&path).map_err(|error| at(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(format!("another demo works in {}", folder.display()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_of_a_line_is_counted() {
        let topology = topology().unwrap();
        let driver = streams_test::TopologyTestDriver::new(&topology).unwrap();
        driver.input::<Ignored, String>(LINES).pipe(Ignored, "To be, or not TO be", 0).unwrap();
        let counts = topology.store::<TimestampedKeyValueStore<String, i64>>(STORE).unwrap();
        let count = |word: &str| {
            let word = word.to_owned();
            let found = driver.with_store(counts, |_, store| store.get(&word).unwrap());
            found.unwrap().into_iter().flatten().next().map(|found| found.value)
        };
        assert_eq!((count("to"), count("or"), count("question")), (Some(2), Some(1), None));
    }
}
