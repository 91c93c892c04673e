//! Brings stores up to date with their changelogs before their tasks run.
//!
//! One state updater per instance, on a thread of its own: stream threads ask it to open and
//! restore the stores of a task, go on with their other tasks, and get a finished [`TaskStores`]
//! back through their mailbox. The [`Restorer`] is the state machine, without thread or clock.

mod open;
#[cfg(feature = "rocksdb")]
mod rocks;
mod run;
mod restorer;
mod updater;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use state_stores::ChangelogRestore;

use crate::{
    broker::{TaskId, TopicPartition},
    error::StreamsError,
};

pub(crate) use {
    open::{BackendOpener, TaskStores, USES_DISK, default_opener},
    restorer::{Restorer, RestorerParts},
    updater::{Command, StateUpdater},
};

/// A store to open, and the changelog it is restored from.
#[derive(Clone)]
pub(crate) struct StoreToOpen {
    /// Its place in the topology.
    pub(crate) index: usize,
    pub(crate) name: Arc<str>,
    pub(crate) persistent: bool,
    pub(crate) changelog: Option<ChangelogToRead>,
}

/// A changelog partition to restore from.
#[derive(Clone)]
pub(crate) struct ChangelogToRead {
    pub(crate) partition: TopicPartition,
    pub(crate) restore: Arc<dyn ChangelogRestore>,
    /// Where to stop before the end: what the group committed of a source topic that serves as
    /// changelog.
    pub(crate) limit: Option<i64>,
}

/// Asks for the stores of a task.
pub(crate) struct RestoreRequest {
    pub(crate) task: TaskId,
    /// Tells answers to an earlier request of the same thread apart.
    pub(crate) attempt: u64,
    pub(crate) stores: Vec<StoreToOpen>,
    /// Takes the answer to the thread that asked.
    pub(crate) reply: Box<dyn Fn(RestoreReply) + Send>,
}

/// The answer to a request.
pub(crate) struct RestoreReply {
    pub(crate) task: TaskId,
    pub(crate) attempt: u64,
    pub(crate) outcome: Result<TaskStores, StreamsError>,
}

/// How far the restore of a task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreProgress {
    /// Changelog records applied so far.
    pub restored: u64,
    /// Changelog offsets still to be read, as far as known.
    pub remaining: u64,
}

/// The progress of all tasks being restored.
pub(crate) type SharedProgress = Arc<std::sync::Mutex<BTreeMap<TaskId, RestoreProgress>>>;
