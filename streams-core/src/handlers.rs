//! Decisions that belong to the user: what to do with a record that cannot be read, processed or
//! written, and with an error that nobody handled.

use std::{error::Error, fmt, sync::Arc};

use state_stores::{Headers, Timestamp};

use crate::{broker::TaskId, error::StreamsError};

/// What is known of the record that an error concerns.
#[derive(Clone, Copy, Debug)]
pub struct ErrorContext<'a> {
    /// Source topic; empty in a punctuation.
    pub topic: &'a str,
    /// Source partition; -1 in a punctuation.
    pub partition: i32,
    /// Source offset; -1 in a punctuation.
    pub offset: i64,
    /// Timestamp of the record in process.
    pub timestamp: Timestamp,
    /// Headers of the record in process.
    pub headers: &'a Headers,
    /// The node that failed, if it has a name.
    pub node: &'a str,
    /// The task that failed.
    pub task: TaskId,
}

impl fmt::Display for ErrorContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.topic.is_empty() {
            return f.write_str("a punctuation");
        }
        write!(f, "the record of {}-{} at offset {}", self.topic, self.partition, self.offset)
    }
}

/// What a handler decides about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Drops the record, counts it as dropped and goes on (Java's `RESUME`).
    Resume,
    /// Ends the stream thread with the error (Java's `FAIL`).
    Fail,
}

/// Decides about a record whose key or value cannot be deserialized.
#[doc(alias = "DeserializationExceptionHandler")]
pub trait DeserializationHandler: Send + Sync {
    /// The record is named by `context`; its payload is not part of the error.
    fn handle(&self, context: &ErrorContext<'_>, error: &(dyn Error + 'static)) -> Decision;
}

/// Decides about a record for which user code returned an error.
#[doc(alias = "ProcessingExceptionHandler")]
pub trait ProcessingHandler: Send + Sync {
    /// Called once, for the innermost node that failed.
    fn handle(&self, context: &ErrorContext<'_>, error: &(dyn Error + 'static)) -> Decision;

    /// Whether this handler may decide to resume: state is then kept aside before each fallible
    /// call of user code.
    fn may_resume(&self) -> bool {
        true
    }
}

/// Ends the stream thread: the default of both handlers.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogAndFail;

/// Logs the error, drops the record and counts it.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogAndContinue;

impl DeserializationHandler for LogAndFail {
    fn handle(&self, _: &ErrorContext<'_>, _: &(dyn Error + 'static)) -> Decision {
        Decision::Fail
    }
}

impl ProcessingHandler for LogAndFail {
    fn handle(&self, _: &ErrorContext<'_>, _: &(dyn Error + 'static)) -> Decision {
        Decision::Fail
    }

    fn may_resume(&self) -> bool {
        false
    }
}

impl DeserializationHandler for LogAndContinue {
    fn handle(&self, context: &ErrorContext<'_>, error: &(dyn Error + 'static)) -> Decision {
        tracing::warn!(task = %context.task, node = context.node, "skipped {context}: {error}");
        Decision::Resume
    }
}

impl ProcessingHandler for LogAndContinue {
    fn handle(&self, context: &ErrorContext<'_>, error: &(dyn Error + 'static)) -> Decision {
        tracing::warn!(task = %context.task, node = context.node, "skipped {context}: {error}");
        Decision::Resume
    }
}

/// What follows when a stream thread ends with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UncaughtDecision {
    /// Starts another thread in its place.
    ReplaceThread,
    /// Closes this instance and ends in the state `ERROR` (the default; Java's `SHUTDOWN_CLIENT`).
    StopInstance,
    /// Closes all instances of the application.
    StopApplication,
}

/// Decides what follows when a stream thread ends with an error.
#[doc(alias = "StreamsUncaughtExceptionHandler")]
pub type UncaughtHandler = Arc<dyn Fn(&StreamsError) -> UncaughtDecision + Send + Sync>;

/// The handlers of one application.
#[derive(Clone)]
pub struct Handlers {
    /// For records that cannot be read.
    pub deserialization: Arc<dyn DeserializationHandler>,
    /// For records that user code refuses.
    pub processing: Arc<dyn ProcessingHandler>,
}

impl Default for Handlers {
    fn default() -> Self {
        Self { deserialization: Arc::new(LogAndFail), processing: Arc::new(LogAndFail) }
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers").field("may_resume", &self.processing.may_resume()).finish()
    }
}
