//! Counters of an instance, gathered from its threads.

use std::collections::BTreeMap;

use state_stores::MemoryUsage;

use crate::{broker::TaskId, metrics::TaskCounters};

/// Counters of one stream thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadMetrics {
    /// The thread's name.
    pub thread: String,
    /// Counters of the tasks it has now.
    pub tasks: BTreeMap<TaskId, TaskCounters>,
    /// Counters of the tasks it had.
    pub closed: TaskCounters,
}

impl ThreadMetrics {
    /// All tasks together.
    pub fn total(&self) -> TaskCounters {
        let mut total = self.closed;
        self.tasks.values().for_each(|counters| total += *counters);
        total
    }
}

/// Counters of an instance: of the threads it has, and of those it had; and its memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamsMetrics {
    /// One entry per thread, ended ones included.
    pub threads: Vec<ThreadMetrics>,
    /// What the memory is used for (`memory.bytes`).
    pub memory: MemoryUsage,
}

impl StreamsMetrics {
    /// All threads together.
    pub fn total(&self) -> TaskCounters {
        let mut total = TaskCounters::default();
        self.threads.iter().for_each(|thread| total += thread.total());
        total
    }
}
