//! All topics of a log: creating, finding, deleting, opening them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use streams_core::broker::{
    BrokerError, BrokerErrorKind, NewTopic, TopicDescription, TopicPartition,
};

use crate::config::TopicConfig;
use crate::errors;
use crate::folder::{Checkpoint, Folder, StoredTopic};
use crate::log::Log;
use crate::partition::Partition;

/// The topic that keeps committed offsets, as in Kafka.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The most partitions of a topic: a slip of the keyboard should not fill the disk with folders.
const PARTITIONS_MAX: i32 = 100_000;

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) partitions: Vec<Arc<Partition>>,
    stored: StoredTopic,
    config: Arc<TopicConfig>,
}

/// The topics, and the folder that keeps them.
#[derive(Debug)]
pub(crate) struct Topics {
    folder: Option<Folder>,
    defaults: BTreeMap<String, String>,
    by_name: RwLock<BTreeMap<Arc<str>, Topic>>,
    version: AtomicU64,
}

impl Topics {
    pub(crate) fn in_memory(defaults: BTreeMap<String, String>) -> Result<Self, BrokerError> {
        TopicConfig::parse(&defaults, &BTreeMap::new())?;
        Ok(Self { folder: None, defaults, by_name: RwLock::default(), version: AtomicU64::new(1) })
    }

    /// Opens all topics of a folder.
    pub(crate) fn open(
        folder: Folder,
        defaults: BTreeMap<String, String>,
    ) -> Result<Self, BrokerError> {
        let stored = folder.read_topics()?;
        let recovery_points = folder.read_checkpoint(Checkpoint::RecoveryPoint)?;
        let log_starts = folder.read_checkpoint(Checkpoint::LogStart)?;
        let topics = Self { folder: Some(folder), ..Self::in_memory(defaults)? };
        for (name, stored) in stored {
            let topic: Arc<str> = name.into();
            let config = Arc::new(TopicConfig::parse(&stored.configs, &topics.defaults)?);
            let mut partitions = Vec::new();
            for number in 0..stored.partitions {
                let name = TopicPartition::new(Arc::clone(&topic), number);
                let recovery_point = recovery_points.get(&name).copied().unwrap_or(0);
                let log_start = log_starts.get(&name).copied().unwrap_or(0);
                let log = topics.open_log(&name, &config, recovery_point, log_start)?;
                partitions.push(Partition::new(name, log));
            }
            topics.write().insert(topic, Topic { partitions, stored, config });
        }
        Ok(topics)
    }

    /// Changes with each creation, growth and deletion of a topic.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn is_on_disk(&self) -> bool {
        self.folder.is_some()
    }

    pub(crate) fn create(&self, topic: &NewTopic) -> Result<(), BrokerError> {
        check_name(&topic.name)?;
        check_count(&topic.name, topic.partitions)?;
        let config = TopicConfig::parse(&topic.configs, &self.defaults)?;
        if !matches!(topic.replication_factor, None | Some(-1 | 1)) {
            // A log of one process has one replica; asking for more is common in code that is meant
            // for a cluster, and no reason to refuse.
            tracing::debug!(topic = topic.name, "the embedded log keeps one replica");
        }
        let mut by_name = self.write();
        if by_name.contains_key(topic.name.as_str()) {
            let context = format!("topic {} exists already", topic.name);
            return Err(BrokerError::new(BrokerErrorKind::AlreadyExists, context));
        }
        let stored = StoredTopic { partitions: topic.partitions, configs: topic.configs.clone() };
        let name: Arc<str> = topic.name.as_str().into();
        let made = Topic {
            partitions: Vec::new(),
            stored: StoredTopic::default(),
            config: Arc::new(config),
        };
        let made = self.grow(&name, made, stored)?;
        by_name.insert(name, made);
        self.version.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    pub(crate) fn create_partitions(&self, name: &str, count: i32) -> Result<(), BrokerError> {
        check_count(name, count)?;
        let mut by_name = self.write();
        let (name, topic) =
            by_name.remove_entry(name).ok_or_else(|| BrokerError::unknown_topic(name))?;
        let has = topic.stored.partitions;
        let old = Topic {
            partitions: topic.partitions.clone(),
            stored: topic.stored.clone(),
            config: Arc::clone(&topic.config),
        };
        let grown = if count > has {
            let stored = StoredTopic { partitions: count, configs: topic.stored.configs.clone() };
            self.grow(&name, topic, stored)
        } else {
            Err(BrokerError::invalid_request(format!(
                "topic {name} has {has} partitions, it cannot get {count}: partitions can only be \
                 added"
            )))
        };
        let (topic, result) = match grown {
            Ok(grown) => (grown, Ok(())),
            Err(error) => (old, Err(error)),
        };
        by_name.insert(name, topic);
        self.version.fetch_add(1, Ordering::AcqRel);
        result
    }

    pub(crate) fn delete(&self, name: &str) -> Result<(), BrokerError> {
        let mut by_name = self.write();
        let topic = by_name.remove(name).ok_or_else(|| BrokerError::unknown_topic(name))?;
        for partition in &topic.partitions {
            partition.mark_deleted();
        }
        self.version.fetch_add(1, Ordering::AcqRel);
        self.folder.as_ref().map_or(Ok(()), |folder| folder.delete_topic(name))
    }

    pub(crate) fn describe(&self, name: &str) -> Option<TopicDescription> {
        let by_name = self.read();
        let (name, topic) = by_name.get_key_value(name)?;
        let mut description = TopicDescription::new(Arc::clone(name), topic.stored.partitions, 1);
        description.configs.clone_from(&topic.stored.configs);
        Some(description)
    }

    pub(crate) fn partition_count(&self, name: &str) -> Option<i32> {
        self.read().get(name).map(|topic| topic.stored.partitions)
    }

    /// Partition counts of all topics but the log's own.
    pub(crate) fn partition_counts(&self) -> BTreeMap<Arc<str>, i32> {
        let by_name = self.read();
        let visible = by_name.iter().filter(|(name, _)| ***name != *OFFSETS_TOPIC);
        visible.map(|(name, topic)| (Arc::clone(name), topic.stored.partitions)).collect()
    }

    pub(crate) fn partition(&self, name: &TopicPartition) -> Result<Arc<Partition>, BrokerError> {
        let by_name = self.read();
        let topic =
            by_name.get(&*name.topic).ok_or_else(|| BrokerError::unknown_topic(&name.topic))?;
        let found = usize::try_from(name.partition).ok().and_then(|p| topic.partitions.get(p));
        found.map(Arc::clone).ok_or_else(|| {
            let context = format!(
                "partition {name} does not exist: topic {} has {} partitions",
                name.topic, topic.stored.partitions
            );
            BrokerError::new(BrokerErrorKind::UnknownTopic, context)
        })
    }

    pub(crate) fn all_partitions(&self) -> Vec<Arc<Partition>> {
        self.read().values().flat_map(|topic| &topic.partitions).map(Arc::clone).collect()
    }

    /// Writes a checkpoint of all partitions.
    pub(crate) fn checkpoint(&self, which: Checkpoint) -> Result<(), BrokerError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let entry = |partition: Arc<Partition>| {
            let offset = match which {
                Checkpoint::RecoveryPoint => partition.durable(),
                Checkpoint::LogStart => partition.offsets().log_start_offset,
            };
            (offset > 0).then(|| (partition.name.clone(), offset))
        };
        let entries = self.all_partitions().into_iter().filter_map(entry).collect();
        folder.write_checkpoint(which, &entries)
    }

    /// The topic with the partitions that it lacks.
    fn grow(
        &self,
        name: &Arc<str>,
        mut topic: Topic,
        stored: StoredTopic,
    ) -> Result<Topic, BrokerError> {
        let from = topic.stored.partitions;
        if let Some(folder) = &self.folder {
            folder.write_topic(name, &stored, from)?;
        }
        for number in from..stored.partitions {
            let name = TopicPartition::new(Arc::clone(name), number);
            let log = self.open_log(&name, &topic.config, 0, 0)?;
            topic.partitions.push(Partition::new(name, log));
        }
        topic.stored = stored;
        Ok(topic)
    }

    fn open_log(
        &self,
        name: &TopicPartition,
        config: &Arc<TopicConfig>,
        recovery_point: i64,
        log_start: i64,
    ) -> Result<Log, BrokerError> {
        let config = Arc::clone(config);
        let Some(folder) = &self.folder else { return Ok(Log::in_memory(name.clone(), config)) };
        let path = folder.partition(name);
        // Missing only if somebody removed it: an empty partition is what is left.
        std::fs::create_dir_all(&path).map_err(|error| errors::io("make", &path, error))?;
        Log::open(name.clone(), path, config, recovery_point, log_start)
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Arc<str>, Topic>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Arc<str>, Topic>> {
        self.by_name.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kafka's rule for topic names.
fn check_name(name: &str) -> Result<(), BrokerError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=249).contains(&name.len()) && name.chars().all(legal) && name != "." && name != ".." {
        return Ok(());
    }
    Err(BrokerError::invalid_request(format!(
        "{name:?} cannot be a topic's name: use 1 to 249 letters, digits, '.', '_' and '-'"
    )))
}

fn check_count(name: &str, partitions: i32) -> Result<(), BrokerError> {
    if (1..=PARTITIONS_MAX).contains(&partitions) {
        return Ok(());
    }
    Err(BrokerError::invalid_request(format!(
        "topic {name} cannot have {partitions} partitions: choose 1 to {PARTITIONS_MAX}"
    )))
}
