//! Records of each key in windows of a minute; some are out of order, a few too late.

use std::{collections::BTreeMap, time::Duration};

use streams_core::batch::partition_for_key;
use streams_dsl::{Materialized, StreamsBuilder, Topology, TopologyError, Tumbling};

use super::{Input, Sink, Volume, Work, Workload};
use crate::{
    Result,
    expectation::Expectation,
    generator::{BASE, id, pick},
};

pub(super) const WORKLOAD: Workload = Workload {
    name: "windowcount",
    inputs: &[("win-in", 4)],
    output: ("win-out", 4),
    records: 1_000_000,
    generate,
    volume: |records| Volume { input: records, processed: records },
    expect,
    work: Work::Topology(topology),
};

const MINUTE: i64 = 60_000;
const GRACE: i64 = 10_000;

fn topology(prefix: &str) -> std::result::Result<Topology, TopologyError> {
    let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(10));
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>(format!("{prefix}win-in").as_str())
        .group_by_key()
        .windowed_by(minutes)
        .count_with(Materialized::named("counts"))
        .to_stream()
        .select_key(|counted, _| format!("{}@{}", counted.key, counted.start().as_millis()))
        .to(&format!("{prefix}win-out"));
    builder.build()
}

fn key(record: u64) -> String {
    id("k", pick(21, record, 5_000), 6)
}

/// 2 ms apart, up to 5 s out of order, one in 1000 another two minutes late.
fn time(record: u64) -> i64 {
    let late = if pick(23, record, 1_000) == 0 { 2 * MINUTE } else { 0 };
    BASE + 2 * record as i64 - pick(22, record, 5_000) as i64 - late
}

fn generate(records: u64, sink: &mut Sink<'_>) -> Result<()> {
    for record in 0..records {
        sink(&Input {
            topic: "win-in",
            partition: None,
            timestamp: time(record),
            key: Some(key(record).as_bytes()),
            value: format!("{record}|abcdefghijklmnopqrstuvwx").as_bytes(),
        })?;
    }
    Ok(())
}

/// A record counts unless its window has ended for longer than the grace period, by the greatest
/// timestamp so far of its partition.
fn expect(records: u64) -> Expectation {
    let mut stream_times = [i64::MIN; 4];
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for record in 0..records {
        let (key, time) = (key(record), time(record));
        let stream_time = &mut stream_times[partition_for_key(key.as_bytes(), 4) as usize];
        *stream_time = time.max(*stream_time);
        let start = time - time % MINUTE;
        if start + MINUTE > *stream_time - GRACE {
            *counts.entry(format!("{key}@{start}")).or_default() += 1;
        }
    }
    Expectation::counts(counts)
}
