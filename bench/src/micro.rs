//! The micro-benchmarks: String keys of 10 bytes, values of 80.

use std::sync::Arc;

use streams_core::batch::RecordBatch;
use streams_core::{
    Context, Outcome, Processor, Record, StoreHandle, Topology, TopologyBuilder,
    stores::{
        Backend, Change, MemoryBackend, Stores, TimestampedKeyValueStore, Update, UpdateError,
    },
};

use crate::harness::{Bench, batches};

const KEYS: usize = 100_000;
const LARGE_CACHE: usize = 1 << 30;
const VALUE: &str =
    "the quick brown fox jumps over the lazy dog, and then it does so once more, or two";

/// Name and code of each benchmark.
const ALL: &[(&str, fn(Size))] = &[
    ("stateless", stateless),
    ("count-memory", count_memory),
    ("count-memory-100k", count_memory_100k),
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

fn lines(count: usize) -> Vec<RecordBatch> {
    batches(count, |at, k, v| {
        key(at, k);
        v.extend_from_slice(&VALUE.as_bytes()[..80]);
    })
}

fn stateless(size: Size) {
    let input = batches(size.records, |at, k, v| {
        key(at, k);
        v.extend_from_slice(&(at as i64).to_be_bytes());
    });
    let topology = stateless_topology();
    let mut bench = Bench::new(&topology, "in", 0, memory(0), false);
    report("stateless", size, || bench.run(&input, 1_000_000));
}

fn stateless_topology() -> Topology {
    type Ctx<'a> = Context<'a, String, i64>;
    let mut builder = TopologyBuilder::new();
    builder
        .add_source::<String, i64>("source", &["in"])
        .add_step(
            "f1",
            |k: String, v: i64, c: &mut Ctx<'_>| if v >= 0 { c.pass(k, v) } else { Ok(()) },
            &["source"],
        )
        .add_step("m1", |k: String, v: i64, c: &mut Ctx<'_>| c.pass(k, v + 1), &["f1"])
        .add_step(
            "f2",
            |k: String, v: i64, c: &mut Ctx<'_>| if !k.is_empty() { c.pass(k, v) } else { Ok(()) },
            &["m1"],
        )
        .add_step("m2", |k: String, v: i64, c: &mut Ctx<'_>| c.pass(k, v * 2), &["f2"])
        .add_step("s", |_: String, v: i64, c: &mut Context<'_, i64, i64>| c.pass(v, v), &["m2"])
        .add_step(
            "p",
            |k: i64, v: i64, c: &mut Context<'_, i64, i64>| {
                std::hint::black_box(v);
                c.pass(k, v)
            },
            &["s"],
        )
        .add_step("m", |k: i64, v: i64, c: &mut Context<'_, i64, i64>| c.pass(v, k), &["p"])
        .add_sink::<i64, i64>("sink", "out", &["m"]);
    builder.build().expect("the topology is sound")
}

fn count_memory(size: Size) {
    count("count-memory", size, 1_000_000, memory(1));
}

fn count_memory_100k(size: Size) {
    count("count-memory-100k", size, 100_000, memory(1));
}

fn memory(stores: usize) -> Arc<dyn Backend> {
    Arc::new(MemoryBackend::new("bench", stores))
}

fn count(name: &str, size: Size, commit_every: usize, backend: Arc<dyn Backend>) {
    let input = lines(size.records);
    let topology = count_topology();
    let mut bench = Bench::new(&topology, "in", LARGE_CACHE, backend, true);
    report(name, size, || bench.run(&input, commit_every));
}

type Counts = TimestampedKeyValueStore<String, i64>;
struct Count(StoreHandle<Counts>);
impl Processor<String, String, String, Change<i64>> for Count {
    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut Context<'_, String, Change<i64>>,
    ) -> Outcome {
        let at = record.timestamp;
        let update = ctx.store(self.0)?.update(&record.key, |old, time| {
            Ok::<_, UpdateError<std::convert::Infallible>>((
                Some(old.unwrap_or(0) + 1),
                time.map_or(at, |t| t.max(at)),
            ))
        });
        match update.map_err(|e| e.to_string())? {
            Update::Cached => Ok(()),
            Update::Change(change, at) => ctx.pass_at(record.key, change, at),
        }
    }
    fn flush(&mut self, ctx: &mut Context<'_, String, Change<i64>>) -> Outcome {
        while let Some(flushed) = ctx.store(self.0)?.next_dirty()? {
            ctx.pass_at(flushed.key, flushed.change, flushed.timestamp)?;
        }
        Ok(())
    }
}

fn count_topology() -> Topology {
    let mut builder = TopologyBuilder::new();
    let counts = builder
        .add_state_store(Stores::timestamped_key_value::<String, i64>("counts").caching(true));
    builder
        .add_source::<String, String>("source", &["in"])
        .add_processor("count", move || Count(counts), &["source"])
        .connect("count", counts);
    builder.set_cache_owner(counts, "count");
    builder.add_step(
        "value",
        |k: String, v: Change<i64>, c: &mut Context<'_, String, Option<i64>>| c.pass(k, v.new),
        &["count"],
    );
    builder.add_sink::<String, Option<i64>>("sink", "out", &["value"]);
    builder.build().expect("the topology is sound")
}
