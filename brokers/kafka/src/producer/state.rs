//! The producer without its I/O: batches in, requests out, answers in, acknowledgements out.
//!
//! ```text
//!  push -> slot (a partition) -> plan: one request a node -> answered -> acknowledgement
//!              ^                                                |
//!              '------------ the same batch again <-------------'
//! ```
//! A partition has one batch on its way, so that order is kept without numbering; a request carries
//! those of many partitions. It is told the time as the time since its start, and does nothing by
//! itself: after each event its driver asks for the next [`Plan`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use streams_core::{
    batch::{ProducerStamp, UnstampedBatch},
    broker::{Ack, BrokerError, BrokerErrorKind, SendTicket, TopicPartition},
};

use super::{
    backoff::{Backoff, Outage},
    identity::Identity,
    slot::{Flight, Lasting, Pending, Slot},
};
use crate::{
    protocol::{
        ErrorCode,
        produce::{PartitionBatch, ProduceRequest},
    },
    transport::{Transport, TransportError},
};

/// How much memory batches without acknowledgement take before [`State::has_room`] says no.
const MEMORY_MAX: usize = 64 << 20;

/// The most bytes of a request that carries more than one batch.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// How many requests a node has at a time (`max.in.flight.requests.per.connection`).
const REQUESTS_PER_NODE_MAX: usize = 5;

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
    pub(super) request_timeout: Duration,
}

#[derive(Debug)]
pub(super) struct State {
    settings: Settings,
    pub(super) identity: Identity,
    pub(super) slots: Vec<Slot>,
    slot_ids: BTreeMap<TopicPartition, usize>,
    /// Slots with a batch that waits or is on its way.
    active: Vec<usize>,
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
    pub(super) backoff: Backoff,
}

/// Topics whose leaders are asked for.
#[derive(Debug, Default)]
pub(super) struct Refresh {
    wanted: BTreeSet<Arc<str>>,
    pub(super) is_running: bool,
    pub(super) backoff: Backoff,
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

/// What to do now.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) requests: Vec<Outgoing>,
    /// Topics to ask the cluster for.
    pub(super) refresh: Vec<Arc<str>>,
    /// Whether to ask for a producer id.
    pub(super) identify: bool,
    /// When there is something to do though nothing happens.
    pub(super) wake_at: Option<Duration>,
}

impl Plan {
    fn wake(&mut self, at: Duration) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}

#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) sent: Sent,
    pub(super) request: ProduceRequest,
}

/// What an answer is to.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) node: i32,
    /// Ordered by topic and partition.
    pub(super) slots: Vec<usize>,
}

/// Slots that are sent together.
#[derive(Debug, Default)]
struct Load {
    slots: Vec<usize>,
    bytes: usize,
}

type Loads = BTreeMap<i32, Load>;

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
        self.memory == 0 || self.memory + size <= MEMORY_MAX
    }

    /// Memory for a batch, if some is left over.
    pub(super) fn spare(&mut self) -> Option<Vec<u8>> {
        self.spare.pop()
    }

    /// Takes a batch; true if it could be sent at once.
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

    /// What to do now, as far as it may be done now.
    pub(super) fn plan(&mut self, now: Duration, cluster: &dyn Transport) -> Plan {
        let mut plan = Plan::default();
        let mut loads = Loads::new();
        let mut active = std::mem::take(&mut self.active);
        active.retain(|id| {
            self.expire(*id, now);
            if self.slots[*id].flight == Flight::Nothing {
                self.load(*id, now, cluster, &mut loads, &mut plan);
            }
            self.stays_active(*id, &mut plan)
        });
        self.active = active;
        for (node, load) in loads {
            plan.requests.push(self.outgoing(node, load));
        }
        if self.identity.is_due(now) {
            plan.identify = true;
        } else if self.identity.is_wanted && !self.identity.is_asking {
            plan.wake(self.identity.backoff.until());
        }
        self.plan_refresh(now, &mut plan);
        plan
    }

    fn stays_active(&mut self, id: usize, plan: &mut Plan) -> bool {
        let slot = &mut self.slots[id];
        slot.is_active = !slot.is_idle();
        if let Some(head) = slot.queue.front() {
            plan.wake(head.deadline);
        } else {
            // Whether a condition lasts is seen anew by the next batch.
            slot.lasting = None;
        }
        slot.is_active
    }

    fn plan_refresh(&mut self, now: Duration, plan: &mut Plan) {
        let refresh = &mut self.refresh;
        if refresh.is_running {
            return;
        }
        if refresh.wanted.is_empty() {
            refresh.backoff.reset();
        } else if refresh.backoff.is_over(now) {
            refresh.is_running = true;
            plan.refresh = std::mem::take(&mut refresh.wanted).into_iter().collect();
        } else {
            plan.wake(refresh.backoff.until());
        }
    }

    /// Puts the head of a slot into its leader's request, if nothing is in the way.
    fn load(
        &mut self,
        id: usize,
        now: Duration,
        cluster: &dyn Transport,
        loads: &mut Loads,
        plan: &mut Plan,
    ) {
        let slot = &self.slots[id];
        if slot.queue.is_empty() {
            return;
        }
        if !slot.backoff.is_over(now) {
            return plan.wake(slot.backoff.until());
        }
        // Asked for before there is a leader, so that the first batch waits for both at once.
        let is_stamped = self.stamp(id);
        let Some(node) = self.leader(id, now, cluster) else { return };
        let state = self.nodes.entry(node).or_default();
        if !state.backoff.is_over(now) {
            return plan.wake(state.backoff.until());
        }
        let size = self.slots[id].queue.front().map_or(0, |head| head.batch.size());
        let is_full = loads
            .get(&node)
            .is_some_and(|load| load.bytes + size > REQUEST_BYTES_MAX && !load.slots.is_empty());
        let is_new = is_full || !loads.contains_key(&node);
        // An answer makes room and is a reason for the next plan.
        if !is_stamped || (is_new && state.requests >= REQUESTS_PER_NODE_MAX) {
            return;
        }
        if is_new {
            self.nodes.entry(node).or_default().requests += 1;
        }
        if is_full && let Some(full) = loads.remove(&node) {
            plan.requests.push(self.outgoing(node, full));
        }
        let load = loads.entry(node).or_default();
        load.slots.push(id);
        load.bytes += size;
    }

    /// Stamps the head of a slot; false while there is no producer id.
    fn stamp(&mut self, id: usize) -> bool {
        if !self.settings.idempotent {
            return true;
        }
        let slot = &mut self.slots[id];
        match self.identity.known {
            Some(producer) => slot.stamp(producer),
            None if slot.is_stamped() => {}
            None => {
                self.identity.is_wanted = true;
                return false;
            }
        }
        true
    }

    fn outgoing(&mut self, node: i32, load: Load) -> Outgoing {
        let mut ids = load.slots;
        ids.sort_unstable_by(|a, b| self.slots[*a].partition.cmp(&self.slots[*b].partition));
        let mut batches = Vec::with_capacity(ids.len());
        for id in &ids {
            let slot = &mut self.slots[*id];
            let Some(head) = slot.queue.front() else { continue };
            batches.push(PartitionBatch {
                partition: slot.partition.clone(),
                batch: Arc::clone(&head.batch),
                stamp: head.stamp.unwrap_or(ProducerStamp::NONE),
            });
            slot.flight = Flight::Head;
        }
        let timeout_ms =
            i32::try_from(self.settings.request_timeout.as_millis()).unwrap_or(i32::MAX);
        Outgoing {
            sent: Sent { node, slots: ids },
            request: ProduceRequest { acks: self.settings.acks, timeout_ms, batches },
        }
    }

    /// Who leads the partition of a slot. Without a leader the cluster is asked, and batches are
    /// given up once it is plain that there will be none.
    fn leader(&mut self, id: usize, now: Duration, cluster: &dyn Transport) -> Option<i32> {
        let slot = &mut self.slots[id];
        if let Some(leader) = slot.newest(cluster.leader(&slot.partition)) {
            slot.ceases(Lasting::NoPartition);
            slot.leader_epoch = leader.epoch;
            return Some(leader.node);
        }
        if !self.refresh.is_running {
            self.refresh.want(&slot.partition.topic);
        }
        if let Some(error) = &self.refresh.error {
            slot.error = Some(error.to_string());
            if !error.is_retriable() && slot.lasts(Lasting::Connection, now) {
                let error = error.clone();
                self.fail_queue(id, || error.clone().into());
            }
            return None;
        }
        let topic = Arc::clone(&slot.partition.topic);
        match cluster.topic_error(&topic) {
            Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID) => {
                if slot.lasts(Lasting::NoPartition, now) {
                    self.fail_queue(id, || BrokerError::unknown_topic(&topic));
                }
            }
            Some(code) if code.is_retriable() => slot.error = Some(format!("{topic}: {code}")),
            Some(code) => self.fail_queue(id, || refused_topic(&topic, code)),
            None => {
                let partition = slot.partition.partition;
                let count = cluster.partition_count(&topic);
                if let Some(count) = count.filter(|count| partition >= *count) {
                    if slot.lasts(Lasting::NoPartition, now) {
                        self.fail_queue(id, || no_such_partition(&topic, partition, count));
                    }
                } else if count.is_some() {
                    slot.error = Some(format!("{} has no leader", slot.partition));
                }
            }
        }
        None
    }

    /// Gives up the batches of a slot whose time is over.
    fn expire(&mut self, id: usize, now: Duration) {
        while let Some(head) = self.slots[id].queue.front().filter(|head| head.deadline <= now) {
            let maybe_written = head.maybe_written || self.slots[id].flight == Flight::Head;
            let error = self.expired(id, maybe_written);
            self.fail_head(id, error);
        }
    }

    fn expired(&self, id: usize, maybe_written: bool) -> BrokerError {
        let slot = &self.slots[id];
        let known = [&slot.error, &self.identity.error];
        let why = known.into_iter().find_map(Option::as_deref).unwrap_or("no answer came");
        let fate = if maybe_written { "may have been written" } else { "was not written" };
        let context = format!(
            "a batch for {} was not acknowledged within {} ms (delivery.timeout.ms) and {fate}: \
             {why}",
            slot.partition,
            self.settings.delivery_timeout.as_millis(),
        );
        BrokerError::new(BrokerErrorKind::TimedOut, context)
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
        slot.backoff.reset();
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
        slot.backoff.reset();
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

fn refused_topic(topic: &str, code: ErrorCode) -> BrokerError {
    let needs = match code.kind() {
        BrokerErrorKind::Unauthorized => ": this client needs the operation WRITE on it",
        _ => "",
    };
    code.error(&format!("topic {topic} cannot be written to{needs}"))
}

fn no_such_partition(topic: &str, partition: i32, count: i32) -> BrokerError {
    let context =
        format!("topic {topic} has no partition {partition}: it has partitions 0 to {}", count - 1);
    BrokerError::new(BrokerErrorKind::UnknownTopic, context)
}
