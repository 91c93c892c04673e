//! Group membership in the shape of KIP-1071: the coordinator assigns tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};
use std::time::Duration;

use super::{BrokerError, TaskId, Timestamp, TopicPartition};

/// Who joins which group, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupOptions {
    /// The group; Kafka Streams' `application.id`.
    pub group_id: String,
    /// This member; one per stream thread. Kept by the application, so that a restarted thread
    /// takes its tasks back at once.
    pub member_id: String,
    /// The instance that the member belongs to. Threads of one process share it, and an active task
    /// and its standby never share a process.
    pub process_id: String,
    /// Static membership; `group.instance.id`. Streams groups of Kafka 4.3 refuse it.
    pub instance_id: Option<String>,
    /// `client.rack`.
    pub rack: Option<String>,
    /// Host and port of `application.server`, told to the other members.
    pub user_endpoint: Option<(String, u16)>,
    /// `client.tag.*`, for placing standbys.
    pub client_tags: BTreeMap<String, String>,
    /// How long the group waits for this member to give up a task; `max.poll.interval.ms`.
    pub rebalance_timeout: Duration,
    /// The member is dead after this long without a heartbeat. A group config in KIP-1071
    /// (`streams.session.timeout.ms`): a cluster's own setting wins.
    pub session_timeout: Duration,
    /// How often heartbeats go out. A group config in KIP-1071 (`streams.heartbeat.interval.ms`).
    pub heartbeat_interval: Duration,
    /// Standbys per task that has state. A group config in KIP-1071
    /// (`streams.num.standby.replicas`); the embedded coordinator takes the largest of its members.
    pub standby_replicas: usize,
    /// How the broker's logs and metrics name this client; `client.id`.
    pub client_id: String,
}

impl GroupOptions {
    /// Kafka's defaults for this member of this group.
    pub fn new(
        group_id: impl Into<String>,
        process_id: impl Into<String>,
        member_id: impl Into<String>,
    ) -> Self {
        Self {
            group_id: group_id.into(),
            member_id: member_id.into(),
            process_id: process_id.into(),
            instance_id: None,
            rack: None,
            user_endpoint: None,
            client_tags: BTreeMap::new(),
            rebalance_timeout: Duration::from_secs(300),
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(5),
            standby_replicas: 0,
            client_id: String::new(),
        }
    }
}

/// The tasks a member holds: opened, and not yet given up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnedTasks {
    /// Tasks it processes.
    pub active: BTreeSet<TaskId>,
    /// Tasks whose state it keeps up to date.
    pub standby: BTreeSet<TaskId>,
}

/// The tasks a member is to hold from now on: all of them, not a difference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskAssignment {
    /// The group's epoch that it belongs to: grows whenever members, topology or topics change.
    pub epoch: i32,
    /// Tasks to process, each with the partitions it reads. An assignment with the same tasks and
    /// more partitions follows when a source topic grew.
    pub active: BTreeMap<TaskId, Vec<TopicPartition>>,
    /// Tasks whose state is to be kept up to date.
    pub standby: BTreeSet<TaskId>,
}

impl TaskAssignment {
    /// The tasks alone: what the member owns once it has carried the assignment out.
    pub fn tasks(&self) -> OwnedTasks {
        OwnedTasks { active: self.active.keys().copied().collect(), standby: self.standby.clone() }
    }
}

/// News from the group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupEvent {
    /// Own exactly these tasks. The member first gives up (processes, commits, closes) what it owns
    /// and does not find here, then opens what is new, and shows that it has done so by the
    /// `owned` of its next poll. Only then does another member get what was given up.
    Assignment(TaskAssignment),
    /// The member is no longer in the group: it missed its heartbeats, or its place was taken. All
    /// its tasks are lost, without a commit. The next poll joins anew, with nothing owned.
    Fenced,
    /// The group's condition changed. Empty: all is well. Tasks owned stay owned, but while a
    /// topic is missing or wrong nothing is assigned.
    Status(Vec<GroupStatus>),
}

/// One condition of the group, as the coordinator tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStatus {
    /// Which condition.
    pub code: GroupStatusCode,
    /// A sentence with the names (of topics, and their partition counts) in it.
    pub detail: String,
}

impl fmt::Display for GroupStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// Kafka's status codes (`StreamsGroupHeartbeatResponse.Status`); each value is the wire's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
#[non_exhaustive]
pub enum GroupStatusCode {
    /// The member's topology is older than the group's.
    StaleTopology = 0,
    /// Source topics do not exist. Kafka Streams waits two heartbeats for them, then stops.
    MissingSourceTopics = 1,
    /// Co-partitioned topics differ in their partition counts: the application stops.
    IncorrectlyPartitionedTopics = 2,
    /// Repartition or changelog topics do not exist: the coordinator is about to create them, or
    /// could not.
    MissingInternalTopics = 3,
    /// A member asked the whole application to stop.
    ShutdownApplication = 4,
    /// The coordinator waits for more members before it assigns.
    AssignmentDelayed = 5,
}

/// Where a group goes on in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset of the next record to process.
    pub offset: i64,
    /// The leader epoch of the last record processed, where known: guards against truncated logs.
    pub leader_epoch: Option<i32>,
    /// The application's own bytes, as text. Kafka Streams keeps partition times here.
    pub metadata: String,
}

impl CommittedOffset {
    /// An offset with neither leader epoch nor metadata.
    pub fn new(offset: i64) -> Self {
        Self { offset, leader_epoch: None, metadata: String::new() }
    }
}

/// Names a commit until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitTicket(pub u64);

/// What identifies the member in a transaction's offsets (KIP-447).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMetadata {
    /// The group.
    pub group_id: String,
    /// The member.
    pub member_id: String,
    /// Its epoch; -1 outside of the group.
    pub member_epoch: i32,
    /// Its static name.
    pub instance_id: Option<String>,
}

/// One stream thread's place in its group.
///
/// No method blocks. The [`WakeUp`](super::WakeUp) that the membership was made with is woken when
/// a poll would have news, or a commit or a query of offsets has its answer.
pub trait Membership: Debug + Send {
    /// Sends heartbeats that are due, the first of which joins the group, and returns news. Called
    /// at least once in a heartbeat interval, with what the member owns at the time. `now` is the
    /// caller's clock and paces the heartbeats; sessions are timed by the broker.
    ///
    /// # Errors
    /// [`Retriable`](super::BrokerErrorKind::Retriable) errors are dealt with inside; what comes
    /// out ends the membership.
    fn poll(
        &mut self,
        owned: &OwnedTasks,
        now: Timestamp,
    ) -> Result<Option<GroupEvent>, BrokerError>;

    /// Begins to commit offsets. All of them take effect, or none.
    ///
    /// # Errors
    /// [`Fenced`](super::BrokerErrorKind::Fenced) outside of the group.
    fn commit_offsets(
        &mut self,
        offsets: &[(TopicPartition, CommittedOffset)],
    ) -> Result<CommitTicket, BrokerError>;

    /// The answer to a commit, once; `None` while there is none.
    ///
    /// [`Fenced`](super::BrokerErrorKind::Fenced): the member's epoch is over, nothing was
    /// committed. [`TimedOut`](super::BrokerErrorKind::TimedOut): it may have been.
    fn poll_commit(&mut self, ticket: CommitTicket) -> Option<Result<(), BrokerError>>;

    /// The group's committed offsets of these partitions, in their order; a partition without one
    /// is `None`. While the answer is on its way the whole is `None`: call again with the same
    /// partitions when woken.
    ///
    /// # Errors
    /// What a later call does not mend.
    fn committed(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Option<Vec<Option<CommittedOffset>>>, BrokerError>;

    /// Asks all members to stop the application: each gets the status
    /// [`GroupStatusCode::ShutdownApplication`].
    fn shut_down_application(&mut self);

    /// Leaves the group, so that its tasks move at once. The caller has given them up before. Does
    /// nothing outside of the group.
    ///
    /// # Errors
    /// The leave could not be sent: the group waits for the session time-out.
    fn leave(&mut self) -> Result<(), BrokerError>;

    /// Who this member is at present.
    fn group_metadata(&self) -> GroupMetadata;
}
