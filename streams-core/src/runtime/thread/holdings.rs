//! What a thread holds of the memory, and what it does about too much.

use state_stores::{MemoryAccount, MemoryLedger, MemoryPart};

use super::StreamThread;

/// The accounts of a thread. What it has not sent yet is in its collector's.
pub(super) struct Holdings {
    pub(super) fetched: MemoryAccount,
    pub(super) staged: MemoryAccount,
    pub(super) cache: MemoryAccount,
}

/// Why a task's partitions have to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressure {
    /// They need not.
    None,
    /// The thread holds too much and has records to process: only a task that cannot process what it
    /// holds gets more.
    Busy,
    /// The thread holds too much, of tasks that wait: those that hold nothing may go on.
    Stuck,
}

impl Pressure {
    /// Whether a partition is not fetched, so that the thread works off what it holds. Of a task
    /// that holds something, empty partitions are always fetched: it may wait for them.
    pub(super) fn pauses(self, partition_holds: bool, task_holds: bool) -> bool {
        match self {
            Self::None => false,
            Self::Busy => partition_holds || !task_holds,
            Self::Stuck => partition_holds,
        }
    }
}

impl Holdings {
    pub(super) fn new(ledger: &MemoryLedger) -> Self {
        Self {
            fetched: ledger.account(MemoryPart::Fetched),
            staged: ledger.account(MemoryPart::Staged),
            cache: ledger.account(MemoryPart::Cache),
        }
    }

    /// How much the fetcher may hand over at once: half of what one of so many threads may have.
    pub(super) fn fetch_bytes(&self, ledger: &MemoryLedger, threads: usize) -> usize {
        // The others may not have begun yet.
        let of_instance = ledger.share(MemoryPart::Fetched) / threads.max(1);
        self.fetched.fair_part().min(of_instance) / 2
    }
}

impl StreamThread {
    /// Publishes what was fetched and not processed yet; pauses partitions that hold enough, or all
    /// that can wait while the thread has too much, and resumes them after that.
    pub(super) fn regulate_fetching(&mut self) {
        let held = self.running.values().map(|active| active.task.buffered_bytes()).sum();
        self.holdings.fetched.set(held);
        let pressure = match (self.holdings.fetched.is_over(), self.is_starved) {
            (false, _) => Pressure::None,
            (true, false) => Pressure::Busy,
            (true, true) => Pressure::Stuck,
        };
        let records_max = self.env.config.buffered_records_per_partition;
        for active in self.running.values_mut() {
            active.regulate(&mut *self.fetcher, records_max, pressure);
        }
    }

    /// Publishes what stores hold of writes since the last commit, and their record caches.
    pub(super) fn account_writes(&mut self) {
        let staged = self.running.values_mut().map(super::ActiveTask::staged_bytes).sum();
        self.holdings.staged.set(staged);
        self.holdings.cache.set(self.env.cache.used());
    }
}

#[cfg(test)]
mod tests {
    use super::Pressure::{Busy, None, Stuck};

    #[test]
    fn a_partition_that_its_task_waits_for_is_always_fetched() {
        for pressure in [None, Busy, Stuck] {
            assert!(!pressure.pauses(false, true), "{pressure:?}");
        }
    }

    #[test]
    fn what_holds_something_is_paused_under_pressure_and_what_holds_nothing_unless_stuck() {
        let pauses = [None, Busy, Stuck].map(|pressure| pressure.pauses(true, true));
        assert_eq!(pauses, [false, true, true]);
        let pauses = [None, Busy, Stuck].map(|pressure| pressure.pauses(false, false));
        assert_eq!(pauses, [false, true, false]);
    }
}
