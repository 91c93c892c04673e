//! The memory that all databases of an instance share.

use rocksdb::{Cache, WriteBufferManager};
use std::fmt;

/// The block cache with index and filter blocks, and the memtables in it: one for all databases
/// of an instance, given to each at [`super::RocksBackend::open`]. Clones share it.
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
            bytes / 3,
            false,
            cache.clone(),
        );
        Self { cache, memtables }
    }

    /// The bytes in use.
    pub fn used(&self) -> usize {
        self.cache.get_usage()
    }
}

impl fmt::Debug for RocksMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RocksMemory({} bytes used)", self.used())
    }
}
