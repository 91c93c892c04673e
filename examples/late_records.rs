//! Records out of order: a late one still counts in the window it belongs to, until the window's
//! grace is over; then it is dropped, and counted as dropped.
//!
//! ```text
//! cargo run --release -p streams-examples --example late_records
//! ```

use std::time::Duration;

use streams_dsl::prelude::*;
use streams_examples::{Arguments, Place, Result};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn topology(prefix: &str) -> Result<Topology> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>(&*format!("{prefix}visits"))
        .group_by_key()
        .windowed_by(Tumbling::of(secs(5)).grace(secs(10)))
        // Without the cache each update is seen, not only the last before a commit.
        .count_with(Materialized::named("visits-per-window").caching(false))
        .to_stream()
        .map(|page, count| {
            let (from, to) = (page.start().as_millis() / 1000, page.end().as_millis() / 1000);
            (format!("{} in seconds {from} to {to}", page.key), count)
        })
        .to(&format!("{prefix}counts"));
    Ok(builder.build()?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let place = Place::once("late-records", &Arguments::read()?)?;
    let topology = topology(&place.prefix)?;
    let application = place.start(topology, &[("visits", 1), ("counts", 1)]).await?;
    let visit = |second: i64| {
        application.produce("visits", "home".to_owned(), "visit".to_owned(), second * 1000)
    };

    for second in [1, 3, 4] {
        visit(second)?;
    }
    visit(7)?; // Stream time moves on: the window is over, its grace is not.
    visit(2)?; // Late, and still counted.
    visit(20)?; // The grace is over with second 15.
    visit(3)?; // Too late.
    for (window, count) in application.results::<String, i64>("counts").await? {
        println!("{window}: {count}");
    }
    println!("dropped as too late: {}", application.close().await?.dropped);
    Ok(())
}

#[test]
fn a_late_record_counts_until_the_grace_is_over_and_is_dropped_and_counted_after() {
    let driver = streams_test::TopologyTestDriver::new(&topology("").unwrap()).unwrap();
    let visits = driver.input::<String, String>("visits");
    let counts = driver.output::<String, i64>("counts");
    let visit = |second: i64| {
        visits.pipe("home", "visit", second * 1000).unwrap();
        counts.read_key_values().unwrap()
    };
    let in_first = |count| vec![("home in seconds 0 to 5".to_owned(), count)];

    assert_eq!(visit(1), in_first(1));
    assert_eq!(visit(3), in_first(2));
    assert_eq!(visit(4), in_first(3));
    assert_eq!(visit(7), [("home in seconds 5 to 10".to_owned(), 1)]);
    assert_eq!(visit(2), in_first(4), "late, within the grace");
    visit(14);
    assert_eq!(driver.dropped_records(), 0);
    visit(15);
    assert_eq!(visit(3), [], "the grace is over");
    assert_eq!(driver.dropped_records(), 1);
}
