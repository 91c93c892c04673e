//! What is done rarely: topics and groups as such. The one part of the seam that blocks.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use super::{BrokerError, CommittedOffset, OwnedTasks, Timestamp, TopicPartition};

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions it gets.
    pub partitions: i32,
    /// How many replicas; `None` takes the broker's default. An embedded log has one.
    pub replication_factor: Option<i16>,
    /// Topic configs by Kafka's names (`retention.ms`, `cleanup.policy`, ..).
    pub configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with the broker's defaults.
    pub fn new(name: impl Into<String>, partitions: i32) -> Self {
        Self { name: name.into(), partitions, replication_factor: None, configs: BTreeMap::new() }
    }

    /// The same topic with one config set.
    #[must_use]
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.insert(name.into(), value.into());
        self
    }
}

/// A topic as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicDescription {
    /// Its name.
    pub name: Arc<str>,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many replicas each has.
    pub replication_factor: i16,
    /// Its configs, as far as they were set for this topic.
    pub configs: BTreeMap<String, String>,
}

impl TopicDescription {
    /// A topic without configs of its own.
    pub fn new(name: impl Into<Arc<str>>, partitions: i32, replication_factor: i16) -> Self {
        Self { name: name.into(), partitions, replication_factor, configs: BTreeMap::new() }
    }
}

/// Which offset of a partition is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OffsetSpec {
    /// The log start offset.
    Earliest,
    /// The high watermark: one past the last record.
    Latest,
    /// The last stable offset: one past the last record that a reader of committed records sees.
    LatestStable,
    /// The first record with this timestamp or a later one; the high watermark if there is none.
    AtOrAfter(Timestamp),
}

/// A group as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupDescription {
    /// The group.
    pub group_id: String,
    /// Its epoch: grows whenever members, topology or topics change.
    pub epoch: i32,
    /// Its state, in Kafka's words: `Empty`, `NotReady`, `Assigning`, `Reconciling`, `Stable`.
    pub state: String,
    /// Its members, by member id.
    pub members: Vec<MemberDescription>,
    /// Where it goes on, by partition.
    pub offsets: BTreeMap<TopicPartition, CommittedOffset>,
}

impl GroupDescription {
    /// A group without members and offsets.
    pub fn new(group_id: impl Into<String>, epoch: i32, state: impl Into<String>) -> Self {
        Self {
            group_id: group_id.into(),
            epoch,
            state: state.into(),
            members: Vec::new(),
            offsets: BTreeMap::new(),
        }
    }
}

/// A member of a group as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberDescription {
    /// The member.
    pub member_id: String,
    /// The instance it belongs to.
    pub process_id: String,
    /// Its epoch.
    pub epoch: i32,
    /// What it owns, as it last said.
    pub owned: OwnedTasks,
    /// What it shall own once all tasks have moved.
    pub target: OwnedTasks,
}

/// Creates, describes and deletes topics, and asks for offsets. Each call waits for its answer.
pub trait Admin: Debug + Send + Sync {
    /// Creates topics. Each is tried; the first error is returned.
    ///
    /// # Errors
    /// [`AlreadyExists`](super::BrokerErrorKind::AlreadyExists), naming the topic; an illegal
    /// name, count or config is [`InvalidRequest`](super::BrokerErrorKind::InvalidRequest).
    fn create_topics(&self, topics: &[NewTopic]) -> Result<(), BrokerError>;

    /// Grows a topic to `partitions` partitions in all.
    ///
    /// # Errors
    /// [`InvalidRequest`](super::BrokerErrorKind::InvalidRequest) if that is not more than it has.
    fn create_partitions(&self, topic: &str, partitions: i32) -> Result<(), BrokerError>;

    /// Deletes topics with their records. Each is tried; the first error is returned.
    ///
    /// # Errors
    /// [`UnknownTopic`](super::BrokerErrorKind::UnknownTopic), naming the topic.
    fn delete_topics(&self, topics: &[&str]) -> Result<(), BrokerError>;

    /// Describes topics, in the order asked for; one that does not exist is `None`.
    ///
    /// # Errors
    /// The broker could not be asked.
    fn describe_topics(
        &self,
        topics: &[&str],
    ) -> Result<Vec<Option<TopicDescription>>, BrokerError>;

    /// The names of all topics, sorted; the broker's own (`__consumer_offsets`) left out.
    ///
    /// # Errors
    /// The broker could not be asked.
    fn list_topics(&self) -> Result<Vec<Arc<str>>, BrokerError>;

    /// Offsets of partitions, in the order asked for.
    ///
    /// # Errors
    /// [`UnknownTopic`](super::BrokerErrorKind::UnknownTopic), naming topic and partition.
    fn list_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetSpec)],
    ) -> Result<Vec<i64>, BrokerError>;

    /// Deletes the records before these offsets. An offset below the log start offset changes
    /// nothing. Each is tried; the first error is returned.
    ///
    /// # Errors
    /// [`OffsetOutOfRange`](super::BrokerErrorKind::OffsetOutOfRange) beyond the high watermark.
    fn delete_records(&self, before: &[(TopicPartition, i64)]) -> Result<(), BrokerError>;
}

/// Looks at groups and mends their offsets. Each call waits for its answer.
pub trait GroupAdmin: Debug + Send + Sync {
    /// The ids of all groups, sorted.
    ///
    /// # Errors
    /// The broker could not be asked.
    fn list_groups(&self) -> Result<Vec<String>, BrokerError>;

    /// A group with its members, tasks and offsets; `None` if there is no such group.
    ///
    /// # Errors
    /// The broker could not be asked.
    fn describe_group(&self, group_id: &str) -> Result<Option<GroupDescription>, BrokerError>;

    /// Sets offsets of a group that has no members.
    ///
    /// # Errors
    /// [`InvalidRequest`](super::BrokerErrorKind::InvalidRequest) if it has members.
    fn alter_offsets(
        &self,
        group_id: &str,
        offsets: &[(TopicPartition, CommittedOffset)],
    ) -> Result<(), BrokerError>;

    /// Forgets offsets of a group that has no members. Unknown partitions are ignored.
    ///
    /// # Errors
    /// [`InvalidRequest`](super::BrokerErrorKind::InvalidRequest) if it has members.
    fn delete_offsets(
        &self,
        group_id: &str,
        partitions: &[TopicPartition],
    ) -> Result<(), BrokerError>;

    /// Forgets a group that has no members, its offsets included.
    ///
    /// # Errors
    /// [`InvalidRequest`](super::BrokerErrorKind::InvalidRequest) if it has members or is unknown.
    fn delete_group(&self, group_id: &str) -> Result<(), BrokerError>;
}
