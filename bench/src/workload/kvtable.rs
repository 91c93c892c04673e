//! Keeps the last value of each of many keys: the workload whose changelog is restored.

use streams_dsl::{Materialized, StreamsBuilder, Topology, TopologyError};

use super::{Input, Sink, Volume, Work, Workload, passthrough::PADDING};
use crate::{
    Result,
    expectation::Expectation,
    generator::{BASE, id, pick},
};

pub(super) const WORKLOAD: Workload = Workload {
    name: "kvtable",
    inputs: &[("kv-in", 4)],
    output: ("kv-out", 4),
    records: 2_000_000,
    generate,
    volume: |records| Volume { input: records, processed: records },
    expect,
    work: Work::Topology(topology),
};

fn topology(prefix: &str) -> std::result::Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>(format!("{prefix}kv-in").as_str())
        .group_by_key()
        .reduce_with(|_, now| now, Materialized::named("rows"))
        .to_stream()
        .map_values(|row| row.map(|row| row.len() as i64))
        .to(&format!("{prefix}kv-out"));
    builder.build()
}

/// Every key once, in an order that looks random: multiples of 7919 visit all numbers below
/// `records`, which is no multiple of it.
fn key(record: u64, records: u64) -> String {
    id("key", record * 7919 % records, 9)
}

fn value(record: u64) -> String {
    format!("{record}|{PADDING}|{}", pick(61, record, 1_000_000_000))
}

fn generate(records: u64, sink: &mut Sink<'_>) -> Result<()> {
    for record in 0..records {
        sink(&Input {
            topic: "kv-in",
            partition: None,
            timestamp: BASE + record as i64,
            key: Some(key(record, records).as_bytes()),
            value: value(record).as_bytes(),
        })?;
    }
    Ok(())
}

fn expect(records: u64) -> Expectation {
    let row = |record| (key(record, records), value(record).len() as i64);
    Expectation::counts((0..records).map(row))
}
