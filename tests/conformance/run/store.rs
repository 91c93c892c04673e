//! Stores as scenarios declare them: `{"kind", "name", "key", "value", ..}`.

use super::millis;
use crate::{
    flow::{DynSerde, Key},
    processor::{AnyStore, StoreRef},
    refusal::Refusal,
    scenario::Op,
    types::Type,
    value::Dyn,
};
use std::collections::BTreeMap;
use streams_core::{
    StoreHandle,
    stores::{
        KeyValueStore, SharedSerde, StoreBuilder, StoreType, Stores, TimestampedKeyValueStore,
        TimestampedWindowStore, WindowStore, Windowed,
    },
};

/// The stores of one topology by name; a store may be declared at several processors.
#[derive(Debug, Default)]
pub struct DeclaredStores(BTreeMap<String, AnyStore>);

/// What stores are added to: either builder of topologies.
pub trait AddStore {
    /// Adds a store.
    fn add_store<S: StoreType>(&mut self, store: StoreBuilder<S>) -> StoreHandle<S>;
}

impl DeclaredStores {
    /// The store of a declaration, added to the topology the first time it is met.
    pub fn declare(&mut self, op: &Op, to: &mut impl AddStore) -> Result<AnyStore, Refusal> {
        let name = op.text("name")?;
        if let Some(store) = self.0.get(name) {
            return Ok(*store);
        }
        let key = Type::parse(op.text("key")?)?;
        let store = if key.is_windowed() {
            AnyStore::Windowed(add::<Windowed<Dyn>>(op, &key, to)?)
        } else {
            AnyStore::Plain(add::<Dyn>(op, &key, to)?)
        };
        self.0.insert(name.to_owned(), store);
        Ok(store)
    }

    /// A store that was declared.
    pub fn get(&self, name: &str) -> Option<AnyStore> {
        self.0.get(name).copied()
    }
}

fn add<K: Key>(op: &Op, key: &Type, to: &mut impl AddStore) -> Result<StoreRef<K>, Refusal> {
    let name = op.text("name")?;
    let value = DynSerde::shared(&Type::parse(op.text("value")?)?);
    let serdes: (SharedSerde<K>, SharedSerde<Dyn>) = (K::serde(key), value);
    if op.has("maxEntries") {
        return Err(Refusal::unsupported("store with maxEntries"));
    }
    match op.text("kind")? {
        "keyValue" => {
            let builder = Stores::key_value_with(name, serdes.0, serdes.1);
            let builder: StoreBuilder<KeyValueStore<K, Dyn>> = finish(builder, op);
            Ok(StoreRef::KeyValue(to.add_store(builder)))
        }
        "timestampedKeyValue" => {
            let builder = Stores::timestamped_key_value_with(name, serdes.0, serdes.1);
            let builder: StoreBuilder<TimestampedKeyValueStore<K, Dyn>> = finish(builder, op);
            Ok(StoreRef::Timestamped(to.add_store(builder)))
        }
        "window" => {
            let (retention, size) = (millis(op, "retentionMs")?, millis(op, "windowMs")?);
            let builder = Stores::window_with(name, retention, size, serdes);
            let builder: StoreBuilder<WindowStore<K, Dyn>> = finish(builder, op);
            Ok(StoreRef::Window(to.add_store(builder)))
        }
        "timestampedWindow" => {
            let (retention, size) = (millis(op, "retentionMs")?, millis(op, "windowMs")?);
            let builder = Stores::timestamped_window_with(name, retention, size, serdes);
            let builder: StoreBuilder<TimestampedWindowStore<K, Dyn>> = finish(builder, op);
            Ok(StoreRef::TimestampedWindow(to.add_store(builder)))
        }
        kind => Err(Refusal::unsupported(format!("store of kind {kind}"))),
    }
}

/// The options that all kinds of stores have.
fn finish<S: StoreType>(builder: StoreBuilder<S>, op: &Op) -> StoreBuilder<S> {
    let mut builder = if op.flag("persistent").unwrap_or(false) {
        builder.persistent()
    } else {
        builder.in_memory()
    };
    builder = builder.retain_duplicates(op.flag("retainDuplicates").unwrap_or(false));
    builder = builder.caching(op.flag("caching").unwrap_or(false));
    match op.flag("logging") {
        Some(true) => builder.logging_config(op.settings("logConfig").into_iter().collect()),
        Some(false) => builder.logging(false),
        None => builder,
    }
}

/// What a store is connected by.
pub fn index(store: AnyStore) -> usize {
    fn of<K>(store: StoreRef<K>) -> usize {
        match store {
            StoreRef::KeyValue(handle) => handle.index(),
            StoreRef::Timestamped(handle) => handle.index(),
            StoreRef::Window(handle) => handle.index(),
            StoreRef::TimestampedWindow(handle) => handle.index(),
        }
    }
    match store {
        AnyStore::Plain(store) => of(store),
        AnyStore::Windowed(store) => of(store),
    }
}
