//! The part all typed stores share: values in and out of bytes, the cache, and the read-modify-
//! write; generic over the bytes below.

use crate::backend::{Order, WriteBatch};
use crate::cache::{CacheBudget, Entry, Old, RecordCache};
use crate::error::{SerdeError, StoreError};
use crate::headers::Headers;
use crate::merge::{Either, Step, merge_page};
use crate::serde::{Payload, Presence, SerdeContext, SharedSerde};
use crate::staged::{Found, ScanRange, Staged};
use crate::store::{Change, Update, UpdateError};
use crate::time::Timestamp;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

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

/// How the values of a store look as bytes.
pub(crate) struct ValueCodec<V> {
    pub(crate) store: Arc<str>,
    pub(crate) topic: Arc<str>,
    pub(crate) serde: SharedSerde<V>,
    /// Whether local values begin with their timestamp: `timestamp i64 | value`.
    pub(crate) timestamped: bool,
}

impl<V: 'static> ValueCodec<V> {
    pub(crate) fn prefix(&self) -> usize {
        if self.timestamped { 8 } else { 0 }
    }

    pub(crate) fn read(
        &self,
        bytes: Payload<'_>,
        headers: &Headers,
    ) -> Result<(V, Timestamp), StoreError> {
        let context = SerdeContext { topic: &self.topic, headers };
        let (value, timestamp) = match self.timestamped {
            false => (Some(bytes), Timestamp::NONE),
            true => match bytes.first_chunk() {
                Some(time) => {
                    let timestamp = Timestamp::from_millis(i64::from_be_bytes(*time));
                    (bytes.part(8..bytes.len()), timestamp)
                }
                None => {
                    let what = format!("a value of store {}", self.store);
                    return Err(StoreError::Corrupted { what });
                }
            },
        };
        let value = self.serde.deserialize(value, &context);
        Ok((value.map_err(|error| StoreError::serde(&self.store, error))?, timestamp))
    }

    fn write(
        &self,
        value: &V,
        timestamp: Timestamp,
        headers: &Headers,
        out: &mut Vec<u8>,
    ) -> Result<Presence, StoreError> {
        out.clear();
        if self.timestamped {
            out.extend_from_slice(&timestamp.as_millis().to_be_bytes());
        }
        let context = SerdeContext { topic: &self.topic, headers };
        self.serde
            .serialize(value, &context, out)
            .map_err(|error| StoreError::serde(&self.store, error))
    }
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

/// A row of a scan.
pub(crate) struct Row<V> {
    pub(crate) key: Bytes,
    pub(crate) value: V,
    pub(crate) timestamp: Timestamp,
}

/// A value that left the cache for the store below.
pub(crate) struct FlushedBytes<V> {
    pub(crate) key: Vec<u8>,
    pub(crate) change: Change<V>,
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: Headers,
    pub(crate) context: u64,
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

    /// Replaces the value of a local key by what `f` makes of it, with one look-up.
    pub(crate) fn update<E>(
        &mut self,
        key: &[u8],
        f: impl FnOnce(Option<V>, Option<Timestamp>) -> Result<(Option<V>, Timestamp), E>,
    ) -> Result<Update<V>, UpdateError<E>> {
        self.check()?;
        let found = match &self.cache {
            None => return self.update_through(key, f),
            Some(cache) => cache.find(key),
        };
        let slot = match found {
            Some(slot) => slot,
            None => self.load(key)?.unwrap_or_else(|| self.insert_absent(key)),
        };
        self.update_cached(slot, f).map_err(UpdateError::User)?;
        Ok(Update::Cached)
    }

    fn insert_absent(&mut self, key: &[u8]) -> usize {
        self.cache.as_mut().map_or(0, |cache| cache.insert(key))
    }

    fn update_cached<E>(
        &mut self,
        slot: usize,
        f: impl FnOnce(Option<V>, Option<Timestamp>) -> Result<(Option<V>, Timestamp), E>,
    ) -> Result<(), E> {
        let Some(cache) = &mut self.cache else { return Ok(()) };
        let entry = cache.entry_mut(slot);
        let before = entry.value.take();
        let timestamp = before.as_ref().map(|_| entry.timestamp);
        let first_write = !entry.is_dirty();
        let had_value = before.is_some();
        let clone_old = first_write && self.options.send_old_values;
        let kept = if clone_old || self.options.keep_on_error { before.clone() } else { None };
        // Should `f` panic, the value is gone: nothing may be read or written from then on.
        self.poisoned = true;
        let (value, timestamp) = match f(before, timestamp) {
            Ok(made) => made,
            Err(error) => {
                self.restore(slot, kept, had_value);
                return Err(error);
            }
        };
        self.poisoned = false;
        let Some(cache) = &mut self.cache else { return Ok(()) };
        let entry = cache.entry_mut(slot);
        if first_write {
            entry.old = match had_value {
                false => Old::Null,
                true => kept.filter(|_| clone_old).map_or(Old::Some, Old::Value),
            };
        }
        entry.value = value.filter(|value| !self.codec.serde.is_null(value));
        let timestamp = if entry.value.is_some() { timestamp } else { self.stamp.timestamp };
        self.written(slot, timestamp);
        Ok(())
    }

    /// Puts the value back that a failed update took, if there is a way to.
    fn restore(&mut self, slot: usize, kept: Option<V>, had_value: bool) {
        let Some(cache) = &mut self.cache else { return };
        let entry = cache.entry_mut(slot);
        if kept.is_some() || !had_value && entry.is_dirty() {
            entry.value = kept;
        } else if !entry.is_dirty() {
            // The store below still has what a clean entry had.
            cache.remove(slot);
        } else {
            return;
        }
        self.poisoned = false;
    }

    fn update_through<E>(
        &mut self,
        key: &[u8],
        f: impl FnOnce(Option<V>, Option<Timestamp>) -> Result<(Option<V>, Timestamp), E>,
    ) -> Result<Update<V>, UpdateError<E>> {
        let (before, timestamp) = match self.read(key)? {
            Some((value, timestamp, _)) => (Some(value), Some(timestamp)),
            None => (None, None),
        };
        let old = if self.options.send_old_values { before.clone() } else { None };
        let (new, timestamp) = f(before, timestamp).map_err(UpdateError::User)?;
        let new = new.filter(|value| !self.codec.serde.is_null(value));
        // A deletion is told with the timestamp that `f` chose, and logged as all deletions are.
        let logged = if new.is_some() { timestamp } else { self.stamp.timestamp };
        self.write(key, new.as_ref(), logged)?;
        Ok(Update::Change(Change { old, new }, timestamp))
    }

    pub(crate) fn over_capacity(&mut self) -> bool {
        self.cache.as_mut().is_some_and(RecordCache::needs_flush)
    }

    pub(crate) fn evict(&mut self) {
        if let Some(cache) = &mut self.cache {
            cache.evict_clean();
        }
    }

    /// Writes the next dirty entry to store and changelog; `None` once there is none left that
    /// was dirty when the flush began. A key that is absent below and stays so is passed over.
    pub(crate) fn next_dirty(&mut self) -> Result<Option<FlushedBytes<V>>, StoreError> {
        self.check()?;
        while let Some(cache) = &mut self.cache {
            let Some(slot) = cache.next_dirty() else { break };
            let flushed = cache.take_flushable(slot);
            let entry = cache.entry(slot);
            let (key, new) = (entry.key().to_vec(), entry.value.clone());
            let old = self.old_value(&key, flushed.old, new.is_none())?;
            if new.is_none() {
                self.forget(slot);
            }
            if new.is_none() && matches!(old, Old::Null) {
                continue;
            }
            self.write(&key, new.as_ref(), flushed.timestamp)?;
            let old = match old {
                Old::Value(old) if self.options.send_old_values => Some(old),
                _ => None,
            };
            return Ok(Some(FlushedBytes {
                key,
                change: Change { old, new },
                timestamp: flushed.timestamp,
                headers: flushed.headers,
                context: flushed.context,
            }));
        }
        Ok(None)
    }

    fn forget(&mut self, slot: usize) {
        if let Some(cache) = &mut self.cache {
            cache.remove(slot);
        }
    }

    /// What the store below holds, read if it matters and is not known.
    fn old_value(&mut self, key: &[u8], old: Old<V>, deletes: bool) -> Result<Old<V>, StoreError> {
        match old {
            Old::Unknown if deletes || self.options.send_old_values => {
                Ok(self.read(key)?.map_or(Old::Null, |(value, ..)| Old::Value(value)))
            }
            known => Ok(known),
        }
    }

    /// Writes all dirty entries to store and changelog.
    pub(crate) fn flush_cache(&mut self) -> Result<(), StoreError> {
        self.check()?;
        let Self { codec, bytes, stamp, buffer, cache, .. } = self;
        let Some(cache) = cache else { return Ok(()) };
        while let Some(slot) = cache.next_dirty() {
            let flushed = cache.take_flushable(slot);
            let entry = cache.entry(slot);
            let write = (entry.key(), entry.value.as_ref(), flushed.timestamp);
            write_below(codec, bytes, &stamp.headers, buffer, write)?;
            if entry.value.is_none() {
                cache.remove(slot);
            }
        }
        Ok(())
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

    /// Appends to `out` the next rows of `range`, at most `limit`, whose keys `judge` takes, and
    /// moves the near end of `range` behind the last key looked at. `true` says that `range` has
    /// no more.
    pub(crate) fn page(
        &mut self,
        range: &mut ScanRange,
        (order, limit): (Order, usize),
        judge: impl FnMut(&[u8]) -> Step,
        out: &mut Vec<Row<V>>,
    ) -> Result<bool, StoreError> {
        self.check()?;
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        let all_seen = self.bytes.staged().page(&mut range.clone(), order, limit, &mut rows)?;
        let read = self.read_page(range, (order, limit, all_seen), judge, &mut rows, out);
        self.rows = rows;
        let (last, exhausted) = read?;
        if let Some(last) = last {
            range.advance(order, &last);
        }
        Ok(exhausted)
    }

    fn read_page(
        &mut self,
        range: &ScanRange,
        (order, limit, all_seen): (Order, usize, bool),
        mut judge: impl FnMut(&[u8]) -> Step,
        rows: &mut Vec<(Bytes, Bytes)>,
        out: &mut Vec<Row<V>>,
    ) -> Result<(Option<Bytes>, bool), StoreError> {
        let (codec, headers) = (&self.codec, &self.stamp.headers);
        let mut failed = None;
        let mut emit = |entry: Either<'_, Bytes, &Entry<V>>| {
            let step = match &entry {
                Either::Below(key, _) => judge(key),
                Either::Above(key, _) => judge(key),
            };
            if matches!(step, Step::Take) {
                match row(codec, headers, entry) {
                    Ok(row) => out.extend(row),
                    Err(error) => {
                        failed = Some(error);
                        return Step::Stop;
                    }
                }
            }
            step
        };
        let dirty = self.cache.as_mut().filter(|cache| cache.has_dirty());
        let rows = rows.drain(..);
        let seen = match dirty {
            Some(cache) => {
                let above = cache.scan_dirty(range.as_key_range(), order);
                let above = above.map(|(key, entry)| (key, entry.value.as_ref().map(|_| entry)));
                merge_page(rows, all_seen, above, (order, limit), &mut emit)
            }
            None => merge_page(rows, all_seen, std::iter::empty(), (order, limit), &mut emit),
        };
        match failed {
            Some(error) => Err(error),
            None => Ok(seen),
        }
    }

    pub(crate) fn serde_error(&self, error: SerdeError) -> StoreError {
        StoreError::serde(&self.codec.store, error)
    }
}

fn row<V: Clone + 'static>(
    codec: &ValueCodec<V>,
    headers: &Headers,
    entry: Either<'_, Bytes, &Entry<V>>,
) -> Result<Option<Row<V>>, StoreError> {
    match entry {
        Either::Below(key, bytes) => {
            let (value, timestamp) = codec.read(Payload::from(&bytes), headers)?;
            Ok(Some(Row { key, value, timestamp }))
        }
        Either::Above(key, entry) => Ok(entry.value.clone().map(|value| {
            let key = Bytes::copy_from_slice(key);
            Row { key, value, timestamp: entry.timestamp }
        })),
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
