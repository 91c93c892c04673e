//! How an embedded log behaves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use streams_core::{Clock, SystemClock};

/// How an [`EmbeddedBroker`](crate::EmbeddedBroker) behaves.
///
/// # Example: a log whose time is told by a test
/// ```
/// use std::sync::Arc;
/// use broker_embedded::EmbeddedOptions;
/// use streams_core::ManualClock;
///
/// let options = EmbeddedOptions::default()
///     .clock(Arc::new(ManualClock::default()))
///     .topic_default("retention.ms", "60000");
/// # drop(options);
/// ```
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) topic_defaults: BTreeMap<String, String>,
    pub(crate) initial_rebalance_delay: Duration,
    pub(crate) retention_check_interval: Duration,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            topic_defaults: BTreeMap::new(),
            initial_rebalance_delay: Duration::ZERO,
            retention_check_interval: Duration::from_secs(300),
        }
    }
}

impl EmbeddedOptions {
    /// The clock that stamps records (where a topic wants that), ages segments and ends sessions.
    /// The system's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// A topic config for all topics that do not set it themselves. Nothing is deleted by default:
    /// `retention.ms` and `retention.bytes` are -1 unless set here or for a topic.
    #[must_use]
    pub fn topic_default(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.topic_defaults.insert(name.into(), value.into());
        self
    }

    /// How long an empty group waits for more members before tasks are first assigned. Zero by
    /// default; `group.initial.rebalance.delay.ms`.
    #[must_use]
    pub fn initial_rebalance_delay(mut self, delay: Duration) -> Self {
        self.initial_rebalance_delay = delay;
        self
    }

    /// How often a log on disk looks for expired segments, besides each time that it begins a new
    /// one. Five minutes by default; `log.retention.check.interval.ms`.
    #[must_use]
    pub fn retention_check_interval(mut self, interval: Duration) -> Self {
        self.retention_check_interval = interval;
        self
    }
}
