//! The part all typed stores share: values in and out of bytes, the cache, and updates of a value
//! in place; generic over the bytes below.

mod codec;
mod flush;
mod page;
mod update;

use crate::backend::WriteBatch;
use crate::cache::{CacheBudget, Old, RecordCache};
use crate::error::{SerdeError, StoreError};
use crate::headers::Headers;
use crate::serde::Presence;
use crate::staged::{Found, Staged};
use crate::time::Timestamp;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

pub(crate) use codec::ValueCodec;
pub(crate) use page::Row;

/// The bytes of one store: what lies below the cache.
pub(crate) trait ByteStore: fmt::Debug {
    /// The local value of a local key.
    fn get(&mut self, key: &[u8]) -> Result<Option<Found<'_>>, StoreError>;

    /// Writes a local value to store and changelog, or a deletion. The first `prefix` bytes of
    /// the value are the store's own, and stay out of the changelog.
    fn put(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        prefix: usize,
        timestamp: Timestamp,
    ) -> Result<(), StoreError>;

    fn staged(&mut self) -> &mut Staged;

    fn staged_bytes(&self) -> usize;

    /// How many writes were dropped as expired since this was asked last.
    fn take_dropped(&mut self) -> u64 {
        0
    }

    fn seal(&mut self, batch: &mut WriteBatch);

    fn discard(&mut self);
}

/// The context of the record in process.
#[derive(Debug)]
pub(crate) struct Stamp {
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: Headers,
    context: u64,
    charged: usize,
}

impl Default for Stamp {
    fn default() -> Self {
        Self { timestamp: Timestamp::NONE, headers: Headers::new(), context: 0, charged: 0 }
    }
}

/// What a typed store does besides keeping bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CoreOptions {
    pub(crate) caching: bool,
    pub(crate) send_old_values: bool,
    pub(crate) keep_on_error: bool,
}

pub(crate) struct Core<V, B> {
    pub(crate) codec: ValueCodec<V>,
    pub(crate) bytes: B,
    cache: Option<RecordCache<V>>,
    options: CoreOptions,
    pub(crate) stamp: Stamp,
    buffer: Vec<u8>,
    rows: Vec<(Bytes, Bytes)>,
    /// An update took a value out of the cache and did not put one back.
    poisoned: bool,
}

impl<V, B> fmt::Debug for Core<V, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "store {} ({:?})", self.codec.store, self.options)
    }
}

impl<V: Clone + 'static, B: ByteStore> Core<V, B> {
    pub(crate) fn new(
        codec: ValueCodec<V>,
        bytes: B,
        options: CoreOptions,
        budget: &Arc<CacheBudget>,
    ) -> Self {
        let caching = options.caching && budget.capacity() > 0;
        Self {
            codec,
            bytes,
            cache: caching.then(|| RecordCache::new(Arc::clone(budget))),
            options,
            stamp: Stamp::default(),
            buffer: Vec::new(),
            rows: Vec::new(),
            poisoned: false,
        }
    }

    pub(crate) fn set_stamp(&mut self, timestamp: Timestamp, headers: &Headers) {
        self.stamp.timestamp = timestamp;
        if !(headers.is_empty() && self.stamp.headers.is_empty()) {
            self.stamp.headers = headers.clone();
        }
    }

    pub(crate) fn set_context(&mut self, context: u64, charged: usize) {
        self.stamp.context = context;
        self.stamp.charged = charged;
    }

    fn check(&self) -> Result<(), StoreError> {
        match self.poisoned {
            false => Ok(()),
            true => Err(StoreError::Closed { store: self.codec.store.to_string() }),
        }
    }

    /// The value of a local key and its timestamp.
    pub(crate) fn get(&mut self, key: &[u8]) -> Result<Option<(V, Timestamp)>, StoreError> {
        self.check()?;
        let slot = match &mut self.cache {
            None => return Ok(self.read(key)?.map(|(value, timestamp, _)| (value, timestamp))),
            Some(cache) => match cache.find(key) {
                Some(slot) => {
                    cache.touch(slot);
                    slot
                }
                None => match self.load(key)? {
                    Some(slot) => slot,
                    None => return Ok(None),
                },
            },
        };
        let found = self.cache.as_ref().map(|cache| cache.entry(slot));
        let found = found.and_then(|entry| Some((entry.value.clone()?, entry.timestamp)));
        if let Some(cache) = &mut self.cache {
            cache.evict_clean();
        }
        Ok(found)
    }

    /// The value below the cache, its timestamp, and its local length.
    fn read(&mut self, key: &[u8]) -> Result<Option<(V, Timestamp, usize)>, StoreError> {
        match self.bytes.get(key)? {
            Some(found) => {
                let payload = found.payload(0);
                let (value, timestamp) = self.codec.read(payload, &self.stamp.headers)?;
                Ok(Some((value, timestamp, payload.len())))
            }
            None => Ok(None),
        }
    }

    /// Takes a value from below into the cache, as Java does when a read misses.
    fn load(&mut self, key: &[u8]) -> Result<Option<usize>, StoreError> {
        let found = self.read(key)?;
        let (Some(cache), Some((value, timestamp, length))) = (&mut self.cache, found) else {
            return Ok(None);
        };
        let slot = cache.insert(key);
        let entry = cache.entry_mut(slot);
        entry.value = Some(value);
        entry.timestamp = timestamp;
        cache.charge(slot, charge(key.len(), length, 0, 0));
        Ok(Some(slot))
    }

    /// Sets the value of a local key, or removes it.
    pub(crate) fn put(
        &mut self,
        key: &[u8],
        value: Option<V>,
        timestamp: Timestamp,
    ) -> Result<(), StoreError> {
        self.check()?;
        let value = value.filter(|value| !self.codec.serde.is_null(value));
        let Some(cache) = &mut self.cache else {
            return self.write(key, value.as_ref(), timestamp);
        };
        let send_old = self.options.send_old_values;
        let slot = match cache.find(key) {
            Some(slot) => {
                let entry = cache.entry_mut(slot);
                let before = std::mem::replace(&mut entry.value, value);
                if !entry.is_dirty() {
                    entry.old = flushed_before(before, send_old);
                }
                slot
            }
            None => {
                let slot = cache.insert(key);
                cache.entry_mut(slot).value = value;
                slot
            }
        };
        self.written(slot, timestamp);
        Ok(())
    }

    /// Books a value that was put into the cache.
    fn written(&mut self, slot: usize, timestamp: Timestamp) {
        let Some(cache) = &mut self.cache else { return };
        cache.mark_dirty(slot);
        let entry = cache.entry_mut(slot);
        entry.timestamp = timestamp;
        entry.stamp(&self.stamp.headers, self.stamp.context);
        let value = entry.value.as_ref().map_or(0, |value| {
            let hint = self.codec.serde.size_hint(value).unwrap_or(size_of::<V>());
            hint + self.codec.prefix()
        });
        let headers = entry.headers.as_ref().map_or(0, |headers| headers.resident_bytes());
        let size = charge(entry.key().len(), value, headers, self.stamp.charged);
        cache.charge(slot, size);
        cache.evict_clean();
    }

    /// Writes to the store below the cache and its changelog.
    fn write(
        &mut self,
        key: &[u8],
        value: Option<&V>,
        timestamp: Timestamp,
    ) -> Result<(), StoreError> {
        let Self { codec, bytes, stamp, buffer, .. } = self;
        write_below(codec, bytes, &stamp.headers, buffer, (key, value, timestamp))
    }

    pub(crate) fn seal(&mut self, batch: &mut WriteBatch) {
        self.bytes.seal(batch);
    }

    pub(crate) fn discard(&mut self) {
        self.bytes.discard();
        if let Some(cache) = &mut self.cache {
            cache.clear();
        }
        self.poisoned = false;
    }

    pub(crate) fn serde_error(&self, error: SerdeError) -> StoreError {
        StoreError::serde(&self.codec.store, error)
    }
}

fn flushed_before<V>(before: Option<V>, send_old_values: bool) -> Old<V> {
    match before {
        None => Old::Unknown,
        Some(value) if send_old_values => Old::Value(value),
        Some(_) => Old::Some,
    }
}

fn write_below<V: 'static, B: ByteStore>(
    codec: &ValueCodec<V>,
    bytes: &mut B,
    headers: &Headers,
    buffer: &mut Vec<u8>,
    (key, value, timestamp): (&[u8], Option<&V>, Timestamp),
) -> Result<(), StoreError> {
    let presence = match value {
        Some(value) => codec.write(value, timestamp, headers, buffer)?,
        None => Presence::Null,
    };
    let value = (presence == Presence::Bytes).then_some(buffer.as_slice());
    bytes.put(key, value, codec.prefix(), timestamp)
}

/// What Java's cache charges for an entry: the key, three references, the dirty flag, the value,
/// and of the record's context timestamp, offset, partition, topic and headers.
fn charge(key: usize, value: usize, headers: usize, topic: usize) -> usize {
    key + 24 + 1 + value + 20 + topic + headers
}
