//! From the cache to the store below and its changelog.

use super::{ByteStore, Core, write_below};
use crate::cache::{Old, RecordCache};
use crate::error::StoreError;
use crate::headers::Headers;
use crate::store::Change;
use crate::time::Timestamp;

/// A value that left the cache for the store below.
pub(crate) struct FlushedBytes<V> {
    pub(crate) key: Vec<u8>,
    pub(crate) change: Change<V>,
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: Headers,
    pub(crate) context: u64,
}
impl<V: Clone + 'static, B: ByteStore> Core<V, B> {
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
}
