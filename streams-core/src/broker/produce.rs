//! The writing half of the seam.

use std::fmt::Debug;
use std::time::Duration;

use crate::batch::{BatchBuilder, Compression};

use super::{BrokerError, TopicPartition};

/// When the broker acknowledges a batch; `acks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Acks {
    /// `acks=0`. A cluster: not at all. The embedded log: as `acks=1`.
    None,
    /// `acks=1`. A cluster: when the leader has written it. The embedded log: when the operating
    /// system has it, so that it survives the end of the process.
    Leader,
    /// `acks=all`. A cluster: when all in-sync replicas have it. The embedded log: when it is
    /// synced to the disk, so that it survives a loss of power.
    #[default]
    All,
}

/// How a [`Producer`] writes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProduceOptions {
    /// When a batch counts as written; `acks`.
    pub acks: Acks,
    /// How the producer compresses batches as it seals them; `compression.type`.
    pub compression: Compression,
    /// Whether the broker refuses duplicates by sequence number; `enable.idempotence`.
    pub idempotent: bool,
    /// How long a batch is tried before its acknowledgement is an error of kind
    /// [`TimedOut`](super::BrokerErrorKind::TimedOut); `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// How the broker's logs and metrics name this client; `client.id`.
    pub client_id: String,
}

/// Kafka's defaults.
impl Default for ProduceOptions {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            compression: Compression::None,
            idempotent: true,
            delivery_timeout: Duration::from_secs(120),
            client_id: String::new(),
        }
    }
}

/// Names a sent batch until its [`Ack`]. Tickets of one producer grow in the order of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SendTicket(pub u64);

/// The fate of a sent batch.
#[derive(Debug)]
pub struct Ack {
    /// Which batch.
    pub ticket: SendTicket,
    /// Where it was sent.
    pub partition: TopicPartition,
    /// The offset of its first record, or why it was not written. With
    /// [`Acks::None`] a cluster answers nothing: the offset is then -1.
    pub result: Result<i64, BrokerError>,
}

/// Writes record batches; one per stream thread.
///
/// Only [`Producer::partition_count`] may block. The [`WakeUp`](super::WakeUp) that the producer
/// was made with is woken when a poll would hand over an acknowledgement.
///
/// Batches of one partition are written in the order of their sending, also when one has to be
/// tried again. Transactions will be a trait above this one, so that it keeps its size.
pub trait Producer: Debug + Send {
    /// Seals what `batch` holds, takes it for sending to `partition`, and leaves the builder empty
    /// for reuse.
    ///
    /// # Errors
    /// [`Retriable`](super::BrokerErrorKind::Retriable) if the producer holds all it may: the
    /// builder keeps its records, and there is room when the next acknowledgement has come.
    /// [`InvalidRequest`](super::BrokerErrorKind::InvalidRequest) for an empty builder.
    /// Everything else, an unknown topic or a batch too large among it, is told by the
    /// acknowledgement.
    fn send(
        &mut self,
        partition: &TopicPartition,
        batch: &mut BatchBuilder,
    ) -> Result<SendTicket, BrokerError>;

    /// Appends the acknowledgements that have come.
    ///
    /// # Errors
    /// Only what ends the whole producer, as a fenced producer id; what concerns one batch is in
    /// [`Ack::result`].
    fn poll(&mut self, acks: &mut Vec<Ack>) -> Result<(), BrokerError>;

    /// How many batches wait for their acknowledgement.
    fn in_flight(&self) -> usize;

    /// How many partitions `topic` has. The first call per topic may wait for the broker, at most
    /// `max.block.ms`; later ones read a cache that is renewed in the background.
    ///
    /// # Errors
    /// [`UnknownTopic`](super::BrokerErrorKind::UnknownTopic) and
    /// [`TimedOut`](super::BrokerErrorKind::TimedOut), naming the topic.
    fn partition_count(&mut self, topic: &str) -> Result<i32, BrokerError>;
}
