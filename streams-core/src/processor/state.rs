//! Everything of a task that is not a node.

use std::{any::Any, sync::Arc, time::Duration};

use state_stores::{Headers, StateStore, Timestamp};

use super::{
    api::{PunctuationKind, ScheduleId},
    sink::{RecordCollector, RecordContext},
};
use crate::{
    broker::{TaskId, TopicPartition},
    error::{ErrorKind, ProcessorError, StreamsError},
    handlers::{Decision, ErrorContext, Handlers},
    metrics::TaskCounters,
    record::RecordMetadata,
    task::PunctuationQueues,
    topology::StoreHandle,
};

/// The record in process: its context, without key and value.
#[derive(Debug)]
pub(crate) struct InProcess {
    /// Which partition of the task it was read from; `None` outside of records.
    pub(crate) slot: Option<u16>,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: Option<i32>,
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: Headers,
}

impl InProcess {
    fn nothing() -> Self {
        Self {
            slot: None,
            offset: -1,
            leader_epoch: None,
            timestamp: Timestamp::NONE,
            headers: Headers::default(),
        }
    }

    /// Partition and offset in 64 bits: what a cached entry keeps of the record that wrote it.
    fn packed(&self) -> u64 {
        let slot = self.slot.unwrap_or(u16::MAX);
        (u64::from(slot) << 48) | (self.offset as u64 & OFFSET_BITS)
    }
}

const OFFSET_BITS: u64 = (1 << 48) - 1;

/// Two buffers that every sink of the task serializes into.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

pub(crate) struct TaskState {
    pub(crate) id: TaskId,
    pub(crate) application_id: Arc<str>,
    /// Node that user code is running in, for errors and panics.
    pub(crate) node: usize,
    pub(crate) node_names: Arc<[Arc<str>]>,
    /// By index of the topology's stores; only this task's are filled.
    pub(crate) stores: Vec<Option<Box<dyn StateStore>>>,
    /// By slot: the partitions this task reads.
    pub(crate) partitions: Vec<TopicPartition>,
    pub(crate) context: InProcess,
    pub(crate) stream_time: Timestamp,
    pub(crate) wall_clock: Timestamp,
    pub(crate) punctuations: PunctuationQueues,
    pub(crate) collector: Box<dyn RecordCollector>,
    pub(crate) scratch: Scratch,
    pub(crate) handlers: Handlers,
    pub(crate) counters: TaskCounters,
    pub(crate) commit_requested: bool,
}

/// What a task is made with.
pub(crate) struct TaskStateParts {
    pub(crate) id: TaskId,
    pub(crate) application_id: Arc<str>,
    pub(crate) node_names: Arc<[Arc<str>]>,
    pub(crate) stores: Vec<Option<Box<dyn StateStore>>>,
    pub(crate) partitions: Vec<TopicPartition>,
    pub(crate) collector: Box<dyn RecordCollector>,
    pub(crate) handlers: Handlers,
    pub(crate) wall_clock: Timestamp,
}

impl TaskState {
    pub(crate) fn new(parts: TaskStateParts) -> Self {
        Self {
            id: parts.id,
            application_id: parts.application_id,
            node: 0,
            node_names: parts.node_names,
            stores: parts.stores,
            partitions: parts.partitions,
            context: InProcess::nothing(),
            stream_time: Timestamp::NONE,
            wall_clock: parts.wall_clock,
            punctuations: PunctuationQueues::default(),
            collector: parts.collector,
            scratch: Scratch::default(),
            handlers: parts.handlers,
            counters: TaskCounters::default(),
            commit_requested: false,
        }
    }

    /// Leaves the context of a record: what follows is `init`, a punctuation or a flush.
    pub(crate) fn leave_record(&mut self, timestamp: Timestamp) {
        self.context = InProcess { timestamp, ..InProcess::nothing() };
    }

    pub(crate) fn record_metadata(&self) -> Option<RecordMetadata<'_>> {
        let partition = self.partitions.get(usize::from(self.context.slot?))?;
        Some(RecordMetadata {
            topic: &partition.topic,
            partition: partition.partition,
            offset: self.context.offset,
            leader_epoch: self.context.leader_epoch,
        })
    }

    pub(crate) fn record_context(&self) -> RecordContext<'_> {
        RecordContext {
            metadata: self.record_metadata(),
            timestamp: self.context.timestamp,
            headers: &self.context.headers,
        }
    }

    pub(crate) fn node_name(&self, node: usize) -> &str {
        self.node_names.get(node).map_or("", |name| name)
    }

    #[inline]
    pub(crate) fn store<S: StateStore>(
        &mut self,
        handle: StoreHandle<S>,
    ) -> Result<&mut S, ProcessorError> {
        let (context, charged) = (self.context.packed(), self.charged());
        let Some(Some(store)) = self.stores.get_mut(handle.index()) else {
            return Err(not_connected(&self.node_names, self.node));
        };
        let any: &mut dyn Any = store.as_any_mut();
        let Some(store) = any.downcast_mut::<S>() else {
            return Err("the store has another type than its handle says".into());
        };
        store.stamp(self.context.timestamp, &self.context.headers);
        store.stamp_context(context, charged);
        Ok(store)
    }

    /// What Java's record cache charges an entry for the name of its source topic.
    fn charged(&self) -> usize {
        let slot = self.context.slot.map(usize::from);
        slot.and_then(|slot| self.partitions.get(slot)).map_or(0, |from| from.topic.len())
    }

    pub(crate) fn schedule(
        &mut self,
        node: usize,
        interval: Duration,
        kind: PunctuationKind,
        start: Option<Timestamp>,
    ) -> Result<ScheduleId, ProcessorError> {
        let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        if interval < 1 {
            let node = self.node_name(node);
            return Err(format!(
                "node {node} schedules a punctuation with an interval shorter than a millisecond"
            )
            .into());
        }
        Ok(self.punctuations.schedule(node, interval, kind, start, self.wall_clock))
    }

    /// Takes on the source record of a cached entry, for what is forwarded of it.
    pub(crate) fn replace_origin(&mut self, packed: u64) -> (Option<u16>, i64) {
        let outer = (self.context.slot, self.context.offset);
        let slot = u16::try_from(packed >> 48).unwrap_or(u16::MAX);
        let known = usize::from(slot) < self.partitions.len();
        self.context.slot = known.then_some(slot);
        self.context.offset = if known { (packed & OFFSET_BITS) as i64 } else { -1 };
        outer
    }

    pub(crate) fn restore_origin(&mut self, (slot, offset): (Option<u16>, i64)) {
        (self.context.slot, self.context.offset) = (slot, offset);
    }

    /// An error of user code at its node: the handler decides. What comes back as an error is a
    /// [`StreamsError`], which no node further up asks about again.
    #[cold]
    #[inline(never)]
    pub(crate) fn node_failed(
        &mut self,
        node: &Arc<str>,
        error: ProcessorError,
    ) -> Result<(), ProcessorError> {
        if error.is::<StreamsError>() {
            return Err(error);
        }
        let decision = self.handlers.processing.handle(&self.error_context(node), &*error);
        if decision == Decision::Resume {
            self.counters.dropped += 1;
            return Ok(());
        }
        let what = match self.record_metadata() {
            Some(record) => format!("processing of the record of {record} failed"),
            None => "a punctuation or flush failed".to_owned(),
        };
        Err(StreamsError::caused_by(ErrorKind::Processing, what, error)
            .at_node(node)
            .in_task(self.id)
            .into())
    }

    /// An error that no handler is asked about.
    #[cold]
    pub(crate) fn fatal(
        &self,
        node: &Arc<str>,
        what: &'static str,
        error: ProcessorError,
    ) -> ProcessorError {
        if error.is::<StreamsError>() {
            return error;
        }
        StreamsError::caused_by(ErrorKind::Processing, what, error)
            .at_node(node)
            .in_task(self.id)
            .into()
    }

    pub(crate) fn error_context<'a>(&'a self, node: &'a str) -> ErrorContext<'a> {
        let (topic, partition, offset) = match self.record_metadata() {
            Some(record) => (record.topic, record.partition, record.offset),
            None => ("", -1, -1),
        };
        ErrorContext {
            topic,
            partition,
            offset,
            timestamp: self.context.timestamp,
            headers: &self.context.headers,
            node,
            task: self.id,
        }
    }
}

#[cold]
fn not_connected(names: &[Arc<str>], node: usize) -> ProcessorError {
    let node = names.get(node).map_or("", |name| name);
    format!(
        "node {node} uses a store that is not connected to its sub-topology; \
         connect it with `connect` or name it when the node is added"
    )
    .into()
}
