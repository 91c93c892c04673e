//! Key and window to value.

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
use crate::store::{Flushed, StateStore};
use crate::time::{Timestamp, Windowed};
use crate::window_schema::{Keys, Starts};
use std::any::Any;
use std::fmt;

/// A store of one value a key and window start, kept for a retention time; with
/// `retain_duplicates` of any number of them.
///
/// Stream time of the store is the latest window start written. Scans go by segment, key and
/// start where the store lies on disk, by start and key in memory: Java's orders.
/// Changes are logged with the timestamp of the record in process.
pub struct WindowStore<K, V> {
    table: WindowTable<K, V>,
}

impl<K: Data, V: Data> WindowStore<K, V> {
    pub(crate) fn new(table: WindowTable<K, V>) -> Self {
        Self { table }
    }

    /// The value of `key` in the window from `start`.
    ///
    /// # Errors
    /// When the store cannot be read, or key or value cannot be converted; so for all methods.
    pub fn fetch(&mut self, key: &K, start: Timestamp) -> Result<Option<V>, StoreError> {
        Ok(self.table.fetch(key, start)?.map(|(value, _)| value))
    }

    /// Sets the value of `key` in the window from `start`; `None`, or a value that is null to
    /// its serde, removes it. A write whose window has expired is dropped and counted.
    ///
    /// # Errors
    /// As [`WindowStore::fetch`], and those of the changelog.
    pub fn put(&mut self, key: &K, value: Option<V>, start: Timestamp) -> Result<(), StoreError> {
        let at = self.table.core.stamp.timestamp;
        self.table.put(key, value, start, at)
    }
}

window_scans!(WindowStore, V, |value, _| value);
