//! What a stream thread sends: records are encoded straight into a batch per partition.
//!
//! One collector per thread, shared by its tasks. A lane is one partition: the batch being filled,
//! full batches that wait for the producer, and how far the broker has acknowledged them. The
//! lanes of changelogs are filled through a [`ChangelogBuffer`], because stores are `Send` and the
//! collector is not.

mod changelog;
mod lane;
mod task;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use state_stores::MemoryAccount;

use crate::{
    batch::{BatchBuilder, Timestamp, partition_for_key},
    broker::{Ack, BrokerError, BrokerErrorKind, Producer, SendTicket, TopicPartition},
    config::ProducerConfig,
    error::{ErrorKind, StreamsError},
    processor::{Outgoing, TopicSlot},
};

pub(crate) use {changelog::ChangelogLane, task::TaskCollector};

use changelog::ChangelogBuffer;
use lane::{Lane, LaneId};

/// How many empty builders are kept for reuse.
const SPARE_BUILDERS: usize = 16;

/// Which batches that are not full yet are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Those that waited for `linger.ms`.
    Lingered,
    /// Also those of partitions that have nothing in flight: the thread has nothing else to do.
    Idle,
    /// All: a commit waits for them.
    All,
}

/// A topic that records are sent to.
struct Topic {
    name: Arc<str>,
    lanes: Vec<LaneId>,
    /// Where records without a key go until their batch is full.
    sticky: usize,
}

/// A sent batch without acknowledgement.
struct InFlight {
    lane: LaneId,
    generation: u32,
    records: usize,
    bytes: usize,
}

pub(crate) struct Collector {
    producer: Box<dyn Producer>,
    batch_size: usize,
    linger_ms: i64,
    /// `buffer.memory`, an upper limit of its own.
    buffer_memory: usize,
    memory: MemoryAccount,
    topics: Vec<Topic>,
    topic_slots: BTreeMap<Arc<str>, u32>,
    lanes: Vec<Lane>,
    lane_ids: BTreeMap<TopicPartition, LaneId>,
    /// Lanes with records that are not sent yet.
    dirty: Vec<LaneId>,
    in_flight: BTreeMap<SendTicket, InFlight>,
    in_flight_bytes: usize,
    /// What was not sent yet, full or not, when batches were last sent.
    waiting_bytes: usize,
    acks: Vec<Ack>,
    spare: Vec<BatchBuilder>,
    now: Timestamp,
}

impl Collector {
    pub(crate) fn new(
        producer: Box<dyn Producer>,
        config: &ProducerConfig,
        memory: MemoryAccount,
        now: Timestamp,
    ) -> Self {
        Self {
            producer,
            batch_size: config.batch_size,
            linger_ms: i64::try_from(config.linger.as_millis()).unwrap_or(i64::MAX),
            buffer_memory: config.buffer_memory,
            memory,
            topics: Vec::new(),
            topic_slots: BTreeMap::new(),
            lanes: Vec::new(),
            lane_ids: BTreeMap::new(),
            dirty: Vec::new(),
            in_flight: BTreeMap::new(),
            in_flight_bytes: 0,
            waiting_bytes: 0,
            acks: Vec::new(),
            spare: Vec::new(),
            now,
        }
    }

    /// The slot of a topic; looked up once per sink.
    pub(crate) fn topic(&mut self, name: &str) -> Result<TopicSlot, StreamsError> {
        if let Some(slot) = self.topic_slots.get(name) {
            return Ok(TopicSlot(*slot));
        }
        let count =
            self.producer.partition_count(name).map_err(|error| topic_error(name, error))?;
        let name: Arc<str> = name.into();
        let slot = u32::try_from(self.topics.len()).unwrap_or(u32::MAX);
        self.topics.push(Topic { name: Arc::clone(&name), lanes: Vec::new(), sticky: 0 });
        self.topic_slots.insert(name, slot);
        self.grow(slot as usize, count);
        Ok(TopicSlot(slot))
    }

    pub(crate) fn partition_count(&self, topic: TopicSlot) -> i32 {
        let topic = self.topics.get(topic.0 as usize);
        topic.map_or(0, |topic| i32::try_from(topic.lanes.len()).unwrap_or(i32::MAX))
    }

    /// Encodes a record into the batch of its partition.
    pub(crate) fn send(&mut self, record: &Outgoing<'_>) -> Result<(), StreamsError> {
        let Some(topic) = self.topics.get(record.topic.0 as usize) else {
            let what = "a record was sent to a topic that nobody looked up";
            return Err(StreamsError::new(ErrorKind::InvalidState, what));
        };
        let count = topic.lanes.len();
        let place = match (record.partition, record.partition_key) {
            (Some(partition), _) => usize::try_from(partition).unwrap_or(usize::MAX),
            (None, Some(key)) => partition_for_key(key, count as i32) as usize,
            (None, None) => topic.sticky,
        };
        let Some(id) = topic.lanes.get(place).copied() else {
            return Err(no_such_partition(&topic.name, record.partition, count));
        };
        let now = self.now;
        let lane = &mut self.lanes[id.0];
        lane.begin(now, id, &mut self.dirty);
        let appended =
            lane.filling.append(record.timestamp, record.key, record.value, record.headers.wire());
        appended.map_err(|error| {
            let what = format!("a record for {} does not fit into a batch", lane.partition);
            StreamsError::caused_by(ErrorKind::Serialization, what, error)
        })?;
        if lane.filling.estimated_size() >= self.batch_size {
            let fresh = self.spare.pop().unwrap_or_default();
            self.lanes[id.0].turn_over(fresh);
            if let Some(topic) = self.topics.get_mut(record.topic.0 as usize)
                && topic.sticky == place
            {
                topic.sticky = (place + 1) % count;
            }
        }
        Ok(())
    }

    /// The lane of a changelog partition, empty and without acknowledgements.
    pub(crate) fn changelog(&mut self, partition: &TopicPartition) -> ChangelogLane {
        let id = self.lane(partition);
        let lane = &mut self.lanes[id.0];
        lane.generation = lane.generation.wrapping_add(1);
        lane.full.clear();
        lane.acked = None;
        let buffer = ChangelogBuffer::shared(self.batch_size, self.now);
        lane.changelog = Some(Arc::clone(&buffer));
        ChangelogLane { id, buffer }
    }

    /// Ends the lane of a changelog: what is not sent yet is dropped.
    pub(crate) fn close_changelog(&mut self, lane: &ChangelogLane) {
        let lane = &mut self.lanes[lane.id.0];
        lane.generation = lane.generation.wrapping_add(1);
        lane.full.clear();
        lane.changelog = None;
        lane.acked = None;
    }

    /// The offset of the last changelog record of this lane that the broker has.
    pub(crate) fn acknowledged(&self, lane: &ChangelogLane) -> Option<i64> {
        self.lanes[lane.id.0].acked
    }

    /// Takes acknowledgements in; true if there were any.
    ///
    /// # Errors
    /// A batch that was refused or lost.
    pub(crate) fn poll(&mut self) -> Result<bool, StreamsError> {
        let mut acks = std::mem::take(&mut self.acks);
        let polled = self.producer.poll(&mut acks);
        let any = !acks.is_empty();
        let mut first_error = None;
        for ack in acks.drain(..) {
            if let Err(error) = self.acknowledge(ack) {
                first_error.get_or_insert(error);
            }
        }
        self.acks = acks;
        self.account();
        polled.map_err(producer_error)?;
        first_error.map_or(Ok(any), Err)
    }

    fn acknowledge(&mut self, ack: Ack) -> Result<(), StreamsError> {
        let Some(sent) = self.in_flight.remove(&ack.ticket) else { return Ok(()) };
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(sent.bytes);
        let lane = &mut self.lanes[sent.lane.0];
        lane.in_flight = lane.in_flight.saturating_sub(1);
        match ack.result {
            Ok(base) => {
                if lane.generation == sent.generation && base >= 0 {
                    lane.acked = Some(base + sent.records as i64 - 1);
                }
                Ok(())
            }
            Err(error) => Err(not_written(&ack.partition, sent.records, error)),
        }
    }

    /// Sends full batches, and of the others those that are due.
    ///
    /// # Errors
    /// The producer's, but not that it is full.
    pub(crate) fn send_due(&mut self, now: Timestamp, due: Due) -> Result<(), StreamsError> {
        self.now = now;
        self.waiting_bytes = self.collect_changelogs(due);
        let mut dirty = std::mem::take(&mut self.dirty);
        let mut outcome = Ok(());
        dirty.retain(|id| {
            if outcome.is_ok() {
                outcome = self.send_lane(*id, due);
            }
            let lane = &mut self.lanes[id.0];
            lane.dirty = lane.has_unsent();
            self.waiting_bytes += lane.unsent_bytes();
            lane.dirty
        });
        self.dirty.append(&mut dirty);
        self.account();
        outcome
    }

    /// Publishes what is not acknowledged.
    fn account(&mut self) {
        self.memory.set(self.waiting_bytes + self.in_flight_bytes);
    }

    /// Moves what the stores appended into the lanes; returns how many bytes stay behind.
    fn collect_changelogs(&mut self, due: Due) -> usize {
        let mut behind = 0;
        for (place, lane) in self.lanes.iter_mut().enumerate() {
            let Some(buffer) = &lane.changelog else { continue };
            let mut buffer = buffer.lock();
            buffer.now = self.now;
            let lingered = self.now.as_millis() - buffer.since.as_millis() >= self.linger_ms;
            let everything = match due {
                Due::All => true,
                Due::Idle => lingered || lane.in_flight == 0,
                Due::Lingered => lingered,
            };
            buffer.drain(everything, &mut lane.full, &mut self.spare);
            behind += buffer.bytes();
            if !lane.full.is_empty() && !lane.dirty {
                lane.dirty = true;
                self.dirty.push(LaneId(place));
            }
        }
        behind
    }

    fn send_lane(&mut self, id: LaneId, due: Due) -> Result<(), StreamsError> {
        let now = self.now;
        let lane = &mut self.lanes[id.0];
        if !lane.filling.is_empty() {
            let lingered = now.as_millis() - lane.since.as_millis() >= self.linger_ms;
            let is_due = match due {
                Due::All => true,
                Due::Idle => lingered || (lane.in_flight == 0 && lane.full.is_empty()),
                Due::Lingered => lingered,
            };
            if is_due {
                lane.turn_over(self.spare.pop().unwrap_or_default());
            }
        }
        while let Some(mut batch) = lane.full.pop_front() {
            let (records, bytes) = (batch.record_count(), batch.estimated_size());
            match self.producer.send(&lane.partition, &mut batch) {
                Ok(ticket) => {
                    lane.in_flight += 1;
                    self.in_flight_bytes += bytes;
                    let generation = lane.generation;
                    let sent = InFlight { lane: id, generation, records, bytes };
                    self.in_flight.insert(ticket, sent);
                    if self.spare.len() < SPARE_BUILDERS {
                        self.spare.push(batch);
                    }
                }
                Err(error) if error.kind() == BrokerErrorKind::Retriable => {
                    lane.full.push_front(batch);
                    return Ok(());
                }
                Err(error) => return Err(not_written(&lane.partition, records, error)),
            }
        }
        Ok(())
    }

    /// Whether the broker has everything that was sent.
    pub(crate) fn is_flushed(&self) -> bool {
        self.dirty.is_empty() && self.in_flight.is_empty()
    }

    /// Whether so much waits for acknowledgement that tasks have to wait, too. Sending
    /// [`Due::Idle`] batches until then makes sure that acknowledgements come.
    pub(crate) fn is_full(&self) -> bool {
        self.memory.bytes() >= self.buffer_memory || self.memory.is_over()
    }

    /// When the next batch has waited long enough, if one waits.
    pub(crate) fn next_linger(&self) -> Option<Timestamp> {
        // Full batches wait for the producer, which wakes the thread.
        let filling =
            self.dirty.iter().map(|id| &self.lanes[id.0]).filter(|lane| lane.full.is_empty());
        let oldest = filling.map(|lane| lane.since).min()?;
        Some(Timestamp::from_millis(oldest.as_millis().saturating_add(self.linger_ms)))
    }

    /// Notices that topics have grown.
    pub(crate) fn refresh_partition_counts(&mut self) -> Result<(), StreamsError> {
        for slot in 0..self.topics.len() {
            let name = Arc::clone(&self.topics[slot].name);
            match self.producer.partition_count(&name) {
                Ok(count) => self.grow(slot, count),
                Err(error) if error.kind() == BrokerErrorKind::TimedOut => {}
                Err(error) => return Err(topic_error(&name, error)),
            }
        }
        Ok(())
    }

    fn grow(&mut self, slot: usize, count: i32) {
        let name = Arc::clone(&self.topics[slot].name);
        let known = i32::try_from(self.topics[slot].lanes.len()).unwrap_or(i32::MAX);
        for partition in known..count {
            let lane = self.lane(&TopicPartition::new(Arc::clone(&name), partition));
            self.topics[slot].lanes.push(lane);
        }
    }

    fn lane(&mut self, partition: &TopicPartition) -> LaneId {
        if let Some(id) = self.lane_ids.get(partition) {
            return *id;
        }
        let id = LaneId(self.lanes.len());
        self.lanes.push(Lane::new(partition.clone()));
        self.lane_ids.insert(partition.clone(), id);
        id
    }
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector")
            .field("topics", &self.topics.len())
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}

#[cold]
fn no_such_partition(topic: &str, partition: Option<i32>, count: usize) -> StreamsError {
    let partition = partition.unwrap_or(0);
    let what =
        format!("partition {partition} of topic {topic} does not exist: it has {count} partitions");
    StreamsError::new(ErrorKind::Serialization, what)
}

fn topic_error(topic: &str, error: BrokerError) -> StreamsError {
    let kind = match error.kind() {
        BrokerErrorKind::TimedOut | BrokerErrorKind::Retriable => ErrorKind::Timeout,
        BrokerErrorKind::UnknownTopic => ErrorKind::Topic,
        _ => ErrorKind::Broker,
    };
    StreamsError::caused_by(kind, format!("topic {topic} cannot be written to"), error)
}

/// A batch is lost for good. Its task's state has writes that the changelog lacks, or its output
/// misses records: where another try may help, tasks start again from what is committed.
fn not_written(partition: &TopicPartition, records: usize, error: BrokerError) -> StreamsError {
    let kind = match error.kind() {
        BrokerErrorKind::Fenced => ErrorKind::Migrated,
        BrokerErrorKind::TimedOut | BrokerErrorKind::Retriable => ErrorKind::Corrupted,
        _ => ErrorKind::Production,
    };
    let what = format!("{records} records for {partition} could not be written");
    StreamsError::caused_by(kind, what, error)
}

fn producer_error(error: BrokerError) -> StreamsError {
    let kind = match error.kind() {
        BrokerErrorKind::Fenced => ErrorKind::Migrated,
        BrokerErrorKind::TimedOut | BrokerErrorKind::Retriable => ErrorKind::Timeout,
        _ => ErrorKind::Production,
    };
    StreamsError::caused_by(kind, "the producer cannot go on", error)
}
