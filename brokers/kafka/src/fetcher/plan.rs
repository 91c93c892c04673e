//! What to ask the cluster for next.
//!
//! A node has at most two requests at a time. The *patient* one is held by the broker until there
//! is something to read, or for `fetch.max.wait.ms`: an idle application costs two requests a
//! second and node. A partition that becomes due while it is held (assigned, resumed, polled empty)
//! does not wait for it: the *prompt* request, on a connection of its own, is answered within
//! [`PROMPT_WAIT`]. As soon as both are back, one patient request names all partitions again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use streams_core::broker::TopicPartition;

use super::{
    partition::{Partition, Phase},
    state::{Cluster, Limits, Patience, State},
};
use crate::{
    backoff::Retry,
    protocol::fetch::{FetchPartition, FetchRequest},
    transport::Leader,
};

/// How long the broker holds a request that others may have to wait for.
pub(super) const PROMPT_WAIT: Duration = Duration::from_millis(10);

/// A response holds no more than this many full partitions, so that what is kept of it for long
/// keeps not much else in memory.
const FULL_PARTITIONS_MAX: usize = 4;

/// Paused partitions keep this part of [`Limits::max_bytes`]: less than the half that stops
/// requests, so that what a poll takes always makes room.
const PAUSED_PART: usize = 4;

/// From this part on, nothing is fetched for a partition that is likely to be paused when it
/// arrives: it might have to be fetched once more.
const CROWDED_PART: usize = 8;

/// What to do now.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) fetches: Vec<Fetch>,
    pub(super) range_lookups: Vec<RangeLookup>,
    /// The topics to ask the cluster for.
    pub(super) refresh: Option<Vec<Arc<str>>>,
    /// When to plan again, if nothing happens before.
    pub(super) next: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) node: i32,
    pub(super) patience: Patience,
    pub(super) request: Arc<FetchRequest>,
}

/// The question which offsets a partition has.
#[derive(Debug)]
pub(super) struct RangeLookup {
    pub(super) name: TopicPartition,
    pub(super) generation: u64,
    pub(super) leader: Leader,
}

/// A node and what it was asked for.
#[derive(Debug, Default)]
pub(super) struct Node {
    patient: Option<Sent>,
    prompt: Option<Sent>,
    /// When it may be asked again, after requests without an answer.
    pub(super) retry: Retry,
}

/// A request without an answer yet.
#[derive(Debug)]
pub(super) struct Sent {
    wait: Duration,
    /// Each partition with its generation.
    pub(super) asked: Vec<(TopicPartition, u64)>,
}

impl Node {
    fn slot(&mut self, patience: Patience) -> &mut Option<Sent> {
        match patience {
            Patience::Patient => &mut self.patient,
            Patience::Prompt => &mut self.prompt,
        }
    }

    /// Ends a request: its answer is there.
    pub(super) fn take(&mut self, patience: Patience) -> Option<Sent> {
        self.slot(patience).take()
    }

    /// Which request may be sent, and how long it may be held; `None` if what is on its way comes
    /// back soon and is worth waiting for, so that the next request can name all partitions.
    fn turn(&self, longest: Duration) -> Option<(Patience, Duration)> {
        let short = PROMPT_WAIT.min(longest);
        match (&self.patient, &self.prompt) {
            (None, None) => Some((Patience::Patient, longest)),
            (None, Some(_)) => Some((Patience::Patient, short)),
            (Some(held), None) if held.wait > short => Some((Patience::Prompt, short)),
            (Some(_), _) => None,
        }
    }
}

impl State {
    /// What to do now; whatever it says counts as sent.
    pub(super) fn plan(&mut self, now: Duration, cluster: &dyn Cluster) -> Plan {
        self.locate(cluster);
        self.trim_paused();
        Plan {
            refresh: self.refresh(now),
            range_lookups: self.range_lookups(now),
            fetches: self.fetches(now),
            next: self.next_retry(now),
        }
    }

    /// Takes leaders from what is known already.
    fn locate(&mut self, cluster: &dyn Cluster) {
        for (name, partition) in &mut self.partitions {
            if partition.leader.is_none() && !partition.is_failed() {
                partition.leader = cluster.leader(name).filter(|leader| partition.believes(leader));
                partition.is_stale = partition.leader.is_none();
            }
        }
    }

    /// Lets go of what paused partitions hold beyond their part: no poll makes room there, and the
    /// others have to go on.
    fn trim_paused(&mut self) {
        let room = self.limits.max_bytes / PAUSED_PART;
        let mut kept = 0;
        for partition in self.partitions.values_mut().filter(|partition| partition.paused) {
            if kept + partition.bytes <= room {
                kept += partition.bytes;
            } else {
                self.generation += 1;
                partition.rewind(self.generation);
            }
        }
    }

    fn refresh(&mut self, now: Duration) -> Option<Vec<Arc<str>>> {
        if self.refresh.is_running || !self.refresh.retry.is_due(now) {
            return None;
        }
        let is_wanted = |partition: &Partition| partition.is_stale && !partition.is_failed();
        if !self
            .partitions
            .values()
            .any(|partition| is_wanted(partition) && partition.retry.is_due(now))
        {
            return None;
        }
        let stale = self.partitions.iter().filter(|(_, partition)| is_wanted(partition));
        let mut topics: Vec<Arc<str>> = stale.map(|(name, _)| Arc::clone(&name.topic)).collect();
        topics.dedup();
        self.refresh.is_running = true;
        Some(topics)
    }

    fn range_lookups(&mut self, now: Duration) -> Vec<RangeLookup> {
        let mut lookups = Vec::new();
        for (name, partition) in &mut self.partitions {
            let Some(leader) = partition.leader else { continue };
            let can_answer = self.nodes.get(&leader.node).is_none_or(|node| node.retry.is_due(now));
            if matches!(partition.phase, Phase::OutOfRange) && partition.is_due(now) && can_answer {
                partition.in_flight = true;
                let generation = partition.generation;
                lookups.push(RangeLookup { name: name.clone(), generation, leader });
            }
        }
        lookups
    }

    fn fetches(&mut self, now: Duration) -> Vec<Fetch> {
        let Self { limits, partitions, nodes, is_held_back, polls, .. } = self;
        let held = |paused| {
            let which = partitions.values().filter(|one| one.paused == paused);
            which.map(|one| one.bytes).sum::<usize>()
        };
        let (paused, unpaused) = (held(true), held(false));
        let is_full = paused + unpaused >= limits.max_bytes.div_ceil(2);
        // Whoever was handed records may be about to pause the partition, and another poll without
        // that says that more is wanted.
        let is_crowded = paused > 0 && paused >= limits.max_bytes / CROWDED_PART;
        let mut due: BTreeMap<i32, Vec<(&TopicPartition, &mut Partition)>> = BTreeMap::new();
        for (name, partition) in partitions {
            let Some(leader) = partition.leader else { continue };
            let of_node = due.entry(leader.node).or_default();
            let is_read = matches!(partition.phase, Phase::Reading) && !partition.paused;
            if !is_read || !partition.is_due(now) {
                continue;
            }
            let may_be_paused = is_crowded && partition.polled == Some(*polls);
            if is_full || may_be_paused || !partition.has_room(limits.max_partition_bytes) {
                *is_held_back = true;
                continue;
            }
            of_node.push((name, partition));
        }
        let node_count = due.len();
        let mut fetches = Vec::new();
        for (id, due) in due {
            let node = nodes.entry(id).or_default();
            if due.is_empty() || !node.retry.is_due(now) {
                continue;
            }
            if let Some((patience, wait)) = node.turn(limits.fetch_wait) {
                let (request, sent) = ask(due, wait, limits, node_count);
                *node.slot(patience) = Some(sent);
                fetches.push(Fetch { node: id, patience, request: Arc::new(request) });
            }
        }
        fetches
    }

    /// When the next pause ends.
    fn next_retry(&self, now: Duration) -> Option<Duration> {
        let waiting = |partition: &&Partition| !partition.in_flight && !partition.is_failed();
        let partitions = self.partitions.values().filter(waiting).map(|one| one.retry.at());
        let nodes = self.nodes.values().map(|node| node.retry.at());
        let all = partitions.chain(nodes).chain([self.refresh.retry.at()]);
        all.filter(|at| *at > now).min()
    }
}

/// A request for partitions of one node, who waits longest first.
fn ask(
    mut due: Vec<(&TopicPartition, &mut Partition)>,
    wait: Duration,
    limits: &Limits,
    node_count: usize,
) -> (FetchRequest, Sent) {
    due.sort_by_key(|(_, partition)| partition.served);
    // Whoever assigned a partition wants to hear where its log ends, at once.
    let is_new = due.iter().any(|(_, partition)| partition.offsets.is_none());
    let wait = if is_new { Duration::ZERO } else { wait };
    // Two requests a node, answered in full, fill the half that unpolled batches leave.
    let share = limits.max_bytes / (4 * node_count.max(1));
    let full = limits.max_partition_bytes.saturating_mul(due.len().min(FULL_PARTITIONS_MAX));
    let mut asked = Vec::with_capacity(due.len());
    let mut partitions = Vec::with_capacity(due.len());
    for (name, partition) in due {
        partition.in_flight = true;
        asked.push((name.clone(), partition.generation));
        partitions.push(FetchPartition {
            name: name.clone(),
            current_leader_epoch: partition.leader.map_or(-1, |leader| leader.epoch),
            fetch_offset: partition.position,
        });
    }
    let request = FetchRequest {
        max_wait: wait,
        max_bytes: share.min(full).max(1),
        partition_max_bytes: limits.max_partition_bytes,
        isolation: limits.isolation,
        partitions,
    };
    (request, Sent { wait, asked })
}
