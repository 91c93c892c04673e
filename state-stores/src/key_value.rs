//! Key-value stores.

mod plain;
mod timestamped;

use crate::backend::{Order, WriteBatch};
use crate::changelog::Changelog;
use crate::core::{ByteStore, Core, Row};
use crate::error::{SerdeError, StoreError};
use crate::merge::Step;
use crate::scan::Scan;
use crate::serde::{Data, Payload, Presence, SerdeContext, SharedSerde};
use crate::staged::{Found, ScanRange, Staged};
use crate::store::Flushed;
use crate::time::Timestamp;
use std::ops::Bound;

pub use plain::KeyValueStore;
pub use timestamped::TimestampedKeyValueStore;

/// The bytes of a key-value store: local keys are the changelog's keys.
#[derive(Debug)]
pub(crate) struct KeyValueBytes {
    staged: Staged,
    changelog: Changelog,
}

impl KeyValueBytes {
    pub(crate) fn new(staged: Staged, changelog: Changelog) -> Self {
        Self { staged, changelog }
    }
}

impl ByteStore for KeyValueBytes {
    fn get(&mut self, key: &[u8]) -> Result<Option<Found<'_>>, StoreError> {
        self.staged.get(key)
    }

    fn put(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        prefix: usize,
        timestamp: Timestamp,
    ) -> Result<(), StoreError> {
        // Store first: a write the store refused must not be restored later.
        self.staged.put(key, value);
        self.changelog.append(key, value.map(|value| &value[prefix..]), timestamp)
    }

    fn staged(&mut self) -> &mut Staged {
        &mut self.staged
    }

    fn staged_bytes(&self) -> usize {
        self.staged.staged_bytes()
    }

    fn seal(&mut self, batch: &mut WriteBatch) {
        self.staged.seal(batch);
    }

    fn discard(&mut self) {
        self.staged.discard();
    }
}

/// What plain and timestamped key-value stores share: keys in and out of bytes.
pub(crate) struct Table<K, V> {
    keys: SharedSerde<K>,
    pub(crate) core: Core<V, KeyValueBytes>,
    key: Vec<u8>,
}

impl<K: Data, V: Data> Table<K, V> {
    pub(crate) fn new(keys: SharedSerde<K>, core: Core<V, KeyValueBytes>) -> Self {
        Self { keys, core, key: Vec::new() }
    }

    /// Serializes `key` into the buffer `self.key`.
    fn encode(&mut self, key: &K) -> Result<(), StoreError> {
        self.key.clear();
        encode_key(&self.keys, &self.core, key, &mut self.key)
    }

    fn get(&mut self, key: &K) -> Result<Option<(V, Timestamp)>, StoreError> {
        self.encode(key)?;
        self.core.get(&self.key)
    }

    fn put(&mut self, key: &K, value: Option<V>, at: Timestamp) -> Result<(), StoreError> {
        self.encode(key)?;
        self.core.put(&self.key, value, at)
    }

    fn put_if_absent(
        &mut self,
        key: &K,
        value: Option<V>,
        at: Timestamp,
    ) -> Result<Option<(V, Timestamp)>, StoreError> {
        let before = self.get(key)?;
        if before.is_none() {
            self.core.put(&self.key, value, at)?;
        }
        Ok(before)
    }

    fn delete(&mut self, key: &K) -> Result<Option<(V, Timestamp)>, StoreError> {
        let before = self.get(key)?;
        let at = self.core.stamp.timestamp;
        self.core.put(&self.key, None, at)?;
        Ok(before)
    }

    fn next_dirty(&mut self) -> Result<Option<Flushed<K, V>>, StoreError> {
        let Some(flushed) = self.core.next_dirty()? else { return Ok(None) };
        Ok(Some(Flushed {
            key: decode_key(&self.keys, &self.core, (&flushed.key[..]).into())?,
            change: flushed.change,
            timestamp: flushed.timestamp,
            headers: flushed.headers,
            context: flushed.context,
        }))
    }

    fn range<W>(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
        order: Order,
    ) -> Result<Scan<K, W>, StoreError> {
        let mut bound = |key: Option<&K>| -> Result<Bound<Vec<u8>>, StoreError> {
            let Some(key) = key else { return Ok(Bound::Unbounded) };
            self.encode(key)?;
            Ok(Bound::Included(self.key.clone()))
        };
        let range = ScanRange::new(bound(from)?, bound(to)?);
        Ok(Scan::new(range, order, None))
    }

    fn fill<W>(
        &mut self,
        scan: &mut Scan<K, W>,
        entry: impl Fn(V, Timestamp) -> W,
    ) -> Result<(), StoreError> {
        let mut rows: Vec<Row<V>> = Vec::new();
        scan.exhausted =
            self.core.page(&mut scan.range, (scan.order, scan.page), |_| Step::Take, &mut rows)?;
        for row in rows {
            let key = decode_key(&self.keys, &self.core, Payload::from(&row.key))?;
            scan.rows.push_back((key, entry(row.value, row.timestamp)));
        }
        Ok(())
    }
}

/// The keys that begin with `prefix`.
fn prefix_range(prefix: &[u8]) -> ScanRange {
    let from = Bound::Included(prefix.to_vec());
    let mut end = prefix.to_vec();
    while end.pop_if(|byte| *byte == u8::MAX).is_some() {}
    match end.last_mut() {
        Some(byte) => {
            *byte += 1;
            ScanRange::new(from, Bound::Excluded(end))
        }
        None => ScanRange::new(from, Bound::Unbounded),
    }
}

/// Appends the bytes of `key` to `out`.
pub(crate) fn encode_key<K: 'static, V: Clone + 'static, B: ByteStore>(
    keys: &SharedSerde<K>,
    core: &Core<V, B>,
    key: &K,
    out: &mut Vec<u8>,
) -> Result<(), StoreError> {
    let context = SerdeContext { topic: &core.codec.topic, headers: &core.stamp.headers };
    match keys.serialize(key, &context, out) {
        Ok(Presence::Bytes) => Ok(()),
        Ok(Presence::Null) => {
            Err(core.serde_error(SerdeError::new("the key of a store is never null")))
        }
        Err(error) => Err(core.serde_error(error)),
    }
}

pub(crate) fn decode_key<K: 'static, V: Clone + 'static, B: ByteStore>(
    keys: &SharedSerde<K>,
    core: &Core<V, B>,
    key: Payload<'_>,
) -> Result<K, StoreError> {
    let context = SerdeContext { topic: &core.codec.topic, headers: &core.stamp.headers };
    keys.deserialize(Some(key), &context).map_err(|error| core.serde_error(error))
}

/// What a task asks of any store, passed on to its core.
macro_rules! state_store {
    ($store:ident, $table:ident) => {
        impl<K: Data, V: Data> StateStore for $store<K, V> {
            fn name(&self) -> &str {
                &self.$table.core.codec.store
            }

            fn stamp(&mut self, timestamp: Timestamp, headers: &Headers) {
                self.$table.core.set_stamp(timestamp, headers);
            }

            fn stamp_context(&mut self, context: u64, charged: usize) {
                self.$table.core.set_context(context, charged);
            }

            fn flush_cache(&mut self) -> Result<(), StoreError> {
                self.$table.core.flush_cache()
            }

            fn over_capacity(&mut self) -> bool {
                self.$table.core.over_capacity()
            }

            fn evict(&mut self) {
                self.$table.core.evict();
            }

            fn seal(&mut self, batch: &mut WriteBatch) {
                self.$table.core.seal(batch);
            }

            fn discard(&mut self) {
                self.$table.core.discard();
            }

            fn staged_bytes(&self) -> usize {
                self.$table.core.bytes.staged_bytes()
            }

            fn take_dropped(&mut self) -> u64 {
                self.$table.core.bytes.take_dropped()
            }

            fn as_any_mut(&mut self) -> &mut dyn Any {
                self
            }
        }

        impl<K, V> Sealed for $store<K, V> {}

        impl<K, V> fmt::Debug for $store<K, V> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($store), self.$table.core)
            }
        }
    };
}
pub(crate) use state_store;
