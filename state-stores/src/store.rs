//! What all stores have in common.

use crate::backend::WriteBatch;
use crate::error::StoreError;
use crate::headers::Headers;
use crate::time::Timestamp;
use std::any::Any;
use std::error::Error;
use std::fmt;

/// A store as its task keeps it, whatever its types.
pub trait StateStore: Any + Send {
    /// The name of the store in its topology.
    fn name(&self) -> &str;

    /// The context of the record in process: plain stores log their changes, and all stores their
    /// deletions, with its timestamp.
    fn stamp(&mut self, timestamp: Timestamp, headers: &Headers);

    /// Where the record in process came from: a handle of the caller's own, given back by a flush
    /// of the cache; `charged` are the bytes Java's cache adds for its topic name.
    fn stamp_context(&mut self, _context: u64, _charged: usize) {}

    /// Writes the dirty entries of the cache to the store and its changelog without telling
    /// anybody of the changes.
    ///
    /// # Errors
    /// When an entry could not be written; the task cannot go on.
    fn flush_cache(&mut self) -> Result<(), StoreError>;

    /// Whether an eviction from the cache waits for a flush of the dirty entries.
    fn over_capacity(&mut self) -> bool {
        false
    }

    /// Evicts from the cache what may go without a flush.
    fn evict(&mut self) {}

    /// Moves the writes since the last commit into `batch`. The cache is not part of them: it is
    /// flushed before.
    fn seal(&mut self, batch: &mut WriteBatch);

    /// Forgets the writes since the last commit and the cache.
    fn discard(&mut self);

    /// The bytes of the writes since the last commit.
    fn staged_bytes(&self) -> usize;

    /// How many records were dropped as expired since this was asked last.
    fn take_dropped(&mut self) -> u64 {
        0
    }

    /// The store with its types.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// A change of a table's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<V> {
    /// The value told before, where the store was built to tell it.
    pub old: Option<V>,
    /// The value now; `None` is a deletion.
    pub new: Option<V>,
}

/// What became of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update<V> {
    /// It stays in the cache: nothing is to be told now.
    Cached,
    /// It was written through: the change and its timestamp are to be told now.
    Change(Change<V>, Timestamp),
}

/// Why an update failed.
#[derive(Debug)]
pub enum UpdateError<E> {
    /// The store failed.
    Store(StoreError),
    /// The function that makes the new value failed.
    User(E),
}

impl<E> From<StoreError> for UpdateError<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<E: fmt::Display> fmt::Display for UpdateError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::User(error) => error.fmt(f),
        }
    }
}

impl<E: Error> Error for UpdateError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Store(error) => error.source(),
            Self::User(error) => error.source(),
        }
    }
}

/// A dirty entry of the cache that was written to store and changelog, and is to be told now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flushed<K, V> {
    /// The key.
    pub key: K,
    /// The change since the last flush of the key.
    pub change: Change<V>,
    /// The timestamp of the new value; for a deletion, of the record that deleted.
    pub timestamp: Timestamp,
    /// The headers of the record that wrote last.
    pub headers: Headers,
    /// The handle of the record that wrote last, see [`StateStore::stamp_context`].
    pub context: u64,
}

/// A value and the timestamp of the record it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueAndTimestamp<V> {
    /// The value.
    pub value: V,
    /// Its timestamp.
    pub timestamp: Timestamp,
}

impl<V> ValueAndTimestamp<V> {
    /// `value` at `timestamp`.
    pub fn new(value: V, timestamp: Timestamp) -> Self {
        Self { value, timestamp }
    }
}
