//! Who orders what, and when.

use super::{
    super::{Input, Sink},
    records::{Item, Order, User, encode},
};
use crate::{
    Result,
    generator::{BASE, id, pick},
};

/// Users that are in the table; an order may be from one of [`USERS`].
pub(super) const KNOWN_USERS: u64 = 29_400;
pub(super) const ITEMS: u64 = 5_000;
const USERS: u64 = 30_000;
const CITIES: u64 = 20;
const DAY: i64 = 86_400_000;

/// The user of an order.
pub(super) fn user_of(order: u64) -> u64 {
    pick(77, order, USERS)
}

/// The item of an order.
pub(super) fn item_of(order: u64) -> u64 {
    pick(78, order, ITEMS)
}

pub(super) fn user(user: u64) -> User {
    User {
        address: city(pick(71, user, CITIES)),
        gender: b'F' + 7 * pick(72, user, 2) as u8,
        age: 18 + pick(73, user, 60) as u8,
    }
}

pub(super) fn item(item: u64) -> Item {
    Item {
        origin: city(pick(74, item, CITIES)),
        category: format!("cat{}", pick(75, item, 30)),
        price: 1.0 + pick(76, item, 10_000) as f64 / 100.0,
    }
}

pub(super) fn order(order: u64) -> Order {
    Order {
        transaction: order as i64,
        time: BASE + 20 * order as i64 - pick(79, order, 600_000) as i64,
        quantity: 1 + pick(80, order, 9) as i32,
        item: item_key(item_of(order)),
    }
}

fn city(city: u64) -> String {
    id("city", city, 2)
}

fn user_key(user: u64) -> String {
    id("user", user, 6)
}

fn item_key(item: u64) -> String {
    id("item", item, 5)
}

/// The tables first. The timestamp of an order's record is a day off: the topology has to take the
/// order's own time.
pub(super) fn generate(records: u64, sink: &mut Sink<'_>) -> Result<()> {
    let mut send = |topic, timestamp, key: String, value: Vec<u8>| {
        let key = Some(key.as_bytes());
        sink(&Input { topic, partition: None, timestamp, key, value: &value })
    };
    for number in 0..KNOWN_USERS {
        send("ord-users", BASE - DAY, user_key(number), encode(&user(number)))?;
    }
    for number in 0..ITEMS {
        send("ord-items", BASE - DAY, item_key(number), encode(&item(number)))?;
    }
    for number in 0..records {
        let time = BASE + DAY + number as i64;
        send("ord-orders", time, user_key(user_of(number)), encode(&order(number)))?;
    }
    Ok(())
}
