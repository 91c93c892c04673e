//! The end of a chain: serialize a record and hand it to the collector.

use std::{cell::Cell, fmt, sync::Arc};

use state_stores::{Data, Headers, Presence, SerdeContext, SerdeError, SharedSerde, Timestamp};

use super::{
    chain::{Made, Node, Wiring, ports},
    state::{InProcess, TaskState},
};
use crate::{
    error::{ErrorKind, Outcome, StreamsError},
    metrics::TaskCounters,
    record::RecordMetadata,
};

/// The context of a record as topic choosers see it.
#[derive(Clone, Copy, Debug)]
pub struct RecordContext<'a> {
    /// Where the record in process was read; `None` in punctuations.
    pub metadata: Option<RecordMetadata<'a>>,
    /// Timestamp of the record being sent.
    pub timestamp: Timestamp,
    /// Headers of the record being sent.
    pub headers: &'a Headers,
}

/// Where a record goes within its topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Partitions {
    /// By the hash of the key bytes, as the Java client does.
    Default,
    /// To one partition.
    One(i32),
    /// To each of these; to none of them if there are none, which counts as dropped.
    Many(Vec<i32>),
}

/// Chooses the partition of a record; closures `Fn(topic, &K, &V, count) -> Partitions` are some.
pub trait StreamPartitioner<K, V>: Send + Sync {
    /// `count` is the number of partitions of `topic`.
    fn partitions(&self, topic: &str, key: &K, value: &V, count: i32) -> Partitions;
}

impl<K, V, F> StreamPartitioner<K, V> for F
where
    F: Fn(&str, &K, &V, i32) -> Partitions + Send + Sync,
{
    fn partitions(&self, topic: &str, key: &K, value: &V, count: i32) -> Partitions {
        self(topic, key, value, count)
    }
}

/// A topic as the collector knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicSlot(pub u32);

/// A serialized record on its way out.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Where to.
    pub topic: TopicSlot,
    /// The partition, if the topology chose one.
    pub partition: Option<i32>,
    /// What the default partitioner hashes: the key, without the window of a windowed one.
    pub partition_key: Option<&'a [u8]>,
    /// Key bytes.
    pub key: Option<&'a [u8]>,
    /// Value bytes.
    pub value: Option<&'a [u8]>,
    /// Never negative.
    pub timestamp: Timestamp,
    /// Headers of the record.
    pub headers: &'a Headers,
}

/// Takes the records a task sends; encodes them where they stand, nothing is kept of the borrow.
pub trait RecordCollector {
    /// The slot of a topic.
    ///
    /// # Errors
    /// If the topic does not exist.
    fn topic(&mut self, name: &str) -> Result<TopicSlot, StreamsError>;

    /// Number of partitions of a topic.
    fn partition_count(&self, topic: TopicSlot) -> i32;

    /// Sends a record: it is acknowledged, or reported as failed, by the next commit.
    ///
    /// # Errors
    /// If the record cannot be sent at all.
    fn send(&mut self, record: Outgoing<'_>) -> Result<(), StreamsError>;
}

/// Chooses the topic of each record.
pub(crate) type TopicExtractor<K, V> =
    Arc<dyn Fn(&K, &V, &RecordContext<'_>) -> String + Send + Sync>;

pub(crate) enum TopicChoice<K, V> {
    Fixed(Arc<str>),
    PerRecord(TopicExtractor<K, V>),
}

impl<K, V> Clone for TopicChoice<K, V> {
    fn clone(&self) -> Self {
        match self {
            Self::Fixed(topic) => Self::Fixed(Arc::clone(topic)),
            Self::PerRecord(choose) => Self::PerRecord(Arc::clone(choose)),
        }
    }
}

/// What a sink needs besides its parents.
pub(crate) struct SinkParts<K, V> {
    pub(crate) topic: TopicChoice<K, V>,
    pub(crate) key: SharedSerde<K>,
    pub(crate) value: SharedSerde<V>,
    pub(crate) partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
}

impl<K, V> Clone for SinkParts<K, V> {
    fn clone(&self) -> Self {
        Self {
            topic: self.topic.clone(),
            key: Arc::clone(&self.key),
            value: Arc::clone(&self.value),
            partitioner: self.partitioner.clone(),
        }
    }
}

impl<K, V> fmt::Debug for SinkParts<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topic = match &self.topic {
            TopicChoice::Fixed(topic) => topic,
            TopicChoice::PerRecord(_) => "chosen per record",
        };
        f.debug_struct("SinkParts").field("topic", &topic).finish_non_exhaustive()
    }
}

struct Sink<K, V> {
    id: usize,
    name: Arc<str>,
    parts: SinkParts<K, V>,
    /// Slot of a fixed topic, looked up with the first record.
    slot: Cell<Option<TopicSlot>>,
}

impl<K: Data, V: Data> Node<K, V> for Sink<K, V> {
    fn process(&self, key: K, value: V, task: &mut TaskState) -> Outcome {
        task.node = self.id;
        match self.send(&key, &value, task) {
            Ok(()) => Ok(()),
            Err(error) => Err(error.at_node(&self.name).in_task(task.id).into()),
        }
    }
}

impl<K: Data, V: Data> Sink<K, V> {
    #[inline]
    fn send(&self, key: &K, value: &V, task: &mut TaskState) -> Result<(), StreamsError> {
        match &self.parts.topic {
            TopicChoice::Fixed(topic) => {
                let slot = match self.slot.get() {
                    Some(slot) => slot,
                    None => task.collector.topic(topic)?,
                };
                self.slot.set(Some(slot));
                self.send_to(topic, slot, (key, value), task)
            }
            TopicChoice::PerRecord(choose) => {
                let topic = choose(key, value, &task.record_context());
                let slot = task.collector.topic(&topic)?;
                self.send_to(&topic, slot, (key, value), task)
            }
        }
    }

    #[inline]
    fn send_to(
        &self,
        topic: &str,
        slot: TopicSlot,
        (key, value): (&K, &V),
        task: &mut TaskState,
    ) -> Result<(), StreamsError> {
        let TaskState { context, scratch, collector, counters, .. } = task;
        let InProcess { timestamp, headers, .. } = context;
        if *timestamp < Timestamp::from_millis(0) {
            return Err(negative_timestamp(topic, *timestamp));
        }
        let SinkParts { key: key_serde, value: value_serde, .. } = &self.parts;
        let to = SerdeContext { topic, headers };
        let key_bytes = encode(key_serde, key, &to, &mut scratch.key, "key")?;
        let value_bytes = encode(value_serde, value, &to, &mut scratch.value, "value")?;
        let record = Outgoing {
            topic: slot,
            partition: None,
            partition_key: key_bytes.map(|bytes| key_serde.partition_bytes(bytes)),
            key: key_bytes,
            value: value_bytes,
            timestamp: *timestamp,
            headers,
        };
        let Some(partitioner) = &self.parts.partitioner else {
            return collector.send(record);
        };
        let count = collector.partition_count(slot);
        send_by(partitioner.partitions(topic, key, value, count), record, collector, counters)
    }
}

fn send_by(
    chosen: Partitions,
    mut record: Outgoing<'_>,
    collector: &mut Box<dyn RecordCollector>,
    counters: &mut TaskCounters,
) -> Result<(), StreamsError> {
    match chosen {
        Partitions::Default => collector.send(record),
        Partitions::One(partition) => {
            record.partition = Some(partition);
            collector.send(record)
        }
        Partitions::Many(partitions) => {
            if partitions.is_empty() {
                counters.dropped += 1;
            }
            for partition in partitions {
                record.partition = Some(partition);
                collector.send(record)?;
            }
            Ok(())
        }
    }
}

/// Serializes one part of a record over what `out` held before.
#[inline]
fn encode<'a, T: 'static>(
    serde: &SharedSerde<T>,
    value: &T,
    to: &SerdeContext<'_>,
    out: &'a mut Vec<u8>,
    part: &str,
) -> Result<Option<&'a [u8]>, StreamsError> {
    out.clear();
    match serde.serialize(value, to, out) {
        Ok(Presence::Bytes) => Ok(Some(out)),
        Ok(Presence::Null) => Ok(None),
        Err(error) => Err(unserializable(part, to.topic, error)),
    }
}

#[cold]
fn unserializable(part: &str, topic: &str, error: SerdeError) -> StreamsError {
    let what = format!("the {part} of a record for topic {topic} cannot be serialized");
    StreamsError::caused_by(ErrorKind::Serialization, what, error)
}

#[cold]
fn negative_timestamp(topic: &str, timestamp: Timestamp) -> StreamsError {
    StreamsError::new(
        ErrorKind::Serialization,
        format!(
            "a record for topic {topic} has the negative timestamp {}; \
             set a timestamp before forwarding it",
            timestamp.as_millis()
        ),
    )
}

pub(crate) fn wire_sink<K: Data, V: Data>(wiring: Wiring<'_>, parts: SinkParts<K, V>) -> Made {
    let sink = Sink { id: wiring.id, name: wiring.name, parts, slot: Cell::new(None) };
    Made { ports: ports::<K, V>(sink, wiring.parents), life: None, entry: None }
}
