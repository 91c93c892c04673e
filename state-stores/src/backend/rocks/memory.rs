//! The memory that all databases of a ledger share.

use rocksdb::{Cache, WriteBufferManager};
use std::fmt;

/// Memtables are flushed early when they take this part of the memory.
const MEMTABLES: usize = 3;

/// The block cache with index and filter blocks, and the memtables in it: one for all databases
/// of a [`MemoryLedger`](crate::MemoryLedger), given to each at [`super::RocksBackend::open`].
/// Clones share it.
#[derive(Clone)]
pub struct RocksMemory {
    pub(super) cache: Cache,
    pub(super) memtables: WriteBufferManager,
}

impl RocksMemory {
    /// `bytes` for all; memtables are flushed early when they take a third of it.
    pub fn new(bytes: usize) -> Self {
        let cache = Cache::new_lru_cache(bytes);
        let memtables = WriteBufferManager::new_write_buffer_manager_with_cache(
            bytes / MEMTABLES,
            false,
            cache.clone(),
        );
        Self { cache, memtables }
    }

    /// Changes what all may use; blocks that no longer fit are dropped.
    pub(crate) fn set_capacity(&mut self, bytes: usize) {
        self.cache.set_capacity(bytes);
        self.memtables.set_buffer_size(bytes / MEMTABLES);
    }

    /// The bytes in use.
    pub fn used(&self) -> usize {
        self.cache.get_usage()
    }

    #[cfg(test)]
    pub(crate) fn memtables(&self) -> usize {
        self.memtables.get_buffer_size()
    }
}

impl fmt::Debug for RocksMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RocksMemory({} bytes used)", self.used())
    }
}
