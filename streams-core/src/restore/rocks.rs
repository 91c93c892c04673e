//! Persistent stores in RocksDB: one database per task.

use std::{path::Path, sync::Arc};

use state_stores::{Backend, RocksBackend, RocksMemory, StoreError};

use super::BackendOpener;
use crate::broker::TaskId;

pub(super) struct Rocks(RocksMemory);

impl Rocks {
    pub(super) fn new(memory: RocksMemory) -> Self {
        Self(memory)
    }
}

impl BackendOpener for Rocks {
    fn open(
        &self,
        dir: &Path,
        _: TaskId,
        stores: &[Arc<str>],
    ) -> Result<Arc<dyn Backend>, StoreError> {
        let names: Vec<&str> = stores.iter().map(|name| &**name).collect();
        Ok(Arc::new(RocksBackend::open(&dir.join("rocksdb"), &names, &self.0)?))
    }
}
