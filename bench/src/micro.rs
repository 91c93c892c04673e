//! The micro-benchmarks: String keys of 10 bytes, values of 80.

use std::sync::Arc;

use streams_dsl::{
    Context, KStream, Outcome, Processor, Record, StreamsBuilder,
    core::stores::{Backend, MemoryBackend, RocksBackend, RocksMemory},
};

use crate::{
    harness::{Bench, batches},
    log,
};

const KEYS: usize = 100_000;
const LARGE_CACHE: usize = 1 << 30;
const VALUE: &str =
    "the quick brown fox jumps over the lazy dog, and then it does so once more, or two";

/// Name and code of each benchmark.
const ALL: &[(&str, fn(Size))] = &[
    ("chain", chain),
    ("stateless", stateless),
    ("count-memory", count_memory),
    ("count-memory-often", count_memory_often),
    ("count-rocksdb", count_rocksdb),
    ("count-rocksdb-often", count_rocksdb_often),
    ("log-append", log_append),
];

/// What can be named on the command line.
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|(name, _)| *name).collect()
}

/// How many records a round has, and how many rounds are measured after the first.
#[derive(Clone, Copy)]
struct Size {
    records: usize,
    rounds: usize,
}

/// Runs the named benchmarks, or all; `short` is for profilers that count instructions.
pub fn run(arguments: &[String]) {
    let short = arguments.iter().any(|one| one == "--short");
    let wanted: Vec<&String> = arguments.iter().filter(|one| *one != "--short").collect();
    let size = match short {
        true => Size { records: 200_000, rounds: 1 },
        false => Size { records: 3_000_000, rounds: 3 },
    };
    for (name, bench) in ALL {
        if wanted.is_empty() || wanted.iter().any(|one| one == name) {
            bench(size);
        }
    }
}

fn report(
    name: &str,
    Size { records, rounds }: Size,
    mut measure: impl FnMut() -> std::time::Duration,
) {
    measure();
    let best = (0..rounds).map(|_| measure()).min().unwrap_or_default();
    let nanos = best.as_nanos() as f64 / records as f64;
    println!("{name:24} {nanos:8.1} ns a record");
}

fn key(at: usize, out: &mut Vec<u8>) {
    // A permutation of the keys, so that neighbors do not share cache lines.
    let number = at.wrapping_mul(2_654_435_761) % KEYS;
    out.extend_from_slice(format!("key{number:07}").as_bytes());
}

/// Eight named operators between a source and a discarding sink.
fn operators(numbers: &KStream<String, i64>) {
    numbers
        .filter_with(|_, number| *number >= 0, "positive")
        .map_values_with(|number| number + 1, "next")
        .filter_with(|key, _| !key.is_empty(), "keyed")
        .map_values_with(|number| number * 2, "double")
        .select_key_with(|_, number| *number, "by-number")
        .peek_with(|_, number| _ = std::hint::black_box(number), "peek")
        .map_with(|key, number| (key, number - 1), "previous")
        .to("out");
}

/// From encoded batches: read, deserialize, eight operators, serialize.
fn stateless(size: Size) {
    let input = batches(size.records, |at, k, v| {
        key(at, k);
        v.extend_from_slice(&(at as i64).to_be_bytes());
    });
    let builder = StreamsBuilder::new();
    operators(&builder.stream::<String, i64>("in"));
    let topology = builder.build().expect("the topology is sound");
    let mut bench = Bench::new(&topology, "in", 0, memory(0), false);
    report("stateless", size, || bench.run(&input, 1_000_000));
}

/// Makes records, so that what follows is measured without what precedes it.
struct Feed {
    count: usize,
}

impl Processor<String, i64, String, i64> for Feed {
    fn process(
        &mut self,
        record: Record<String, i64>,
        ctx: &mut Context<'_, String, i64>,
    ) -> Outcome {
        for number in 0..self.count {
            ctx.pass(record.key.clone(), number as i64)?;
        }
        Ok(())
    }
}

/// The eight operators alone, on records made of 10-byte keys.
fn chain(size: Size) {
    let builder = StreamsBuilder::new();
    let count = size.records;
    operators(&builder.stream::<String, i64>("in").process(move || Feed { count }));
    let topology = builder.build().expect("the topology is sound");
    let mut bench = Bench::new(&topology, "in", 0, memory(0), false);
    let one = batches(1, |at, k, v| {
        key(at, k);
        v.extend_from_slice(&[0; 8]);
    });
    report("chain", size, || bench.run(&one, 1_000_000));
}

fn count_memory(size: Size) {
    count("count-memory", size, 1_000_000, memory(1));
}

fn count_memory_often(size: Size) {
    count("count-memory-often", size, 100_000, memory(1));
}

fn count_rocksdb(size: Size) {
    with_rocksdb(|backend| count("count-rocksdb", size, 1_000_000, backend));
}

fn count_rocksdb_often(size: Size) {
    with_rocksdb(|backend| count("count-rocksdb-often", size, 100_000, backend));
}

/// Count by key over 100,000 keys, the cache large enough, a commit each `commit_every` records
/// within the time.
fn count(name: &str, size: Size, commit_every: usize, backend: Arc<dyn Backend>) {
    let input = batches(size.records, |at, k, v| {
        key(at, k);
        v.extend_from_slice(&VALUE.as_bytes()[..80]);
    });
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").group_by_key().count().to_stream().to("out");
    let topology = builder.build().expect("the topology is sound");
    let mut bench = Bench::new(&topology, "in", LARGE_CACHE, backend, true);
    report(name, size, || bench.run(&input, commit_every));
}

fn memory(stores: usize) -> Arc<dyn Backend> {
    Arc::new(MemoryBackend::new("bench", stores))
}

/// A database in a fresh folder under the system's folder for temporary files.
fn with_rocksdb(run: impl FnOnce(Arc<dyn Backend>)) {
    let folder = std::env::temp_dir().join(format!("streams-bench-{}", std::process::id()));
    let memory = RocksMemory::new(64 << 20);
    let backend = RocksBackend::open(&folder, &["counts"], &memory).expect("the database opens");
    run(Arc::new(backend));
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}

fn log_append(size: Size) {
    log::append(size.records / 3_000);
}
