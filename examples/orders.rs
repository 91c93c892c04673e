//! Orders, joined with who ordered and what: purchases of local goods per hour, by gender and town.
//!
//! Orders are keyed by user, items by their name: behind the first join the records are keyed anew
//! and go through a topic, so that they meet their items. That topic is the application's own
//! (`repartition`), or one of yours that others may read too (`through`):
//!
//! ```text
//! cargo run --release -p streams-examples --example orders -- repartition
//! cargo run --release -p streams-examples --example orders -- through
//! ```

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use streams_dsl::{Bincode, ConsumerRecord, TimestampExtractor, prelude::*};
use streams_examples::{Arguments, Place, Result, last_values};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    user: String,
    item: String,
    /// Milliseconds since the epoch: the event time of the order.
    time: i64,
    quantity: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct User {
    gender: String,
    address: String,
    age: u8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Item {
    price: f64,
    category: String,
    origin: String,
}

/// An order with what is known of its user.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OrderUser {
    order: Order,
    user: User,
}

/// The time of a record is that of its order, whenever it was written.
struct OrderTimestampExtractor;

impl TimestampExtractor<String, Bincode<Order>> for OrderTimestampExtractor {
    fn extract(
        &self,
        record: &ConsumerRecord<'_, String, Bincode<Order>>,
        _partition_time: Timestamp,
    ) -> std::result::Result<Timestamp, ProcessorError> {
        Ok(Timestamp::from_millis(record.value.time))
    }
}

/// A window's start for people to read.
fn hour(start: Timestamp) -> String {
    let calendar = DateTime::<Utc>::try_from(start);
    calendar.map_or_else(|_| start.to_string(), |time| time.format("%F %R").to_string())
}

#[derive(Clone, Copy, Debug)]
enum Rekey {
    Repartition,
    Through,
}

fn topology(rekey: Rekey, prefix: &str) -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let topic = |name: &str| format!("{prefix}{name}");
    let users = builder.table::<String, Bincode<User>>(&topic("users"));
    let items = builder.table::<String, Bincode<Item>>(&topic("items"));

    let by_item = builder
        .stream_with::<String, Bincode<Order>, _, _, _>(
            &*topic("orders"),
            Consumed::new().timestamp_extractor(OrderTimestampExtractor),
        )
        .join(&users, |order, user| Bincode(OrderUser { order: order.0, user: user.0.clone() }))
        .select_key(|_, ordered| ordered.order.item.clone());
    let by_item = match rekey {
        Rekey::Repartition => {
            by_item.repartition_with(Repartitioned::named("orderuser-by-item").partitions(6))
        }
        Rekey::Through => by_item.through(&topic("orderuser-repartition-by-item")),
    };
    by_item
        .join(&items, |ordered, item| {
            let is_local = item.origin == ordered.user.address;
            is_local.then(|| format!("{}/{}", ordered.user.gender, ordered.user.address))
        })
        .non_null_values()
        .group_by(|_, gender_and_address| gender_and_address.clone())
        .windowed_by(Tumbling::of(Duration::from_secs(3600)).grace(Duration::from_secs(3600)))
        .count_with(Materialized::named("purchases"))
        .to_stream()
        .map(|who, count| (format!("{} from {}", who.key, hour(who.start())), count))
        .to(&topic("purchases-per-hour"));
    Ok(builder.build()?)
}

const HOUR: i64 = 3_600_000;

fn users() -> [(&'static str, User); 3] {
    let user = |gender: &str, address: &str, age| User {
        gender: gender.to_owned(),
        address: address.to_owned(),
        age,
    };
    [
        ("Jack", user("male", "Berlin", 23)),
        ("Lily", user("female", "Paris", 31)),
        ("Mike", user("male", "Berlin", 45)),
    ]
}

fn items() -> [(&'static str, Item); 3] {
    let item = |price, category: &str, origin: &str| Item {
        price,
        category: category.to_owned(),
        origin: origin.to_owned(),
    };
    [
        ("bread", item(3.5, "food", "Berlin")),
        ("cheese", item(12.0, "food", "Paris")),
        ("clock", item(80.0, "home", "Zurich")),
    ]
}

/// User, item, minute of the order.
const ORDERS: [(&str, &str, i64); 7] = [
    ("Jack", "bread", 1),
    ("Lily", "cheese", 5),
    ("Mike", "bread", 9),
    ("Lily", "bread", 20), // not from her town
    ("Jack", "clock", 30), // from nobody's town
    ("Nora", "bread", 40), // an unknown user
    ("Jack", "bread", 61), // the next hour
];

fn order(user: &str, item: &str, minute: i64) -> Order {
    Order { user: user.to_owned(), item: item.to_owned(), time: minute * HOUR / 60, quantity: 1 }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::with_word("repartition|through")?;
    let rekey = match arguments.word.as_deref() {
        Some("through") => Rekey::Through,
        _ => Rekey::Repartition,
    };
    let place = Place::once("orders", &arguments)?;
    let topology = topology(rekey, &place.prefix)?;
    let topics = [
        ("orders", 3),
        ("users", 3),
        ("items", 6),
        ("orderuser-repartition-by-item", 6),
        ("purchases-per-hour", 1),
    ];
    let application = place.start(topology, &topics).await?;
    for (name, user) in users() {
        application.produce("users", name.to_owned(), Bincode(user), 0)?;
    }
    for (name, item) in items() {
        application.produce("items", name.to_owned(), Bincode(item), 0)?;
    }
    // The tables first: an order finds what they hold when it comes.
    application.results::<Ignored, Ignored>("purchases-per-hour").await?;
    for (user, item, minute) in ORDERS {
        let order = Bincode(order(user, item, minute));
        // Written now; the extractor finds the time of the order.
        application.produce("orders", user.to_owned(), order, 0)?;
    }
    for (who, count) in last_values(application.results::<String, i64>("purchases-per-hour").await?)
    {
        println!("{who}: {count}");
    }
    application.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use streams_test::{DriverOptions, TopologyTestDriver};

    use super::*;

    fn purchases(rekey: Rekey) -> Vec<(String, i64)> {
        let options = DriverOptions::new()
            .partitions("orders", 3)
            .partitions("users", 3)
            .partitions("items", 6)
            .partitions("orderuser-repartition-by-item", 6);
        let driver = TopologyTestDriver::with(&topology(rekey, "").unwrap(), &options).unwrap();
        for (name, user) in users() {
            driver.input::<String, Bincode<User>>("users").pipe(name, Bincode(user), 0).unwrap();
        }
        for (name, item) in items() {
            driver.input::<String, Bincode<Item>>("items").pipe(name, Bincode(item), 0).unwrap();
        }
        for (user, item, minute) in ORDERS {
            let orders = driver.input::<String, Bincode<Order>>("orders");
            orders.pipe(user, Bincode(order(user, item, minute)), 0).unwrap();
        }
        let mut counts =
            last_values(driver.output("purchases-per-hour").read_key_values().unwrap());
        counts.sort();
        counts
    }

    #[test]
    fn local_purchases_are_counted_per_hour_by_gender_and_town() {
        let expected = [
            ("female/Paris from 1970-01-01 00:00", 1),
            ("male/Berlin from 1970-01-01 00:00", 2),
            ("male/Berlin from 1970-01-01 01:00", 1),
        ];
        let expected = expected.map(|(who, count)| (who.to_owned(), count));
        assert_eq!(purchases(Rekey::Repartition), expected);
        assert_eq!(purchases(Rekey::Through), expected, "whoever owns the topic between");
    }

    #[test]
    fn the_topology_is_cut_where_records_are_keyed_anew() {
        for rekey in [Rekey::Repartition, Rekey::Through] {
            assert_eq!(topology(rekey, "").unwrap().subtopology_count(), 3);
        }
    }
}
