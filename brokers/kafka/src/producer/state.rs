//! The producer without its I/O: batches in, requests out, answers in, acknowledgements out.
//!
//! ```text
//!  push -> slot (a partition) -> plan: one request a node -> answered -> acknowledgement
//!              ^                                                |
//!              '------------ the same batch again <-------------'
//! ```
//! A partition has one batch on its way, so that order is kept without numbering; a request carries
//! those of many partitions. It is told the time as the time since its start, and does nothing by
//! itself: after each event its driver asks for the next [plan](super::plan).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use streams_core::{
    batch::{ProducerStamp, UnstampedBatch},
    broker::{Ack, BrokerError, SendTicket, TopicPartition},
};

use super::{
    identity::Identity,
    slot::{Flight, Pending, Slot},
};
use crate::{backoff::Retry, outage::Outage, transport::TransportError};

/// How much memory batches without acknowledgement take before [`State::has_room`] says no.
const MEMORY_MAX: usize = 64 << 20;

/// How much memory of acknowledged batches is kept for new ones.
const SPARE_BUFFERS_MAX: usize = 16;
const SPARE_MEMORY_MAX: usize = 1 << 20;

/// What does not change in a producer's life.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// -1 all in-sync replicas, 1 the leader, 0 nobody.
    pub(super) acks: i16,
    pub(super) idempotent: bool,
    pub(super) delivery_timeout: Duration,
    /// How long a broker may wait for its replicas.
    pub(super) replica_timeout: Duration,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) identity: Identity,
    pub(super) slots: Vec<Slot>,
    slot_ids: BTreeMap<TopicPartition, usize>,
    /// Slots with a batch that waits or is on its way.
    pub(super) active: Vec<usize>,
    pub(super) nodes: BTreeMap<i32, NodeState>,
    pub(super) refresh: Refresh,
    acks: Vec<Ack>,
    memory: usize,
    spare: Vec<Vec<u8>>,
    pub(super) outage: Outage,
    ended: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct NodeState {
    pub(super) requests: usize,
    pub(super) retry: Retry,
}

/// Topics whose leaders are asked for.
#[derive(Debug, Default)]
pub(super) struct Refresh {
    pub(super) wanted: BTreeSet<Arc<str>>,
    pub(super) is_running: bool,
    pub(super) retry: Retry,
    /// Why the last one failed.
    pub(super) error: Option<TransportError>,
}

impl Refresh {
    pub(super) fn want(&mut self, topic: &Arc<str>) {
        if !self.wanted.contains(topic) {
            self.wanted.insert(Arc::clone(topic));
        }
    }
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            identity: Identity::default(),
            slots: Vec::new(),
            slot_ids: BTreeMap::new(),
            active: Vec::new(),
            nodes: BTreeMap::new(),
            refresh: Refresh::default(),
            acks: Vec::new(),
            memory: 0,
            spare: Vec::new(),
            outage: Outage::default(),
            ended: None,
        }
    }

    /// Whether a batch of `size` bytes may be pushed: always if there is no other.
    pub(super) fn has_room(&self, size: usize) -> bool {
        self.memory == 0 || self.memory.saturating_add(size) <= MEMORY_MAX
    }

    /// Memory for a batch, if some is left over.
    pub(super) fn spare(&mut self) -> Option<Vec<u8>> {
        self.spare.pop()
    }

    /// Takes a batch; true if it could be sent at once. A producer that has ended meanwhile
    /// acknowledges it with the reason.
    pub(super) fn push(
        &mut self,
        now: Duration,
        ticket: SendTicket,
        partition: &TopicPartition,
        batch: UnstampedBatch,
    ) -> bool {
        let id = self.slot_id(partition);
        let slot = &mut self.slots[id];
        let is_first = slot.is_idle();
        self.memory += batch.memory();
        slot.queue.push_back(Pending {
            ticket,
            records: batch.record_count(),
            batch: Arc::new(batch),
            deadline: now.saturating_add(self.settings.delivery_timeout),
            stamp: None,
            maybe_written: false,
        });
        if !slot.is_active {
            slot.is_active = true;
            self.active.push(id);
        }
        if let Some(why) = self.ended.clone() {
            self.fail_queue(id, || BrokerError::fenced(why.clone()));
        }
        is_first
    }

    fn slot_id(&mut self, partition: &TopicPartition) -> usize {
        if let Some(id) = self.slot_ids.get(partition) {
            return *id;
        }
        let id = self.slots.len();
        self.slots.push(Slot::new(partition.clone()));
        self.slot_ids.insert(partition.clone(), id);
        id
    }

    pub(super) fn has_news(&self) -> bool {
        !self.acks.is_empty() || self.ended.is_some()
    }

    pub(super) fn take_acks(&mut self, into: &mut Vec<Ack>) {
        into.append(&mut self.acks);
    }

    /// # Errors
    /// What ended the producer.
    pub(super) fn check(&self) -> Result<(), BrokerError> {
        match &self.ended {
            None => Ok(()),
            Some(why) => Err(BrokerError::fenced(why.clone())),
        }
    }

    /// The log may or may not have a batch that is given up: its sequence cannot go on.
    pub(super) fn leave_sequence(&mut self, id: usize) {
        if let Some(producer) = self.slots[id].identity.take() {
            self.identity.leave(producer);
        }
    }

    /// Takes the head of a queue out, and its memory back.
    pub(super) fn pop(&mut self, id: usize) -> Option<SendTicket> {
        let head = self.slots[id].queue.pop_front()?;
        self.memory = self.memory.saturating_sub(head.batch.memory());
        if let Some(batch) = Arc::into_inner(head.batch) {
            let buffer = batch.into_buffer();
            if self.spare.len() < SPARE_BUFFERS_MAX && buffer.capacity() <= SPARE_MEMORY_MAX {
                self.spare.push(buffer);
            }
        }
        Some(head.ticket)
    }

    /// Puts two batches into the place of the head.
    pub(super) fn replace_head(&mut self, id: usize, parts: [UnstampedBatch; 2]) {
        let slot = &mut self.slots[id];
        let Some(head) = slot.queue.pop_front() else { return };
        self.memory = self.memory.saturating_sub(head.batch.memory());
        for part in parts.into_iter().rev() {
            self.memory += part.memory();
            slot.queue.push_front(Pending {
                ticket: head.ticket,
                records: part.record_count(),
                batch: Arc::new(part),
                deadline: head.deadline,
                stamp: None,
                maybe_written: false,
            });
        }
    }

    /// The head is written at `base`; with its last part, the batch is.
    pub(super) fn written_head(&mut self, id: usize, base: i64) {
        let Some(ticket) = self.pop(id) else { return };
        let slot = &mut self.slots[id];
        slot.retry.reset();
        slot.error = None;
        let base = *slot.first_base.get_or_insert(base);
        if slot.queue.front().is_none_or(|next| next.ticket != ticket) {
            slot.first_base = None;
            self.acks.push(Ack { ticket, partition: slot.partition.clone(), result: Ok(base) });
        }
    }

    /// The head is given up, with what is left of its parts.
    pub(super) fn fail_head(&mut self, id: usize, error: BrokerError) {
        let Some(head) = self.slots[id].queue.front() else { return };
        let maybe_written = head.maybe_written;
        if self.slots[id].flight == Flight::Head {
            let stamp = head.stamp.unwrap_or(ProducerStamp::NONE);
            let next_sequence = stamp.next_sequence(head.records);
            self.slots[id].flight = Flight::GivenUp { next_sequence, maybe_written };
        } else if maybe_written {
            self.leave_sequence(id);
        }
        let Some(ticket) = self.pop(id) else { return };
        while self.slots[id].queue.front().is_some_and(|next| next.ticket == ticket) {
            self.pop(id);
        }
        let slot = &mut self.slots[id];
        slot.first_base = None;
        slot.retry.reset();
        self.acks.push(Ack { ticket, partition: slot.partition.clone(), result: Err(error) });
    }

    pub(super) fn fail_queue(&mut self, id: usize, error: impl Fn() -> BrokerError) {
        while !self.slots[id].queue.is_empty() {
            self.fail_head(id, error());
        }
    }

    /// Gives up all batches that have no stamp yet: there will be no producer id.
    pub(super) fn fail_unstamped(&mut self, error: impl Fn() -> BrokerError) {
        for id in 0..self.slots.len() {
            let head = self.slots[id].queue.front();
            if head.is_some_and(|head| head.stamp.is_none()) {
                self.fail_queue(id, &error);
            }
        }
    }

    /// Ends the producer, and with it all that it holds.
    pub(super) fn end(&mut self, why: String) {
        for id in 0..self.slots.len() {
            self.fail_queue(id, || BrokerError::fenced(why.clone()));
        }
        self.ended.get_or_insert(why);
    }
}
