//! What memory is used for, and how much of it.

use std::fmt;

/// What memory is used for. The comments say what happens when it is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MemoryPart {
    /// Databases: blocks of tables with their indexes and filters, and memtables. The least
    /// recently used blocks are dropped, memtables are flushed.
    Stores,
    /// Record caches (`statestore.cache.max.bytes`), by Kafka's count of their bytes. They evict.
    Cache,
    /// Writes of the stores since the last commit. The thread commits early.
    Staged,
    /// Fetched batches whose records are not all processed yet. The thread pauses partitions.
    Fetched,
    /// Batches that are being filled, or that the broker has not acknowledged yet. The thread stops
    /// processing until it has.
    Unsent,
    /// Changelog records that wait to be written to a store that is being restored. They are
    /// written.
    Restore,
}

/// The whole of what record caches leave.
const WHOLE: usize = 64;

impl MemoryPart {
    /// All parts, in the order of their declaration.
    pub(super) const ALL: [Self; 6] =
        [Self::Stores, Self::Cache, Self::Staged, Self::Fetched, Self::Unsent, Self::Restore];

    /// So many of 64 parts of what record caches leave. The 19 that are missing are for what nobody
    /// counts: copies of what is being committed, batches on their way between the broker's client and a task, buffers kept for
    /// reuse, the rooms of the allocator.
    const fn shares(self) -> usize {
        match self {
            // Each read that misses costs a read of the disk and a decompression.
            Self::Stores => 20,
            // While they are handed to a database, they exist three times.
            Self::Staged => 8,
            // A thread works off a few batches while the next ones come.
            Self::Fetched => 8,
            // Many round trips of any broker.
            Self::Unsent => 1,
            // Larger runs make larger sorted files. Used while tasks come, not later.
            Self::Restore => 8,
            // What was reserved, see `MemoryLedger::share`.
            Self::Cache => 0,
        }
    }

    /// The share of this part in so many bytes.
    pub(super) const fn of(self, bytes: usize) -> usize {
        bytes / WHOLE * self.shares()
    }

    /// Its place in [`Self::ALL`].
    pub(super) const fn place(self) -> usize {
        self as usize
    }

    /// Its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stores => "stores",
            Self::Cache => "cache",
            Self::Staged => "staged",
            Self::Fetched => "fetched",
            Self::Unsent => "unsent",
            Self::Restore => "restore",
        }
    }
}

impl fmt::Display for MemoryPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a part uses at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartUsage {
    /// The part.
    pub part: MemoryPart,
    /// The bytes in use, as far as published: once per pass of a stream thread.
    pub used: usize,
    /// The bytes it may use.
    pub share: usize,
}

/// What a [`MemoryLedger`](super::MemoryLedger) says at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryUsage {
    /// The bytes that all parts may use together (`memory.bytes`).
    pub capacity: usize,
    /// Each part.
    pub parts: Vec<PartUsage>,
}

impl MemoryUsage {
    /// The bytes in use.
    pub fn used(&self) -> usize {
        self.parts.iter().map(|part| part.used).sum()
    }

    /// One part.
    pub fn part(&self, part: MemoryPart) -> Option<&PartUsage> {
        self.parts.iter().find(|usage| usage.part == part)
    }
}
