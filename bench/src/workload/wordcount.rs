//! Lines to words, words through a repartition topic, counts in a store.

use streams_dsl::{Grouped, Ignored, Materialized, StreamsBuilder, Topology, TopologyError};

use super::{Input, Sink, Volume, Work, Workload};
use crate::{
    Result,
    expectation::Expectation,
    generator::{BASE, id, zipf},
};

pub(super) const WORKLOAD: Workload = Workload {
    name: "wordcount",
    inputs: &[("wc-in", 4)],
    output: ("wc-out", 4),
    records: 400_000,
    generate,
    volume: |records| Volume { input: records, processed: records * (1 + WORDS) },
    expect,
    work: Work::Topology(topology),
};

/// Words of a line.
const WORDS: u64 = 5;

fn topology(prefix: &str) -> std::result::Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<Ignored, String>(format!("{prefix}wc-in").as_str())
        .flat_map_values_into(|line, words| words.extend(line.split(' ').map(str::to_owned)))
        .group_by_with(|_, word| word.clone(), Grouped::named("words"))
        .count_with(Materialized::named("counts"))
        .to_stream()
        .to(&format!("{prefix}wc-out"));
    builder.build()
}

fn generate(records: u64, sink: &mut Sink<'_>) -> Result<()> {
    for record in 0..records {
        let words: Vec<String> =
            (0..WORDS).map(|place| id("w", zipf(11, record * WORDS + place), 5)).collect();
        sink(&Input {
            topic: "wc-in",
            partition: Some((record % 4) as i32),
            timestamp: BASE + record as i64,
            key: None,
            value: words.join(" ").as_bytes(),
        })?;
    }
    Ok(())
}

fn expect(records: u64) -> Expectation {
    let mut counts = vec![0; 1 << 16];
    for word in 0..records * WORDS {
        counts[zipf(11, word) as usize] += 1;
    }
    let counted = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
    Expectation::counts(counted.map(|(word, count)| (id("w", word as u64, 5), count)))
}
