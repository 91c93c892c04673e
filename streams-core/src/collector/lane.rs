//! One partition that is written to.

use std::{collections::VecDeque, sync::Arc};

use super::changelog::SharedBuffer;
use crate::{
    batch::{BatchBuilder, Timestamp},
    broker::TopicPartition,
};

/// A lane's place in its collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LaneId(pub(super) usize);

pub(super) struct Lane {
    pub(super) partition: TopicPartition,
    pub(super) filling: BatchBuilder,
    /// When the first record of `filling` came.
    pub(super) since: Timestamp,
    /// Batches that nothing is added to, in order.
    pub(super) full: VecDeque<BatchBuilder>,
    pub(super) in_flight: usize,
    /// Whether the lane is in the collector's list of those with something to send.
    pub(super) dirty: bool,
    pub(super) changelog: Option<Arc<SharedBuffer>>,
    /// The last offset acknowledged.
    pub(super) acked: Option<i64>,
    /// Grows when the lane changes hands: acknowledgements of the former owner do not count.
    pub(super) generation: u32,
}

impl Lane {
    pub(super) fn new(partition: TopicPartition) -> Self {
        Self {
            partition,
            filling: BatchBuilder::new(),
            since: Timestamp::NONE,
            full: VecDeque::new(),
            in_flight: 0,
            dirty: false,
            changelog: None,
            acked: None,
            generation: 0,
        }
    }

    /// Before a record is appended.
    #[inline]
    pub(super) fn begin(&mut self, now: Timestamp, id: LaneId, dirty: &mut Vec<LaneId>) {
        if !self.filling.is_empty() {
            return;
        }
        self.since = now;
        if !self.dirty {
            self.dirty = true;
            dirty.push(id);
        }
    }

    /// Nothing more is added to the batch; `fresh` takes its place.
    pub(super) fn turn_over(&mut self, fresh: BatchBuilder) {
        self.full.push_back(std::mem::replace(&mut self.filling, fresh));
    }

    pub(super) fn unsent_bytes(&self) -> usize {
        self.full.iter().chain([&self.filling]).map(BatchBuilder::estimated_size).sum()
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.filling.is_empty() || !self.full.is_empty()
    }
}
