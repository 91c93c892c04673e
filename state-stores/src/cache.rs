//! The record cache: native values between commits, so that a key that changes often is
//! serialized, logged and written once.

mod budget;
mod entry;
mod lru;

use crate::backend::{KeyRange, Order};
use crate::hash::hash_bytes;
use hashbrown::HashTable;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

pub use budget::CacheBudget;
use entry::SmallKey;
pub(crate) use entry::{Entry, Flushable, Old};
use lru::Eldest;

/// The cached entries of one store, by serialized key: byte equality and order are Kafka's, and
/// users' keys need no `Hash`.
///
/// Clean entries stay for reads. The hash map's order is never seen: dirty entries leave in the
/// order of their latest write, the least recently used entry is evicted first.
#[derive(Debug)]
pub(crate) struct RecordCache<V> {
    index: HashTable<u32>,
    entries: Vec<Entry<V>>,
    free: Vec<u32>,
    /// Entries written since the last flush began.
    dirty: Vec<u32>,
    /// Dirty entries of the flush under way, the next one last.
    flushing: Vec<u32>,
    is_flushing: bool,
    /// The dirty entries by key, kept once a scan asked for them.
    sorted: Option<BTreeMap<Box<[u8]>, u32>>,
    eldest: Eldest,
    /// Counts uses and writes.
    clock: u64,
    budget: Arc<CacheBudget>,
    charged: usize,
}

impl<V> RecordCache<V> {
    pub(crate) fn new(budget: Arc<CacheBudget>) -> Self {
        Self {
            index: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            dirty: Vec::new(),
            flushing: Vec::new(),
            is_flushing: false,
            sorted: None,
            eldest: Eldest::default(),
            clock: 0,
            budget,
            charged: 0,
        }
    }

    /// The slot of `key`.
    pub(crate) fn find(&self, key: &[u8]) -> Option<usize> {
        let is_key = |&slot: &u32| self.entries[slot as usize].key.as_slice() == key;
        self.index.find(hash_bytes(key), is_key).map(|&slot| slot as usize)
    }

    pub(crate) fn entry(&self, slot: usize) -> &Entry<V> {
        &self.entries[slot]
    }

    pub(crate) fn entry_mut(&mut self, slot: usize) -> &mut Entry<V> {
        &mut self.entries[slot]
    }

    /// Notes a use of the entry.
    pub(crate) fn touch(&mut self, slot: usize) {
        self.clock += 1;
        self.entries[slot].used = self.clock;
    }

    /// A new clean entry without a value, charged nothing yet.
    pub(crate) fn insert(&mut self, key: &[u8]) -> usize {
        self.clock += 1;
        let entry = Entry::clean(SmallKey::new(key), self.clock);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.entries[slot as usize] = entry;
                slot
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        };
        let entries = &self.entries;
        let rehash = |&slot: &u32| hash_bytes(entries[slot as usize].key.as_slice());
        self.index.insert_unique(hash_bytes(key), slot, rehash);
        slot as usize
    }

    /// Notes a write to the entry: it becomes the latest of the dirty ones.
    pub(crate) fn mark_dirty(&mut self, slot: usize) {
        self.clock += 1;
        let entry = &mut self.entries[slot];
        if !entry.is_dirty() {
            self.dirty.push(slot as u32);
            if let Some(sorted) = &mut self.sorted {
                sorted.insert(entry.key.as_slice().into(), slot as u32);
            }
        }
        entry.used = self.clock;
        entry.written = self.clock;
    }

    /// Charges `size` bytes for the entry in place of what was charged before.
    pub(crate) fn charge(&mut self, slot: usize, size: usize) {
        let entry = &mut self.entries[slot];
        let before = entry.size as usize;
        if before != size {
            entry.size = size as u32;
            self.budget.replace(before, size);
            self.charged = self.charged + size - before;
        }
    }

    /// Whether the caches of the thread hold more than they may, and this one has entries.
    pub(crate) fn over_capacity(&self) -> bool {
        self.budget.is_exceeded() && !self.index.is_empty()
    }

    /// Evicts entries, least recently used first, while over capacity and until a dirty one,
    /// which would have to be flushed first, as in Java with all other dirty ones of the store.
    pub(crate) fn evict_clean(&mut self) {
        while self.over_capacity() {
            match self.eldest.find(&self.entries) {
                Some(slot) if !self.entries[slot].is_dirty() => self.remove(slot),
                _ => break,
            }
        }
    }

    /// Whether an eviction is due that needs a flush first.
    pub(crate) fn needs_flush(&mut self) -> bool {
        self.evict_clean();
        self.over_capacity()
    }

    /// The next dirty entry to flush: in the order of the latest writes, but the entry that is
    /// about to be evicted first. `None` ends the flush; what is written meanwhile waits for the
    /// next one.
    pub(crate) fn next_dirty(&mut self) -> Option<usize> {
        if !self.is_flushing {
            self.is_flushing = true;
            self.begin_flush();
        }
        while let Some(slot) = self.flushing.pop() {
            if self.entries[slot as usize].is_dirty() {
                return Some(slot as usize);
            }
        }
        self.is_flushing = false;
        None
    }

    fn begin_flush(&mut self) {
        std::mem::swap(&mut self.flushing, &mut self.dirty);
        let entries = &self.entries;
        self.flushing
            .sort_unstable_by_key(|&slot| std::cmp::Reverse(entries[slot as usize].written));
        if self.budget.is_exceeded()
            && let Some(eldest) = self.eldest.find(&self.entries)
            && let Some(at) = self.flushing.iter().position(|&slot| slot as usize == eldest)
        {
            let first = self.flushing.remove(at);
            self.flushing.push(first);
        }
    }

    /// Takes what a flush needs out of a dirty entry, which is clean from then on.
    pub(crate) fn take_flushable(&mut self, slot: usize) -> Flushable<V> {
        let entry = &mut self.entries[slot];
        if let Some(sorted) = &mut self.sorted {
            sorted.remove(entry.key.as_slice());
        }
        entry.take_flushable()
    }

    /// Forgets the entry.
    pub(crate) fn remove(&mut self, slot: usize) {
        self.charge(slot, 0);
        let hash = hash_bytes(self.entries[slot].key.as_slice());
        if let Ok(found) = self.index.find_entry(hash, |&at| at as usize == slot) {
            found.remove();
        }
        if let Some(sorted) = &mut self.sorted {
            sorted.remove(self.entries[slot].key.as_slice());
        }
        self.entries[slot].vacate();
        self.free.push(slot as u32);
    }

    /// Forgets everything, dirty entries too.
    pub(crate) fn clear(&mut self) {
        // The old cache gives back its charge when it is dropped.
        *self = Self::new(Arc::clone(&self.budget));
    }

    /// Whether a flush would write something.
    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty() || !self.flushing.is_empty()
    }

    /// The dirty entries in `range`; `None` for a value is a deletion.
    pub(crate) fn scan_dirty<'a>(
        &'a mut self,
        range: KeyRange<'_>,
        order: Order,
    ) -> impl Iterator<Item = (&'a [u8], &'a Entry<V>)> {
        let entries = &self.entries;
        let sorted = self.sorted.get_or_insert_with(|| {
            let dirty = entries.iter().zip(0_u32..).filter(|(entry, _)| entry.is_dirty());
            dirty.map(|(entry, slot)| (entry.key.as_slice().into(), slot)).collect()
        });
        // An empty range would make the map panic.
        let (from, to) = match range.is_empty() {
            true => (Bound::Included(&[][..]), Bound::Excluded(&[][..])),
            false => (range.from, range.to),
        };
        let mut rows = sorted.range::<[u8], _>((from, to));
        std::iter::from_fn(move || match order {
            Order::Forward => rows.next(),
            Order::Backward => rows.next_back(),
        })
        .map(|(key, &slot)| (&**key, &entries[slot as usize]))
    }
}

impl<V> Drop for RecordCache<V> {
    fn drop(&mut self) {
        self.budget.replace(self.charged, 0);
    }
}
