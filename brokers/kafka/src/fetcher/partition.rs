//! One assigned partition: where it is read, what of it waits for a poll.

use std::time::Duration;

use streams_core::{
    batch::RecordBatch,
    broker::{BrokerError, FetchedBatches},
};

use super::answer::{LogOffsets, Read};
use crate::{backoff::Retry, transport::Leader};

/// A partition, from its assignment to its next one.
#[derive(Debug)]
pub(super) struct Partition {
    /// Which assignment this is: answers to an earlier one are not for it.
    pub(super) generation: u64,
    /// Where the next fetch begins.
    pub(super) position: i64,
    /// Where what waits for a poll begins.
    unpolled: i64,
    /// Which poll handed over records of it last.
    pub(super) polled: Option<u64>,
    pub(super) paused: bool,
    pub(super) phase: Phase,
    pub(super) leader: Option<Leader>,
    /// Who said that it does not lead: until the cluster was asked anew, only a later election is
    /// believed.
    pub(super) suspect: Option<Leader>,
    /// Whether the cluster has to be asked who leads.
    pub(super) is_stale: bool,
    /// Whether a request that names it is on its way.
    pub(super) in_flight: bool,
    /// When a request may name it again, after answers that were no use.
    pub(super) retry: Retry,
    /// Since when the cluster says that there is no such partition.
    pub(super) missing_since: Option<Duration>,
    /// When it last got records: who waits longest is asked for first.
    pub(super) served: u64,
    /// Where its log stands, once it was read.
    pub(super) offsets: Option<LogOffsets>,
    /// The size of what waits for a poll.
    pub(super) bytes: usize,
    batches: Vec<RecordBatch>,
    /// Whether a poll has something to tell.
    has_news: bool,
}

/// What becomes of a partition.
#[derive(Debug)]
pub(super) enum Phase {
    Reading,
    /// The position does not exist; the range that does is asked for.
    OutOfRange,
    /// The next poll reports it and lets go of it.
    Failed(BrokerError),
}

impl Partition {
    pub(super) fn new(generation: u64, position: i64) -> Self {
        Self {
            generation,
            position,
            unpolled: position,
            polled: None,
            paused: false,
            // A broker would take a negative offset for one of its markers.
            phase: if position < 0 { Phase::OutOfRange } else { Phase::Reading },
            leader: None,
            suspect: None,
            is_stale: false,
            in_flight: false,
            retry: Retry::default(),
            missing_since: None,
            served: 0,
            offsets: None,
            bytes: 0,
            batches: Vec::new(),
            has_news: false,
        }
    }

    /// Whether a request may name it.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        !self.in_flight && self.retry.is_due(now)
    }

    /// Whether more of it is wanted: a poll takes everything, so that half of what it may hand over
    /// is enough to go on with while the rest comes.
    pub(super) fn has_room(&self, max_bytes: usize) -> bool {
        self.bytes < max_bytes.div_ceil(2)
    }

    pub(super) fn is_failed(&self) -> bool {
        matches!(self.phase, Phase::Failed(_))
    }

    pub(super) fn is_ready(&self) -> bool {
        self.has_news && !self.paused
    }

    pub(super) fn fail(&mut self, error: BrokerError) {
        self.phase = Phase::Failed(error);
        self.has_news = true;
    }

    /// Keeps what was read for the next poll.
    pub(super) fn keep(&mut self, read: Read) {
        self.has_news |= !read.batches.is_empty()
            || read.next_offset > self.position
            || self.offsets != Some(read.offsets);
        self.position = self.position.max(read.next_offset);
        self.offsets = Some(read.offsets);
        self.bytes += read.bytes;
        if self.batches.is_empty() {
            self.batches = read.batches;
        } else {
            self.batches.extend(read.batches);
        }
    }

    /// Forgets what waits for a poll, to fetch it again; what is on its way would leave a gap and is
    /// for an earlier generation. An error that comes after the records is met again there.
    pub(super) fn rewind(&mut self, generation: u64) {
        self.generation = generation;
        self.in_flight = false;
        self.position = self.unpolled;
        self.phase = Phase::Reading;
        self.bytes = 0;
        self.batches = Vec::new();
    }

    /// What a poll hands over; `None` if there is nothing but an error.
    pub(super) fn take(&mut self) -> Option<FetchedBatches> {
        let has_news = std::mem::take(&mut self.has_news);
        if !has_news || (self.is_failed() && self.batches.is_empty()) {
            return None;
        }
        let offsets = self.offsets?;
        self.bytes = 0;
        self.unpolled = self.position;
        Some(FetchedBatches {
            batches: std::mem::take(&mut self.batches),
            next_offset: self.position,
            high_watermark: offsets.high_watermark,
            last_stable_offset: offsets.last_stable_offset,
            log_start_offset: offsets.log_start_offset,
        })
    }
}
