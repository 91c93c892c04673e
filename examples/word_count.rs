//! Word count: lines in, a table of counts out.
//!
//! ```text
//! cargo run --release -p streams-examples --example word_count
//! ```
//!
//! On Kafka it counts texts. It may be stopped, killed and started again, and run several times at
//! once: instances with one application id share the work.
//!
//! ```text
//! cargo run --release -p streams-examples --example word_count -- --bootstrap localhost:19092 \
//!     --input README.md --output counts.tsv --exit-when-idle
//! ```

use std::collections::BTreeMap;

use streams_dsl::prelude::*;
use streams_examples::{Arguments, Place, Result, at, words_of, write_tsv};

fn topology(prefix: &str) -> Result<Topology> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<Ignored, String>(&*format!("{prefix}lines"))
        .flat_map_values_into(|line, words| words.extend(words_of(line)))
        // Records of one word have to meet in one task, so they go through a topic keyed by word.
        // Counting is most of the work: more partitions than `lines` has let instances share it.
        .select_key(|_, word| word.clone())
        .repartition_with(Repartitioned::named("words").partitions(6))
        .group_by_key()
        .count_with(Materialized::named("counts"))
        .to_stream()
        .to(&format!("{prefix}word-counts"));
    Ok(builder.build()?)
}

#[tokio::main]
pub(crate) async fn main() -> Result<()> {
    let arguments = Arguments::with_texts()?;
    let place = Place::lasting("word-count", &arguments)?;
    let topology = topology(&place.prefix)?;
    println!("{}", topology.describe());
    let application = place.start(topology, &[("lines", 2), ("word-counts", 2)]).await?;

    if arguments.bootstrap.is_none() && arguments.inputs.is_empty() {
        for line in ["All streams lead to Kafka", "Hello Kafka Streams", "Join Kafka Summit"] {
            application.produce("lines", Ignored, line.to_owned(), 0)?;
        }
    }
    let is_idle = application.feed("lines", &arguments.inputs, arguments.exit_when_idle).await?;
    if is_idle {
        // The topic has a record for each change of a count, whichever instance made it: the last
        // one of a word stands.
        let counts: BTreeMap<String, i64> = application.table("word-counts").await?;
        match &arguments.output {
            Some(path) => write_tsv(path, counts).map_err(|error| at(path, &error))?,
            None => counts.iter().for_each(|(word, count)| println!("{word}\t{count}")),
        }
    }
    let counted = application.close().await?;
    println!("processed  {} records", counted.processed);
    println!("restored   {} records", counted.restored);
    Ok(())
}

#[test]
fn each_word_is_counted_whatever_its_case_and_line() {
    let driver = streams_test::TopologyTestDriver::new(&topology("").unwrap()).unwrap();
    let lines = driver.input::<Ignored, String>("lines");
    let counts = driver.output::<String, i64>("word-counts");
    lines.pipe(Ignored, "to be or not To be", 0).unwrap();
    let mut first = counts.read_key_values().unwrap();
    first.sort();
    let expected = [("be", 1), ("be", 2), ("not", 1), ("or", 1), ("to", 1), ("to", 2)];
    assert_eq!(first, expected.map(|(word, count)| (word.to_owned(), count)));
    lines.pipe(Ignored, "", 1).unwrap();
    assert_eq!(counts.read().unwrap(), None);
    lines.pipe(Ignored, "NOT", 0).unwrap();
    assert_eq!(counts.read_key_values().unwrap(), [("not".to_owned(), 2)]);
}
