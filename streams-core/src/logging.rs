//! One line a minute per stream thread: what it did.

use std::time::Duration;

use state_stores::MemoryLedger;

use crate::{batch::Timestamp, metrics::TaskCounters};

/// Counts since the last line (`log.summary.interval.ms`).
#[derive(Debug)]
pub(crate) struct Summary {
    interval_ms: Option<i64>,
    last: Timestamp,
    seen: TaskCounters,
    commits: u64,
}

impl Summary {
    pub(crate) fn new(interval: Option<Duration>, now: Timestamp) -> Self {
        let interval_ms =
            interval.map(|interval| i64::try_from(interval.as_millis()).unwrap_or(i64::MAX));
        Self { interval_ms, last: now, seen: TaskCounters::default(), commits: 0 }
    }

    pub(crate) fn committed(&mut self) {
        self.commits += 1;
    }

    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.interval_ms.is_some_and(|ms| now.as_millis() - self.last.as_millis() >= ms)
    }

    pub(crate) fn log(
        &mut self,
        counters: &TaskCounters,
        tasks: usize,
        memory: &MemoryLedger,
        now: Timestamp,
    ) {
        tracing::info!(
            tasks,
            processed = counters.processed.saturating_sub(self.seen.processed),
            punctuated = counters.punctuated.saturating_sub(self.seen.punctuated),
            dropped = counters.dropped.saturating_sub(self.seen.dropped),
            commits = self.commits,
            memory = memory.used(),
            memory_limit = memory.capacity(),
            ms = now.as_millis() - self.last.as_millis(),
            "summary"
        );
        self.last = now;
        self.seen = *counters;
        self.commits = 0;
    }
}
