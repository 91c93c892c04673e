//! Key and window to value and its timestamp.

use super::WindowTable;
use super::scans::window_scans;
use crate::backend::{Order, WriteBatch};
use crate::core::ByteStore;
use crate::error::StoreError;
use crate::headers::Headers;
use crate::key_value::state_store;
use crate::scan::sealed::Sealed;
use crate::scan::{Scan, ScanSource};
use crate::serde::Data;
use crate::store::{Flushed, StateStore, Update, UpdateError, ValueAndTimestamp};
use crate::time::{Timestamp, Windowed};
use crate::window_schema::{Keys, Starts};
use std::any::Any;
use std::fmt;

/// A store of one value a key and window start, with the timestamp of the record it comes from,
/// kept for a retention time: what windowed aggregations are kept in.
///
/// Stream time of the store is the latest window start written. Scans go by segment, key and
/// start where the store lies on disk, by start and key in memory: Java's orders.
/// The changelog carries the timestamp in the record.
pub struct TimestampedWindowStore<K, V> {
    table: WindowTable<K, V>,
}

impl<K: Data, V: Data> TimestampedWindowStore<K, V> {
    pub(crate) fn new(table: WindowTable<K, V>) -> Self {
        Self { table }
    }

    /// The value of `key` in the window from `start`.
    ///
    /// # Errors
    /// When the store cannot be read, or key or value cannot be converted; so for all methods.
    pub fn fetch(
        &mut self,
        key: &K,
        start: Timestamp,
    ) -> Result<Option<ValueAndTimestamp<V>>, StoreError> {
        let found = self.table.fetch(key, start)?;
        Ok(found.map(|(value, timestamp)| ValueAndTimestamp { value, timestamp }))
    }

    /// Sets the value of `key` in the window from `start`; `None`, or a value that is null to
    /// its serde, removes it. A write whose window has expired is dropped and counted.
    ///
    /// # Errors
    /// As [`TimestampedWindowStore::fetch`], and those of the changelog.
    pub fn put(
        &mut self,
        key: &K,
        value: Option<ValueAndTimestamp<V>>,
        start: Timestamp,
    ) -> Result<(), StoreError> {
        let (value, at) = match value {
            Some(ValueAndTimestamp { value, timestamp }) => (Some(value), timestamp),
            None => (None, self.table.core.stamp.timestamp),
        };
        self.table.put(key, value, start, at)
    }

    /// Replaces the value of `key` in the window from `start` by what `f` makes of it and of its
    /// timestamp, with one look-up. `f` owns the value; `None` from it removes the entry.
    ///
    /// With a cache the change is told later, by [`TimestampedWindowStore::next_dirty`].
    ///
    /// # Errors
    /// The error of `f`, and those of [`TimestampedWindowStore::put`]. When `f` fails, the value
    /// is as before, or lost with the uncommitted state of the task, if it was not committed and
    /// the store was built without `keep_on_error`; the store is closed then.
    pub fn update<E>(
        &mut self,
        key: &K,
        start: Timestamp,
        f: impl FnOnce(Option<V>, Option<Timestamp>) -> Result<(Option<V>, Timestamp), E>,
    ) -> Result<Update<V>, UpdateError<E>> {
        self.table.update(key, start, f)
    }
}

window_scans!(TimestampedWindowStore, ValueAndTimestamp<V>, |value, timestamp| ValueAndTimestamp {
    value,
    timestamp
});
