//! Stateless: some records are dropped, the others get a new key and a new value.

use std::{fmt::Write, num::ParseIntError};

use streams_dsl::{StreamsBuilder, Topology, TopologyError};

use super::{Input, Sink, Volume, Work, Workload};
use crate::{
    Result,
    expectation::Expectation,
    generator::{BASE, id, pick},
};

pub(super) const WORKLOAD: Workload = Workload {
    name: "passthrough",
    inputs: &[("pt-in", 4)],
    output: ("pt-out", 4),
    records: 2_000_000,
    generate,
    volume: |records| Volume { input: records, processed: records },
    expect,
    work: Work::Topology(topology),
};

/// Makes values about as long as events are.
pub(super) const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567";

fn topology(prefix: &str) -> std::result::Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>(format!("{prefix}pt-in").as_str())
        .filter(|_, event| status(event) != "D")
        .try_map(by_status)
        .to(&format!("{prefix}pt-out"));
    builder.build()
}

/// The third field of `number|amount|status|padding`.
fn status(event: &str) -> &str {
    event.split('|').nth(2).unwrap_or_default()
}

/// The amount doubled, under a key that has the status in it.
fn by_status(key: String, event: String) -> std::result::Result<(String, String), ParseIntError> {
    let mut fields = event.split('|');
    let mut field = || fields.next().unwrap_or_default();
    let (number, amount, status, padding) = (field(), field(), field(), field());
    let doubled = 2 * amount.parse::<i64>()?;
    let mut value = String::with_capacity(event.len());
    write!(value, "{number}|{doubled}|{padding}").expect("a string takes what is written");
    Ok(([&key, "#", status].concat(), value))
}

fn key(record: u64) -> String {
    id("u", pick(1, record, 100_000), 6)
}

fn value(record: u64) -> String {
    let status = char::from(b"ABCDEFGHIJ"[pick(3, record, 10) as usize]);
    format!("{record}|{}|{status}|{PADDING}", pick(2, record, 100_000))
}

pub(super) fn generate(records: u64, sink: &mut Sink<'_>) -> Result<()> {
    for record in 0..records {
        let (key, value) = (key(record), value(record));
        sink(&Input {
            topic: "pt-in",
            partition: None,
            timestamp: BASE + record as i64,
            key: Some(key.as_bytes()),
            value: value.as_bytes(),
        })?;
    }
    Ok(())
}

fn expect(records: u64) -> Expectation {
    let mut expected = Expectation::stream();
    for record in 0..records {
        let status = char::from(b"ABCDEFGHIJ"[pick(3, record, 10) as usize]);
        if status != 'D' {
            let key = format!("{}#{status}", key(record));
            let value = format!("{record}|{}|{PADDING}", 2 * pick(2, record, 100_000));
            expected.add(key.as_bytes(), Some(value.as_bytes()));
        }
    }
    expected
}
