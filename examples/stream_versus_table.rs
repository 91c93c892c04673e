//! A stream and a table on one topic: for the stream each record is one more fact, for the table it
//! is the new value of its key.
//!
//! ```text
//! cargo run --release -p streams-examples --example stream_versus_table
//! ```

use streams_dsl::prelude::*;
use streams_examples::{Arguments, Place, Result, last_values};

const PURCHASES: [(&str, i64); 5] =
    [("Jack", 1), ("Lily", 2), ("Mike", 4), ("Jack", 3), ("Lily", 5)];

/// What each person spent in all: every record counts.
fn stream_topology(prefix: &str) -> Result<Topology> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, i64>(&*format!("{prefix}purchases"))
        .group_by_key()
        .reduce(|sum, amount| sum + amount)
        .to_stream()
        .to(&format!("{prefix}sums"));
    Ok(builder.build()?)
}

/// What each person spent last: a record replaces the one before.
fn table_topology(prefix: &str) -> Result<Topology> {
    let builder = StreamsBuilder::new();
    builder
        .table::<String, i64>(&format!("{prefix}purchases"))
        .to_stream()
        .to(&format!("{prefix}latest"));
    Ok(builder.build()?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let place = Place::once("purchases-stream", &Arguments::read()?)?;
    let (stream, table) = (stream_topology(&place.prefix)?, table_topology(&place.prefix)?);
    let topics = [("purchases", 1), ("sums", 1), ("latest", 1)];
    let stream = place.start(stream, &topics).await?;
    let table = stream.beside("purchases-table", table).await?;
    for (time, (name, amount)) in PURCHASES.into_iter().enumerate() {
        stream.produce("purchases", name.to_owned(), amount, time as i64)?;
    }

    println!("as a stream, summed:");
    let mut sums = last_values(stream.results::<String, i64>("sums").await?);
    sums.sort();
    sums.iter().for_each(|(name, sum)| println!("  {name} {sum}"));
    println!("as a table, in the order of the last values:");
    for (name, amount) in last_values(table.results::<String, i64>("latest").await?) {
        println!("  {name} {amount}");
    }
    table.close().await?;
    stream.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use streams_test::TopologyTestDriver;

    use super::*;

    /// The last value of each key, in the order in which those stand in the topic.
    fn run(topology: &Topology, output: &str) -> Vec<(String, i64)> {
        let driver = TopologyTestDriver::new(topology).unwrap();
        let purchases = driver.input::<String, i64>("purchases");
        for (name, amount) in PURCHASES {
            purchases.pipe(name, amount, 0).unwrap();
        }
        last_values(driver.output(output).read_key_values().unwrap())
    }

    fn of(rows: [(&str, i64); 3]) -> Vec<(String, i64)> {
        rows.map(|(name, amount)| (name.to_owned(), amount)).to_vec()
    }

    #[test]
    fn a_stream_sums_all_records_of_a_key() {
        let mut sums = run(&stream_topology("").unwrap(), "sums");
        sums.sort();
        assert_eq!(sums, of([("Jack", 4), ("Lily", 7), ("Mike", 4)]));
    }

    #[test]
    fn a_table_holds_the_last_value_of_a_key() {
        let latest = run(&table_topology("").unwrap(), "latest");
        assert_eq!(latest, of([("Mike", 4), ("Jack", 3), ("Lily", 5)]));
    }
}
