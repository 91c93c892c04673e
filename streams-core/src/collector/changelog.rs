//! Where stores append their changes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use state_stores::{ChangelogSink, Headers, StoreError};

use super::lane::LaneId;
use crate::batch::{BatchBuilder, Timestamp};

/// The batches of one changelog partition, between a store and the collector. The two are on one
/// thread, so that the lock is never waited for.
pub(crate) struct SharedBuffer(Mutex<ChangelogBuffer>);

impl SharedBuffer {
    pub(super) fn lock(&self) -> MutexGuard<'_, ChangelogBuffer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct ChangelogBuffer {
    batch_size: usize,
    filling: BatchBuilder,
    full: VecDeque<BatchBuilder>,
    spare: Vec<BatchBuilder>,
    pub(super) since: Timestamp,
    /// The timestamp of records that come without one.
    pub(super) now: Timestamp,
}

impl ChangelogBuffer {
    pub(super) fn shared(batch_size: usize, now: Timestamp) -> Arc<SharedBuffer> {
        Arc::new(SharedBuffer(Mutex::new(Self {
            batch_size,
            filling: BatchBuilder::new(),
            full: VecDeque::new(),
            spare: Vec::new(),
            since: now,
            now,
        })))
    }

    /// The bytes of the batch being filled.
    pub(super) fn bytes(&self) -> usize {
        self.filling.estimated_size()
    }

    /// Moves full batches into `out`, and the one being filled if `everything` is asked for. Takes
    /// as many spare builders in exchange as there are.
    pub(super) fn drain(
        &mut self,
        everything: bool,
        out: &mut VecDeque<BatchBuilder>,
        spare: &mut Vec<BatchBuilder>,
    ) {
        for _ in 0..self.full.len().min(4) {
            self.spare.extend(spare.pop());
        }
        out.append(&mut self.full);
        if everything && !self.filling.is_empty() {
            let fresh = spare.pop().unwrap_or_default();
            out.push_back(std::mem::replace(&mut self.filling, fresh));
        }
    }
}

/// A changelog partition that a task writes, and its lane in the collector.
#[derive(Clone)]
pub(crate) struct ChangelogLane {
    pub(super) id: LaneId,
    pub(super) buffer: Arc<SharedBuffer>,
}

impl ChangelogLane {
    /// What the store appends to.
    pub(crate) fn sink(&self, store: &Arc<str>) -> Box<dyn ChangelogSink> {
        Box::new(Sink { store: Arc::clone(store), buffer: Arc::clone(&self.buffer) })
    }
}

struct Sink {
    store: Arc<str>,
    buffer: Arc<SharedBuffer>,
}

impl ChangelogSink for Sink {
    fn append(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Option<Timestamp>,
        headers: &Headers,
    ) -> Result<(), StoreError> {
        let mut buffer = self.buffer.lock();
        if buffer.filling.is_empty() {
            buffer.since = buffer.now;
        }
        let timestamp = timestamp.unwrap_or(buffer.now);
        let appended = buffer.filling.append(timestamp, Some(key), value, headers.wire());
        appended.map_err(|error| StoreError::Changelog {
            store: self.store.to_string(),
            source: error.into(),
        })?;
        if buffer.filling.estimated_size() >= buffer.batch_size {
            let fresh = buffer.spare.pop().unwrap_or_default();
            let full = std::mem::replace(&mut buffer.filling, fresh);
            buffer.full.push_back(full);
        }
        Ok(())
    }
}
