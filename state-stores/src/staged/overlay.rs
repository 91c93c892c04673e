//! Uncommitted writes: bytes in one arena, found by a hash index, sorted when a commit or a scan
//! asks for order. An ordered map would cost several times as much a write.

use super::runs::Runs;
use crate::backend::{KeyRange, Order, SPARE_BYTES, StoreId, WriteBatch};
use crate::hash::hash_bytes;
use crate::key_order::KeyOrder;
use hashbrown::HashTable;

/// The value length of a deletion.
const DELETED: u32 = u32::MAX;
/// The value length of a write that a range deletion undid: the key is not part of the overlay.
const FORGOTTEN: u32 = u32::MAX - 1;

/// A key and the value written last. The key lies at `key_at`.
#[derive(Clone, Copy, Debug)]
struct Slot {
    key_at: usize,
    value_at: usize,
    key_len: u32,
    value_len: u32,
    /// The bytes at `value_at` that a shorter value may use.
    room: u32,
}

#[derive(Debug, Default)]
pub(super) struct Overlay {
    arena: Vec<u8>,
    slots: Vec<Slot>,
    index: HashTable<u32>,
    /// The slots in key order, as far as scans asked for it.
    runs: Runs,
    /// For a commit.
    order: KeyOrder,
}

impl Slot {
    fn key(self, arena: &[u8]) -> &[u8] {
        &arena[self.key_at..self.key_at + self.key_len as usize]
    }

    fn value(self, arena: &[u8]) -> Option<&[u8]> {
        let length = self.value_len;
        (length < FORGOTTEN).then(|| &arena[self.value_at..self.value_at + length as usize])
    }
}

impl Overlay {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.arena.len() + self.slots.len() * size_of::<Slot>()
    }

    /// What was written to `key`: `Some(None)` is a deletion.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        if self.slots.is_empty() {
            return None;
        }
        let slot = self.slots[self.find(hash_bytes(key), key)?];
        (slot.value_len != FORGOTTEN).then(|| slot.value(&self.arena))
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let is_key = |&slot: &u32| self.slots[slot as usize].key(&self.arena) == key;
        self.index.find(hash, is_key).map(|&slot| slot as usize)
    }

    pub(super) fn put(&mut self, key: &[u8], value: Option<&[u8]>) {
        let hash = hash_bytes(key);
        match self.find(hash, key) {
            Some(slot) => self.overwrite(slot, value),
            None => self.insert(hash, key, value),
        }
    }

    fn overwrite(&mut self, slot: usize, value: Option<&[u8]>) {
        let slot = &mut self.slots[slot];
        let Some(value) = value else {
            slot.value_len = DELETED;
            return;
        };
        if value.len() <= slot.room as usize {
            self.arena[slot.value_at..slot.value_at + value.len()].copy_from_slice(value);
        } else {
            slot.value_at = self.arena.len();
            slot.room = length(value);
            self.arena.extend_from_slice(value);
        }
        slot.value_len = length(value);
    }

    fn insert(&mut self, hash: u64, key: &[u8], value: Option<&[u8]>) {
        let key_at = self.arena.len();
        self.arena.extend_from_slice(key);
        let value_at = self.arena.len();
        self.arena.extend_from_slice(value.unwrap_or_default());
        let slot = self.slots.len() as u32;
        self.slots.push(Slot {
            key_at,
            value_at,
            key_len: length(key),
            value_len: value.map_or(DELETED, length),
            room: value.map_or(0, length),
        });
        let (slots, arena) = (&self.slots, &self.arena);
        let rehash = |&slot: &u32| hash_bytes(slots[slot as usize].key(arena));
        self.index.insert_unique(hash, slot, rehash);
    }

    /// The writes, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let slots = self.slots.iter().filter(|slot| slot.value_len != FORGOTTEN);
        slots.map(|slot| (slot.key(&self.arena), slot.value(&self.arena)))
    }

    /// Undoes the writes to keys from `from` up to and without `to`.
    pub(super) fn forget_range(&mut self, from: &[u8], to: &[u8]) {
        for slot in &mut self.slots {
            let key = slot.key(&self.arena);
            if from <= key && key < to {
                slot.value_len = FORGOTTEN;
            }
        }
    }

    /// Brings the slots into key order, for [`Overlay::scan`].
    pub(super) fn sort(&mut self) {
        let (slots, arena) = (&self.slots, &self.arena);
        self.runs.extend(slots.len() as u32, |slot| slots[slot as usize].key(arena));
    }

    /// The writes in `range`; all keys must have been sorted.
    pub(super) fn scan<'a>(
        &'a self,
        range: KeyRange<'_>,
        order: Order,
    ) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        let key = |slot: u32| self.slots[slot as usize].key(&self.arena);
        let rows = self.runs.scan(range, order, key);
        rows.map(|slot| self.slots[slot as usize])
            .filter(|slot| slot.value_len != FORGOTTEN)
            .map(|slot| (slot.key(&self.arena), slot.value(&self.arena)))
    }

    /// Moves the writes into `batch`, in the order of their keys.
    pub(super) fn seal(&mut self, store: StoreId, batch: &mut WriteBatch) {
        let (slots, arena) = (&self.slots, &self.arena);
        self.order.sort(slots.len() as u32, |slot| slots[slot as usize].key(arena));
        batch.reserve(self.slots.len(), self.arena.len());
        for slot in self.order.iter() {
            let slot = self.slots[slot as usize];
            if slot.value_len != FORGOTTEN {
                batch.write(store, slot.key(&self.arena), slot.value(&self.arena));
            }
        }
        self.clear();
    }

    /// Empties it, and gives back what a large commit took.
    pub(super) fn clear(&mut self) {
        if self.bytes() > SPARE_BYTES {
            *self = Self::default();
            return;
        }
        self.arena.clear();
        self.slots.clear();
        self.index.clear();
        self.runs.clear();
        self.order.clear();
    }
}

/// Keys and values come out of records, whose lengths are below 2 GiB.
fn length(bytes: &[u8]) -> u32 {
    debug_assert!(bytes.len() < FORGOTTEN as usize, "a record has less than 2 GiB");
    bytes.len() as u32
}
