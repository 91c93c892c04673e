//! Stores in memory.

use super::{Backend, KeyRange, Offset, Order, StoreId, Write, WriteBatch};
use crate::error::StoreError;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A backend that forgets with the process: stores are restored from their changelogs.
#[derive(Debug)]
pub struct MemoryBackend {
    name: String,
    /// `None` once closed.
    content: RwLock<Option<Content>>,
}

#[derive(Debug, Default)]
struct Content {
    stores: Vec<BTreeMap<Bytes, Bytes>>,
    offsets: BTreeMap<(String, i32), i64>,
}

impl MemoryBackend {
    /// A backend of `stores` empty stores; `name` is the task's, for messages.
    pub fn new(name: &str, stores: usize) -> Self {
        let content = Content { stores: vec![BTreeMap::new(); stores], ..Content::default() };
        Self { name: name.to_owned(), content: RwLock::new(Some(content)) }
    }

    // A panic while the lock was held discards the task: what is read after it is not used.
    fn read(&self) -> RwLockReadGuard<'_, Option<Content>> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_lock(&self) -> RwLockWriteGuard<'_, Option<Content>> {
        self.content.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn closed(&self) -> StoreError {
        StoreError::Closed { store: self.name.clone() }
    }

    fn with_store<T>(
        &self,
        store: StoreId,
        read: impl FnOnce(&BTreeMap<Bytes, Bytes>) -> T,
    ) -> Result<T, StoreError> {
        let guard = self.read();
        let content = guard.as_ref().ok_or_else(|| self.closed())?;
        content.stores.get(store.0).map(read).ok_or_else(|| self.unknown(store))
    }

    fn unknown(&self, store: StoreId) -> StoreError {
        StoreError::InvalidConfig {
            store: self.name.clone(),
            what: format!("there is no store number {}", store.0),
        }
    }
}

impl Content {
    fn apply(&mut self, write: Write<'_>) {
        match write {
            Write::Put { store, key, value } => {
                let value = Bytes::copy_from_slice(value);
                match self.stores[store.0].get_mut(key) {
                    Some(old) => *old = value,
                    None => {
                        self.stores[store.0].insert(Bytes::copy_from_slice(key), value);
                    }
                }
            }
            Write::Delete { store, key } => {
                self.stores[store.0].remove(key);
            }
            Write::DeleteRange { store, from, to } => {
                if from < to {
                    let range = Bytes::copy_from_slice(from)..Bytes::copy_from_slice(to);
                    self.stores[store.0].extract_if(range, |_, _| true).for_each(drop);
                }
            }
        }
    }
}

impl Backend for MemoryBackend {
    fn get(&self, store: StoreId, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.with_store(store, |entries| entries.get(key).cloned())
    }

    fn scan(
        &self,
        store: StoreId,
        range: KeyRange<'_>,
        order: Order,
        limit: usize,
        out: &mut Vec<(Bytes, Bytes)>,
    ) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        self.with_store(store, |entries| {
            let rows = entries.range::<[u8], _>((range.from, range.to));
            let copy = |(key, value): (&Bytes, &Bytes)| (key.clone(), value.clone());
            match order {
                Order::Forward => out.extend(rows.take(limit).map(copy)),
                Order::Backward => out.extend(rows.rev().take(limit).map(copy)),
            }
        })
    }

    fn write(&self, batch: &mut WriteBatch) -> Result<(), StoreError> {
        let mut guard = self.write_lock();
        let content = guard.as_mut().ok_or_else(|| self.closed())?;
        let stores = content.stores.len();
        if let Some(write) = batch.iter().find(|write| write.store().0 >= stores) {
            return Err(self.unknown(write.store()));
        }
        for write in batch.iter() {
            content.apply(write);
        }
        for (topic, partition, offset) in batch.offsets() {
            content.offsets.insert((topic.clone(), *partition), *offset);
        }
        batch.clear();
        Ok(())
    }

    fn offsets(&self) -> Result<Vec<Offset>, StoreError> {
        let guard = self.read();
        let content = guard.as_ref().ok_or_else(|| self.closed())?;
        let offset = |((topic, partition), offset): (&(String, i32), &i64)| {
            (topic.clone(), *partition, *offset)
        };
        Ok(content.offsets.iter().map(offset).collect())
    }

    fn approximate_entries(&self, store: StoreId) -> Result<u64, StoreError> {
        self.with_store(store, |entries| entries.len() as u64)
    }

    fn flush(&self) -> Result<(), StoreError> {
        match *self.read() {
            Some(_) => Ok(()),
            None => Err(self.closed()),
        }
    }

    fn close(&self) -> Result<(), StoreError> {
        *self.write_lock() = None;
        Ok(())
    }

    fn is_persistent(&self) -> bool {
        false
    }
}
