//! What a processor can do besides computing.

use std::time::Duration;

use state_stores::{Data, Headers, StateStore, Timestamp};

use super::{
    api::{Nothing, PunctuationKind, ScheduleId},
    chain::{Children, Edge},
    state::TaskState,
};
use crate::{
    broker::TaskId,
    error::{Outcome, ProcessorError},
    record::{Record, RecordMetadata},
    topology::StoreHandle,
};

/// The task around a processor, typed by what the processor forwards.
pub struct Context<'a, KOut, VOut> {
    node: usize,
    children: &'a Children<KOut, VOut>,
    task: &'a mut TaskState,
}

impl<K, V> std::fmt::Debug for Context<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("task", &self.task.id).field("node", &self.node).finish()
    }
}

impl<'a, K, V> Context<'a, K, V> {
    #[inline]
    pub(crate) fn new(node: usize, children: &'a Children<K, V>, task: &'a mut TaskState) -> Self {
        Self { node, children, task }
    }

    /// The store behind `handle`.
    ///
    /// The borrow ends before the next `forward`: a child may use the same store, so the compiler
    /// forbids holding one across it. Fetch the store again afterwards; it costs a nanosecond or two.
    ///
    /// # Errors
    /// If the store is not connected to this processor's sub-topology, or is of another type.
    #[inline]
    pub fn store<S: StateStore>(
        &mut self,
        handle: StoreHandle<S>,
    ) -> Result<&mut S, ProcessorError> {
        self.task.store(handle)
    }

    /// The same context for code that forwards nothing, whatever this processor forwards: looking
    /// something up in stores.
    #[inline]
    pub fn without_children(&mut self) -> Context<'_, Nothing, Nothing> {
        Context { node: self.node, children: Children::NONE, task: self.task }
    }

    /// Calls [`Processor::punctuate`](super::Processor::punctuate) each `interval`, on a grid that
    /// starts at 0 for stream time (so that it is due with the first record) and at now plus
    /// `interval` for the wall clock. Missed calls collapse into one.
    ///
    /// # Errors
    /// If `interval` is shorter than a millisecond.
    pub fn schedule(
        &mut self,
        interval: Duration,
        kind: PunctuationKind,
    ) -> Result<ScheduleId, ProcessorError> {
        self.task.schedule(self.node, interval, kind, None)
    }

    /// As [`schedule`](Self::schedule), on a grid that starts at `start`.
    ///
    /// # Errors
    /// If `interval` is shorter than a millisecond.
    pub fn schedule_from(
        &mut self,
        start: Timestamp,
        interval: Duration,
        kind: PunctuationKind,
    ) -> Result<ScheduleId, ProcessorError> {
        self.task.schedule(self.node, interval, kind, Some(start))
    }

    /// Ends a schedule; unknown ones are ignored.
    pub fn cancel(&mut self, schedule: ScheduleId) {
        self.task.punctuations.cancel(schedule);
    }

    /// Asks for a commit after this record, without waiting for `commit.interval.ms`.
    pub fn commit(&mut self) {
        self.task.commit_requested = true;
    }

    /// Where the record in process was read; `None` in `init` and in punctuations.
    pub fn record_metadata(&self) -> Option<RecordMetadata<'_>> {
        self.task.record_metadata()
    }

    /// Timestamp of the record in process.
    #[inline]
    pub fn timestamp(&self) -> Timestamp {
        self.task.context.timestamp
    }

    /// Headers of the record in process.
    #[inline]
    pub fn headers(&self) -> &Headers {
        &self.task.context.headers
    }

    /// The greatest timestamp this task has taken from its partitions;
    /// [`Timestamp::NONE`] before the first record.
    #[inline]
    pub fn stream_time(&self) -> Timestamp {
        self.task.stream_time
    }

    /// The clock as it stood when the record in process or the punctuation was taken up.
    #[inline]
    pub fn wall_clock(&self) -> Timestamp {
        self.task.wall_clock
    }

    /// The task this processor belongs to.
    pub fn task_id(&self) -> TaskId {
        self.task.id
    }

    /// The application this processor belongs to.
    pub fn application_id(&self) -> &str {
        &self.task.application_id
    }

    /// Name of this node.
    pub fn node_name(&self) -> &str {
        self.task.node_name(self.node)
    }

    /// Counts the record in process as dropped (metric `dropped-records-total`).
    pub fn count_dropped(&mut self) {
        self.task.counters.dropped += 1;
    }

    /// Whether the processing handler may resume after an error: state has to be kept aside before
    /// a fallible call of user code.
    pub fn may_resume(&self) -> bool {
        self.task.handlers.processing.may_resume()
    }
}

impl<K: Data, V: Data> Context<'_, K, V> {
    /// Hands key and value on with the timestamp and headers in process: all that stateless
    /// operators do.
    ///
    /// # Errors
    /// Only fatal ones: a child's own error is handled at that child.
    // Inlined, with the clone loop out of line, a hop costs half.
    #[inline(always)]
    pub fn pass(&mut self, key: K, value: V) -> Outcome {
        let outcome = match self.children {
            Children::One(only) => only.port.process(key, value, self.task),
            Children::List(edges) => fan_out(edges, key, value, self.task),
        };
        self.task.node = self.node;
        outcome
    }

    /// Forwards a record to all children, in the order in which they were added.
    ///
    /// # Errors
    /// Only fatal ones: a child's own error is handled at that child.
    pub fn forward(&mut self, record: Record<K, V>) -> Outcome {
        let Record { key, value, timestamp, headers } = record;
        self.with_record(timestamp, headers, |ctx| ctx.pass(key, value))
    }

    /// Forwards a record to the child named `child` alone.
    ///
    /// # Errors
    /// If there is no such child; else as [`forward`](Self::forward).
    pub fn forward_to(&mut self, child: &str, record: Record<K, V>) -> Outcome {
        let Some(edge) = self.children.as_slice().iter().find(|edge| &*edge.child == child) else {
            let node = self.node_name();
            return Err(format!("node {node} has no child named {child}").into());
        };
        let Record { key, value, timestamp, headers } = record;
        self.with_record(timestamp, headers, |ctx| {
            let outcome = edge.port.process(key, value, ctx.task);
            ctx.task.node = ctx.node;
            outcome
        })
    }

    /// Hands key and value on to one child by its position: what `split` does.
    ///
    /// # Errors
    /// As [`forward`](Self::forward); a child that does not exist is not an error.
    #[inline]
    pub fn pass_to(&mut self, child: usize, key: K, value: V) -> Outcome {
        let Some(edge) = self.children.as_slice().get(child) else { return Ok(()) };
        let outcome = edge.port.process(key, value, self.task);
        self.task.node = self.node;
        outcome
    }

    /// Hands key and value on at another time, with the headers in process.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    #[inline]
    pub fn pass_at(&mut self, key: K, value: V, timestamp: Timestamp) -> Outcome {
        let outer = std::mem::replace(&mut self.task.context.timestamp, timestamp);
        let outcome = self.pass(key, value);
        self.task.context.timestamp = outer;
        outcome
    }

    /// Hands on what a cache held back, with the record context the entry was written in.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn pass_cached(&mut self, key: K, value: V, origin: CachedOrigin) -> Outcome {
        let slot_and_offset = self.task.replace_origin(origin.context);
        let outcome =
            self.with_record(origin.timestamp, origin.headers, |ctx| ctx.pass(key, value));
        self.task.restore_origin(slot_and_offset);
        outcome
    }

    /// Sets the record context for what is below, and puts the outer one back.
    fn with_record(
        &mut self,
        timestamp: Timestamp,
        headers: Headers,
        forward: impl FnOnce(&mut Self) -> Outcome,
    ) -> Outcome {
        let context = &mut self.task.context;
        let outer_timestamp = std::mem::replace(&mut context.timestamp, timestamp);
        let outer_headers = std::mem::replace(&mut context.headers, headers);
        let outcome = forward(self);
        self.task.context.timestamp = outer_timestamp;
        self.task.context.headers = outer_headers;
        outcome
    }
}

/// To all children: a clone to each but the last.
#[inline(never)]
fn fan_out<K: Data, V: Data>(
    edges: &[Edge<K, V>],
    key: K,
    value: V,
    task: &mut TaskState,
) -> Outcome {
    let Some((last, others)) = edges.split_last() else { return Ok(()) };
    for edge in others {
        edge.port.process(key.clone(), value.clone(), task)?;
    }
    last.port.process(key, value, task)
}

/// The record context in which a cached entry was written.
#[derive(Clone, Debug)]
pub struct CachedOrigin {
    /// Timestamp of the entry.
    pub timestamp: Timestamp,
    /// Headers of the record that wrote it.
    pub headers: Headers,
    /// Partition and offset of the record that wrote it, as the store was stamped with them.
    pub context: u64,
}
