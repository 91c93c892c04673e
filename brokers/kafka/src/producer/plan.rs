//! What is sent next, and to whom.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use streams_core::{
    batch::ProducerStamp,
    broker::{BrokerError, BrokerErrorKind},
};

use super::{
    slot::{Flight, Lasting},
    state::State,
};
use crate::{
    protocol::{
        ErrorCode,
        produce::{PartitionBatch, ProduceRequest},
    },
    transport::Transport,
};

/// The most bytes of a request that carries more than one batch.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// How many requests a node has at a time (`max.in.flight.requests.per.connection`).
const REQUESTS_PER_NODE_MAX: usize = 5;

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
            plan.wake(self.identity.retry.at());
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
            refresh.retry.reset();
        } else if refresh.retry.is_due(now) {
            refresh.is_running = true;
            plan.refresh = std::mem::take(&mut refresh.wanted).into_iter().collect();
        } else {
            plan.wake(refresh.retry.at());
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
        if !slot.retry.is_due(now) {
            return plan.wake(slot.retry.at());
        }
        // Asked for before there is a leader, so that the first batch waits for both at once.
        let is_stamped = self.stamp(id);
        let Some(node) = self.leader(id, now, cluster) else { return };
        let state = self.nodes.entry(node).or_default();
        if !state.retry.is_due(now) {
            return plan.wake(state.retry.at());
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
        let timeout_ms = self.settings.replica_timeout.as_millis();
        let timeout_ms = i32::try_from(timeout_ms).unwrap_or(i32::MAX);
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
