//! An instance of an application: its threads and their common state.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use state_stores::{CacheBudget, CacheReservation, MemoryLedger};
use tokio::sync::watch;

use super::{
    Mailbox,
    metrics::ThreadMetrics,
    state::State,
    thread::{Message, ThreadState},
};
use crate::{
    broker::{Broker, TopologySpec},
    config::{StreamsConfig, reserve_cache},
    error::StreamsError,
    handlers::{UncaughtDecision, UncaughtHandler},
    restore::{SharedProgress, StateUpdater},
    state_directory::{ProcessIds, StateDirectory},
    topology::Topology,
};

/// Called with the new state and the one before.
pub(super) type Listener = Box<dyn FnMut(State, State) + Send>;

/// What the threads of an instance share.
pub(super) struct Instance {
    pub(super) config: StreamsConfig,
    pub(super) topology: Topology,
    pub(super) spec: Arc<TopologySpec>,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) memory: MemoryLedger,
    pub(super) progress: SharedProgress,
    pub(super) states: watch::Sender<State>,
    control: Mutex<Control>,
    listener: Mutex<Option<Listener>>,
}

/// What changes.
pub(super) struct Control {
    state: State,
    pub(super) threads: BTreeMap<usize, ThreadHandle>,
    pub(super) updater: Option<StateUpdater>,
    pub(super) directory: Option<Arc<StateDirectory>>,
    pub(super) ids: Option<ProcessIds>,
    /// What the record caches have of the memory, until the end.
    cache: Option<CacheReservation>,
    pub(super) uncaught: UncaughtHandler,
    error: Option<StreamsError>,
    /// Counters of threads that ended.
    ended: Vec<ThreadMetrics>,
    /// Changes of the state that the listener has not seen.
    changes: VecDeque<(State, State)>,
}

/// A thread as the instance knows it.
pub(super) struct ThreadHandle {
    pub(super) mailbox: Arc<Mailbox<Message>>,
    pub(super) cache: Arc<CacheBudget>,
    pub(super) state: ThreadState,
}

/// How a thread ended.
pub(super) struct ThreadEnd {
    pub(super) index: usize,
    pub(super) metrics: ThreadMetrics,
    pub(super) outcome: Result<(), (StreamsError, UncaughtDecision)>,
}

impl Control {
    pub(super) fn state(&self) -> State {
        self.state
    }

    fn become_state(&mut self, next: State) {
        if self.state != next && self.state.may_become(next) {
            self.changes.push_back((next, self.state));
            self.state = next;
        }
    }

    fn stop_threads(&self) {
        for thread in self.threads.values() {
            thread.mailbox.send(Message::Stop);
        }
    }

    /// Splits the record cache among the threads there are.
    pub(super) fn share_cache(&self, bytes: usize) {
        let share = bytes / self.threads.len().max(1);
        self.threads.values().for_each(|thread| thread.cache.set_capacity(share));
    }
}

impl Instance {
    /// # Errors
    /// If the record caches do not fit into the memory.
    pub(super) fn new(
        config: StreamsConfig,
        topology: Topology,
        broker: Arc<dyn Broker>,
    ) -> Result<Self, StreamsError> {
        let memory = config.memory.ledger();
        let cache = Some(reserve_cache(&memory, config.cache_max_bytes)?);
        let spec = topology.spec(&config.application_id, &config.internal_topics);
        let control = Control {
            state: State::Created,
            threads: BTreeMap::new(),
            updater: None,
            directory: None,
            ids: None,
            cache,
            uncaught: Arc::clone(&config.uncaught),
            error: None,
            ended: Vec::new(),
            changes: VecDeque::new(),
        };
        Ok(Self {
            config,
            topology,
            spec: Arc::new(spec),
            broker,
            memory,
            progress: SharedProgress::default(),
            states: watch::Sender::new(State::Created),
            control: Mutex::new(control),
            listener: Mutex::new(None),
        })
    }

    pub(super) fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> State {
        *self.states.borrow()
    }

    pub(super) fn error(&self) -> Option<StreamsError> {
        self.control().error.clone()
    }

    pub(super) fn ended_threads(&self) -> Vec<ThreadMetrics> {
        self.control().ended.clone()
    }

    pub(super) fn set_listener(&self, listener: Listener) {
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
    }

    /// Changes the state, if that may be, and tells the listener.
    pub(super) fn change(&self, next: State) -> bool {
        let mut control = self.control();
        let may = control.state.may_become(next);
        control.become_state(next);
        drop(control);
        self.tell();
        may
    }

    /// Tells watchers and the listener of what changed, in order; whoever comes first tells for all.
    pub(super) fn tell(&self) {
        loop {
            let Ok(mut listener) = self.listener.try_lock() else { return };
            loop {
                let Some((next, before)) = self.control().changes.pop_front() else { break };
                tracing::info!(application = &*self.config.application_id, "{before} -> {next}");
                if let Some(listener) = &mut *listener {
                    listener(next, before);
                }
                self.states.send_replace(next);
            }
            drop(listener);
            if self.control().changes.is_empty() {
                return;
            }
        }
    }

    /// Asks all threads to commit and end.
    pub(super) fn begin_close(self: &Arc<Self>) {
        let mut control = self.control();
        let was_created = control.state == State::Created;
        control.become_state(State::PendingShutdown);
        if was_created {
            control.become_state(State::NotRunning);
        }
        control.stop_threads();
        // Nobody else will end what has no threads; on a thread, because the caller may not wait.
        let orphaned = control.threads.is_empty() && !control.state.has_ended();
        drop(control);
        self.tell();
        if orphaned {
            let instance = Arc::clone(self);
            std::thread::spawn(move || instance.end());
        }
    }

    /// A thread's tasks changed, or all of them run.
    pub(super) fn thread_changed(&self, index: usize, state: ThreadState) {
        let mut control = self.control();
        if let Some(thread) = control.threads.get_mut(&index) {
            thread.state = state;
        }
        control.settle();
        drop(control);
        self.tell();
    }

    /// A thread has ended; returns whether another one is to take its place.
    pub(super) fn thread_ended(&self, end: ThreadEnd) -> bool {
        let ThreadEnd { index, metrics, outcome } = end;
        let mut control = self.control();
        if let Some(thread) = control.threads.remove(&index) {
            thread.mailbox.close();
        }
        control.ended.push(metrics);
        let mut replace = false;
        if let Err((error, decision)) = outcome {
            let works = control.state.is_running_or_rebalancing();
            replace = works && decision == UncaughtDecision::ReplaceThread;
            if !replace {
                control.error.get_or_insert(error);
                control.become_state(State::PendingError);
                control.stop_threads();
            }
        }
        let is_last = control.threads.is_empty() && !replace;
        control.share_cache(self.config.cache_max_bytes);
        control.settle();
        drop(control);
        self.tell();
        if is_last {
            self.end();
        }
        replace
    }

    /// The last thread has ended: gives everything back.
    fn end(&self) {
        let mut control = self.control();
        if control.state.is_running_or_rebalancing() {
            // All threads were removed one by one; new ones may be added.
            return;
        }
        let updater = control.updater.take();
        drop(control);
        if let Some(updater) = updater {
            updater.stop();
        }
        let mut control = self.control();
        control.directory = None;
        control.cache = None;
        let next =
            if control.state == State::PendingError { State::Error } else { State::NotRunning };
        control.become_state(next);
        drop(control);
        self.tell();
    }
}

impl Control {
    /// `RUNNING` when all threads are, `REBALANCING` when one is not.
    fn settle(&mut self) {
        if self.state.is_running_or_rebalancing() && !self.threads.is_empty() {
            let all = self.threads.values().all(|thread| thread.state == ThreadState::Running);
            self.become_state(if all { State::Running } else { State::Rebalancing });
        }
    }
}
