//! Counters at Kafka's hook points: plain numbers of the owning thread, read by message.

use std::ops::AddAssign;

/// Counters of one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskCounters {
    /// `process-total`: records taken from the task's partitions and processed.
    pub processed: u64,
    /// `dropped-records-total`: records skipped, whatever the reason.
    pub dropped: u64,
    /// `punctuate-total`: punctuations fired.
    pub punctuated: u64,
    /// `commit-total`: commits of this task.
    pub committed: u64,
    /// `bytes-consumed-total`: bytes of keys and values taken from the task's partitions.
    pub bytes_consumed: u64,
    /// `restore-total`: changelog records applied to the task's stores.
    pub restored: u64,
}

impl AddAssign for TaskCounters {
    fn add_assign(&mut self, other: Self) {
        self.processed += other.processed;
        self.dropped += other.dropped;
        self.punctuated += other.punctuated;
        self.committed += other.committed;
        self.bytes_consumed += other.bytes_consumed;
        self.restored += other.restored;
    }
}
