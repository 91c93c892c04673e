//! The broker itself: what an application opens, and what makes its parts.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use streams_core::Clock;
use streams_core::broker::{
    Admin, Broker, BrokerError, BrokerErrorKind, FetchOptions, Fetcher, GroupAdmin, GroupOptions,
    Membership, ProduceOptions, Producer, TopicPartition, TopologySpec, WakeUp,
};

use crate::admin::EmbeddedAdmin;
use crate::fetcher::EmbeddedFetcher;
use crate::flusher::Flusher;
use crate::folder::{Checkpoint, Folder};
use crate::group::{Coordinator, EmbeddedMembership};
use crate::options::EmbeddedOptions;
use crate::partition::{Partition, PartitionOffsets, lock};
use crate::producer::EmbeddedProducer;
use crate::topics::Topics;

/// A partitioned log within the process, in memory or in a folder.
///
/// A clone is the same log: instances of applications, producers and readers within the process
/// share one. Dropping the last one syncs and closes a log on disk, which waits for the disk.
///
/// # Example: a record is written and read
/// ```
/// use broker_embedded::EmbeddedBroker;
/// use streams_core::batch::BatchBuilder;
/// use streams_core::broker::{Broker, NewTopic, TopicPartition, WakeUp};
/// use streams_core::stores::Timestamp;
///
/// let broker = EmbeddedBroker::in_memory();
/// broker.admin().create_topics(&[NewTopic::new("lines", 1)])?;
/// let lines = TopicPartition::new("lines", 0);
///
/// let mut producer = broker.producer(Default::default(), WakeUp::new());
/// let mut batch = BatchBuilder::new();
/// batch.append(Timestamp::from_millis(1), None, Some(b"to be"), &[])?;
/// producer.send(&lines, &mut batch)?;
///
/// let mut fetcher = broker.fetcher(Default::default(), WakeUp::new());
/// fetcher.assign(&lines, 0);
/// let mut fetched = Vec::new();
/// fetcher.poll(&mut fetched)?;
/// let batches = &fetched[0].result.as_ref().unwrap().batches;
/// assert_eq!(batches[0].record_count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct EmbeddedBroker(Arc<Shared>);

/// What all parts of one log share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) coordinator: Mutex<Coordinator>,
    group_watchers: Mutex<Vec<WakeUp>>,
    group_version: AtomicU64,
    // Before the topics: its thread is gone when their folder is unlocked.
    flusher: Mutex<Option<Flusher>>,
    pub(crate) topics: Topics,
}

impl EmbeddedBroker {
    /// A log in memory, with default options.
    pub fn in_memory() -> Self {
        // Without topic defaults there is nothing that could be refused.
        Self::in_memory_with(EmbeddedOptions::default()).expect("default options are accepted")
    }

    /// A log in memory.
    ///
    /// # Errors
    /// A topic default that is no topic config, with its name.
    pub fn in_memory_with(options: EmbeddedOptions) -> Result<Self, BrokerError> {
        let topics = Topics::in_memory(options.topic_defaults)?;
        Self::with_topics(topics, options.clock, options.initial_rebalance_delay)
    }

    /// The log in `folder`, which is made if it is missing. What a crash left unfinished is cut
    /// off, with a warning.
    ///
    /// # Errors
    /// The folder is in use, was written by a newer version, holds something else, or has damaged
    /// data before sound data: the text names folder, file and position. Nothing is deleted then.
    pub fn open(folder: impl AsRef<Path>, options: EmbeddedOptions) -> Result<Self, BrokerError> {
        let folder = Folder::open(folder.as_ref())?;
        let topics = Topics::open(folder, options.topic_defaults)?;
        let interval = options.retention_check_interval;
        let broker = Self::with_topics(topics, options.clock, options.initial_rebalance_delay)?;
        let shared = Arc::downgrade(&broker.0);
        let flusher = Flusher::start(interval, move || retain_all(&shared)).map_err(|error| {
            BrokerError::new(BrokerErrorKind::Fatal, "cannot start the flush thread")
                .with_source(error)
        })?;
        *lock(&broker.0.flusher) = Some(flusher);
        Ok(broker)
    }

    fn with_topics(
        topics: Topics,
        clock: Arc<dyn Clock>,
        initial_rebalance_delay: Duration,
    ) -> Result<Self, BrokerError> {
        let coordinator = Coordinator::load(&topics, initial_rebalance_delay)?;
        Ok(Self(Arc::new(Shared {
            clock,
            coordinator: Mutex::new(coordinator),
            group_watchers: Mutex::default(),
            group_version: AtomicU64::new(1),
            flusher: Mutex::new(None),
            topics,
        })))
    }

    /// Makes everything written so far survive a loss of power. Waits for the disk.
    ///
    /// # Errors
    /// A sync failed: the partition takes no more records.
    pub fn flush(&self) -> Result<(), BrokerError> {
        self.0.sync_all()
    }

    /// Deletes what retention no longer covers. A log on disk does so by itself; one in memory when
    /// it begins a new segment, and here. Returns how many segments were deleted.
    ///
    /// # Errors
    /// Files cannot be deleted.
    pub fn delete_expired(&self) -> Result<usize, BrokerError> {
        self.0.retain()
    }

    /// Where a partition's log stands.
    ///
    /// # Errors
    /// There is no such partition.
    pub fn partition_offsets(
        &self,
        partition: &TopicPartition,
    ) -> Result<PartitionOffsets, BrokerError> {
        Ok(self.0.topics.partition(partition)?.offsets())
    }

    /// How many bytes the batches of a partition take.
    ///
    /// # Errors
    /// There is no such partition.
    pub fn partition_size(&self, partition: &TopicPartition) -> Result<u64, BrokerError> {
        Ok(self.0.topics.partition(partition)?.size())
    }
}

impl Broker for EmbeddedBroker {
    fn fetcher(&self, options: FetchOptions, wake: WakeUp) -> Box<dyn Fetcher> {
        Box::new(EmbeddedFetcher::new(Arc::clone(&self.0), options, wake))
    }

    fn producer(&self, options: ProduceOptions, wake: WakeUp) -> Box<dyn Producer> {
        Box::new(EmbeddedProducer::new(Arc::clone(&self.0), options, wake))
    }

    fn membership(
        &self,
        options: GroupOptions,
        topology: TopologySpec,
        wake: WakeUp,
    ) -> Result<Box<dyn Membership>, BrokerError> {
        let membership = EmbeddedMembership::new(Arc::clone(&self.0), options, topology, wake)?;
        Ok(Box::new(membership))
    }

    fn admin(&self) -> Arc<dyn Admin> {
        Arc::new(EmbeddedAdmin::new(Arc::clone(&self.0)))
    }

    fn group_admin(&self) -> Arc<dyn GroupAdmin> {
        Arc::new(EmbeddedAdmin::new(Arc::clone(&self.0)))
    }
}

impl Shared {
    /// Syncs a partition soon, then wakes `wake`; at once if there is nothing to sync.
    pub(crate) fn sync_soon(&self, partition: &Arc<Partition>, wake: &WakeUp) {
        match &*lock(&self.flusher) {
            Some(flusher) if partition.durable() < partition.offsets().log_end_offset => {
                flusher.sync_soon(partition, wake);
            }
            _ => wake.wake(),
        }
    }

    /// `wake` is woken when topics or groups change.
    pub(crate) fn watch_groups(&self, wake: &WakeUp) {
        lock(&self.group_watchers).push(wake.clone());
    }

    pub(crate) fn unwatch_groups(&self, wake: &WakeUp) {
        let mut watchers = lock(&self.group_watchers);
        if let Some(place) = watchers.iter().position(|watcher| watcher.is_same(wake)) {
            watchers.swap_remove(place);
        }
    }

    /// Changes with each call of [`Shared::wake_groups`]; never 0.
    pub(crate) fn group_version(&self) -> u64 {
        self.group_version.load(Ordering::Acquire)
    }

    pub(crate) fn wake_groups(&self) {
        self.group_version.fetch_add(1, Ordering::AcqRel);
        for watcher in lock(&self.group_watchers).iter() {
            watcher.wake();
        }
    }

    fn retain(&self) -> Result<usize, BrokerError> {
        let now = self.clock.now();
        let mut dropped = 0;
        for partition in self.topics.all_partitions() {
            dropped += partition.retain(now)?;
        }
        if dropped > 0 {
            self.topics.checkpoint(Checkpoint::LogStart)?;
        }
        self.topics.checkpoint(Checkpoint::RecoveryPoint)?;
        Ok(dropped)
    }

    fn sync_all(&self) -> Result<(), BrokerError> {
        // All are synced, also if one fails.
        let results: Vec<_> =
            self.topics.all_partitions().iter().map(|partition| partition.sync()).collect();
        results.into_iter().collect::<Result<(), _>>()?;
        self.topics.checkpoint(Checkpoint::RecoveryPoint)
    }

    fn close(&self) -> Result<(), BrokerError> {
        *lock(&self.flusher) = None;
        for partition in self.topics.all_partitions() {
            partition.close()?;
        }
        self.sync_all()?;
        self.topics.checkpoint(Checkpoint::LogStart)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if !self.topics.is_on_disk() {
            return;
        }
        // What fails here is made good by the recovery of the next open.
        if let Err(error) = self.close() {
            tracing::error!(%error, "the log could not be closed cleanly");
        }
    }
}

fn retain_all(shared: &Weak<Shared>) {
    let Some(shared) = shared.upgrade() else { return };
    if let Err(error) = shared.retain() {
        tracing::error!(%error, "retention failed");
    }
}
