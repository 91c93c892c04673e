//! Word count: lines in, a table of counts out.
//!
//! ```text
//! cargo run --release -p streams-examples --example word_count
//! ```

use streams_dsl::prelude::*;
use streams_examples::{Application, Result, last_values};

fn topology() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<Ignored, String>("lines")
        .flat_map_values(|line| line.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>())
        // Records of one word have to meet in one task, so they go through a topic keyed by word.
        .group_by(|_, word| word.clone())
        .count_with(Materialized::named("counts"))
        .to_stream()
        .to("word-counts");
    Ok(builder.build()?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let topology = topology()?;
    println!("{}", topology.describe());

    let topics = [("lines", 2), ("word-counts", 1)];
    let application = Application::start("word-count", topology, &topics).await?;
    let lines = ["All streams lead to Kafka", "Hello Kafka Streams", "Join Kafka Summit"];
    for (time, line) in lines.into_iter().enumerate() {
        application.produce("lines", Ignored, line.to_owned(), time as i64)?;
    }
    // The topic has a record for each change of a count: the last one of a word stands.
    for (word, count) in last_values(application.results::<String, i64>("word-counts").await?) {
        println!("{word}\t{count}");
    }
    application.close().await
}

#[test]
fn each_word_is_counted_whatever_its_case_and_line() {
    let driver = streams_test::TopologyTestDriver::new(&topology().unwrap()).unwrap();
    let lines = driver.input::<Ignored, String>("lines");
    let counts = driver.output::<String, i64>("word-counts");
    lines.pipe(Ignored, "to be or not To be", 0).unwrap();
    let first = counts.read_key_values().unwrap();
    let expected = [("to", 1), ("be", 1), ("or", 1), ("not", 1), ("to", 2), ("be", 2)];
    assert_eq!(first, expected.map(|(word, count)| (word.to_owned(), count)));
    lines.pipe(Ignored, "", 1).unwrap();
    assert_eq!(counts.read().unwrap(), None);
    lines.pipe(Ignored, "NOT", 0).unwrap();
    assert_eq!(counts.read_key_values().unwrap(), [("not".to_owned(), 2)]);
}
