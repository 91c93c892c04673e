//! The one runtime error, and what the runtime does about each kind.

use std::{borrow::Cow, error::Error, fmt, sync::Arc};

use crate::broker::TaskId;

/// What user code returns; `?` turns any error into it.
pub type ProcessorError = Box<dyn Error + Send + Sync>;

/// Result of processing a record.
pub type Outcome = Result<(), ProcessorError>;

/// What went wrong, in the terms that decide the [`Reaction`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// User code returned an error and the processing handler said fail.
    Processing,
    /// User code panicked.
    Panic,
    /// A record could not be read and the deserialization handler said fail.
    Deserialization,
    /// A record could not be written, or has no valid timestamp or partition.
    Serialization,
    /// The broker refused or lost a record that was sent.
    Production,
    /// A state store failed.
    Store,
    /// The state directory cannot be used.
    StateDirectory,
    /// A broker did not answer in time.
    Timeout,
    /// The state of a task no longer fits its changelog.
    Corrupted,
    /// Another member owns the task by now.
    Migrated,
    /// A topic that the topology reads or writes is missing or does not fit.
    Topic,
    /// The configuration is wrong.
    Config,
    /// The broker failed in a way that trying again does not mend.
    Broker,
    /// The call does not fit the state of the application.
    InvalidState,
}

/// What the runtime does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Tries again, until `task.timeout.ms` has passed without progress.
    Retry,
    /// Closes the task without committing and restores it from its changelogs.
    ReviveTask,
    /// Gives up all tasks without committing and joins the group anew.
    Rejoin,
    /// Ends the stream thread; the uncaught-error handler decides what follows.
    Stop,
}

impl ErrorKind {
    /// The one reaction to each kind.
    pub const fn reaction(self) -> Reaction {
        match self {
            Self::Timeout => Reaction::Retry,
            Self::Corrupted => Reaction::ReviveTask,
            Self::Migrated => Reaction::Rejoin,
            Self::Processing
            | Self::Panic
            | Self::Deserialization
            | Self::Serialization
            | Self::Production
            | Self::Store
            | Self::StateDirectory
            | Self::Topic
            | Self::Config
            | Self::Broker
            | Self::InvalidState => Reaction::Stop,
        }
    }
}

/// An error of the runtime: cheap to clone, with the names of what it concerns.
#[derive(Clone)]
pub struct StreamsError(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    task: Option<TaskId>,
    node: Option<Arc<str>>,
    source: Option<ProcessorError>,
}

impl StreamsError {
    /// An error of `kind`; `message` is one lower-case sentence that names what it concerns.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            task: None,
            node: None,
            source: None,
        }))
    }

    /// The same with its cause.
    pub fn caused_by(
        kind: ErrorKind,
        message: impl Into<Cow<'static, str>>,
        source: impl Into<ProcessorError>,
    ) -> Self {
        let message = message.into();
        Self(Arc::new(Inner { kind, message, task: None, node: None, source: Some(source.into()) }))
    }

    /// Names the task it happened in, unless one is named already.
    #[must_use]
    pub fn in_task(self, task: TaskId) -> Self {
        self.amend(|inner| _ = inner.task.get_or_insert(task))
    }

    /// Names the node it happened in, unless one is named already.
    #[must_use]
    pub fn at_node(self, node: &Arc<str>) -> Self {
        self.amend(|inner| _ = inner.node.get_or_insert_with(|| Arc::clone(node)))
    }

    /// A shared error (somebody holds a clone) is wrapped instead of changed.
    fn amend(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::try_unwrap(self.0).unwrap_or_else(|shared| Inner {
            kind: shared.kind,
            message: shared.message.clone(),
            task: shared.task,
            node: shared.node.clone(),
            source: shared.source.is_some().then(|| Self(shared).into()),
        });
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What the runtime does about it.
    pub fn reaction(&self) -> Reaction {
        self.0.kind.reaction()
    }

    /// The task it happened in.
    pub fn task_id(&self) -> Option<TaskId> {
        self.0.task
    }

    /// The node it happened in.
    pub fn node(&self) -> Option<&str> {
        self.0.node.as_deref()
    }

    /// Message and causes in one line, for logs.
    pub fn report(&self) -> String {
        with_causes(self)
    }
}

/// An error with all its causes, in one line.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl fmt::Display for StreamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.task, &self.0.node) {
            (Some(task), Some(node)) => write!(f, "task {task}, node {node}: ")?,
            (Some(task), None) => write!(f, "task {task}: ")?,
            (None, Some(node)) => write!(f, "node {node}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for StreamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamsError({:?}: {})", self.0.kind, self.report())
    }
}

impl Error for StreamsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

impl From<state_stores::StoreError> for StreamsError {
    fn from(error: state_stores::StoreError) -> Self {
        Self::caused_by(ErrorKind::Store, "a state store failed", error)
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorKind, Reaction, StreamsError};
    use crate::broker::TaskId;

    #[test]
    fn only_time_outs_corruption_and_migration_are_survived() {
        assert_eq!(ErrorKind::Timeout.reaction(), Reaction::Retry);
        assert_eq!(ErrorKind::Corrupted.reaction(), Reaction::ReviveTask);
        assert_eq!(ErrorKind::Migrated.reaction(), Reaction::Rejoin);
        assert_eq!(ErrorKind::Processing.reaction(), Reaction::Stop);
        assert_eq!(ErrorKind::Store.reaction(), Reaction::Stop);
    }

    #[test]
    fn the_innermost_names_win_and_the_cause_is_kept() {
        let error =
            StreamsError::caused_by(ErrorKind::Processing, "user code failed", "no such user")
                .at_node(&"inner".into())
                .at_node(&"outer".into())
                .in_task(TaskId { subtopology: 0, partition: 3 });
        assert_eq!(error.to_string(), "task 0_3, node inner: user code failed");
        assert_eq!(error.report(), "task 0_3, node inner: user code failed: no such user");
    }

    #[test]
    fn amending_a_shared_error_keeps_its_message() {
        let error = StreamsError::new(ErrorKind::Store, "disk full");
        let shared = error.clone();
        let named = error.at_node(&"count".into());
        assert_eq!(named.to_string(), "node count: disk full");
        assert_eq!(shared.to_string(), "disk full");
    }
}
