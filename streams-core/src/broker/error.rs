//! What can go wrong at the broker seam, sorted by what the caller does about it.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// What a caller does about a [`BrokerError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BrokerErrorKind {
    /// A moment's condition: the same call may succeed later.
    Retriable,
    /// Another member or producer has taken this one's place: give up its tasks and join anew.
    Fenced,
    /// The offset lies outside of what the partition holds: see the reset policy.
    OffsetOutOfRange,
    /// The topic or the partition does not exist.
    UnknownTopic,
    /// What should be created exists already.
    AlreadyExists,
    /// The broker refuses this client: a matter of its configuration.
    Unauthorized,
    /// No answer in time; whether the request was carried out is unknown.
    TimedOut,
    /// Stored or received bytes are not what was written.
    Corrupted,
    /// The request can never succeed as it is.
    InvalidRequest,
    /// The client cannot go on.
    Fatal,
}

/// A failed call to a broker.
///
/// `Display` is one sentence with the names in it and, where the caller can mend it, what to do;
/// [`Error::source`] carries the cause.
#[derive(Debug)]
pub struct BrokerError {
    kind: BrokerErrorKind,
    context: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl BrokerError {
    /// An error of this kind; `context` is the sentence that `Display` shows.
    pub fn new(kind: BrokerErrorKind, context: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// An error of kind [`BrokerErrorKind::UnknownTopic`] that names the topic.
    pub fn unknown_topic(topic: &str) -> Self {
        Self::new(
            BrokerErrorKind::UnknownTopic,
            format!("topic {topic} does not exist: create it, or correct its name"),
        )
    }

    /// An error of kind [`BrokerErrorKind::OffsetOutOfRange`] that names the offset and the range.
    pub fn offset_out_of_range(
        partition: &super::TopicPartition,
        offset: i64,
        log_start: i64,
        log_end: i64,
    ) -> Self {
        Self::new(
            BrokerErrorKind::OffsetOutOfRange,
            format!(
                "offset {offset} of {partition} is out of range: \
                 the partition holds offsets {log_start} up to, not including, {log_end}"
            ),
        )
    }

    /// An error of kind [`BrokerErrorKind::InvalidRequest`].
    pub fn invalid_request(context: impl Into<Cow<'static, str>>) -> Self {
        Self::new(BrokerErrorKind::InvalidRequest, context)
    }

    /// An error of kind [`BrokerErrorKind::Fenced`].
    pub fn fenced(context: impl Into<Cow<'static, str>>) -> Self {
        Self::new(BrokerErrorKind::Fenced, context)
    }

    /// What to do about it.
    pub fn kind(&self) -> BrokerErrorKind {
        self.kind
    }

    /// The sentence that `Display` shows.
    pub fn context(&self) -> &str {
        &self.context
    }
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl Error for BrokerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
