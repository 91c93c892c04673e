//! A stream thread: owns its tasks, fetcher, producer and group membership.

mod active;
mod assignment;
mod holdings;
mod opening;
mod processing;
mod reaction;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use state_stores::{CacheBudget, MemoryLedger, MemoryPart};

use super::{Mailbox, metrics::ThreadMetrics};
use crate::{
    batch::Timestamp,
    broker::{
        Broker, CommittedOffset, Fetched, Fetcher, GroupOptions, OwnedTasks, TaskAssignment,
        TaskId, TopicPartition, TopologySpec, WakeUp,
    },
    collector::{Collector, Due},
    commit::Commit,
    config::StreamsConfig,
    error::StreamsError,
    logging::Summary,
    membership::Group,
    metrics::TaskCounters,
    restore::{self, RestoreReply},
    topology::Topology,
};

pub(crate) use active::ActiveTask;

use {holdings::Holdings, opening::Opening};

/// What a thread is given.
pub(crate) struct Env {
    pub(crate) name: String,
    pub(crate) config: StreamsConfig,
    pub(crate) topology: Topology,
    pub(crate) spec: Arc<TopologySpec>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) memory: MemoryLedger,
    pub(crate) process_id: String,
    pub(crate) member_id: String,
    pub(crate) cache: Arc<CacheBudget>,
    pub(crate) wake: WakeUp,
    pub(crate) mailbox: Arc<Mailbox<Message>>,
    pub(crate) updater: Arc<Mailbox<restore::Command>>,
    pub(crate) observer: Box<dyn Fn(ThreadState) + Send>,
}

/// What the instance sees of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadState {
    /// It joins, or its tasks change.
    Rebalancing,
    /// All its tasks run.
    Running,
}

/// What others tell a thread.
pub(crate) enum Message {
    /// Commit, give the tasks up, leave the group and end.
    Stop,
    /// The state updater has answered.
    Restored(RestoreReply),
    /// Something that was done for this thread elsewhere failed.
    Failed(StreamsError),
    /// Looks at the thread between records.
    Inspect(Box<dyn FnOnce(&mut StreamThread) + Send>),
}

/// One stream thread, without the operating system's thread around it.
pub(crate) struct StreamThread {
    env: Env,
    group: Group,
    fetcher: Box<dyn Fetcher>,
    collector: Rc<RefCell<Collector>>,
    commit: Commit,
    running: BTreeMap<TaskId, ActiveTask>,
    opening: BTreeMap<TaskId, Opening>,
    /// Which task reads a partition.
    readers: BTreeMap<TopicPartition, TaskId>,
    owned: OwnedTasks,
    /// What the group wants this thread to own, unless that is so already.
    target: Option<TaskAssignment>,
    /// Whether any assignment was carried out since the thread joined.
    has_joined: bool,
    /// The partitions whose committed offsets are asked for.
    asked: Option<Vec<TopicPartition>>,
    attempt: u64,
    fetched: Vec<Fetched>,
    holdings: Holdings,
    /// Whether the last turn of all tasks came to nothing.
    is_starved: bool,
    /// How many records a task processes before the others have their turn.
    turn: usize,
    repartition_topics: BTreeSet<Arc<str>>,
    purge: BTreeMap<TopicPartition, i64>,
    purged_at: Timestamp,
    /// Since when the broker has not answered.
    unanswered_since: Option<Timestamp>,
    stopping: bool,
    state: ThreadState,
    /// Counters of tasks that are closed.
    closed: TaskCounters,
    summary: Summary,
}

/// What a pass came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// There may be more to do at once.
    Busy,
    /// Nothing to do before a wake-up, or before this time.
    Idle(Timestamp),
    /// The thread has ended.
    Done,
}

impl StreamThread {
    pub(crate) fn new(env: Env) -> Result<Self, StreamsError> {
        let config = &env.config;
        let now = config.clock.now();
        let options = group_options(&env);
        let membership = env.broker.membership(options, (*env.spec).clone(), env.wake.clone());
        let membership = membership.map_err(|error| {
            let what = format!("application {} cannot join its group", config.application_id);
            StreamsError::caused_by(crate::ErrorKind::Broker, what, error)
        })?;
        let mut fetch = config.consumer.fetch.clone();
        fetch.client_id = format!("{}-consumer", env.name);
        let holdings = Holdings::new(&env.memory);
        fetch.limit_bytes(holdings.fetch_bytes(&env.memory, config.num_stream_threads));
        let repartition = env.spec.subtopologies.iter().flat_map(|s| &s.repartition_source_topics);
        let repartition_topics = repartition.map(|topic| Arc::clone(&topic.name)).collect();
        let collector = new_collector(&env, now);
        Ok(Self {
            group: Group::new(membership, config.consumer.heartbeat_interval),
            fetcher: env.broker.fetcher(fetch, env.wake.clone()),
            collector: Rc::new(RefCell::new(collector)),
            commit: Commit::new(now),
            running: BTreeMap::new(),
            opening: BTreeMap::new(),
            readers: BTreeMap::new(),
            owned: OwnedTasks::default(),
            target: None,
            has_joined: false,
            asked: None,
            attempt: 0,
            fetched: Vec::new(),
            holdings,
            is_starved: false,
            turn: 1,
            repartition_topics,
            purge: BTreeMap::new(),
            purged_at: now,
            unanswered_since: None,
            stopping: false,
            state: ThreadState::Rebalancing,
            closed: TaskCounters::default(),
            summary: Summary::new(config.log_summary_interval, now),
            env,
        })
    }

    /// Works until told to stop, or until an error that ends the thread.
    pub(crate) fn run(&mut self) -> Result<(), StreamsError> {
        loop {
            let now = self.env.config.clock.now();
            match self.pass(now) {
                Ok(Pass::Done) => return Ok(()),
                Ok(Pass::Busy) => self.unanswered_since = None,
                Ok(Pass::Idle(until)) => {
                    self.unanswered_since = None;
                    self.wait(until, now);
                }
                Err(error) => self.react(error, now)?,
            }
        }
    }

    /// One round of everything, without waiting for anything.
    pub(crate) fn pass(&mut self, now: Timestamp) -> Result<Pass, StreamsError> {
        self.take_messages(now)?;
        self.follow_group(now)?;
        self.open_tasks(now)?;
        let mut busy = self.collector.borrow_mut().poll()?;
        busy |= self.fetch(now)?;
        self.regulate_fetching();
        if self.commit.is_idle() {
            busy |= self.process(now)?;
            self.account_writes();
            if self.commit_is_due(now) {
                self.is_starved = false;
                self.commit.begin(&mut self.running, &self.collector, now)?;
            }
        }
        if !self.commit.is_idle() {
            busy |= self.advance_commit(now)?;
        }
        if self.stopping && self.commit.is_idle() {
            self.leave();
            return Ok(Pass::Done);
        }
        let has_work = busy && !self.collector.borrow().is_full();
        let due = if has_work { Due::Lingered } else { Due::Idle };
        self.collector.borrow_mut().send_due(now, due)?;
        self.purge_repartition_topics(now);
        self.tell_state();
        self.log_summary(now);
        Ok(if busy { Pass::Busy } else { Pass::Idle(self.next_deadline(now)) })
    }

    fn take_messages(&mut self, now: Timestamp) -> Result<(), StreamsError> {
        // One by one: after an error the others are still there.
        while let Some(message) = self.env.mailbox.take() {
            match message {
                Message::Stop => self.stopping = true,
                Message::Restored(reply) => self.take_restored(reply, now)?,
                Message::Failed(error) => return Err(error),
                Message::Inspect(look) => look(self),
            }
        }
        Ok(())
    }

    fn advance_commit(&mut self, now: Timestamp) -> Result<bool, StreamsError> {
        let mut collector = self.collector.borrow_mut();
        let done = self.commit.advance(&mut self.running, &mut collector, &mut self.group, now)?;
        drop(collector);
        if done {
            self.turn = (self.turn / 2).max(1);
            self.after_commit(now);
        }
        Ok(done)
    }

    fn after_commit(&mut self, now: Timestamp) {
        self.summary.committed();
        for (partition, committed) in self.commit.offsets() {
            if self.repartition_topics.contains(&partition.topic) {
                self.purge.insert(partition.clone(), committed.offset);
            }
        }
        for (id, active) in &mut self.running {
            if let Some(backend) = active.flush_due(now) {
                let (mailbox, task) = (Arc::clone(&self.env.mailbox), *id);
                let failed = move |error: StreamsError| {
                    mailbox.send(Message::Failed(error.in_task(task)));
                };
                self.env.updater.send(restore::Command::Flush(backend, Box::new(failed)));
            }
        }
    }

    /// Deletes what is processed of repartition topics, now and then.
    fn purge_repartition_topics(&mut self, now: Timestamp) {
        let interval = millis(self.env.config.repartition_purge_interval);
        let waited = now.as_millis().saturating_sub(self.purged_at.as_millis());
        if waited < interval || self.purge.is_empty() {
            return;
        }
        self.purged_at = now;
        let before = std::mem::take(&mut self.purge).into_iter().collect();
        self.env.updater.send(restore::Command::Purge(before));
    }

    fn wait(&self, until: Timestamp, now: Timestamp) {
        let ms = until.as_millis().saturating_sub(now.as_millis()).max(0);
        let wanted = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        self.env.wake.wait(wanted.min(self.env.config.poll));
    }

    fn next_deadline(&self, now: Timestamp) -> Timestamp {
        let poll =
            Timestamp::from_millis(now.as_millis().saturating_add(millis(self.env.config.poll)));
        // Punctuations wait as long as tasks do.
        let tasks_wait = !self.commit.is_idle() || self.collector.borrow().is_full();
        let punctuations = self
            .running
            .values()
            .filter(|_| !tasks_wait)
            .filter_map(|active| active.task.next_punctuation());
        let linger = self.collector.borrow().next_linger();
        punctuations.chain(linger).fold(poll, Timestamp::min)
    }

    fn tell_state(&mut self) {
        let settled = self.has_joined && self.target.is_none() && self.opening.is_empty();
        let state = if settled { ThreadState::Running } else { ThreadState::Rebalancing };
        if state != self.state {
            self.state = state;
            (self.env.observer)(state);
        }
    }

    fn log_summary(&mut self, now: Timestamp) {
        if self.summary.is_due(now) {
            let counters = self.metrics().total();
            self.summary.log(&counters, self.running.len(), &self.env.memory, now);
        }
    }

    /// Counters of this thread as they stand.
    pub(crate) fn metrics(&mut self) -> ThreadMetrics {
        let tasks = self.running.iter_mut().map(|(id, active)| (*id, active.counters()));
        ThreadMetrics { thread: self.env.name.clone(), tasks: tasks.collect(), closed: self.closed }
    }

    /// The tasks that run, for queries.
    pub(crate) fn running(&mut self) -> impl Iterator<Item = (TaskId, &mut ActiveTask)> {
        self.running.iter_mut().map(|(id, active)| (*id, active))
    }
}

fn group_options(env: &Env) -> GroupOptions {
    let config = &env.config;
    let mut options = GroupOptions::new(&*config.application_id, &env.process_id, &env.member_id);
    options.rack.clone_from(&config.consumer.rack);
    options.user_endpoint.clone_from(&config.application_server);
    options.client_tags.clone_from(&config.client_tags);
    options.rebalance_timeout = config.consumer.max_poll_interval;
    options.session_timeout = config.consumer.session_timeout;
    options.heartbeat_interval = config.consumer.heartbeat_interval;
    options.client_id = format!("{}-consumer", env.name);
    options
}

fn new_collector(env: &Env, now: Timestamp) -> Collector {
    let mut options = env.config.producer.options.clone();
    options.client_id = format!("{}-producer", env.name);
    let producer = env.broker.producer(options, env.wake.clone());
    let memory = env.memory.account(MemoryPart::Unsent);
    Collector::new(producer, &env.config.producer, memory, now)
}

/// A duration as timestamps count.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Where a task goes on in one of its partitions.
#[derive(Clone, Debug)]
struct Start {
    partition: TopicPartition,
    position: i64,
    committed: Option<CommittedOffset>,
}
