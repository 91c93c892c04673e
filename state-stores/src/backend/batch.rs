//! Writes that belong together.

use super::StoreId;

/// What a buffer keeps at most between two commits.
pub(crate) const SPARE_BYTES: usize = 4 << 20;

/// A changelog partition and the last offset of it that was applied: topic, partition, offset.
pub type Offset = (String, i32, i64);

/// One write of a [`WriteBatch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write<'a> {
    /// Sets the value of a key.
    Put {
        /// The store.
        store: StoreId,
        /// The key.
        key: &'a [u8],
        /// Its new value.
        value: &'a [u8],
    },
    /// Removes a key.
    Delete {
        /// The store.
        store: StoreId,
        /// The key.
        key: &'a [u8],
    },
    /// Removes all keys from `from` up to and without `to`.
    DeleteRange {
        /// The store.
        store: StoreId,
        /// The first key removed.
        from: &'a [u8],
        /// The key behind the last one removed.
        to: &'a [u8],
    },
}

impl Write<'_> {
    /// The store written to.
    pub fn store(&self) -> StoreId {
        match *self {
            Self::Put { store, .. }
            | Self::Delete { store, .. }
            | Self::DeleteRange { store, .. } => store,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Put,
    Delete,
    DeleteRange,
}

/// A write as two neighboring pieces of the arena.
#[derive(Clone, Copy, Debug)]
struct Piece {
    kind: Kind,
    store: StoreId,
    at: usize,
    middle: usize,
    end: usize,
}

/// Writes to any stores of a task, and changelog offsets, applied together.
///
/// The bytes lie in one buffer, which is kept for the next commit.
#[derive(Debug, Default)]
pub struct WriteBatch {
    arena: Vec<u8>,
    pieces: Vec<Piece>,
    offsets: Vec<Offset>,
}

impl WriteBatch {
    /// Sets the value of `key`.
    pub fn put(&mut self, store: StoreId, key: &[u8], value: &[u8]) {
        self.push(Kind::Put, store, key, value);
    }

    /// Removes `key`.
    pub fn delete(&mut self, store: StoreId, key: &[u8]) {
        self.push(Kind::Delete, store, key, &[]);
    }

    /// Removes the keys from `from` up to and without `to`.
    pub fn delete_range(&mut self, store: StoreId, from: &[u8], to: &[u8]) {
        self.push(Kind::DeleteRange, store, from, to);
    }

    /// Sets the value of `key`, or removes it.
    pub fn write(&mut self, store: StoreId, key: &[u8], value: Option<&[u8]>) {
        match value {
            Some(value) => self.put(store, key, value),
            None => self.delete(store, key),
        }
    }

    /// The last offset of a changelog partition that the writes of this batch include.
    pub fn set_offset(&mut self, topic: &str, partition: i32, offset: i64) {
        self.offsets.push((topic.to_owned(), partition, offset));
    }

    /// The writes in their order.
    pub fn iter(&self) -> impl Iterator<Item = Write<'_>> {
        self.pieces.iter().map(|&Piece { kind, store, at, middle, end }| {
            let (first, second) = (&self.arena[at..middle], &self.arena[middle..end]);
            match kind {
                Kind::Put => Write::Put { store, key: first, value: second },
                Kind::Delete => Write::Delete { store, key: first },
                Kind::DeleteRange => Write::DeleteRange { store, from: first, to: second },
            }
        })
    }

    /// The offsets.
    pub fn offsets(&self) -> &[Offset] {
        &self.offsets
    }

    /// How many writes there are.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether there is neither a write nor an offset.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.offsets.is_empty()
    }

    /// The bytes of keys and values.
    pub fn size(&self) -> usize {
        self.arena.len()
    }

    /// Empties the batch; its buffers stay for the next one, unless they are large.
    pub fn clear(&mut self) {
        if self.arena.len() + self.pieces.len() * size_of::<Piece>() > SPARE_BYTES {
            *self = Self::default();
            return;
        }
        self.arena.clear();
        self.pieces.clear();
        self.offsets.clear();
    }

    /// Room for `writes` more of `bytes` in all.
    pub(crate) fn reserve(&mut self, writes: usize, bytes: usize) {
        self.pieces.reserve(writes);
        self.arena.reserve(bytes);
    }

    fn push(&mut self, kind: Kind, store: StoreId, first: &[u8], second: &[u8]) {
        let at = self.arena.len();
        self.arena.extend_from_slice(first);
        let middle = self.arena.len();
        self.arena.extend_from_slice(second);
        self.pieces.push(Piece { kind, store, at, middle, end: self.arena.len() });
    }
}
