//! Drives the real tasks of a topology, one record at a time.

use std::{collections::BTreeMap, sync::Arc};

use streams_core::{
    ErrorKind, InternalTopicConfigs, StreamTask, StreamsError, TaskParts, Topology,
    batch::{BatchBuilder, RecordBatch, SealOptions},
    broker::{TaskId, TopicPartition},
    stores::{
        Backend, CacheBudget, Headers, MemoryBackend, StateStore, StoreEnv, StoreId, Timestamp,
        WriteBatch,
    },
};

use crate::{
    capture::{CapturedChangelog, ChangelogLog, Outbox, SentRecord, TopicTable, take_changelog},
    driver::DriverOptions,
};

pub(crate) struct Engine {
    tasks: Vec<Running>,
    /// Which task reads a partition.
    readers: BTreeMap<(Arc<str>, i32), usize>,
    /// Records so far in each partition, by the name of its queue: the offset of the next one.
    ends: BTreeMap<TopicPartition, i64>,
    outbox: Outbox,
    changelogs: ChangelogLog,
    now: Timestamp,
    /// In the order in which they were sent, changelogs after what one record sent.
    sent: Vec<SentRecord>,
}

struct Running {
    task: StreamTask,
    backend: Arc<dyn Backend>,
    batch: WriteBatch,
}

impl Engine {
    pub(crate) fn new(topology: &Topology, options: &DriverOptions) -> Result<Self, StreamsError> {
        let counts = partition_counts(topology, options);
        let outbox = Outbox::new(TopicTable::new(&counts));
        let mut engine = Self {
            tasks: Vec::new(),
            readers: BTreeMap::new(),
            ends: BTreeMap::new(),
            outbox,
            changelogs: ChangelogLog::default(),
            now: options.wall_clock,
            sent: Vec::new(),
        };
        let sources = topology.source_topics(&options.application_id, &counts.keys());
        if options.merged {
            let all: Vec<usize> = (0..topology.subtopology_count()).collect();
            let partitions = sources.into_iter().flatten();
            let partitions = partitions.map(|topic| TopicPartition::new(topic, 0)).collect();
            engine.add_task(topology, options, (TaskId::new(0, 0), all), partitions)?;
        } else {
            for (subtopology, topics) in sources.into_iter().enumerate() {
                let count = topics.iter().map(|topic| counts[topic]).max().unwrap_or(0);
                for partition in 0..count {
                    let id = TaskId::new(subtopology, partition);
                    let read = topics.iter().filter(|topic| partition < counts[*topic]);
                    let read = read.map(|topic| TopicPartition::new(Arc::clone(topic), partition));
                    let read = read.collect();
                    engine.add_task(topology, options, (id, vec![subtopology]), read)?;
                }
            }
        }
        let started = engine.settle();
        started.map(|()| engine)
    }

    fn add_task(
        &mut self,
        topology: &Topology,
        options: &DriverOptions,
        (id, subtopologies): (TaskId, Vec<usize>),
        partitions: Vec<TopicPartition>,
    ) -> Result<(), StreamsError> {
        let definitions = topology.stores_of(&subtopologies, &options.application_id);
        let names: Vec<Arc<str>> =
            definitions.iter().map(|store| Arc::clone(&store.spec.name)).collect();
        let backend = (options.backend)(id, &names)?;
        let mut stores: Vec<Option<Box<dyn StateStore>>> = Vec::new();
        for (number, store) in definitions.into_iter().enumerate() {
            let changelog = store.changelog.as_ref().filter(|_| store.is_logged);
            let sink = changelog.map(|topic| CapturedChangelog {
                topic: Arc::clone(topic),
                partition: id.partition,
                log: Arc::clone(&self.changelogs),
            });
            let env = StoreEnv {
                id: StoreId(number),
                backend: Arc::clone(&backend),
                changelog: sink.map(|sink| Box::new(sink) as _),
                cache: Arc::new(CacheBudget::new(options.cache_max_bytes)),
                changelog_topic: store.serde_topic,
            };
            stores.resize_with(stores.len().max(store.index + 1), || None);
            stores[store.index] = Some((store.build)(env)?);
        }
        let make = if options.merged { StreamTask::merged } else { StreamTask::new };
        let mut task = make(TaskParts {
            id,
            topology: topology.clone(),
            subtopologies,
            application_id: options.application_id.as_str().into(),
            partitions,
            stores,
            collector: Box::new(self.outbox.clone()),
            handlers: options.handlers.clone(),
            max_task_idle_ms: options.max_task_idle_ms,
            now: self.now,
        })?;
        for partition in task.partitions().to_vec() {
            task.set_lag(&partition, Some(0));
            let key = (Arc::clone(&partition.topic), partition.partition);
            self.readers.insert(key, self.tasks.len());
        }
        task.init(self.now)?;
        self.tasks.push(Running { task, backend, batch: WriteBatch::default() });
        Ok(())
    }

    /// Appends a record to a topic and works until nothing can be processed.
    pub(crate) fn pipe(&mut self, record: &SentRecord) -> Result<(), StreamsError> {
        let key = (Arc::clone(&record.topic), record.partition);
        if !self.readers.contains_key(&key) {
            let what = format!(
                "no source of the topology reads partition {} of topic {}",
                record.partition, record.topic
            );
            return Err(StreamsError::new(ErrorKind::Topic, what));
        }
        self.append(record)?;
        self.work()
    }

    fn append(&mut self, record: &SentRecord) -> Result<(), StreamsError> {
        let key = (Arc::clone(&record.topic), record.partition);
        let Some(reader) = self.readers.get(&key).copied() else { return Ok(()) };
        let partition = TopicPartition::new(Arc::clone(&record.topic), record.partition);
        let task = &mut self.tasks[reader].task;
        let Some(counted) = task.queue_name(&partition) else { return Ok(()) };
        let end = self.ends.entry(counted.clone()).or_insert(0);
        let batch = one_record_batch(record, *end)?;
        *end += 1;
        task.push(&partition, batch)
    }

    /// Moves the clock once, fires what is due, and works.
    pub(crate) fn advance_to(&mut self, now: Timestamp) -> Result<(), StreamsError> {
        self.now = now;
        for at in 0..self.tasks.len() {
            self.tasks[at].task.punctuate(now)?;
            self.tasks[at].commit()?;
            self.settle()?;
        }
        self.work()
    }

    fn work(&mut self) -> Result<(), StreamsError> {
        loop {
            let mut progress = false;
            for at in 0..self.tasks.len() {
                while self.tasks[at].task.process(1, self.now)? == 1 {
                    progress = true;
                    self.tasks[at].commit()?;
                    self.settle()?;
                }
            }
            if !progress {
                return Ok(());
            }
        }
    }

    /// Takes what was sent; what a source reads goes back in.
    fn settle(&mut self) -> Result<(), StreamsError> {
        let sent = self.outbox.take();
        let changelog = take_changelog(&self.changelogs);
        let returned: Vec<SentRecord> = sent
            .iter()
            .filter(|record| {
                self.readers.contains_key(&(Arc::clone(&record.topic), record.partition))
            })
            .cloned()
            .collect();
        self.sent.extend(sent);
        self.sent.extend(changelog);
        returned.iter().try_for_each(|record| self.append(record))
    }

    /// Everything sent since the last call; after an error, what was sent until then.
    pub(crate) fn take_sent(&mut self) -> Vec<SentRecord> {
        self.sent.extend(self.outbox.take());
        self.sent.extend(take_changelog(&self.changelogs));
        std::mem::take(&mut self.sent)
    }

    pub(crate) fn partition_count(&self, topic: &str) -> i32 {
        self.outbox.partition_count(topic)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn tasks(&mut self) -> impl Iterator<Item = &mut StreamTask> {
        self.tasks.iter_mut().map(|running| &mut running.task)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.tasks().for_each(StreamTask::close);
    }
}

impl Running {
    fn commit(&mut self) -> Result<(), StreamsError> {
        self.task.flush()?;
        drop(self.task.committable(false));
        self.task.seal(&mut self.batch);
        self.backend.write(&mut self.batch)?;
        self.batch.clear();
        Ok(())
    }
}

/// Declared counts, 1 for the other topics; an internal topic has as many partitions as the
/// largest topic that feeds it.
fn partition_counts(topology: &Topology, options: &DriverOptions) -> BTreeMap<Arc<str>, i32> {
    let spec = topology.spec(&options.application_id, &InternalTopicConfigs::default());
    let mut counts: BTreeMap<Arc<str>, i32> = options.partitions.clone();
    for subtopology in &spec.subtopologies {
        for topic in &subtopology.source_topics {
            counts.entry(Arc::clone(topic)).or_insert(1);
        }
        for topic in &subtopology.repartition_source_topics {
            counts.insert(Arc::clone(&topic.name), topic.partitions.unwrap_or(1));
        }
    }
    if options.merged {
        counts.values_mut().for_each(|count| *count = 1);
        return counts;
    }
    // Each pass carries counts one sub-topology further down.
    for _ in 0..spec.subtopologies.len() {
        for subtopology in &spec.subtopologies {
            let own = subtopology.source_topics.iter();
            let own = own.chain(subtopology.repartition_source_topics.iter().map(|t| &t.name));
            let widest = own.map(|topic| counts[topic]).max().unwrap_or(1);
            for sink in &subtopology.repartition_sink_topics {
                let all = spec.subtopologies.iter();
                let declared = all
                    .flat_map(|s| &s.repartition_source_topics)
                    .find(|topic| topic.name == *sink)
                    .and_then(|topic| topic.partitions);
                let count = counts.entry(Arc::clone(sink)).or_insert(1);
                *count = declared.unwrap_or_else(|| widest.max(*count));
            }
        }
    }
    counts
}

fn one_record_batch(record: &SentRecord, offset: i64) -> Result<RecordBatch, StreamsError> {
    let unfit = |error| {
        let what = format!("a record for topic {} does not fit a batch", record.topic);
        StreamsError::caused_by(ErrorKind::Serialization, what, error)
    };
    let mut builder = BatchBuilder::new();
    let timestamp = record.timestamp.unwrap_or(Timestamp::from_millis(0));
    builder
        .append(timestamp, record.key.as_deref(), record.value.as_deref(), wire(&record.headers))
        .map_err(unfit)?;
    if let Some(mut batch) = builder.seal_in_place(&SealOptions::default()) {
        batch.place(offset, 0);
        let bytes = bytes::Bytes::copy_from_slice(batch.bytes());
        return RecordBatch::parse(bytes).map_err(unfit);
    }
    Err(StreamsError::new(ErrorKind::Serialization, "a batch without a record"))
}

fn wire(headers: &Headers) -> &[u8] {
    if headers.is_empty() { &[] } else { headers.wire() }
}

/// The default: stores of all kinds in memory.
pub(crate) fn memory_backend(
    task: TaskId,
    stores: &[Arc<str>],
) -> Result<Arc<dyn Backend>, StreamsError> {
    Ok(Arc::new(MemoryBackend::new(&task.to_string(), stores.len())))
}
