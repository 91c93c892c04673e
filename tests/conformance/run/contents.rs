//! What the stores hold at the end.

use crate::{flow::Key, processor::Stored, value::Dyn};
use serde_json::{Map, Value, json};
use streams_core::{
    Topology,
    stores::{
        KeyValueStore, StateStore, StoreError, TimestampedKeyValueStore, TimestampedWindowStore,
        WindowStore, Windowed,
    },
};
use streams_test::TopologyTestDriver;

/// The member `stores`.
pub fn stores(topology: &Topology, driver: &TopologyTestDriver) -> Value {
    let mut stores = Map::new();
    for name in topology.store_names() {
        for store in driver.with_store_named(&name, |_, store| store_json(store)) {
            stores.insert(name.to_string(), store);
        }
    }
    Value::Object(stores)
}

fn store_json(store: &mut dyn StateStore) -> Value {
    let found = of_keys::<Dyn>(store).or_else(|| of_keys::<Windowed<Dyn>>(store));
    match found {
        Some((kind, Ok(entries))) => json!({"type": kind, "entries": entries}),
        Some((kind, Err(error))) => {
            json!({"type": kind, "unreadable": error.to_string(), "entries": []})
        }
        None => json!({"type": "unknown"}),
    }
}

type Entries = (&'static str, Result<Vec<Value>, StoreError>);

/// The entries of a store with keys of one kind, if it is one.
fn of_keys<K: Key>(store: &mut dyn StateStore) -> Option<Entries> {
    if let Some(store) = store.as_any_mut().downcast_mut::<KeyValueStore<K, Dyn>>() {
        let entries = store.all().and_then(|scan| store.collect(scan));
        return Some(("keyValue", rows(entries, K::to_dyn, Stored::plain)));
    }
    if let Some(store) = store.as_any_mut().downcast_mut::<TimestampedKeyValueStore<K, Dyn>>() {
        let entries = store.all().and_then(|scan| store.collect(scan));
        return Some(("timestampedKeyValue", rows(entries, K::to_dyn, Stored::stamped)));
    }
    if let Some(store) = store.as_any_mut().downcast_mut::<WindowStore<K, Dyn>>() {
        let entries = store.all().and_then(|scan| store.collect(scan));
        return Some(("window", rows(entries, windowed, Stored::plain)));
    }
    if let Some(store) = store.as_any_mut().downcast_mut::<TimestampedWindowStore<K, Dyn>>() {
        let entries = store.all().and_then(|scan| store.collect(scan));
        return Some(("timestampedWindow", rows(entries, windowed, Stored::stamped)));
    }
    None
}

fn windowed<K: Key>(key: &Windowed<K>) -> Dyn {
    Dyn::windowed(key.key.to_dyn(), key.start().as_millis(), key.end().as_millis())
}

fn rows<K, V>(
    entries: Result<Vec<(K, V)>, StoreError>,
    key: impl Fn(&K) -> Dyn,
    value: impl Fn(V) -> Stored,
) -> Result<Vec<Value>, StoreError> {
    let row = |(entry, stored): (K, V)| {
        let stored = value(stored);
        let mut row = Map::new();
        row.insert("key".to_owned(), key(&entry).to_json());
        row.insert("value".to_owned(), stored.value.to_json());
        if let Some(timestamp) = stored.timestamp {
            row.insert("ts".to_owned(), timestamp.into());
        }
        Value::Object(row)
    };
    Ok(entries?.into_iter().map(row).collect())
}
