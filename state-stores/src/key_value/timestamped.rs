//! Key to value and its timestamp.

use super::{Table, prefix_range, state_store};
use crate::backend::{Order, WriteBatch};
use crate::core::ByteStore;
use crate::error::StoreError;
use crate::headers::Headers;
use crate::scan::sealed::Sealed;
use crate::scan::{Scan, ScanSource};
use crate::serde::Data;
use crate::store::{Flushed, StateStore, Update, UpdateError, ValueAndTimestamp};
use crate::time::Timestamp;
use std::any::Any;
use std::fmt;

/// A store of one value a key, with the timestamp of the record it comes from: what tables and
/// aggregations are kept in. Scans go by the order of the serialized keys as unsigned bytes.
///
/// The changelog carries the timestamp in the record; deletions are logged with that of the
/// record in process.
pub struct TimestampedKeyValueStore<K, V> {
    table: Table<K, V>,
}

fn pair<V>((value, timestamp): (V, Timestamp)) -> ValueAndTimestamp<V> {
    ValueAndTimestamp { value, timestamp }
}

impl<K: Data, V: Data> TimestampedKeyValueStore<K, V> {
    pub(crate) fn new(table: Table<K, V>) -> Self {
        Self { table }
    }

    fn split(&self, value: Option<ValueAndTimestamp<V>>) -> (Option<V>, Timestamp) {
        match value {
            Some(ValueAndTimestamp { value, timestamp }) => (Some(value), timestamp),
            None => (None, self.table.core.stamp.timestamp),
        }
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// When the store cannot be read, or key or value cannot be converted; so for all methods.
    pub fn get(&mut self, key: &K) -> Result<Option<ValueAndTimestamp<V>>, StoreError> {
        Ok(self.table.get(key)?.map(pair))
    }

    /// Sets the value of `key`; `None`, or a value that is null to its serde, removes it.
    ///
    /// # Errors
    /// As [`TimestampedKeyValueStore::get`], and those of the changelog.
    pub fn put(&mut self, key: &K, value: Option<ValueAndTimestamp<V>>) -> Result<(), StoreError> {
        let (value, at) = self.split(value);
        self.table.put(key, value, at)
    }

    /// Sets the value of `key` if it has none; returns the one it has.
    ///
    /// # Errors
    /// As [`TimestampedKeyValueStore::put`].
    pub fn put_if_absent(
        &mut self,
        key: &K,
        value: Option<ValueAndTimestamp<V>>,
    ) -> Result<Option<ValueAndTimestamp<V>>, StoreError> {
        let (value, at) = self.split(value);
        Ok(self.table.put_if_absent(key, value, at)?.map(pair))
    }

    /// Removes `key`; returns the value it had.
    ///
    /// # Errors
    /// As [`TimestampedKeyValueStore::put`].
    pub fn delete(&mut self, key: &K) -> Result<Option<ValueAndTimestamp<V>>, StoreError> {
        Ok(self.table.delete(key)?.map(pair))
    }

    /// About how many keys there are below the cache; exact in memory.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn approximate_num_entries(&mut self) -> Result<u64, StoreError> {
        self.table.core.bytes.staged().approximate_entries()
    }

    /// Replaces the value of `key` by what `f` makes of it and of its timestamp, with one
    /// look-up. `f` owns the value; `None` from it removes the key.
    ///
    /// With a cache the change is told later, by [`TimestampedKeyValueStore::next_dirty`].
    ///
    /// # Errors
    /// The error of `f`, and those of [`TimestampedKeyValueStore::put`]. When `f` fails, the
    /// value is as before, or lost with the uncommitted state of the task, if it was not
    /// committed and the store was built without `keep_on_error`; the store is closed then.
    pub fn update<E>(
        &mut self,
        key: &K,
        f: impl FnOnce(Option<V>, Option<Timestamp>) -> Result<(Option<V>, Timestamp), E>,
    ) -> Result<Update<V>, UpdateError<E>> {
        self.table.encode(key)?;
        self.table.core.update(&self.table.key, f)
    }

    /// Whether an eviction from the cache waits for a flush: call
    /// [`TimestampedKeyValueStore::next_dirty`] until `None`, then
    /// [`TimestampedKeyValueStore::evict`].
    pub fn over_capacity(&mut self) -> bool {
        self.table.core.over_capacity()
    }

    /// Writes the next dirty entry of the cache to store and changelog, in the order of the
    /// latest writes; the entry that is to be evicted comes first. `None` ends the flush; what
    /// is written meanwhile waits for the next one.
    ///
    /// # Errors
    /// As [`TimestampedKeyValueStore::put`].
    pub fn next_dirty(&mut self) -> Result<Option<Flushed<K, V>>, StoreError> {
        self.table.next_dirty()
    }

    /// Evicts from the cache, least recently used first, what may go without a flush.
    pub fn evict(&mut self) {
        self.table.core.evict();
    }

    /// The entries from `from` to `to`, both included; `None` leaves an end open.
    ///
    /// # Errors
    /// When a key has no bytes.
    pub fn range(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
    ) -> Result<Scan<K, ValueAndTimestamp<V>>, StoreError> {
        self.table.range(from, to, Order::Forward)
    }

    /// The entries of [`TimestampedKeyValueStore::range`] from the last to the first.
    ///
    /// # Errors
    /// When a key has no bytes.
    pub fn reverse_range(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
    ) -> Result<Scan<K, ValueAndTimestamp<V>>, StoreError> {
        self.table.range(from, to, Order::Backward)
    }

    /// All entries.
    ///
    /// # Errors
    /// None so far.
    pub fn all(&mut self) -> Result<Scan<K, ValueAndTimestamp<V>>, StoreError> {
        self.table.range(None, None, Order::Forward)
    }

    /// All entries from the last to the first.
    ///
    /// # Errors
    /// None so far.
    pub fn reverse_all(&mut self) -> Result<Scan<K, ValueAndTimestamp<V>>, StoreError> {
        self.table.range(None, None, Order::Backward)
    }

    /// The entries whose serialized keys begin with `prefix`.
    ///
    /// # Errors
    /// None so far.
    pub fn prefix(&mut self, prefix: &[u8]) -> Result<Scan<K, ValueAndTimestamp<V>>, StoreError> {
        Ok(Scan::new(prefix_range(prefix), Order::Forward, None))
    }

    /// The entries left in `scan`.
    ///
    /// # Errors
    /// As [`TimestampedKeyValueStore::get`].
    pub fn collect(
        &mut self,
        scan: Scan<K, ValueAndTimestamp<V>>,
    ) -> Result<Vec<(K, ValueAndTimestamp<V>)>, StoreError> {
        scan.collect(self)
    }
}

impl<K: Data, V: Data> ScanSource<K, ValueAndTimestamp<V>> for TimestampedKeyValueStore<K, V> {
    fn fill(&mut self, scan: &mut Scan<K, ValueAndTimestamp<V>>) -> Result<(), StoreError> {
        self.table.fill(scan, |value, timestamp| ValueAndTimestamp { value, timestamp })
    }
}

state_store!(TimestampedKeyValueStore, table);
