//! Read-modify-write with one look-up.

use super::{ByteStore, Core};
use crate::cache::Old;
use crate::store::{Change, Update, UpdateError};
use crate::time::Timestamp;

impl<V: Clone + 'static, B: ByteStore> Core<V, B> {
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
}
