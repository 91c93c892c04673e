//! The seam between the library and a log of records.
//!
//! A [`Broker`] hands each stream thread a [`Fetcher`], a [`Producer`] and a [`Membership`]. They
//! move whole [record batches](crate::batch), are synchronous and poll-driven, and never block:
//! I/O completes elsewhere and wakes the thread through its [`WakeUp`]. Only [`Admin`] and
//! [`GroupAdmin`], which are called rarely, wait for their answers.
//!
//! The embedded log and Apache Kafka are implementations; the feature `testing` has the contract
//! suite that each of them passes.

mod names;
mod error;
mod wake;
mod fetch;
mod produce;
mod topology_spec;
mod membership;
mod admin;
mod pattern;
mod internal_topics;
mod assignor;
#[cfg(feature = "testing")]
pub mod contract;
pub mod client;

use std::fmt::Debug;
use std::sync::Arc;

pub(crate) use crate::batch::Timestamp;

pub use {
    admin::{
        Admin, GroupAdmin, GroupDescription, MemberDescription, NewTopic, OffsetSpec,
        TopicDescription,
    },
    assignor::{AssignableMember, assign_tasks},
    error::{BrokerError, BrokerErrorKind},
    fetch::{FetchOptions, Fetched, FetchedBatches, Fetcher, Isolation},
    internal_topics::TopicPlan,
    membership::{
        CommitTicket, CommittedOffset, GroupEvent, GroupMetadata, GroupOptions, GroupStatus,
        GroupStatusCode, Membership, OwnedTasks, TaskAssignment,
    },
    names::{ParseTaskIdError, TaskId, TopicPartition},
    pattern::TopicPattern,
    produce::{Ack, Acks, ProduceOptions, Producer, SendTicket},
    topology_spec::{CopartitionGroup, InternalTopicSpec, SubtopologySpec, TopologySpec},
    wake::WakeUp,
};

/// A log of records: makes the parts that stream threads, applications and tools work with.
///
/// One per instance of an application; instances within one process may share one.
pub trait Broker: Debug + Send + Sync {
    /// A fetcher without partitions. `wake` is woken when its poll has something to hand over.
    fn fetcher(&self, options: FetchOptions, wake: WakeUp) -> Box<dyn Fetcher>;

    /// A producer. `wake` is woken when its poll has acknowledgements.
    fn producer(&self, options: ProduceOptions, wake: WakeUp) -> Box<dyn Producer>;

    /// A member of a group, which joins with its first poll.
    ///
    /// # Errors
    /// [`BrokerErrorKind::InvalidRequest`] if the broker cannot serve these options or this
    /// topology, naming which.
    fn membership(
        &self,
        options: GroupOptions,
        topology: TopologySpec,
        wake: WakeUp,
    ) -> Result<Box<dyn Membership>, BrokerError>;

    /// Topics and offsets.
    fn admin(&self) -> Arc<dyn Admin>;

    /// Groups and their offsets.
    fn group_admin(&self) -> Arc<dyn GroupAdmin>;
}

/// A shared broker is the same broker.
impl<B: Broker + ?Sized> Broker for Arc<B> {
    fn fetcher(&self, options: FetchOptions, wake: WakeUp) -> Box<dyn Fetcher> {
        (**self).fetcher(options, wake)
    }

    fn producer(&self, options: ProduceOptions, wake: WakeUp) -> Box<dyn Producer> {
        (**self).producer(options, wake)
    }

    fn membership(
        &self,
        options: GroupOptions,
        topology: TopologySpec,
        wake: WakeUp,
    ) -> Result<Box<dyn Membership>, BrokerError> {
        (**self).membership(options, topology, wake)
    }

    fn admin(&self) -> Arc<dyn Admin> {
        (**self).admin()
    }

    fn group_admin(&self) -> Arc<dyn GroupAdmin> {
        (**self).group_admin()
    }
}
