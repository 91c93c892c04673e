//! Starting the threads of an instance.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use state_stores::{CacheBudget, MemoryPart};

use super::{
    Mailbox,
    instance::{Instance, ThreadEnd, ThreadHandle},
    metrics::ThreadMetrics,
    thread::{Env, StreamThread, ThreadState},
};
use crate::{
    broker::WakeUp,
    error::{ErrorKind, StreamsError},
    handlers::UncaughtDecision,
    restore::{Restorer, RestorerParts, StateUpdater, USES_DISK, default_opener},
    state_directory::{ProcessIds, StateDirectory},
};

/// Deep processor chains and databases need room.
const STACK_BYTES: usize = 8 << 20;

impl Instance {
    /// Locks the state folder and starts the state updater.
    pub(super) fn prepare(&self) -> Result<(), StreamsError> {
        let config = &self.config;
        let random = &*config.random_ids;
        let has_disk_store = USES_DISK
            && self.topology.parts.stores.iter().flatten().any(|store| store.spec.persistent);
        let directory = match has_disk_store {
            true => {
                Some(Arc::new(StateDirectory::open(&config.state_dir, &config.application_id)?))
            }
            false => None,
        };
        let ids = match &directory {
            Some(directory) => directory.process_ids(random)?,
            None => ProcessIds::passing(random),
        };
        let name = format!("{}-StateUpdater-1", client_id(self, &ids));
        let wake = WakeUp::new();
        let mut fetch = config.consumer.fetch.clone();
        fetch.client_id = format!("{name}-restore-consumer");
        let memory = self.memory.account(MemoryPart::Restore);
        fetch.limit_bytes(memory.fair_part() / 2);
        let restorer = Restorer::new(RestorerParts {
            fetcher: self.broker.fetcher(fetch, wake.clone()),
            admin: self.broker.admin(),
            opener: default_opener(&self.memory),
            directory: directory.clone(),
            memory,
            progress: Arc::clone(&self.progress),
        });
        let updater = StateUpdater::start(name, restorer, self.broker.admin(), wake)?;
        let mut control = self.control();
        control.directory = directory;
        control.ids = Some(ids);
        control.updater = Some(updater);
        Ok(())
    }

    /// Starts one thread, 1-based as Java counts.
    pub(super) fn start_thread(self: &Arc<Self>, index: usize) -> Result<String, StreamsError> {
        let random = &*self.config.random_ids;
        let wake = WakeUp::new();
        let mailbox = Arc::new(Mailbox::new(wake.clone()));
        let mut control = self.control();
        if !control.state().is_running_or_rebalancing() {
            // Whoever closes has told the threads there are: one more would not hear of it.
            let what = "the application does not work: it takes no more threads";
            return Err(StreamsError::new(ErrorKind::InvalidState, what));
        }
        let not_started =
            || StreamsError::new(ErrorKind::InvalidState, "the application is not started");
        let updater =
            control.updater.as_ref().map(StateUpdater::mailbox).ok_or_else(not_started)?;
        let ids = control.ids.as_mut().ok_or_else(not_started)?;
        let member_id = ids.member_id(index, random)?;
        let process_id = ids.process_id();
        let name = format!("{}-StreamThread-{index}", client_id(self, ids));
        let cache = Arc::new(CacheBudget::new(self.config.cache_bytes_per_thread()));
        let observer = {
            let instance = Arc::downgrade(self);
            Box::new(move |state| {
                if let Some(instance) = instance.upgrade() {
                    instance.thread_changed(index, state);
                }
            })
        };
        let env = Env {
            name: name.clone(),
            config: self.config.clone(),
            topology: self.topology.clone(),
            spec: Arc::clone(&self.spec),
            broker: Arc::clone(&self.broker),
            memory: self.memory.clone(),
            process_id,
            member_id,
            cache: Arc::clone(&cache),
            wake,
            mailbox: Arc::clone(&mailbox),
            updater,
            observer,
        };
        let handle = ThreadHandle { mailbox, cache, state: ThreadState::Rebalancing };
        control.threads.insert(index, handle);
        control.share_cache(self.config.cache_max_bytes);
        drop(control);
        let instance = Arc::clone(self);
        let spawned = std::thread::Builder::new()
            .name(name.clone())
            .stack_size(STACK_BYTES)
            .spawn(move || thread_main(&instance, index, env));
        if let Err(error) = spawned {
            self.control().threads.remove(&index);
            let what = "no thread could be started";
            return Err(StreamsError::caused_by(ErrorKind::InvalidState, what, error));
        }
        Ok(name)
    }
}

fn client_id(instance: &Instance, ids: &ProcessIds) -> String {
    match &instance.config.client_id {
        Some(client_id) => client_id.clone(),
        None => format!("{}-{}", instance.config.application_id, ids.process_id()),
    }
}

fn thread_main(instance: &Arc<Instance>, index: usize, env: Env) {
    let span = tracing::info_span!(
        "stream_thread",
        application = &*env.config.application_id,
        thread = env.name
    );
    let _entered = span.enter();
    let mut metrics = ThreadMetrics { thread: env.name.clone(), ..ThreadMetrics::default() };
    let ran = catch_unwind(AssertUnwindSafe(|| run(instance, env, &mut metrics)));
    let outcome = ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        let error =
            StreamsError::new(ErrorKind::Panic, format!("a stream thread panicked: {text}"));
        let decision = decide(instance, &error);
        Err((error, decision))
    });
    if let Err((error, decision)) = &outcome {
        tracing::error!(error = error.report(), ?decision, "the stream thread ends with an error");
    }
    let replace = instance.thread_ended(ThreadEnd { index, metrics, outcome });
    if replace && let Err(error) = instance.start_thread(index) {
        tracing::error!(error = error.report(), "the stream thread could not be replaced");
        let metrics = ThreadMetrics::default();
        // Closing meanwhile is no failure.
        let works = instance.control().state().is_running_or_rebalancing();
        let outcome = if works { Err((error, UncaughtDecision::StopInstance)) } else { Ok(()) };
        instance.thread_ended(ThreadEnd { index, metrics, outcome });
    }
}

fn run(
    instance: &Instance,
    env: Env,
    metrics: &mut ThreadMetrics,
) -> Result<(), (StreamsError, UncaughtDecision)> {
    let fatal = |error: StreamsError| {
        let decision = decide(instance, &error);
        (error, decision)
    };
    let mut thread = StreamThread::new(env).map_err(fatal)?;
    let outcome = thread.run();
    let outcome = outcome.map_err(|error| {
        let (error, decision) = fatal(error);
        thread.abandon(decision == UncaughtDecision::StopApplication);
        (error, decision)
    });
    *metrics = thread.metrics();
    outcome
}

/// Asks the user's handler; one that panics stops the instance.
fn decide(instance: &Instance, error: &StreamsError) -> UncaughtDecision {
    let handler = Arc::clone(&instance.control().uncaught);
    catch_unwind(AssertUnwindSafe(|| handler(error))).unwrap_or(UncaughtDecision::StopInstance)
}
