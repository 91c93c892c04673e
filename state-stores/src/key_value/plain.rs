//! Key to value.

use super::{Table, prefix_range, state_store};
use crate::backend::{Order, WriteBatch};
use crate::core::ByteStore;
use crate::error::StoreError;
use crate::headers::Headers;
use crate::scan::sealed::Sealed;
use crate::scan::{Scan, ScanSource};
use crate::serde::Data;
use crate::store::{Flushed, StateStore};
use crate::time::Timestamp;
use std::any::Any;
use std::fmt;

/// A store of one value a key. Scans go by the order of the serialized keys as unsigned bytes.
///
/// Its changes are logged with the timestamp of the record in process.
pub struct KeyValueStore<K, V> {
    table: Table<K, V>,
}

impl<K: Data, V: Data> KeyValueStore<K, V> {
    pub(crate) fn new(table: Table<K, V>) -> Self {
        Self { table }
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// When the store cannot be read, or key or value cannot be converted; so for all methods.
    pub fn get(&mut self, key: &K) -> Result<Option<V>, StoreError> {
        Ok(self.table.get(key)?.map(|(value, _)| value))
    }

    /// Sets the value of `key`; `None`, or a value that is null to its serde, removes it.
    ///
    /// # Errors
    /// As [`KeyValueStore::get`], and those of the changelog.
    pub fn put(&mut self, key: &K, value: Option<V>) -> Result<(), StoreError> {
        let at = self.table.core.stamp.timestamp;
        self.table.put(key, value, at)
    }

    /// Sets the value of `key` if it has none; returns the one it has.
    ///
    /// # Errors
    /// As [`KeyValueStore::put`].
    pub fn put_if_absent(&mut self, key: &K, value: Option<V>) -> Result<Option<V>, StoreError> {
        let at = self.table.core.stamp.timestamp;
        Ok(self.table.put_if_absent(key, value, at)?.map(|(value, _)| value))
    }

    /// Removes `key`; returns the value it had.
    ///
    /// # Errors
    /// As [`KeyValueStore::put`].
    pub fn delete(&mut self, key: &K) -> Result<Option<V>, StoreError> {
        Ok(self.table.delete(key)?.map(|(value, _)| value))
    }

    /// About how many keys there are below the cache; exact in memory.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn approximate_num_entries(&mut self) -> Result<u64, StoreError> {
        self.table.core.bytes.staged().approximate_entries()
    }

    /// The entries from `from` to `to`, both included; `None` leaves an end open.
    ///
    /// # Errors
    /// When a key has no bytes.
    pub fn range(&mut self, from: Option<&K>, to: Option<&K>) -> Result<Scan<K, V>, StoreError> {
        self.table.range(from, to, Order::Forward)
    }

    /// The entries of [`KeyValueStore::range`] from the last to the first.
    ///
    /// # Errors
    /// When a key has no bytes.
    pub fn reverse_range(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
    ) -> Result<Scan<K, V>, StoreError> {
        self.table.range(from, to, Order::Backward)
    }

    /// All entries.
    ///
    /// # Errors
    /// None so far.
    pub fn all(&mut self) -> Result<Scan<K, V>, StoreError> {
        self.table.range(None, None, Order::Forward)
    }

    /// All entries from the last to the first.
    ///
    /// # Errors
    /// None so far.
    pub fn reverse_all(&mut self) -> Result<Scan<K, V>, StoreError> {
        self.table.range(None, None, Order::Backward)
    }

    /// The entries whose serialized keys begin with `prefix`.
    ///
    /// # Errors
    /// None so far.
    pub fn prefix(&mut self, prefix: &[u8]) -> Result<Scan<K, V>, StoreError> {
        Ok(Scan::new(prefix_range(prefix), Order::Forward, None))
    }

    /// The entries left in `scan`.
    ///
    /// # Errors
    /// As [`KeyValueStore::get`].
    pub fn collect(&mut self, scan: Scan<K, V>) -> Result<Vec<(K, V)>, StoreError> {
        scan.collect(self)
    }

    /// Writes the next dirty entry of the cache to store and changelog, in the order of the
    /// latest writes; `None` ends the flush.
    ///
    /// # Errors
    /// As [`KeyValueStore::put`].
    pub fn next_dirty(&mut self) -> Result<Option<Flushed<K, V>>, StoreError> {
        self.table.next_dirty()
    }
}

impl<K: Data, V: Data> ScanSource<K, V> for KeyValueStore<K, V> {
    fn fill(&mut self, scan: &mut Scan<K, V>) -> Result<(), StoreError> {
        self.table.fill(scan, |value, _| value)
    }
}

state_store!(KeyValueStore, table);
