//! The buffered records of one partition; only the head is deserialized.

use std::{collections::VecDeque, sync::Arc};

use state_stores::{Headers, Timestamp};

use crate::{
    batch::{DecodeOptions, DecodedBatch, RecordBatch, RecordPosition},
    broker::{CommittedOffset, TopicPartition},
    error::{ErrorKind, Outcome, StreamsError},
    handlers::{Decision, ErrorContext},
    processor::{LoadError, SourceQueue, TaskState},
};

use super::offset_metadata;

/// What stands at the head of a queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HeadState {
    /// Nothing is buffered.
    Empty,
    /// A record.
    Record,
    /// Only skipped records were left: the head moves the offset past them.
    Skipped,
}

/// The head without its key and value, which the source keeps.
struct Head {
    state: HeadState,
    /// The task's partition that it was read from.
    slot: u16,
    /// [`Timestamp::NONE`] for skipped records.
    timestamp: Timestamp,
    offset: i64,
    leader_epoch: Option<i32>,
    headers: Headers,
    bytes: usize,
}

/// What is read of an opened batch, and which of the task's partitions it came from.
struct Open {
    slot: u16,
    batch: DecodedBatch,
    position: RecordPosition,
}

/// One partition of a task: fetched batches in, records out in offset order.
pub(super) struct PartitionQueue {
    pub(super) partition: TopicPartition,
    source_node: Arc<str>,
    source: Box<dyn SourceQueue>,
    /// Batches with the slot of the partition each came from.
    waiting: VecDeque<(u16, RecordBatch)>,
    open: Option<Open>,
    head: Head,
    /// Records in `waiting` and `open`, not counting the head.
    buffered: usize,
    /// Bytes of `waiting`.
    waiting_bytes: usize,
    partition_time: Timestamp,
    /// Records below were processed before: the first fetched batch may begin with some.
    first_offset: i64,
    /// Where the task goes on, once anything was taken.
    next: Option<(i64, Option<i32>)>,
    /// Whether records were taken since offsets were last collected.
    consumed: bool,
    /// Records on the broker that are not fetched yet, as of the last fetch.
    pub(super) lag: Option<i64>,
}

impl PartitionQueue {
    pub(super) fn new(
        partition: TopicPartition,
        source_node: Arc<str>,
        source: Box<dyn SourceQueue>,
    ) -> Self {
        Self {
            partition,
            source_node,
            source,
            waiting: VecDeque::new(),
            open: None,
            head: Head {
                state: HeadState::Empty,
                slot: 0,
                timestamp: Timestamp::NONE,
                offset: 0,
                leader_epoch: None,
                headers: Headers::default(),
                bytes: 0,
            },
            buffered: 0,
            waiting_bytes: 0,
            partition_time: Timestamp::NONE,
            first_offset: 0,
            next: None,
            consumed: false,
            lag: None,
        }
    }

    /// Continues where the group left off.
    pub(super) fn resume(&mut self, offset: i64, metadata: &str) {
        self.first_offset = offset;
        self.partition_time = offset_metadata::decode(metadata);
    }

    pub(super) fn partition_time(&self) -> Timestamp {
        self.partition_time
    }

    /// Records buffered, the head included.
    pub(super) fn len(&self) -> usize {
        self.buffered + usize::from(!self.is_empty())
    }

    /// Bytes of the batches that are not read to their end.
    pub(super) fn bytes(&self) -> usize {
        self.waiting_bytes + self.open.as_ref().map_or(0, |open| open.batch.size())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head.state == HeadState::Empty
    }

    pub(super) fn head_timestamp(&self) -> Option<Timestamp> {
        (!self.is_empty()).then_some(self.head.timestamp)
    }

    /// Appends a fetched batch of the task's partition `slot`; loads a head if there was none.
    pub(super) fn push(
        &mut self,
        slot: u16,
        batch: RecordBatch,
        task: &mut TaskState,
    ) -> Result<(), StreamsError> {
        self.buffered += usize::try_from(batch.record_count()).unwrap_or(0);
        self.waiting_bytes += batch.size();
        self.waiting.push_back((slot, batch));
        if self.is_empty() { self.load_head(task) } else { Ok(()) }
    }

    /// Takes the head: sets the record context of `task` to it and loads the next one.
    /// `None` if the head was a skipped record.
    pub(super) fn take(&mut self, task: &mut TaskState) -> Result<Option<Timestamp>, StreamsError> {
        let head = &mut self.head;
        let state = std::mem::replace(&mut head.state, HeadState::Empty);
        if state == HeadState::Empty {
            return Ok(None);
        }
        let timestamp = head.timestamp;
        self.partition_time = self.partition_time.max(timestamp);
        self.next = Some((head.offset + 1, head.leader_epoch));
        self.consumed = true;
        task.counters.bytes_consumed += head.bytes as u64;
        if state == HeadState::Record {
            let context = &mut task.context;
            context.slot = Some(head.slot);
            context.offset = head.offset;
            context.leader_epoch = head.leader_epoch;
            context.timestamp = timestamp;
            std::mem::swap(&mut context.headers, &mut head.headers);
        }
        self.load_head(task)?;
        Ok((state == HeadState::Record).then_some(timestamp))
    }

    /// Hands the record taken last to the chain.
    pub(super) fn process(&mut self, task: &mut TaskState) -> Outcome {
        self.source.process(task)
    }

    /// Where the task would go on, if anything was consumed since the last call; `all` asks for it
    /// in any case.
    pub(super) fn committable(&mut self, all: bool) -> Option<CommittedOffset> {
        if !std::mem::take(&mut self.consumed) && !all {
            return None;
        }
        let after_last = self.next?;
        // Skipped records before the head need not be read again.
        let head = (self.head.offset, self.head.leader_epoch);
        let (offset, leader_epoch) = if self.is_empty() { after_last } else { head };
        let metadata = offset_metadata::encode(self.partition_time);
        Some(CommittedOffset { offset, leader_epoch, metadata })
    }

    /// Loads the next record that can be deserialized and has a timestamp. If none of the buffered
    /// ones does, the last of them becomes a head that only moves the offset.
    fn load_head(&mut self, task: &mut TaskState) -> Result<(), StreamsError> {
        while self.open_batch()? {
            let Some(Open { slot, batch, position }) = &mut self.open else { break };
            let read = batch.record_at(*position);
            let Some((record, next)) = read.map_err(|error| damaged(&self.partition, error))?
            else {
                self.open = None;
                continue;
            };
            *position = next;
            self.buffered = self.buffered.saturating_sub(1);
            if record.offset < self.first_offset {
                continue;
            }
            let head = &mut self.head;
            let epoch = batch.leader_epoch();
            head.slot = *slot;
            head.offset = record.offset;
            head.leader_epoch = (epoch >= 0).then_some(epoch);
            head.bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
            let read = match record.headers {
                // A count of 0 is a single byte.
                [0] => Ok(Headers::default()),
                wire => Headers::from_wire(batch.share(wire)),
            };
            let loaded = match read {
                Ok(headers) => {
                    head.headers = headers;
                    let (source, seen) = (&mut self.source, &head.headers);
                    let from = &task.partitions[usize::from(*slot)];
                    source.load(&record, batch.body(), from, seen, self.partition_time)
                }
                Err(error) => Err(LoadError::Undecodable { part: "header", error }),
            };
            match loaded {
                Ok(timestamp) if timestamp >= Timestamp::from_millis(0) => {
                    head.timestamp = timestamp;
                    head.state = HeadState::Record;
                    return Ok(());
                }
                Ok(_) => task.counters.dropped += 1,
                Err(error) => {
                    let timestamp = record.timestamp;
                    self.refused(error, timestamp, task)?;
                }
            }
            self.head.timestamp = Timestamp::NONE;
            self.head.state = HeadState::Skipped;
        }
        Ok(())
    }

    /// Opens the next waiting batch unless one is open; `false` when all are read.
    fn open_batch(&mut self) -> Result<bool, StreamsError> {
        if self.open.is_some() {
            return Ok(true);
        }
        let Some((slot, batch)) = self.waiting.pop_front() else {
            self.buffered = 0;
            return Ok(false);
        };
        self.waiting_bytes = self.waiting_bytes.saturating_sub(batch.size());
        let decoded = batch
            .decode(&DecodeOptions::default())
            .map_err(|error| damaged(&self.partition, error))?;
        let position = decoded.start();
        self.open = Some(Open { slot, batch: decoded, position });
        Ok(true)
    }

    /// A record that cannot be read: the handler decides.
    #[cold]
    fn refused(
        &self,
        error: LoadError,
        timestamp: Timestamp,
        task: &mut TaskState,
    ) -> Result<(), StreamsError> {
        let Head { slot, offset, headers, .. } = &self.head;
        let partition = &task.partitions[usize::from(*slot)];
        let record = format!("the record of {partition} at offset {offset}");
        let (part, error) = match error {
            LoadError::Timestamp(error) => {
                let what = format!("{record} has no valid timestamp");
                let error = StreamsError::caused_by(ErrorKind::Deserialization, what, error);
                return Err(error.at_node(&self.source_node).in_task(task.id));
            }
            LoadError::Undecodable { part, error } => (part, error),
        };
        let context = ErrorContext {
            topic: &partition.topic,
            partition: partition.partition,
            offset: *offset,
            timestamp,
            headers,
            node: &self.source_node,
            task: task.id,
        };
        if task.handlers.deserialization.handle(&context, &error) == Decision::Resume {
            task.counters.dropped += 1;
            return Ok(());
        }
        let what = format!(
            "the {part} of {record} cannot be deserialized; \
             to skip such records, set the deserialization handler to LogAndContinue"
        );
        Err(StreamsError::caused_by(ErrorKind::Deserialization, what, error)
            .at_node(&self.source_node)
            .in_task(task.id))
    }
}

fn damaged(partition: &TopicPartition, error: crate::batch::BatchError) -> StreamsError {
    StreamsError::caused_by(ErrorKind::Deserialization, error.told_of(partition), error)
}
