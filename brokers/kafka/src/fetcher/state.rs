//! What a fetcher knows and what becomes of it, without I/O: calls of its owner and answers of the
//! cluster come in; [plans](super::plan) of what to ask for go out.
//!
//! Times are durations since the fetcher began.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use streams_core::broker::{
    BrokerError, BrokerErrorKind, FetchOptions, Fetched, Isolation, TopicPartition,
};

use super::{
    answer::{Answer, Read},
    outages::{Outages, Place},
    partition::{Partition, Phase},
    plan::Node,
};
use crate::{
    backoff::Retry,
    protocol::ErrorCode,
    transport::{Leader, Transport, TransportError},
};

/// The longest pause between two tries of a partition. A broker that comes back needs a while until
/// it leads, and records must flow within two seconds of its return.
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// The longest pause between two tries of a node that cannot be reached. Connections have back-offs
/// of their own below: a try that comes in one fails at once and costs nothing.
const NODE_BACKOFF_MAX: Duration = Duration::from_millis(200);

/// How long the cluster may deny that a partition exists before it is believed: the news of a new
/// topic take a moment to reach all nodes.
const MISSING_MAX: Duration = Duration::from_millis(2500);

/// So many useless answers in a row are worth a line in the log.
const FAILURES_TOLD: u32 = 3;

/// What is known of the cluster at the moment.
pub(super) trait Cluster {
    fn leader(&self, name: &TopicPartition) -> Option<Leader>;
    fn partition_count(&self, topic: &str) -> Option<i32>;
    fn topic_error(&self, topic: &str) -> Option<ErrorCode>;
}

impl Cluster for Arc<dyn Transport> {
    fn leader(&self, name: &TopicPartition) -> Option<Leader> {
        (**self).leader(name)
    }

    fn partition_count(&self, topic: &str) -> Option<i32> {
        (**self).partition_count(topic)
    }

    fn topic_error(&self, topic: &str) -> Option<ErrorCode> {
        (**self).topic_error(topic)
    }
}

/// How much is fetched, and how long a broker may wait for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) isolation: Isolation,
    pub(super) max_bytes: usize,
    pub(super) max_partition_bytes: usize,
    pub(super) fetch_wait: Duration,
}

impl Limits {
    pub(super) fn new(options: &FetchOptions, fetch_wait: Duration) -> Self {
        Self {
            isolation: options.isolation,
            max_bytes: options.max_bytes.max(1),
            max_partition_bytes: options.max_partition_bytes.max(1),
            fetch_wait,
        }
    }
}

/// Which of the two requests that a node may have at a time; each has a lane of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Held by the broker until there is something to read.
    Patient,
    /// Answered soon: for partitions that became due while the patient one was on its way.
    Prompt,
}

/// Asking the cluster who leads.
#[derive(Debug, Default)]
pub(super) struct Refresh {
    pub(super) is_running: bool,
    pub(super) retry: Retry,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) limits: Limits,
    pub(super) partitions: BTreeMap<TopicPartition, Partition>,
    pub(super) nodes: BTreeMap<i32, Node>,
    pub(super) refresh: Refresh,
    /// Whether a poll makes room for what the last plan did not ask for.
    pub(super) is_held_back: bool,
    pub(super) generation: u64,
    served: u64,
    /// How many polls there were.
    pub(super) polls: u64,
    has_news: bool,
    /// What keeps all partitions from being read, for the next poll.
    failure: Option<BrokerError>,
    outages: Outages,
}

/// What the fetcher's owner calls.
impl State {
    pub(super) fn new(limits: Limits, client_id: &str) -> Self {
        Self {
            limits,
            partitions: BTreeMap::new(),
            nodes: BTreeMap::new(),
            refresh: Refresh::default(),
            is_held_back: false,
            generation: 0,
            served: 0,
            polls: 0,
            has_news: false,
            failure: None,
            outages: Outages::new(client_id),
        }
    }

    pub(super) fn assign(&mut self, name: &TopicPartition, position: i64) {
        self.generation += 1;
        self.partitions.insert(name.clone(), Partition::new(self.generation, position));
    }

    pub(super) fn unassign(&mut self, name: &TopicPartition) {
        self.partitions.remove(name);
    }

    pub(super) fn pause(&mut self, name: &TopicPartition) {
        if let Some(partition) = self.partitions.get_mut(name) {
            partition.paused = true;
        }
    }

    pub(super) fn resume(&mut self, name: &TopicPartition) {
        if let Some(partition) = self.partitions.get_mut(name) {
            partition.paused = false;
            self.has_news |= partition.is_ready();
        }
    }

    /// Whether a poll has something to hand over.
    pub(super) fn has_news(&self) -> bool {
        self.has_news || self.failure.is_some()
    }

    /// Hands over what is ready; true if there is room now for what was held back.
    pub(super) fn poll(&mut self, out: &mut Vec<Fetched>) -> Result<bool, BrokerError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.polls += 1;
        if !std::mem::take(&mut self.has_news) {
            return Ok(std::mem::take(&mut self.is_held_back));
        }
        let mut failed = Vec::new();
        for (name, partition) in &mut self.partitions {
            if !partition.is_ready() {
                continue;
            }
            if let Some(batches) = partition.take() {
                if !batches.batches.is_empty() {
                    partition.polled = Some(self.polls);
                }
                out.push(Fetched { partition: name.clone(), result: Ok(batches) });
            }
            if partition.is_failed() {
                failed.push(name.clone());
            }
        }
        for name in failed {
            if let Some(Partition { phase: Phase::Failed(error), .. }) =
                self.partitions.remove(&name)
            {
                out.push(Fetched { partition: name, result: Err(error) });
            }
        }
        Ok(std::mem::take(&mut self.is_held_back))
    }
}

/// What the cluster answers.
impl State {
    /// The answer to a fetch.
    pub(super) fn answered(
        &mut self,
        now: Duration,
        node: i32,
        patience: Patience,
        result: Result<Vec<Answer>, TransportError>,
    ) {
        let Some(sent) = self.nodes.get_mut(&node).and_then(|node| node.take(patience)) else {
            return;
        };
        let mut answers = match result {
            Ok(answers) => {
                self.node_answers(node);
                answers
            }
            Err(error) => {
                self.node_failed(now, node, &error);
                Vec::new()
            }
        }
        .into_iter();
        for (name, generation) in sent.asked {
            let answer = answers.next();
            let Some(partition) = self.partitions.get_mut(&name) else { continue };
            if partition.generation != generation {
                continue;
            }
            partition.in_flight = false;
            match answer {
                Some(Answer::Read(read)) => self.read(now, &name, read),
                Some(Answer::Refused { error, leader }) => self.refused(now, &name, error, leader),
                Some(Answer::Missing) => partition.step_back(now, None),
                None => {}
            }
        }
    }

    fn read(&mut self, now: Duration, name: &TopicPartition, read: Read) {
        let Some(partition) = self.partitions.get_mut(name) else { return };
        if partition.retry.failures() >= FAILURES_TOLD {
            self.outages.end(&Place::Topic(Arc::clone(&name.topic)));
        }
        let is_stuck = read.has_records && read.next_offset <= partition.position;
        match read.damage {
            Some(damage) if is_stuck => {
                let context = format!(
                    "the batch of {name} at offset {} is damaged and cannot be read",
                    partition.position
                );
                let error = BrokerError::new(BrokerErrorKind::Corrupted, context);
                partition.fail(error.with_source(damage));
            }
            _ if is_stuck => partition.step_back(now, None),
            // What is damaged further on is met again at the start of a fetch.
            _ => {
                partition.retry.reset();
                partition.missing_since = None;
                if read.has_records {
                    self.served += 1;
                    partition.served = self.served;
                }
                partition.keep(read);
            }
        }
        self.has_news |= partition.is_ready();
    }

    /// Why a partition was not read.
    fn refused(
        &mut self,
        now: Duration,
        name: &TopicPartition,
        error: ErrorCode,
        leader: Option<Leader>,
    ) {
        let Some(partition) = self.partitions.get_mut(name) else { return };
        let position = partition.position;
        match error.kind() {
            _ if error == ErrorCode::CORRUPT_MESSAGE => {
                let context = format!("the broker finds {name} damaged at offset {position}");
                partition.fail(BrokerError::new(BrokerErrorKind::Corrupted, context));
            }
            _ if error.is_stale_metadata() || error.is_retriable() => {
                partition.step_back(now, leader);
                if partition.retry.failures() >= FAILURES_TOLD {
                    let place = Place::Topic(Arc::clone(&name.topic));
                    self.outages.failed(place, now, &format_args!("{name}: {error}"));
                }
            }
            BrokerErrorKind::OffsetOutOfRange => partition.phase = Phase::OutOfRange,
            BrokerErrorKind::Unauthorized => partition.fail(unauthorized(&name.topic, error)),
            _ => {
                partition.fail(error.error(&format!("{name} cannot be read at offset {position}")));
            }
        }
        self.has_news |= partition.is_ready();
    }

    /// The answer to the question which offsets a partition has, whose position has none.
    pub(super) fn range_found(
        &mut self,
        now: Duration,
        name: &TopicPartition,
        generation: u64,
        node: i32,
        result: &Result<Result<(i64, i64), ErrorCode>, TransportError>,
    ) {
        if let Err(error) = result {
            self.node_failed(now, node, error);
        }
        let Some(partition) = self.partitions.get_mut(name) else { return };
        if partition.generation != generation {
            return;
        }
        partition.in_flight = false;
        match result {
            Ok(Ok((start, end))) if (start..=end).contains(&&partition.position) => {
                // The broker was behind, or the log moved meanwhile.
                partition.phase = Phase::Reading;
                partition.step_back(now, None);
            }
            Ok(Ok((start, end))) => {
                let position = partition.position;
                partition.fail(BrokerError::offset_out_of_range(name, position, *start, *end));
                self.has_news |= partition.is_ready();
            }
            Ok(Err(error)) => self.refused(now, name, *error, None),
            Err(_) => {}
        }
    }

    /// The cluster was asked for these topics anew.
    pub(super) fn refreshed(
        &mut self,
        now: Duration,
        topics: &[Arc<str>],
        result: Result<(), TransportError>,
        cluster: &dyn Cluster,
    ) {
        self.refresh.is_running = false;
        if let Err(error) = result {
            self.refresh.retry.failed_within(now, NODE_BACKOFF_MAX);
            self.outages.failed(Place::Cluster, now, &error);
            self.fail_unless_retriable(&error);
            return;
        }
        self.refresh.retry.reset();
        self.outages.end(&Place::Cluster);
        for (name, partition) in &mut self.partitions {
            if partition.is_failed() || !topics.contains(&name.topic) {
                continue;
            }
            partition.is_stale = false;
            partition.suspect = None;
            partition.leader = cluster.leader(name);
            match partition.leader {
                Some(_) => partition.missing_since = None,
                None => partition.without_leader(now, name, cluster, &mut self.outages),
            }
            self.has_news |= partition.is_ready();
        }
    }

    fn node_answers(&mut self, id: i32) {
        if let Some(node) = self.nodes.get_mut(&id)
            && node.retry.failures() > 0
        {
            node.retry.reset();
            self.outages.end(&Place::Node(id));
        }
    }

    fn node_failed(&mut self, now: Duration, id: i32, error: &TransportError) {
        let node = self.nodes.entry(id).or_default();
        node.retry.failed_within(now, NODE_BACKOFF_MAX);
        for partition in self.partitions.values_mut() {
            partition.is_stale |= partition.leader.is_some_and(|leader| leader.node == id);
        }
        self.outages.failed(Place::Node(id), now, error);
        self.fail_unless_retriable(error);
    }

    /// What another try does not mend, such as wrong credentials, is the owner's to decide.
    fn fail_unless_retriable(&mut self, error: &TransportError) {
        if !error.is_retriable() {
            self.failure = Some(error.clone().into());
        }
    }
}

impl Partition {
    /// Lets go of the leader, for the one that the broker names or until the cluster was asked.
    fn step_back(&mut self, now: Duration, named: Option<Leader>) {
        self.retry.failed_lightly(now, BACKOFF_MAX);
        self.suspect = self.leader.take();
        self.leader = named.filter(|named| self.believes(named));
        self.is_stale = self.leader.is_none();
    }

    /// Whether a leader was elected after the one that is under suspicion.
    pub(super) fn believes(&self, leader: &Leader) -> bool {
        self.suspect.is_none_or(|suspect| leader.epoch > suspect.epoch)
    }

    /// The cluster names no leader: there is none at the moment, or no such partition at all.
    fn without_leader(
        &mut self,
        now: Duration,
        name: &TopicPartition,
        cluster: &dyn Cluster,
        outages: &mut Outages,
    ) {
        self.retry.failed_within(now, BACKOFF_MAX);
        self.is_stale = true;
        let count = cluster.partition_count(&name.topic);
        let missing = match cluster.topic_error(&name.topic) {
            Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID) => {
                BrokerError::unknown_topic(&name.topic)
            }
            Some(error) if error.kind() == BrokerErrorKind::Unauthorized => {
                return self.fail(unauthorized(&name.topic, error));
            }
            Some(error) if !error.is_retriable() => {
                return self.fail(error.error(&format!("topic {} cannot be read", name.topic)));
            }
            None if count.is_some_and(|count| !(0..count).contains(&name.partition)) => {
                no_partition(name, count.unwrap_or_default())
            }
            error => {
                self.missing_since = None;
                let error = error.unwrap_or(ErrorCode::LEADER_NOT_AVAILABLE);
                if self.retry.failures() >= FAILURES_TOLD {
                    let place = Place::Topic(Arc::clone(&name.topic));
                    outages.failed(place, now, &format_args!("{name}: {error}"));
                }
                return;
            }
        };
        let since = *self.missing_since.get_or_insert(now);
        if now >= since + MISSING_MAX {
            self.fail(missing);
        }
    }
}

fn unauthorized(topic: &str, error: ErrorCode) -> BrokerError {
    error.error(&format!("topic {topic} may not be read: this user needs the operation READ on it"))
}

fn no_partition(name: &TopicPartition, count: i32) -> BrokerError {
    BrokerError::new(
        BrokerErrorKind::UnknownTopic,
        format!("partition {name} does not exist: topic {} has {count}", name.topic),
    )
}
