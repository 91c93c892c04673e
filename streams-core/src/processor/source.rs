//! The head of a chain: deserialize a fetched record, find its timestamp, hand it on.

use std::{rc::Rc, sync::Arc};

use bytes::Bytes;
use state_stores::{Data, Headers, Payload, SerdeContext, SerdeError, SharedSerde, Timestamp};

use super::{
    chain::{Children, Made, Wiring},
    context::Context,
    state::TaskState,
};
use crate::{
    batch::RecordView,
    broker::TopicPartition,
    error::{Outcome, ProcessorError},
};

/// A record as it was read, for timestamp extractors.
#[derive(Debug)]
pub struct ConsumerRecord<'a, K, V> {
    /// Source topic.
    pub topic: &'a str,
    /// Partition of that topic.
    pub partition: i32,
    /// Offset in that partition.
    pub offset: i64,
    /// Timestamp that the record carries.
    pub timestamp: Timestamp,
    /// Deserialized key.
    pub key: &'a K,
    /// Deserialized value.
    pub value: &'a V,
    /// Headers of the record.
    pub headers: &'a Headers,
}

/// Finds the event time of a record.
pub trait TimestampExtractor<K, V>: Send + Sync + 'static {
    /// `partition_time` is the greatest timestamp extracted from the record's partition so far,
    /// [`Timestamp::NONE`] before the first. A record whose timestamp comes out negative is dropped
    /// and counted.
    ///
    /// # Errors
    /// An error ends the stream thread.
    fn extract(
        &self,
        record: &ConsumerRecord<'_, K, V>,
        partition_time: Timestamp,
    ) -> Result<Timestamp, ProcessorError>;
}

/// A closure may give a [`Timestamp`] or what becomes one, as chrono's `DateTime<Utc>`.
impl<K, V, F, T> TimestampExtractor<K, V> for F
where
    F: Fn(&ConsumerRecord<'_, K, V>, Timestamp) -> T + Send + Sync + 'static,
    T: Into<Timestamp>,
{
    fn extract(
        &self,
        record: &ConsumerRecord<'_, K, V>,
        partition_time: Timestamp,
    ) -> Result<Timestamp, ProcessorError> {
        Ok(self(record, partition_time).into())
    }
}

/// The record's own timestamp; a negative one is an error. The default.
#[derive(Clone, Copy, Debug, Default)]
pub struct FailOnInvalidTimestamp;

/// The record's own timestamp; a record with a negative one is dropped.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogAndSkipOnInvalidTimestamp;

/// The record's own timestamp; in place of a negative one the time of its partition.
#[derive(Clone, Copy, Debug, Default)]
pub struct UsePartitionTimeOnInvalidTimestamp;

/// The time at which the record is processed.
#[derive(Clone, Debug)]
pub struct WallclockTimestampExtractor(Arc<dyn crate::clock::Clock>);

impl WallclockTimestampExtractor {
    /// Reads `clock`.
    pub fn new(clock: Arc<dyn crate::clock::Clock>) -> Self {
        Self(clock)
    }
}

fn is_negative(timestamp: Timestamp) -> bool {
    timestamp < Timestamp::from_millis(0)
}

impl<K, V> TimestampExtractor<K, V> for FailOnInvalidTimestamp {
    #[inline]
    fn extract(
        &self,
        record: &ConsumerRecord<'_, K, V>,
        _: Timestamp,
    ) -> Result<Timestamp, ProcessorError> {
        if is_negative(record.timestamp) {
            return Err(format!(
                "the record of {}-{} at offset {} has the negative timestamp {}; \
                 choose another timestamp extractor to process such records",
                record.topic,
                record.partition,
                record.offset,
                record.timestamp.as_millis()
            )
            .into());
        }
        Ok(record.timestamp)
    }
}

impl<K, V> TimestampExtractor<K, V> for LogAndSkipOnInvalidTimestamp {
    fn extract(
        &self,
        record: &ConsumerRecord<'_, K, V>,
        _: Timestamp,
    ) -> Result<Timestamp, ProcessorError> {
        if is_negative(record.timestamp) {
            let ConsumerRecord { topic, partition, offset, .. } = record;
            tracing::warn!(
                "skipped the record of {topic}-{partition} at offset {offset}: its timestamp is negative"
            );
        }
        Ok(record.timestamp)
    }
}

impl<K, V> TimestampExtractor<K, V> for UsePartitionTimeOnInvalidTimestamp {
    fn extract(
        &self,
        record: &ConsumerRecord<'_, K, V>,
        partition_time: Timestamp,
    ) -> Result<Timestamp, ProcessorError> {
        if !is_negative(record.timestamp) {
            return Ok(record.timestamp);
        }
        if is_negative(partition_time) {
            return Err(format!(
                "the record of {}-{} at offset {} has a negative timestamp, \
                 and no record before it gave the partition a time",
                record.topic, record.partition, record.offset
            )
            .into());
        }
        Ok(partition_time)
    }
}

impl<K, V> TimestampExtractor<K, V> for WallclockTimestampExtractor {
    fn extract(
        &self,
        _: &ConsumerRecord<'_, K, V>,
        _: Timestamp,
    ) -> Result<Timestamp, ProcessorError> {
        Ok(self.0.now())
    }
}

/// Why a fetched record has no place in the queue.
pub(crate) enum LoadError {
    /// Key or value cannot be read.
    Undecodable { part: &'static str, error: SerdeError },
    /// The extractor failed.
    Timestamp(ProcessorError),
}

/// The head of one partition's queue, read by one source node.
pub(crate) trait SourceQueue {
    /// Deserializes a record into the head and extracts its timestamp. The head before it stays
    /// until it is [processed](Self::process): a task loads the next record first.
    fn load(
        &mut self,
        record: &RecordView<'_>,
        body: &Bytes,
        from: &TopicPartition,
        headers: &Headers,
        partition_time: Timestamp,
    ) -> Result<Timestamp, LoadError>;

    /// Hands the oldest record on: the head, or what was the head before the last
    /// [`load`](Self::load); the record context of `task` is set to it.
    fn process(&mut self, task: &mut TaskState) -> Outcome;
}

/// A source node of one task: makes a queue head for each partition it reads.
pub(crate) trait Entry {
    fn queue(&self) -> Box<dyn SourceQueue>;
}

/// What a source needs besides its topics.
pub(crate) struct SourceParts<K, V> {
    pub(crate) key: SharedSerde<K>,
    pub(crate) value: SharedSerde<V>,
    /// `None` is [`FailOnInvalidTimestamp`], without a call.
    pub(crate) extractor: Option<Arc<dyn TimestampExtractor<K, V>>>,
}

impl<K, V> Clone for SourceParts<K, V> {
    fn clone(&self) -> Self {
        Self {
            key: Arc::clone(&self.key),
            value: Arc::clone(&self.value),
            extractor: self.extractor.clone(),
        }
    }
}

struct Source<K, V> {
    id: usize,
    children: Children<K, V>,
    parts: SourceParts<K, V>,
}

struct Head<K, V> {
    source: Rc<Source<K, V>>,
    record: Option<(K, V)>,
    previous: Option<(K, V)>,
}

struct Entrance<K, V>(Rc<Source<K, V>>);

impl<K: Data, V: Data> Entry for Entrance<K, V> {
    fn queue(&self) -> Box<dyn SourceQueue> {
        Box::new(Head { source: Rc::clone(&self.0), record: None, previous: None })
    }
}

impl<K: Data, V: Data> SourceQueue for Head<K, V> {
    fn load(
        &mut self,
        record: &RecordView<'_>,
        body: &Bytes,
        from: &TopicPartition,
        headers: &Headers,
        partition_time: Timestamp,
    ) -> Result<Timestamp, LoadError> {
        if let Some(record) = self.record.take() {
            self.previous = Some(record);
        }
        let parts = &self.source.parts;
        let seen = SerdeContext { topic: &from.topic, headers };
        let key = parts
            .key
            .deserialize(record.key.map(|bytes| Payload::shared(body, bytes)), &seen)
            .map_err(|error| LoadError::Undecodable { part: "key", error })?;
        let value = parts
            .value
            .deserialize(record.value.map(|bytes| Payload::shared(body, bytes)), &seen)
            .map_err(|error| LoadError::Undecodable { part: "value", error })?;
        if let (None, false) = (&parts.extractor, is_negative(record.timestamp)) {
            self.record = Some((key, value));
            return Ok(record.timestamp);
        }
        let consumed = ConsumerRecord {
            topic: &from.topic,
            partition: from.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: &key,
            value: &value,
            headers,
        };
        let timestamp = match &parts.extractor {
            Some(extractor) => extractor.extract(&consumed, partition_time),
            None => FailOnInvalidTimestamp.extract(&consumed, partition_time),
        };
        let timestamp = timestamp.map_err(LoadError::Timestamp)?;
        // A negative timestamp drops the record.
        if !is_negative(timestamp) {
            self.record = Some((key, value));
        }
        Ok(timestamp)
    }

    fn process(&mut self, task: &mut TaskState) -> Outcome {
        let oldest = self.previous.take().or_else(|| self.record.take());
        let Some((key, value)) = oldest else { return Ok(()) };
        task.node = self.source.id;
        Context::new(self.source.id, &self.source.children, task).pass(key, value)
    }
}

pub(crate) fn wire_source<K: Data, V: Data>(
    mut wiring: Wiring<'_>,
    parts: SourceParts<K, V>,
) -> Made {
    let source = Rc::new(Source { id: wiring.id, children: wiring.take_children(), parts });
    Made { ports: Vec::new(), life: None, entry: Some(Box::new(Entrance(source))) }
}
