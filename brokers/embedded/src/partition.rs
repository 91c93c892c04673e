//! A partition as all threads of the process share it: the log behind a lock, its offsets beside.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use streams_core::batch::{BatchMut, RecordBatch};
use streams_core::broker::{BrokerError, BrokerErrorKind, TopicPartition, WakeUp};
use streams_core::stores::Timestamp;

use crate::log::Log;

/// Locks, also after a panic elsewhere: each critical section leaves its data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a partition's log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionOffsets {
    /// The first offset that still exists.
    pub log_start_offset: i64,
    /// The end of what a reader of committed records may see (LSO).
    pub last_stable_offset: i64,
    /// The end of what a reader of uncommitted records may see (HW).
    pub high_watermark: i64,
    /// The offset that the next record gets (LEO). With a single replica, the high watermark.
    pub log_end_offset: i64,
}

#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) name: TopicPartition,
    log: Mutex<Log>,
    // Copies for readers that only look whether there is something new.
    end_offset: AtomicI64,
    last_stable: AtomicI64,
    log_start: AtomicI64,
    durable: AtomicI64,
    deleted: AtomicBool,
    failure: OnceLock<String>,
    watchers: Mutex<Vec<WakeUp>>,
}

impl Partition {
    pub(crate) fn new(name: TopicPartition, log: Log) -> Arc<Self> {
        let partition = Self {
            name,
            end_offset: AtomicI64::new(0),
            last_stable: AtomicI64::new(0),
            log_start: AtomicI64::new(0),
            durable: AtomicI64::new(log.recovery_point()),
            deleted: AtomicBool::new(false),
            failure: OnceLock::new(),
            watchers: Mutex::new(Vec::new()),
            log: Mutex::new(log),
        };
        partition.publish(&lock(&partition.log));
        Arc::new(partition)
    }

    pub(crate) fn offsets(&self) -> PartitionOffsets {
        let end = self.end_offset.load(Ordering::Acquire);
        PartitionOffsets {
            log_start_offset: self.log_start.load(Ordering::Acquire),
            last_stable_offset: self.last_stable.load(Ordering::Acquire),
            high_watermark: end,
            log_end_offset: end,
        }
    }

    /// Everything before is durable: in memory, everything.
    pub(crate) fn durable(&self) -> i64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Appends a batch and wakes the readers; returns the offset of its first record.
    pub(crate) fn append(
        &self,
        batch: &mut BatchMut<'_>,
        now: Timestamp,
    ) -> Result<i64, BrokerError> {
        self.check()?;
        let base_offset = {
            let mut log = lock(&self.log);
            let base_offset = log.append(batch, now)?;
            self.publish(&log);
            base_offset
        };
        self.wake_watchers();
        Ok(base_offset)
    }

    /// About `max_bytes` of batches from `offset` on, at least one if there is one.
    pub(crate) fn read(
        &self,
        offset: i64,
        max_bytes: usize,
    ) -> Result<Vec<RecordBatch>, BrokerError> {
        self.check()?;
        // The file is read without the lock: appends only ever add to it.
        let plan = lock(&self.log).plan_read(offset, max_bytes)?;
        plan.read(max_bytes)
    }

    pub(crate) fn offset_at(&self, timestamp: Timestamp) -> Result<Option<i64>, BrokerError> {
        lock(&self.log).offset_at(timestamp)
    }

    pub(crate) fn delete_before(&self, offset: i64, now: Timestamp) -> Result<(), BrokerError> {
        self.with_log(|log| log.delete_before(offset, now))
    }

    pub(crate) fn retain(&self, now: Timestamp) -> Result<usize, BrokerError> {
        self.with_log(|log| log.retain(now))
    }

    pub(crate) fn close(&self) -> Result<(), BrokerError> {
        lock(&self.log).close()
    }

    pub(crate) fn size(&self) -> u64 {
        lock(&self.log).size()
    }

    /// Makes everything appended so far durable. Appends go on meanwhile.
    pub(crate) fn sync(&self) -> Result<(), BrokerError> {
        let plan = lock(&self.log).plan_sync();
        if let Err(error) = plan.run() {
            // The system may have dropped the unsynced pages: a second attempt would succeed without
            // them. So the partition takes no more.
            let cause =
                std::error::Error::source(&error).map_or(String::new(), |e| format!(": {e}"));
            self.failure.get_or_init(|| format!("{error}{cause}"));
            return Err(error);
        }
        let mut log = lock(&self.log);
        log.synced(plan.end_offset);
        self.durable.fetch_max(log.recovery_point(), Ordering::AcqRel);
        Ok(())
    }

    /// # Errors
    /// The partition was deleted, or a sync of it failed.
    pub(crate) fn check(&self) -> Result<(), BrokerError> {
        if self.is_deleted() {
            return Err(BrokerError::unknown_topic(&self.name.topic));
        }
        self.failure.get().map_or(Ok(()), |failure| {
            let context = format!(
                "partition {} takes no more records since a sync failed ({failure}): mend the disk, \
                 then open the log again",
                self.name
            );
            Err(BrokerError::new(BrokerErrorKind::Fatal, context))
        })
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    pub(crate) fn mark_deleted(&self) {
        self.deleted.store(true, Ordering::Release);
        self.wake_watchers();
    }

    /// `wake` is woken by each change from now on.
    pub(crate) fn watch(&self, wake: &WakeUp) {
        lock(&self.watchers).push(wake.clone());
    }

    /// Takes back one [`Partition::watch`].
    pub(crate) fn unwatch(&self, wake: &WakeUp) {
        let mut watchers = lock(&self.watchers);
        if let Some(place) = watchers.iter().position(|watcher| watcher.is_same(wake)) {
            watchers.swap_remove(place);
        }
    }

    fn with_log<T>(
        &self,
        change: impl FnOnce(&mut Log) -> Result<T, BrokerError>,
    ) -> Result<T, BrokerError> {
        let changed = {
            let mut log = lock(&self.log);
            let changed = change(&mut log);
            self.publish(&log);
            changed
        };
        self.wake_watchers();
        changed
    }

    fn publish(&self, log: &Log) {
        self.log_start.store(log.log_start(), Ordering::Release);
        self.last_stable.store(log.last_stable_offset(), Ordering::Release);
        self.end_offset.store(log.end_offset(), Ordering::Release);
        self.durable.fetch_max(log.recovery_point(), Ordering::AcqRel);
    }

    fn wake_watchers(&self) {
        for watcher in lock(&self.watchers).iter() {
            watcher.wake();
        }
    }
}
