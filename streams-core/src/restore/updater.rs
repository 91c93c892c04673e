//! The thread that restores, and does for stream threads what may block.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use state_stores::Backend;

use super::{RestoreRequest, Restorer};
use crate::{
    broker::{Admin, TaskId, TopicPartition, WakeUp},
    error::{ErrorKind, StreamsError},
    runtime::Mailbox,
};

/// How long the thread sleeps at most: folders become free without a wake-up.
const IDLE: Duration = Duration::from_millis(100);

/// What stream threads ask for.
pub(crate) enum Command {
    /// Restore the stores of a task.
    Restore(RestoreRequest),
    /// The task is no longer wanted.
    Forget(TaskId),
    /// Make a task's stores durable; the function is told of a failure.
    Flush(Arc<dyn Backend>, Box<dyn FnOnce(StreamsError) + Send>),
    /// Delete records of repartition topics that are processed.
    Purge(Vec<(TopicPartition, i64)>),
    /// End.
    Stop,
}

/// The running thread.
pub(crate) struct StateUpdater {
    mailbox: Arc<Mailbox<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl StateUpdater {
    /// Starts the thread; `wake` is the one that the restorer's fetcher was made with.
    ///
    /// # Errors
    /// If the operating system has no thread to give.
    pub(crate) fn start(
        name: String,
        restorer: Restorer,
        admin: Arc<dyn Admin>,
        wake: WakeUp,
    ) -> Result<Self, StreamsError> {
        let mailbox = Arc::new(Mailbox::new(wake.clone()));
        let inbox = Arc::clone(&mailbox);
        let run = move || run(restorer, &*admin, &inbox, &wake);
        let thread = std::thread::Builder::new().name(name).spawn(run).map_err(|error| {
            StreamsError::caused_by(ErrorKind::InvalidState, "no thread could be started", error)
        })?;
        Ok(Self { mailbox, thread: Some(thread) })
    }

    pub(crate) fn mailbox(&self) -> Arc<Mailbox<Command>> {
        Arc::clone(&self.mailbox)
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop(mut self) {
        self.mailbox.send(Command::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the state updater panicked");
        }
    }
}

fn run(mut restorer: Restorer, admin: &dyn Admin, inbox: &Mailbox<Command>, wake: &WakeUp) {
    loop {
        while let Some(command) = inbox.take() {
            match command {
                Command::Restore(request) => restorer.add(request),
                Command::Forget(task) => restorer.remove(task),
                Command::Flush(backend, failed) => {
                    if let Err(error) = backend.flush() {
                        failed(error.into());
                    }
                }
                Command::Purge(before) => {
                    // Records that stay cost room alone; the next purge includes them.
                    if let Err(error) = admin.delete_records(&before) {
                        tracing::warn!(%error, "processed records of repartition topics could not be deleted");
                    }
                }
                Command::Stop => return,
            }
        }
        match restorer.step() {
            Ok(true) => {}
            Ok(false) => {
                wake.wait(IDLE);
            }
            Err(error) => {
                tracing::warn!(%error, "changelogs cannot be read at the moment");
                wake.wait(IDLE);
            }
        }
    }
}
