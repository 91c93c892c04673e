//! Orders joined with users, sent by item through a repartition topic, joined with items, kept
//! where the item comes from the user's town, and counted per item and hour of the order's own time.

mod data;
mod records;

use std::{collections::BTreeMap, time::Duration};

use streams_dsl::{
    Consumed, ConsumerRecord, Materialized, Repartitioned, StreamsBuilder, Timestamp, Topology,
    TopologyError, Tumbling,
};

use super::{Volume, Work, Workload};
use crate::expectation::Expectation;
use records::{Item, Order, OrderUser, User};

pub(super) const WORKLOAD: Workload = Workload {
    name: "orders",
    inputs: &[("ord-users", 3), ("ord-items", 6), ("ord-orders", 3)],
    output: ("ord-out", 6),
    records: 1_000_000,
    generate: data::generate,
    volume,
    expect,
    work: Work::Topology(topology),
};

const HOUR: i64 = 3_600_000;

fn topology(prefix: &str) -> std::result::Result<Topology, TopologyError> {
    let topic = |name| format!("{prefix}{name}");
    let builder = StreamsBuilder::new();
    let users = builder.table_with::<String, User, _, _, _>(
        &topic("ord-users"),
        Consumed::new(),
        Materialized::named("users"),
    );
    let items = builder.table_with::<String, Item, _, _, _>(
        &topic("ord-items"),
        Consumed::new(),
        Materialized::named("items"),
    );
    builder
        .stream_with::<String, Order, _, _, _>(
            topic("ord-orders").as_str(),
            Consumed::new().timestamp_extractor(order_time),
        )
        .join(&users, |order, user| OrderUser { order, user: user.clone() })
        .select_key(|_, ordered| ordered.order.item.clone())
        .repartition_with(Repartitioned::named("orders-by-item").partitions(6))
        .join(&items, |ordered, item| item.origin == ordered.user.address)
        .filter(|_, is_local| *is_local)
        .group_by_key()
        .windowed_by(Tumbling::of(Duration::from_secs(3600)).grace(Duration::from_secs(24 * 3600)))
        .count_with(Materialized::named("local-purchases"))
        .to_stream()
        .select_key(|counted, _| format!("{}@{}", counted.key, counted.start().as_millis()))
        .to(&topic("ord-out"));
    builder.build()
}

/// The time of a record is that of its order, whenever it was written.
fn order_time(record: &ConsumerRecord<'_, String, Order>, _partition_time: Timestamp) -> Timestamp {
    Timestamp::from_millis(record.value.time)
}

fn volume(records: u64) -> Volume {
    let joined = (0..records).filter(|order| data::user_of(*order) < data::KNOWN_USERS).count();
    let input = records + data::KNOWN_USERS + data::ITEMS;
    Volume { input, processed: input + joined as u64 }
}

fn expect(records: u64) -> Expectation {
    let addresses: Vec<String> = (0..data::KNOWN_USERS).map(|u| data::user(u).address).collect();
    let origins: Vec<String> = (0..data::ITEMS).map(|item| data::item(item).origin).collect();
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for order in 0..records {
        let address = addresses.get(data::user_of(order) as usize);
        if address == Some(&origins[data::item_of(order) as usize]) {
            let order = data::order(order);
            let hour = order.time - order.time % HOUR;
            *counts.entry(format!("{}@{hour}", order.item)).or_default() += 1;
        }
    }
    Expectation::counts(counts)
}
