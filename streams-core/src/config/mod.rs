//! What an application is told: a typed builder, and Java's dotted keys.

mod keys;
mod memory;
mod nearest;
mod value;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use state_stores::MemoryLedger;

use crate::{
    broker::{Acks, FetchOptions, ProduceOptions},
    clock::{Clock, SystemClock},
    error::{ErrorKind, StreamsError},
    handlers::{
        DeserializationHandler, Handlers, ProcessingHandler, UncaughtDecision, UncaughtHandler,
    },
    topology::{InternalTopicConfigs, OffsetReset},
};
use value::Value;

pub(crate) use memory::{Memory, reserve_cache};

/// Makes 128 random bits: process and member ids.
pub(crate) type RandomIds = Arc<dyn Fn() -> u128 + Send + Sync>;

/// How an application runs. Defaults are Kafka Streams', unless a method says otherwise.
///
/// # Example: the two ways to write one down
/// ```
/// use std::time::Duration;
/// use streams_core::StreamsConfig;
///
/// let typed = StreamsConfig::new("word-count")?.commit_interval(Duration::from_secs(1));
/// let dotted = StreamsConfig::from_properties([
///     ("application.id", "word-count"),
///     ("commit.interval.ms", "1000"),
/// ])?;
/// assert_eq!(typed.application_id(), dotted.application_id());
/// # Ok::<(), streams_core::StreamsError>(())
/// ```
#[derive(Clone)]
pub struct StreamsConfig {
    pub(crate) application_id: Arc<str>,
    pub(crate) client_id: Option<String>,
    pub(crate) state_dir: PathBuf,
    pub(crate) num_stream_threads: usize,
    pub(crate) commit_interval: Duration,
    pub(crate) cache_max_bytes: usize,
    pub(crate) memory: Memory,
    pub(crate) buffered_records_per_partition: usize,
    pub(crate) poll: Duration,
    pub(crate) max_task_idle_ms: i64,
    pub(crate) task_timeout: Duration,
    pub(crate) repartition_purge_interval: Duration,
    pub(crate) log_summary_interval: Option<Duration>,
    pub(crate) application_server: Option<(String, u16)>,
    pub(crate) client_tags: BTreeMap<String, String>,
    pub(crate) internal_topics: InternalTopicConfigs,
    pub(crate) producer: ProducerConfig,
    pub(crate) consumer: ConsumerConfig,
    pub(crate) client_properties: BTreeMap<String, String>,
    pub(crate) handlers: Handlers,
    pub(crate) uncaught: UncaughtHandler,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random_ids: RandomIds,
}

/// What the `producer.` keys say.
#[derive(Clone, Debug)]
pub(crate) struct ProducerConfig {
    pub(crate) options: ProduceOptions,
    pub(crate) batch_size: usize,
    pub(crate) linger: Duration,
    pub(crate) buffer_memory: usize,
}

/// What the `consumer.` keys say.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerConfig {
    pub(crate) fetch: FetchOptions,
    pub(crate) auto_offset_reset: OffsetReset,
    pub(crate) max_poll_interval: Duration,
    pub(crate) session_timeout: Duration,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) rack: Option<String>,
}

impl StreamsConfig {
    /// The defaults for an application of this id, which names its group, its internal topics and
    /// its state folder (`application.id`).
    ///
    /// # Errors
    /// If the id is empty, names a folder, or has characters other than ASCII letters and digits,
    /// `.`, `_` and `-`.
    pub fn new(application_id: impl AsRef<str>) -> Result<Self, StreamsError> {
        let application_id = application_id.as_ref();
        check_application_id(application_id)?;
        Ok(Self {
            application_id: application_id.into(),
            client_id: None,
            state_dir: std::env::temp_dir().join("kafka-streams"),
            num_stream_threads: 1,
            commit_interval: Duration::from_secs(30),
            cache_max_bytes: 10 << 20,
            memory: Memory::Own(512 << 20),
            buffered_records_per_partition: 1000,
            poll: Duration::from_millis(100),
            max_task_idle_ms: 0,
            task_timeout: Duration::from_secs(300),
            repartition_purge_interval: Duration::from_secs(30),
            log_summary_interval: Some(Duration::from_secs(60)),
            application_server: None,
            client_tags: BTreeMap::new(),
            internal_topics: InternalTopicConfigs::default(),
            producer: ProducerConfig {
                options: ProduceOptions::default(),
                batch_size: 64 << 10,
                linger: Duration::from_millis(100),
                buffer_memory: 32 << 20,
            },
            consumer: ConsumerConfig {
                fetch: FetchOptions::default(),
                auto_offset_reset: OffsetReset::Earliest,
                max_poll_interval: Duration::from_secs(300),
                session_timeout: Duration::from_secs(45),
                heartbeat_interval: Duration::from_secs(5),
                rack: None,
            },
            client_properties: BTreeMap::new(),
            handlers: Handlers::default(),
            uncaught: Arc::new(|_| UncaughtDecision::StopInstance),
            clock: Arc::new(SystemClock),
            random_ids: Arc::new(|| uuid::Uuid::new_v4().as_u128()),
        })
    }

    /// Reads Java's dotted keys, the prefixes `topic.`, `producer.`, `consumer.`,
    /// `main.consumer.`, `restore.consumer.`, `admin.` and `client.tag.` included.
    ///
    /// # Errors
    /// A key that is unknown (naming the nearest known one), that means nothing without a JVM
    /// (saying what takes its place), or whose value is out of its range.
    pub fn from_properties<K, V>(
        properties: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, StreamsError>
    where
        K: Into<String>,
        V: Into<String>,
    {
        let properties: BTreeMap<String, String> =
            properties.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let Some(application_id) = properties.get("application.id") else {
            return Err(config_error("application.id is missing: it names the application"));
        };
        let mut config = Self::new(application_id)?;
        for (key, value) in &properties {
            keys::apply(&mut config, key, value.trim())?;
        }
        config.check()?;
        Ok(config)
    }

    /// The application's id.
    pub fn application_id(&self) -> &str {
        &self.application_id
    }

    /// How many stream threads the instance has (`num.stream.threads`; 1).
    #[must_use]
    pub fn num_stream_threads(mut self, threads: usize) -> Self {
        self.num_stream_threads = threads;
        self
    }

    /// Where state is kept, in a folder of the application's own (`state.dir`; `kafka-streams` in
    /// the system's folder for temporary files).
    #[must_use]
    pub fn state_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.state_dir = dir.into();
        self
    }

    /// How often offsets and state are committed (`commit.interval.ms`; 30 s).
    #[must_use]
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.commit_interval = interval;
        self
    }

    /// How many bytes the record caches of all threads hold (`statestore.cache.max.bytes`;
    /// 10 MiB). 0 forwards and logs each update.
    #[must_use]
    pub fn cache_max_bytes(mut self, bytes: usize) -> Self {
        self.cache_max_bytes = bytes;
        self
    }

    /// How much memory the instance may use for buffers, caches and databases together
    /// (`memory.bytes`, a key of this library's own; 512 MiB). At least 16 MiB, and twice of what
    /// the record caches hold. Stores in memory are not counted: they are as large as the state.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: usize) -> Self {
        self.memory = Memory::Own(bytes);
        self
    }

    /// The same, shared with other applications of the process: together they use what the ledger
    /// says. It takes the place of [`memory_bytes`](Self::memory_bytes).
    #[must_use]
    pub fn memory(mut self, ledger: &MemoryLedger) -> Self {
        self.memory = Memory::Shared(ledger.clone());
        self
    }

    /// How many fetched records a partition holds before fetching pauses
    /// (`buffered.records.per.partition`; 1000).
    #[must_use]
    pub fn buffered_records_per_partition(mut self, records: usize) -> Self {
        self.buffered_records_per_partition = records;
        self
    }

    /// How long an idle thread waits at most before it looks around (`poll.ms`; 100 ms).
    #[must_use]
    pub fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// How long a task waits for a partition without records while another has some
    /// (`max.task.idle.ms`; 0: only for records known to be on the broker; -1: never).
    #[must_use]
    pub fn max_task_idle_ms(mut self, ms: i64) -> Self {
        self.max_task_idle_ms = ms;
        self
    }

    /// How long a task may go without progress while the broker does not answer
    /// (`task.timeout.ms`; 5 min).
    #[must_use]
    pub fn task_timeout(mut self, timeout: Duration) -> Self {
        self.task_timeout = timeout;
        self
    }

    /// How often processed records of repartition topics are deleted
    /// (`repartition.purge.interval.ms`; 30 s).
    #[must_use]
    pub fn repartition_purge_interval(mut self, interval: Duration) -> Self {
        self.repartition_purge_interval = interval;
        self
    }

    /// How often each thread logs a summary; `None` never (`log.summary.interval.ms`; here 1 min).
    #[must_use]
    pub fn log_summary_interval(mut self, interval: Option<Duration>) -> Self {
        self.log_summary_interval = interval;
        self
    }

    /// The prefix of client names (`client.id`; application id and process id).
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// How many replicas internal topics get; `None` takes the broker's default
    /// (`replication.factor`).
    #[must_use]
    pub fn replication_factor(mut self, replicas: Option<i16>) -> Self {
        self.internal_topics.replication_factor = replicas;
        self
    }

    /// One setting of every internal topic (`topic.*`).
    #[must_use]
    pub fn topic_config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.internal_topics.overrides.insert(name.into(), value.into());
        self
    }

    /// Where sources without a policy of their own begin when there is no committed offset
    /// (`consumer.auto.offset.reset`; earliest).
    #[must_use]
    pub fn auto_offset_reset(mut self, reset: OffsetReset) -> Self {
        self.consumer.auto_offset_reset = reset;
        self
    }

    /// When a batch counts as written (`producer.acks`; all).
    #[must_use]
    pub fn acks(mut self, acks: Acks) -> Self {
        self.producer.options.acks = acks;
        self
    }

    /// How batches are compressed (`producer.compression.type`; none).
    #[must_use]
    pub fn compression(mut self, compression: crate::batch::Compression) -> Self {
        self.producer.options.compression = compression;
        self
    }

    /// How long a batch waits for more records at most (`producer.linger.ms`; 100 ms). It waits
    /// only while the thread has work or an earlier batch of its partition is on its way.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.producer.linger = linger;
        self
    }

    /// At how many bytes a batch is sent (`producer.batch.size`; here 64 KiB).
    #[must_use]
    pub fn batch_size(mut self, bytes: usize) -> Self {
        self.producer.batch_size = bytes;
        self
    }

    /// After how long without a heartbeat a thread counts as dead
    /// (`consumer.session.timeout.ms`; 45 s).
    #[must_use]
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.consumer.session_timeout = timeout;
        self
    }

    /// How often a thread tells the group that it lives (`consumer.heartbeat.interval.ms`; 5 s).
    #[must_use]
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.consumer.heartbeat_interval = interval;
        self
    }

    /// Who decides about records that cannot be read (`deserialization.exception.handler`; fail).
    #[must_use]
    pub fn deserialization_handler(
        mut self,
        handler: impl DeserializationHandler + 'static,
    ) -> Self {
        self.handlers.deserialization = Arc::new(handler);
        self
    }

    /// Who decides about records that user code refuses (`processing.exception.handler`; fail).
    #[must_use]
    pub fn processing_handler(mut self, handler: impl ProcessingHandler + 'static) -> Self {
        self.handlers.processing = Arc::new(handler);
        self
    }

    /// Who decides what follows when a thread ends with an error (the instance stops).
    #[must_use]
    pub fn uncaught_handler(
        mut self,
        handler: impl Fn(&StreamsError) -> UncaughtDecision + Send + Sync + 'static,
    ) -> Self {
        self.uncaught = Arc::new(handler);
        self
    }

    /// The clock (the machine's).
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where process and member ids come from (the machine's randomness).
    #[must_use]
    pub fn random_ids(mut self, random: impl Fn() -> u128 + Send + Sync + 'static) -> Self {
        self.random_ids = Arc::new(random);
        self
    }

    /// What the client keys say that are for the broker's own connection, such as
    /// `bootstrap.servers` and `security.protocol`.
    pub fn client_properties(&self) -> &BTreeMap<String, String> {
        &self.client_properties
    }

    /// Checks what no single setter can see.
    pub(crate) fn check(&self) -> Result<(), StreamsError> {
        if self.num_stream_threads == 0 {
            return Err(config_error("num.stream.threads is 0: it has to be at least 1"));
        }
        if self.max_task_idle_ms < -1 {
            let ms = self.max_task_idle_ms;
            return Err(config_error(format!(
                "max.task.idle.ms is {ms}: it has to be at least -1"
            )));
        }
        self.memory.check()?;
        if self.heartbeat_interval_is_too_long() {
            let (heartbeat, session) =
                (self.consumer.heartbeat_interval, self.consumer.session_timeout);
            return Err(config_error(format!(
                "heartbeat.interval.ms is {} and session.timeout.ms is {}: \
                 a heartbeat has to fit into the session",
                heartbeat.as_millis(),
                session.as_millis()
            )));
        }
        Ok(())
    }

    fn heartbeat_interval_is_too_long(&self) -> bool {
        self.consumer.heartbeat_interval >= self.consumer.session_timeout
    }

    /// The record cache of one thread.
    pub(crate) fn cache_bytes_per_thread(&self) -> usize {
        self.cache_max_bytes / self.num_stream_threads.max(1)
    }
}

impl fmt::Debug for StreamsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Client properties may hold passwords.
        f.debug_struct("StreamsConfig")
            .field("application_id", &self.application_id)
            .field("num_stream_threads", &self.num_stream_threads)
            .field("state_dir", &self.state_dir)
            .field("commit_interval", &self.commit_interval)
            .field("cache_max_bytes", &self.cache_max_bytes)
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

pub(crate) fn config_error(message: impl Into<std::borrow::Cow<'static, str>>) -> StreamsError {
    StreamsError::new(ErrorKind::Config, message)
}

/// The id becomes part of topic names and a folder.
fn check_application_id(id: &str) -> Result<(), StreamsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let reason = if id.is_empty() {
        "it is empty"
    } else if id == "." || id == ".." {
        "it names a folder"
    } else if id.contains(['/', '\\']) {
        "it has a path separator in it"
    } else if !id.chars().all(allowed) {
        "only ASCII letters and digits, '.', '_' and '-' are allowed"
    } else if id.len() > 200 {
        "it is longer than 200 characters, and topic names begin with it"
    } else {
        return Ok(());
    };
    Err(config_error(format!("application.id {id:?} cannot be used: {reason}")))
}
