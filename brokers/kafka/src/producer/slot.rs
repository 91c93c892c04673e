//! One partition that is written to: its batches in order, at most one of them on its way.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use streams_core::{
    batch::{ProducerStamp, UnstampedBatch},
    broker::{SendTicket, TopicPartition},
};

use super::identity::ProducerId;
use crate::{backoff::Retry, transport::Leader};

/// How long a condition that a pause does not usually mend is borne: a topic that was just made is
/// unknown for a moment, and a broker that starts or stops may refuse a connection's security.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A batch without acknowledgement. Parts of a batch that was split have one ticket.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) ticket: SendTicket,
    pub(super) batch: Arc<UnstampedBatch>,
    pub(super) records: i32,
    /// When it is given up.
    pub(super) deadline: Duration,
    /// What it was sent with, and is sent with again.
    pub(super) stamp: Option<ProducerStamp>,
    /// Whether an earlier attempt may have been written.
    pub(super) maybe_written: bool,
}

/// What is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flight {
    Nothing,
    /// The head of the queue.
    Head,
    /// A batch that was given up meanwhile. The next one waits for its answer all the same: only
    /// that tells which sequence number comes next.
    GivenUp {
        next_sequence: i32,
        maybe_written: bool,
    },
}

/// A condition that is borne for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasting {
    /// The cluster does not know the partition.
    NoPartition,
    /// The connection is refused, or what comes back makes no sense.
    Connection,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) partition: TopicPartition,
    pub(super) queue: VecDeque<Pending>,
    pub(super) flight: Flight,
    /// Whether it is in the list of those with something to do.
    pub(super) is_active: bool,
    /// Under which id and epoch its sequence numbers count.
    pub(super) identity: Option<ProducerId>,
    pub(super) next_sequence: i32,
    pub(super) retry: Retry,
    pub(super) lasting: Option<(Lasting, Duration)>,
    /// The leader that a node named which is it no more.
    pub(super) hint: Option<Leader>,
    /// The epoch of the leader that was asked last.
    pub(super) leader_epoch: i32,
    /// Where the first part of a split batch was written.
    pub(super) first_base: Option<i64>,
    /// What the last attempt failed with.
    pub(super) error: Option<String>,
}

impl Slot {
    pub(super) fn new(partition: TopicPartition) -> Self {
        Self {
            partition,
            queue: VecDeque::new(),
            flight: Flight::Nothing,
            is_active: false,
            identity: None,
            next_sequence: 0,
            retry: Retry::default(),
            lasting: None,
            hint: None,
            leader_epoch: -1,
            first_base: None,
            error: None,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.flight == Flight::Nothing
    }

    /// Whether the head was sent before, or was to be.
    pub(super) fn is_stamped(&self) -> bool {
        self.queue.front().is_some_and(|head| head.stamp.is_some())
    }

    /// Stamps the head, if it has no stamp from an earlier attempt.
    pub(super) fn stamp(&mut self, producer: ProducerId) {
        let Some(head) = self.queue.front_mut().filter(|head| head.stamp.is_none()) else { return };
        if self.identity != Some(producer) {
            self.identity = Some(producer);
            self.next_sequence = 0;
        }
        head.stamp = Some(ProducerStamp {
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            base_sequence: self.next_sequence,
        });
    }

    /// The node to send to: what metadata says, or what a former leader said after that.
    pub(super) fn newest(&self, known: Option<Leader>) -> Option<Leader> {
        let known = known?;
        Some(self.hint.filter(|hint| hint.epoch > known.epoch).unwrap_or(known))
    }

    /// Notes that a condition was met; true when it has lasted too long.
    pub(super) fn lasts(&mut self, what: Lasting, now: Duration) -> bool {
        match self.lasting {
            Some((same, since)) if same == what => now >= since + PATIENCE,
            _ => {
                self.lasting = Some((what, now));
                false
            }
        }
    }

    /// Notes that a condition is not met any more.
    pub(super) fn ceases(&mut self, what: Lasting) {
        self.lasting = self.lasting.filter(|(met, _)| *met != what);
    }
}
