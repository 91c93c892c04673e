//! Opens the databases of a task.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use state_stores::{Backend, MemoryBackend, MemoryLedger, StoreError, StoreId};

use super::StoreToOpen;
use crate::{broker::TaskId, error::StreamsError, state_directory::TaskDirectory};

/// Opens the database that holds the persistent stores of a task.
pub(crate) trait BackendOpener: Send + Sync {
    /// `dir` is the task's folder, `stores` are the names by [`StoreId`].
    fn open(
        &self,
        dir: &Path,
        task: TaskId,
        stores: &[Arc<str>],
    ) -> Result<Arc<dyn Backend>, StoreError>;
}

/// The backends of a task with all its stores, and the folder they lie in.
pub(crate) struct TaskStores {
    memory: Option<Arc<dyn Backend>>,
    disk: Option<Arc<dyn Backend>>,
    /// By place in the topology: whether on disk, and the number in the backend.
    places: BTreeMap<usize, (bool, StoreId)>,
    directory: Option<TaskDirectory>,
    /// Changelog records applied before the task began.
    pub(crate) restored: u64,
}

impl TaskStores {
    /// Opens what the task needs. A damaged database is deleted and restored from its changelogs.
    pub(crate) fn open(
        task: TaskId,
        stores: &[StoreToOpen],
        directory: Option<TaskDirectory>,
        opener: &dyn BackendOpener,
    ) -> Result<Self, StreamsError> {
        let mut places = BTreeMap::new();
        let (mut on_disk, mut in_memory) = (Vec::new(), 0);
        for store in stores {
            let is_on_disk = store.persistent && directory.is_some();
            let id = if is_on_disk {
                on_disk.push(Arc::clone(&store.name));
                StoreId(on_disk.len() - 1)
            } else {
                in_memory += 1;
                StoreId(in_memory - 1)
            };
            places.insert(store.index, (is_on_disk, id));
        }
        let memory = (in_memory > 0).then(|| -> Arc<dyn Backend> {
            Arc::new(MemoryBackend::new(&task.to_string(), in_memory))
        });
        let disk = match &directory {
            Some(directory) if !on_disk.is_empty() => {
                Some(open_or_wipe(directory, task, &on_disk, opener)?)
            }
            _ => None,
        };
        Ok(Self { memory, disk, places, directory, restored: 0 })
    }

    /// Of a task without stores.
    pub(crate) fn none() -> Self {
        let places = BTreeMap::new();
        Self { memory: None, disk: None, places, directory: None, restored: 0 }
    }

    /// Deletes everything and begins anew, empty.
    pub(super) fn wipe(
        mut self,
        task: TaskId,
        stores: &[StoreToOpen],
        opener: &dyn BackendOpener,
    ) -> Result<Self, StreamsError> {
        let directory = self.directory.take();
        drop(self);
        if let Some(directory) = &directory {
            directory.wipe()?;
        }
        Self::open(task, stores, directory, opener)
    }

    /// The backend of a store and the store's number in it.
    pub(crate) fn place(&self, index: usize) -> Option<(&Arc<dyn Backend>, StoreId)> {
        let (on_disk, id) = self.places.get(&index)?;
        let backend = if *on_disk { &self.disk } else { &self.memory };
        backend.as_ref().map(|backend| (backend, *id))
    }

    /// The stores, by their place in the topology.
    pub(crate) fn indices(&self) -> impl Iterator<Item = usize> + use<'_> {
        self.places.keys().copied()
    }

    pub(crate) fn is_on_disk(&self, index: usize) -> bool {
        self.places.get(&index).is_some_and(|(on_disk, _)| *on_disk)
    }

    pub(crate) fn backends(&self) -> impl Iterator<Item = &Arc<dyn Backend>> {
        self.memory.iter().chain(&self.disk)
    }

    pub(crate) fn disk(&self) -> Option<&Arc<dyn Backend>> {
        self.disk.as_ref()
    }

    /// Makes everything durable and gives the folder back.
    pub(crate) fn close(self) -> Result<(), StreamsError> {
        let closed: Vec<_> = self.backends().map(|backend| backend.close()).collect();
        for outcome in closed {
            outcome?;
        }
        Ok(())
    }
}

fn open_or_wipe(
    directory: &TaskDirectory,
    task: TaskId,
    stores: &[Arc<str>],
    opener: &dyn BackendOpener,
) -> Result<Arc<dyn Backend>, StreamsError> {
    let named = |error: StoreError| StreamsError::from(error).in_task(task);
    match opener.open(directory.path(), task, stores) {
        Err(error @ StoreError::Corrupted { .. }) => {
            tracing::warn!(task = %task, %error, "the stores are damaged: restoring them from their changelogs");
            directory.wipe()?;
            opener.open(directory.path(), task, stores).map_err(named)
        }
        opened => opened.map_err(named),
    }
}

/// Persistent stores lie in RocksDB, or without the feature `rocksdb` in memory.
pub(crate) fn default_opener(memory: &MemoryLedger) -> Arc<dyn BackendOpener> {
    #[cfg(feature = "rocksdb")]
    return Arc::new(super::rocks::Rocks::new(memory.rocks()));
    #[cfg(not(feature = "rocksdb"))]
    {
        let _ = memory;
        Arc::new(InMemory)
    }
}

/// Whether persistent stores need a folder.
pub(crate) const USES_DISK: bool = cfg!(feature = "rocksdb");

#[cfg(not(feature = "rocksdb"))]
struct InMemory;

#[cfg(not(feature = "rocksdb"))]
impl BackendOpener for InMemory {
    fn open(
        &self,
        _: &Path,
        task: TaskId,
        stores: &[Arc<str>],
    ) -> Result<Arc<dyn Backend>, StoreError> {
        Ok(Arc::new(MemoryBackend::new(&task.to_string(), stores.len())))
    }
}
