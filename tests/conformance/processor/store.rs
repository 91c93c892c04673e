//! Stores as processors reach them: by name, of one of a few types.

use crate::{flow::Key, value::Dyn};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use streams_core::{
    Context, FixedKeyContext, ProcessorError, StoreHandle,
    stores::{
        Data, KeyValueStore, StateStore, Timestamp, TimestampedKeyValueStore,
        TimestampedWindowStore, ValueAndTimestamp, WindowStore, Windowed,
    },
};

/// A store with keys of one kind.
#[derive(Debug)]
pub enum StoreRef<K> {
    /// Key to value.
    KeyValue(StoreHandle<KeyValueStore<K, Dyn>>),
    /// Key to value and timestamp.
    Timestamped(StoreHandle<TimestampedKeyValueStore<K, Dyn>>),
    /// Key and window to value.
    Window(StoreHandle<WindowStore<K, Dyn>>),
    /// Key and window to value and timestamp.
    TimestampedWindow(StoreHandle<TimestampedWindowStore<K, Dyn>>),
}

impl<K> Clone for StoreRef<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for StoreRef<K> {}

/// A store with keys of either kind.
#[derive(Clone, Copy, Debug)]
pub enum AnyStore {
    /// Plain keys.
    Plain(StoreRef<Dyn>),
    /// Windowed keys.
    Windowed(StoreRef<Windowed<Dyn>>),
}

/// The stores of a topology by name. Shared with the suppliers of processors, since a store may be
/// declared after the processor that uses it.
#[derive(Clone, Debug, Default)]
pub struct StoreRegistry(Arc<Mutex<BTreeMap<String, AnyStore>>>);

impl StoreRegistry {
    /// Adds a store.
    pub fn insert(&self, name: &str, store: AnyStore) {
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stores.insert(name.to_owned(), store);
    }

    /// Finds a store.
    pub fn get(&self, name: &str) -> Option<AnyStore> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }
}

/// A kind of keys that stores may have.
pub trait StoreKey: Key {
    /// The store if its keys are of this kind.
    fn pick(store: AnyStore) -> Option<StoreRef<Self>>;
}

impl StoreKey for Dyn {
    fn pick(store: AnyStore) -> Option<StoreRef<Self>> {
        match store {
            AnyStore::Plain(store) => Some(store),
            AnyStore::Windowed(_) => None,
        }
    }
}

impl StoreKey for Windowed<Dyn> {
    fn pick(store: AnyStore) -> Option<StoreRef<Self>> {
        match store {
            AnyStore::Windowed(store) => Some(store),
            AnyStore::Plain(_) => None,
        }
    }
}

/// What a store holds for a key.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The value.
    pub value: Dyn,
    /// Its timestamp, where the store keeps it.
    pub timestamp: Option<i64>,
}

impl Stored {
    /// The text form: the text of the value, `@` and the timestamp if there is one.
    pub fn text(stored: Option<&Self>) -> String {
        match stored {
            None => "null".to_owned(),
            Some(Self { value, timestamp: None }) => value.text().into_owned(),
            Some(Self { value, timestamp: Some(at) }) => format!("{}@{at}", value.text()),
        }
    }

    /// An entry of a store with timestamps.
    pub fn stamped(it: ValueAndTimestamp<Dyn>) -> Self {
        Self { value: it.value, timestamp: Some(it.timestamp.as_millis()) }
    }

    /// An entry of a store without timestamps.
    pub fn plain(value: Dyn) -> Self {
        Self { value, timestamp: None }
    }
}

/// A context through which stores are reached.
pub trait Access {
    /// The store behind a handle.
    fn open<S: StateStore>(&mut self, handle: StoreHandle<S>) -> Result<&mut S, ProcessorError>;
}

impl<K: Data, V: Data> Access for Context<'_, K, V> {
    fn open<S: StateStore>(&mut self, handle: StoreHandle<S>) -> Result<&mut S, ProcessorError> {
        self.store(handle)
    }
}

impl<K: Data, V: Data> Access for FixedKeyContext<'_, '_, K, V> {
    fn open<S: StateStore>(&mut self, handle: StoreHandle<S>) -> Result<&mut S, ProcessorError> {
        self.store(handle)
    }
}

/// The entry as the store takes it: null deletes.
fn entry(value: Dyn) -> Option<Dyn> {
    (!value.is_null()).then_some(value)
}

fn stamped_entry(value: Dyn, timestamp: Timestamp) -> Option<ValueAndTimestamp<Dyn>> {
    entry(value).map(|value| ValueAndTimestamp { value, timestamp })
}

fn of_another_kind<T>() -> Result<T, ProcessorError> {
    Err("the store is of another kind than the processor needs".into())
}

/// Key-value stores.
impl<K: Key> StoreRef<K> {
    /// What is stored for a key.
    pub fn get(self, ctx: &mut impl Access, key: &K) -> Result<Option<Stored>, ProcessorError> {
        match self {
            Self::KeyValue(handle) => Ok(ctx.open(handle)?.get(key)?.map(Stored::plain)),
            Self::Timestamped(handle) => Ok(ctx.open(handle)?.get(key)?.map(Stored::stamped)),
            Self::Window(_) | Self::TimestampedWindow(_) => of_another_kind(),
        }
    }

    /// Stores a value, with the timestamp if the store keeps one; null deletes.
    pub fn put(
        self,
        ctx: &mut impl Access,
        key: &K,
        value: Dyn,
        timestamp: Timestamp,
    ) -> Result<(), ProcessorError> {
        match self {
            Self::KeyValue(handle) => Ok(ctx.open(handle)?.put(key, entry(value))?),
            Self::Timestamped(handle) => {
                Ok(ctx.open(handle)?.put(key, stamped_entry(value, timestamp))?)
            }
            Self::Window(_) | Self::TimestampedWindow(_) => of_another_kind(),
        }
    }

    /// Deletes a key.
    pub fn delete(self, ctx: &mut impl Access, key: &K) -> Result<(), ProcessorError> {
        match self {
            Self::KeyValue(handle) => drop(ctx.open(handle)?.delete(key)?),
            Self::Timestamped(handle) => drop(ctx.open(handle)?.delete(key)?),
            Self::Window(_) | Self::TimestampedWindow(_) => return of_another_kind(),
        }
        Ok(())
    }

    /// Every entry, in the order of the store.
    pub fn all(self, ctx: &mut impl Access) -> Result<Vec<(K, Stored)>, ProcessorError> {
        match self {
            Self::KeyValue(handle) => {
                let store = ctx.open(handle)?;
                let scan = store.all()?;
                let entries = store.collect(scan)?.into_iter();
                Ok(entries.map(|(key, value)| (key, Stored::plain(value))).collect())
            }
            Self::Timestamped(handle) => {
                let store = ctx.open(handle)?;
                let scan = store.all()?;
                let entries = store.collect(scan)?.into_iter();
                Ok(entries.map(|(key, value)| (key, Stored::stamped(value))).collect())
            }
            Self::Window(_) | Self::TimestampedWindow(_) => of_another_kind(),
        }
    }
}

/// Window stores.
impl<K: Key> StoreRef<K> {
    /// What is stored for a key and the start of a window.
    pub fn fetch(
        self,
        ctx: &mut impl Access,
        key: &K,
        start: Timestamp,
    ) -> Result<Option<Stored>, ProcessorError> {
        match self {
            Self::Window(handle) => Ok(ctx.open(handle)?.fetch(key, start)?.map(Stored::plain)),
            Self::TimestampedWindow(handle) => {
                Ok(ctx.open(handle)?.fetch(key, start)?.map(Stored::stamped))
            }
            Self::KeyValue(_) | Self::Timestamped(_) => of_another_kind(),
        }
    }

    /// Whether a window of a key starts from `from` to `to`, both included.
    pub fn any_between(
        self,
        ctx: &mut impl Access,
        key: &K,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<bool, ProcessorError> {
        match self {
            Self::Window(handle) => {
                let store = ctx.open(handle)?;
                let mut scan = store.fetch_range(key, from, to)?;
                Ok(scan.next(store)?.is_some())
            }
            Self::TimestampedWindow(handle) => {
                let store = ctx.open(handle)?;
                let mut scan = store.fetch_range(key, from, to)?;
                Ok(scan.next(store)?.is_some())
            }
            Self::KeyValue(_) | Self::Timestamped(_) => of_another_kind(),
        }
    }

    /// Stores a value for a key and the start of a window.
    pub fn put_at(
        self,
        ctx: &mut impl Access,
        key: &K,
        value: Dyn,
        (timestamp, start): (Timestamp, Timestamp),
    ) -> Result<(), ProcessorError> {
        match self {
            Self::Window(handle) => Ok(ctx.open(handle)?.put(key, entry(value), start)?),
            Self::TimestampedWindow(handle) => {
                Ok(ctx.open(handle)?.put(key, stamped_entry(value, timestamp), start)?)
            }
            Self::KeyValue(_) | Self::Timestamped(_) => of_another_kind(),
        }
    }
}
