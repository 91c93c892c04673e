//! The reading half of the seam.

use std::fmt::Debug;

use crate::batch::RecordBatch;

use super::{BrokerError, TopicPartition};

/// Which records a fetcher sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Isolation {
    /// Everything up to the high watermark.
    #[default]
    ReadUncommitted,
    /// Everything up to the last stable offset, without the records of aborted transactions.
    ReadCommitted,
}

/// How a [`Fetcher`] reads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchOptions {
    /// Which records are seen; `isolation.level`.
    pub isolation: Isolation,
    /// About how many bytes one poll hands over, all partitions together; `fetch.max.bytes`.
    /// A first batch that is larger is handed over whole.
    pub max_bytes: usize,
    /// About how many bytes one poll hands over per partition; `max.partition.fetch.bytes`.
    pub max_partition_bytes: usize,
    /// How the broker's logs and metrics name this client; `client.id`.
    pub client_id: String,
}

/// Kafka's defaults.
impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            isolation: Isolation::ReadUncommitted,
            max_bytes: 50 << 20,
            max_partition_bytes: 1 << 20,
            client_id: String::new(),
        }
    }
}

/// How many partitions fill a poll, at the least: none takes all the room.
const PARTITIONS_PER_POLL: usize = 4;

impl FetchOptions {
    /// Hands over no more than `bytes` with one poll, and of one partition no more than leaves room
    /// for others.
    pub(crate) fn limit_bytes(&mut self, bytes: usize) {
        self.max_bytes = self.max_bytes.min(bytes);
        self.max_partition_bytes = self.max_partition_bytes.min(bytes / PARTITIONS_PER_POLL);
    }
}

/// What a poll found in one partition.
#[derive(Debug)]
pub struct Fetched {
    /// The partition.
    pub partition: TopicPartition,
    /// Its batches, or why it could not be read. After an error the partition is no longer assigned:
    /// the caller assigns it again, after
    /// [`OffsetOutOfRange`](super::BrokerErrorKind::OffsetOutOfRange) with a position that exists.
    /// What passes by itself is not told: the fetcher tries again.
    pub result: Result<FetchedBatches, BrokerError>,
}

/// Whole record batches of one partition, in offset order, and where the log stands.
#[derive(Debug, Clone)]
pub struct FetchedBatches {
    /// The batches. The first may begin before the requested position: the caller skips records
    /// with smaller offsets. Control batches, and under [`Isolation::ReadCommitted`] the batches
    /// of aborted transactions, are left out.
    pub batches: Vec<RecordBatch>,
    /// Where the fetcher goes on. It lies after the last record of `batches`, and further where
    /// batches were left out.
    pub next_offset: i64,
    /// The end of what a reader of uncommitted records may see.
    pub high_watermark: i64,
    /// The end of what a reader of committed records may see.
    pub last_stable_offset: i64,
    /// The first offset that still exists.
    pub log_start_offset: i64,
}

/// Fetches record batches of the partitions assigned to it; one per stream thread.
///
/// No method blocks. The [`WakeUp`](super::WakeUp) that the fetcher was made with is woken when a
/// poll would hand over something.
pub trait Fetcher: Debug + Send {
    /// Reads `partition` from `position` on. A partition that is assigned already moves to the new
    /// position; what was fetched and not yet polled is dropped.
    ///
    /// After an assignment a poll reports the partition at least once, with no batches if there
    /// is nothing to read: a restore learns from it where the log ends.
    fn assign(&mut self, partition: &TopicPartition, position: i64);

    /// Stops reading `partition`; no later poll names it. Unknown partitions are ignored.
    fn unassign(&mut self, partition: &TopicPartition);

    /// Keeps `partition` assigned and its position, but polls hand over nothing of it.
    fn pause(&mut self, partition: &TopicPartition);

    /// Ends a pause.
    fn resume(&mut self, partition: &TopicPartition);

    /// Appends to `out` whatever is ready. A partition without new batches is reported only if its
    /// high watermark, last stable offset or log start offset moved, or if it failed.
    ///
    /// Partitions take turns, so that a busy one does not starve the others.
    ///
    /// # Errors
    /// Only what concerns the whole fetcher; what concerns one partition is in [`Fetched::result`].
    fn poll(&mut self, out: &mut Vec<Fetched>) -> Result<(), BrokerError>;
}
