//! The handle an application holds.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError},
    time::Duration,
};

use futures::future::{Either, select};
use state_stores::StateStore;
use tokio::sync::{oneshot, watch};

use super::{
    instance::Instance,
    metrics::StreamsMetrics,
    state::State,
    thread::{Message, StreamThread},
};
use crate::{
    broker::{Broker, TaskId, WakeUp},
    config::StreamsConfig,
    error::{ErrorKind, StreamsError},
    handlers::UncaughtDecision,
    restore::RestoreProgress,
    state_directory,
    topology::{StoreHandle, Topology},
};

/// Runs a topology: one instance of an application.
///
/// Threads of the library's own do the work; the asynchronous methods may be awaited on any
/// runtime. Dropping the handle asks the threads to commit and end, and does not wait for them:
/// [`close`](Self::close) does.
pub struct KafkaStreams {
    instance: Arc<Instance>,
}

impl KafkaStreams {
    /// An instance that is not started, on a broker of its own or on one that it shares.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if settings do not fit together, or if the record caches take more than
    /// half of the memory.
    pub fn new(
        topology: Topology,
        config: StreamsConfig,
        broker: impl Broker + 'static,
    ) -> Result<Self, StreamsError> {
        config.check()?;
        Ok(Self { instance: Arc::new(Instance::new(config, topology, Arc::new(broker))?) })
    }

    /// Locks the state folder and starts the threads, which join the group. Returns before tasks
    /// run: [`wait_for`](Self::wait_for) waits for that.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidState`] if it was started before; [`ErrorKind::StateDirectory`] if the
    /// state folder is in use, cannot be written or is of a newer version.
    ///
    /// # Cancel safety
    /// There is no point at which it could be cancelled.
    #[expect(clippy::unused_async, reason = "leaves room for waiting without a change to callers")]
    pub async fn start(&self) -> Result<(), StreamsError> {
        self.require(|state| state == State::Created, "can be started once")?;
        self.instance.prepare()?;
        if !self.instance.change(State::Rebalancing) {
            return Err(self.wrong_state("can be started once"));
        }
        for index in 1..=self.instance.config.num_stream_threads {
            if let Err(error) = self.instance.start_thread(index) {
                self.instance.begin_close();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Commits, gives all tasks up, leaves the group and waits for the end.
    ///
    /// # Errors
    /// The error that the instance ended with, if one did.
    ///
    /// # Cancel safety
    /// Closing goes on when the future is dropped; it may be awaited again.
    pub async fn close(&self) -> Result<(), StreamsError> {
        self.instance.begin_close();
        self.wait_for(State::has_ended).await;
        self.error().map_or(Ok(()), Err)
    }

    /// As [`close`](Self::close), waiting for at most `timeout`.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if threads still work then; else as [`close`](Self::close).
    ///
    /// # Cancel safety
    /// As [`close`](Self::close).
    pub async fn close_within(&self, timeout: Duration) -> Result<(), StreamsError> {
        let (expired, expiry) = oneshot::channel();
        let early = WakeUp::new();
        let wake = early.clone();
        let timer = std::thread::Builder::new().name("close-timer".to_owned()).spawn(move || {
            wake.wait(timeout);
            // Nobody listens when closing was faster.
            expired.send(()).unwrap_or_default();
        });
        timer.map_err(|error| {
            StreamsError::caused_by(ErrorKind::InvalidState, "no thread could be started", error)
        })?;
        let closing = std::pin::pin!(self.close());
        match select(closing, expiry).await {
            Either::Left((closed, _)) => {
                early.wake();
                closed
            }
            Either::Right(_) => {
                let ms = timeout.as_millis();
                let what = format!("the application did not close within {ms} ms");
                Err(StreamsError::new(ErrorKind::Timeout, what))
            }
        }
    }

    /// The state at the moment.
    pub fn state(&self) -> State {
        self.instance.state()
    }

    /// The state, and each later one that is looked at; states that pass quickly may be missed.
    pub fn states(&self) -> watch::Receiver<State> {
        self.instance.states.subscribe()
    }

    /// Waits until the state is as wanted, or until no other will follow; returns it.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn wait_for(&self, wanted: impl Fn(State) -> bool) -> State {
        let mut states = self.states();
        let reached = states.wait_for(|state| wanted(*state) || state.has_ended()).await;
        reached.map_or_else(|_| self.state(), |state| *state)
    }

    /// Calls `listener` with each new state and the one before, in order; set it before the start.
    /// It must not wait for this instance.
    pub fn set_state_listener(&self, listener: impl FnMut(State, State) + Send + 'static) {
        self.instance.set_listener(Box::new(listener));
    }

    /// Decides what follows when a thread ends with an error.
    pub fn set_uncaught_handler(
        &self,
        handler: impl Fn(&StreamsError) -> UncaughtDecision + Send + Sync + 'static,
    ) {
        self.instance.control().uncaught = Arc::new(handler);
    }

    /// The error that the instance ended with, or is about to.
    pub fn error(&self) -> Option<StreamsError> {
        self.instance.error()
    }

    /// Counters of all threads, those that ended included, and what the memory is used for. A
    /// ledger that several applications share shows that of all.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn metrics(&self) -> StreamsMetrics {
        let living = self.ask(StreamThread::metrics).await;
        let mut threads = self.instance.ended_threads();
        threads.extend(living);
        StreamsMetrics { threads, memory: self.instance.memory.usage() }
    }

    /// The tasks that are being restored, and how far they are.
    pub fn restore_progress(&self) -> BTreeMap<TaskId, RestoreProgress> {
        self.instance.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads a store of this instance: `read` is called between records, on the thread that owns
    /// the store, once for each task that has a part of it. What the record cache holds is seen.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidState`] unless the state is `RUNNING`: a task that moves or is restored
    /// would be missing from the answer.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped; `read` may still be called.
    pub async fn with_store<S, R>(
        &self,
        store: StoreHandle<S>,
        read: impl Fn(TaskId, &mut S) -> R + Send + Sync + 'static,
    ) -> Result<Vec<R>, StreamsError>
    where
        S: StateStore,
        R: Send + 'static,
    {
        self.require(|state| state == State::Running, "can be queried while it is RUNNING")?;
        let read = Arc::new(read);
        let answers = self.ask(move |thread| {
            let mut found = Vec::new();
            for (id, active) in thread.running() {
                let typed = active.task.store_mut(store.index());
                if let Some(typed) = typed.and_then(|store| store.as_any_mut().downcast_mut()) {
                    found.push(read(id, typed));
                }
            }
            found
        });
        Ok(answers.await.into_iter().flatten().collect())
    }

    /// Adds a thread; returns its name.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidState`] unless the instance works.
    pub fn add_stream_thread(&self) -> Result<String, StreamsError> {
        self.require(State::is_running_or_rebalancing, "can get threads while it works")?;
        let control = self.instance.control();
        let index = (1..).find(|index| !control.threads.contains_key(index)).unwrap_or(1);
        drop(control);
        self.instance.start_thread(index)
    }

    /// Asks the thread that was added last to give its tasks up and end; false if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidState`] unless the instance works.
    pub fn remove_stream_thread(&self) -> Result<bool, StreamsError> {
        self.require(State::is_running_or_rebalancing, "can lose threads while it works")?;
        let control = self.instance.control();
        let last = control.threads.values().next_back();
        let found = last.map(|thread| thread.mailbox.send(Message::Stop));
        Ok(found.is_some())
    }

    /// Deletes the local state of an instance that does not run; it is restored from the changelogs
    /// at the next start.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidState`] while the instance works; [`ErrorKind::StateDirectory`] if the
    /// folder is in use or cannot be deleted.
    pub fn clean_up(&self) -> Result<(), StreamsError> {
        let idle = |state: State| state == State::Created || state.has_ended();
        self.require(idle, "can be cleaned up before the start or after the end")?;
        let config = &self.instance.config;
        state_directory::clean_up(&config.state_dir, &config.application_id)
    }

    /// Has every thread look at itself; one that ends meanwhile does not answer.
    async fn ask<R: Send + 'static>(
        &self,
        look: impl Fn(&mut StreamThread) -> R + Send + Sync + 'static,
    ) -> Vec<R> {
        let look = Arc::new(look);
        let mut answers = Vec::new();
        for thread in self.instance.control().threads.values() {
            let (answer, answered) = oneshot::channel();
            let look = Arc::clone(&look);
            thread.mailbox.send(Message::Inspect(Box::new(move |thread| {
                // Whoever asked may have gone.
                answer.send(look(thread)).unwrap_or_default();
            })));
            answers.push(answered);
        }
        let answers = futures::future::join_all(answers).await;
        answers.into_iter().flatten().collect()
    }

    fn require(&self, fits: impl Fn(State) -> bool, what: &str) -> Result<(), StreamsError> {
        if fits(self.state()) { Ok(()) } else { Err(self.wrong_state(what)) }
    }

    fn wrong_state(&self, what: &str) -> StreamsError {
        let (id, state) = (self.instance.config.application_id(), self.state());
        let what = format!("application {id} {what}: its state is {state}");
        StreamsError::new(ErrorKind::InvalidState, what)
    }
}

impl Drop for KafkaStreams {
    fn drop(&mut self) {
        self.instance.begin_close();
    }
}

impl fmt::Debug for KafkaStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaStreams")
            .field("application_id", &self.instance.config.application_id)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
