//! The driver itself.

use std::{cell::RefCell, collections::BTreeMap, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use streams_core::{
    Handlers, StoreHandle, StreamsError, Topology,
    broker::TaskId,
    stores::{Backend, Headers, SharedSerde, StateStore, StreamData, Timestamp, serde_of},
};

use crate::{
    capture::SentRecord,
    engine::{Engine, memory_backend},
    topics::{TestInputTopic, TestOutputTopic},
};

type MakeBackend = Box<dyn Fn(TaskId, &[Arc<str>]) -> Result<Arc<dyn Backend>, StreamsError>>;

/// How a [`TopologyTestDriver`] runs.
pub struct DriverOptions {
    pub(crate) application_id: String,
    pub(crate) partitions: BTreeMap<Arc<str>, i32>,
    pub(crate) merged: bool,
    pub(crate) wall_clock: Timestamp,
    pub(crate) cache_max_bytes: usize,
    pub(crate) max_task_idle_ms: i64,
    pub(crate) handlers: Handlers,
    pub(crate) backend: MakeBackend,
}

impl Default for DriverOptions {
    fn default() -> Self {
        Self {
            application_id: "test".to_owned(),
            partitions: BTreeMap::new(),
            merged: false,
            wall_clock: Timestamp::from_millis(0),
            cache_max_bytes: 0,
            max_task_idle_ms: 0,
            handlers: Handlers::default(),
            backend: Box::new(memory_backend),
        }
    }
}

impl DriverOptions {
    /// One partition for each topic, stores in memory, no record cache, the clock at 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Prefix of internal topics; `test` if not set.
    #[must_use]
    pub fn application_id(mut self, application_id: &str) -> Self {
        application_id.clone_into(&mut self.application_id);
        self
    }

    /// Number of partitions of a topic that the application does not own.
    #[must_use]
    pub fn partitions(mut self, topic: &str, count: i32) -> Self {
        self.partitions.insert(topic.into(), count);
        self
    }

    /// One task over all sub-topologies, as Java's driver: one partition for each topic.
    #[must_use]
    pub fn merged(mut self) -> Self {
        self.merged = true;
        self
    }

    /// What the clock shows at first.
    #[must_use]
    pub fn wall_clock(mut self, now: Timestamp) -> Self {
        self.wall_clock = now;
        self
    }

    /// Size of the record cache in bytes. Every record is followed by a commit, so a cache only
    /// merges updates of one key that happen while one record is processed.
    #[must_use]
    pub fn cache_max_bytes(mut self, bytes: usize) -> Self {
        self.cache_max_bytes = bytes;
        self
    }

    /// `max.task.idle.ms`.
    #[must_use]
    pub fn max_task_idle_ms(mut self, ms: i64) -> Self {
        self.max_task_idle_ms = ms;
        self
    }

    /// Who decides about errors.
    #[must_use]
    pub fn handlers(mut self, handlers: Handlers) -> Self {
        self.handlers = handlers;
        self
    }

    /// Where the stores of each task, named in the order of their numbers, live; in memory if not
    /// set.
    #[must_use]
    pub fn backend(
        mut self,
        make: impl Fn(TaskId, &[Arc<str>]) -> Result<Arc<dyn Backend>, StreamsError> + 'static,
    ) -> Self {
        self.backend = Box::new(make);
        self
    }
}

impl fmt::Debug for DriverOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriverOptions")
            .field("application_id", &self.application_id)
            .field("merged", &self.merged)
            .finish_non_exhaustive()
    }
}

/// Runs a topology on the real tasks, without threads, brokers or clocks: each record is processed
/// to completion, through repartition topics too, and committed before the call returns.
pub struct TopologyTestDriver {
    engine: RefCell<Engine>,
    outputs: RefCell<BTreeMap<Arc<str>, Vec<SentRecord>>>,
}

impl fmt::Debug for TopologyTestDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopologyTestDriver").finish_non_exhaustive()
    }
}

impl TopologyTestDriver {
    /// One task for each sub-topology; see [`DriverOptions`] for other ways.
    ///
    /// # Errors
    /// If a store cannot be made or a processor fails in `init`.
    pub fn new(topology: &Topology) -> Result<Self, StreamsError> {
        Self::with(topology, &DriverOptions::default())
    }

    /// As the options say.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with(topology: &Topology, options: &DriverOptions) -> Result<Self, StreamsError> {
        let engine = RefCell::new(Engine::new(topology, options)?);
        Ok(Self { engine, outputs: RefCell::default() })
    }

    /// A topic to write to, with the serdes of the types.
    pub fn input<K: StreamData, V: StreamData>(&self, topic: &str) -> TestInputTopic<'_, K, V> {
        self.input_with(topic, serde_of(), serde_of())
    }

    /// A topic to write to.
    pub fn input_with<K: 'static, V: 'static>(
        &self,
        topic: &str,
        key: SharedSerde<K>,
        value: SharedSerde<V>,
    ) -> TestInputTopic<'_, K, V> {
        TestInputTopic::new(self, topic, key, value)
    }

    /// A topic to read from, with the serdes of the types.
    pub fn output<K: StreamData, V: StreamData>(&self, topic: &str) -> TestOutputTopic<'_, K, V> {
        self.output_with(topic, serde_of(), serde_of())
    }

    /// A topic to read from.
    pub fn output_with<K: 'static, V: 'static>(
        &self,
        topic: &str,
        key: SharedSerde<K>,
        value: SharedSerde<V>,
    ) -> TestOutputTopic<'_, K, V> {
        TestOutputTopic::new(self, topic, key, value)
    }

    /// Writes a record in bytes; without `partition` the key's hash decides.
    ///
    /// # Errors
    /// If no source reads the topic, or processing failed.
    pub fn pipe_bytes(
        &self,
        topic: &str,
        partition: Option<i32>,
        (key, value): (Option<Bytes>, Option<Bytes>),
        timestamp: Timestamp,
        headers: Headers,
    ) -> Result<(), StreamsError> {
        let mut engine = self.engine.borrow_mut();
        let count = engine.partition_count(topic);
        let by_key =
            || key.as_deref().map_or(0, |key| streams_core::batch::partition_for_key(key, count));
        let partition = partition.unwrap_or_else(by_key);
        let timestamp = Some(timestamp);
        let outcome = engine.pipe(&SentRecord {
            topic: topic.into(),
            partition,
            key,
            value,
            timestamp,
            headers,
        });
        drop(engine);
        self.collect();
        outcome
    }

    /// Moves the clock and fires the wall-clock punctuations that are due, each at most once.
    ///
    /// # Errors
    /// If processing failed.
    pub fn advance_wall_clock(&self, by: Duration) -> Result<(), StreamsError> {
        let mut engine = self.engine.borrow_mut();
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let now = Timestamp::from_millis(engine.now().as_millis().saturating_add(by));
        let outcome = engine.advance_to(now);
        drop(engine);
        self.collect();
        outcome
    }

    /// What the clock shows.
    pub fn wall_clock(&self) -> Timestamp {
        self.engine.borrow().now()
    }

    /// Topics that records were sent to and not all taken from yet, changelogs included.
    pub fn produced_topics(&self) -> Vec<Arc<str>> {
        let outputs = self.outputs.borrow();
        outputs
            .iter()
            .filter(|(_, sent)| !sent.is_empty())
            .map(|(topic, _)| Arc::clone(topic))
            .collect()
    }

    /// Takes the records sent to `topic`, in bytes, in the order in which they were sent.
    pub fn take_sent(&self, topic: &str) -> Vec<SentRecord> {
        self.outputs.borrow_mut().get_mut(topic).map(std::mem::take).unwrap_or_default()
    }

    /// Takes the oldest record sent to `topic`, in bytes.
    pub fn take_first_sent(&self, topic: &str) -> Option<SentRecord> {
        let mut outputs = self.outputs.borrow_mut();
        let sent = outputs.get_mut(topic).filter(|sent| !sent.is_empty())?;
        Some(sent.remove(0))
    }

    /// Looks into a store: calls `look` for each task that has it, by sub-topology and partition.
    ///
    /// # Errors
    /// If the handle is of another topology.
    pub fn with_store<S: StateStore, R>(
        &self,
        handle: StoreHandle<S>,
        mut look: impl FnMut(TaskId, &mut S) -> R,
    ) -> Result<Vec<R>, StreamsError> {
        let mut found = Vec::new();
        for task in self.engine.borrow_mut().tasks() {
            let id = task.id();
            let Some(store) = task.store_mut(handle.index()) else { continue };
            let Some(store) = store.as_any_mut().downcast_mut::<S>() else {
                let what = "the store has another type than its handle says";
                return Err(StreamsError::new(streams_core::ErrorKind::InvalidState, what));
            };
            found.push(look(id, store));
        }
        Ok(found)
    }

    /// Looks into the store named `name`, whatever its types: calls `look` for each task that has
    /// it, by sub-topology and partition.
    pub fn with_store_named<R>(
        &self,
        name: &str,
        mut look: impl FnMut(TaskId, &mut dyn StateStore) -> R,
    ) -> Vec<R> {
        let mut found = Vec::new();
        for task in self.engine.borrow_mut().tasks() {
            let id = task.id();
            found.extend(task.store_named(name).map(|store| look(id, store)));
        }
        found
    }

    /// Records dropped so far, for whatever reason.
    pub fn dropped_records(&self) -> u64 {
        self.engine.borrow_mut().tasks().map(|task| task.counters().dropped).sum()
    }

    fn collect(&self) {
        let sent = self.engine.borrow_mut().take_sent();
        let mut outputs = self.outputs.borrow_mut();
        for record in sent {
            outputs.entry(Arc::clone(&record.topic)).or_default().push(record);
        }
    }
}
