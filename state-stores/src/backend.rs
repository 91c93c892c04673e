//! Where the bytes of a task's stores lie: the trait a backend implements.

mod batch;
mod memory;
#[cfg(feature = "rocksdb")]
mod rocks;

use crate::error::StoreError;
use bytes::Bytes;
use std::fmt::Debug;
use std::ops::Bound;

pub(crate) use batch::SPARE_BYTES;
pub use batch::{Offset, Write, WriteBatch};
pub use memory::MemoryBackend;
#[cfg(feature = "rocksdb")]
pub use rocks::{ROCKS_FORMAT_VERSION, RocksBackend, RocksMemory};

/// A store of a backend: a dense index from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(pub usize);

/// The direction of a scan. Keys are ordered as unsigned bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the lowest key up.
    Forward,
    /// From the highest key down.
    Backward,
}

/// A range of keys; its two ends may each be open.
#[derive(Clone, Copy, Debug)]
pub struct KeyRange<'a> {
    /// The lower end.
    pub from: Bound<&'a [u8]>,
    /// The upper end.
    pub to: Bound<&'a [u8]>,
}

impl<'a> KeyRange<'a> {
    /// All keys.
    pub const ALL: KeyRange<'static> = KeyRange { from: Bound::Unbounded, to: Bound::Unbounded };

    /// The keys from `from` up to and without `to`.
    pub fn half_open(from: &'a [u8], to: &'a [u8]) -> Self {
        Self { from: Bound::Included(from), to: Bound::Excluded(to) }
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        let above = match self.from {
            Bound::Included(from) => key >= from,
            Bound::Excluded(from) => key > from,
            Bound::Unbounded => true,
        };
        above
            && match self.to {
                Bound::Included(to) => key <= to,
                Bound::Excluded(to) => key < to,
                Bound::Unbounded => true,
            }
    }

    /// Whether no key can lie in the range.
    pub fn is_empty(&self) -> bool {
        match (self.from, self.to) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to))
            | (Bound::Excluded(from), Bound::Included(to)) => from >= to,
        }
    }
}

/// Keys in ascending order, none twice, with their values; tombstones are `None`.
pub type SortedRun<'r, 'a> = &'r mut (dyn Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + 'r);

/// The bytes of all stores of one task, and the changelog offsets they stand at.
///
/// A backend is told whole batches, each at a commit; what lies between two commits is kept
/// above it. The crate's contract suite (feature `testing`) tells whether a backend is one.
pub trait Backend: Send + Sync + Debug {
    /// The value of `key`.
    ///
    /// # Errors
    /// When the database cannot be read, or was closed.
    fn get(&self, store: StoreId, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// Appends to `out` the first `limit` entries of `range`, seen in `order`. Fewer than
    /// `limit` say that the range has no more.
    ///
    /// # Errors
    /// When the database cannot be read, or was closed.
    fn scan(
        &self,
        store: StoreId,
        range: KeyRange<'_>,
        order: Order,
        limit: usize,
        out: &mut Vec<(Bytes, Bytes)>,
    ) -> Result<(), StoreError>;

    /// Applies the writes of `batch`, in their order, and its offsets: all or nothing, seen at
    /// once, durable with the next [`Backend::flush`]. Leaves `batch` empty.
    ///
    /// # Errors
    /// When the database cannot be written, or was closed; then nothing of the batch is seen.
    fn write(&self, batch: &mut WriteBatch) -> Result<(), StoreError>;

    /// Per changelog partition the last offset applied, of what this backend holds.
    ///
    /// **Invariant:** an offset is never found here without the data up to it.
    ///
    /// # Errors
    /// When the database cannot be read, or was closed.
    fn offsets(&self) -> Result<Vec<Offset>, StoreError>;

    /// About how many entries `store` has.
    ///
    /// # Errors
    /// When the database cannot be read, or was closed.
    fn approximate_entries(&self, store: StoreId) -> Result<u64, StoreError>;

    /// Replaces the entries of `run`'s keys, past the path of single writes: what restoring uses.
    /// What that leaves to be tidied up may wait for the next [`Backend::flush`].
    ///
    /// # Errors
    /// When the run is out of order, or the database cannot be written.
    fn ingest(&self, store: StoreId, run: SortedRun<'_, '_>) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for (key, value) in run {
            batch.write(store, key, value);
        }
        self.write(&mut batch)
    }

    /// Makes all that was written durable, offsets never ahead of data.
    ///
    /// # Errors
    /// When the database cannot be written, or was closed.
    fn flush(&self) -> Result<(), StoreError>;

    /// Flushes and ends the use of the backend; later calls fail with [`StoreError::Closed`].
    ///
    /// # Errors
    /// When the flush failed; the backend is closed all the same.
    fn close(&self) -> Result<(), StoreError>;

    /// Whether the data outlives the process.
    fn is_persistent(&self) -> bool;
}
