//! A producer of single records: partitions, batches and sends them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use state_stores::{Headers, Timestamp};

use crate::batch::{BatchBuilder, BatchError, partition_for_key};
use crate::broker::{
    Ack, Broker, BrokerError, BrokerErrorKind, ProduceOptions, Producer, SendTicket,
    TopicPartition, WakeUp,
};
use crate::clock::{Clock, SystemClock};

/// How a [`RecordProducer`] batches and writes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecordProducerOptions {
    /// How batches are written: acknowledgements, compression, client id.
    pub produce: ProduceOptions,
    /// A batch of this many bytes is sent without waiting for more; `batch.size`.
    pub batch_size: usize,
    /// How long a smaller batch waits for more records; `linger.ms`.
    pub linger: Duration,
    /// Stamps records that have no timestamp, and times the linger.
    pub clock: Arc<dyn Clock>,
}

/// Kafka's defaults: 16 KiB, 5 ms.
impl Default for RecordProducerOptions {
    fn default() -> Self {
        Self {
            produce: ProduceOptions::default(),
            batch_size: 16 << 10,
            linger: Duration::from_millis(5),
            clock: Arc::new(SystemClock),
        }
    }
}

/// A record to send.
#[derive(Debug, Clone, Copy)]
pub struct ProducerRecord<'a> {
    topic: &'a str,
    partition: Option<i32>,
    timestamp: Option<Timestamp>,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Option<&'a Headers>,
}

impl<'a> ProducerRecord<'a> {
    /// A record for `topic`, with neither key nor value.
    pub fn new(topic: &'a str) -> Self {
        Self { topic, partition: None, timestamp: None, key: None, value: None, headers: None }
    }

    /// The same record with this key.
    #[must_use]
    pub fn key(mut self, key: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.key = Some(key.as_ref());
        self
    }

    /// The same record with this value.
    #[must_use]
    pub fn value(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.value = Some(value.as_ref());
        self
    }

    /// The same record with this timestamp; else it gets the time of the send.
    #[must_use]
    pub fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// The same record with these headers.
    #[must_use]
    pub fn headers(mut self, headers: &'a Headers) -> Self {
        self.headers = Some(headers);
        self
    }

    /// The same record for this partition; else its key decides (murmur2, as Java's), and a record
    /// without a key goes where the batch at hand goes.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }
}

/// Sends single records, batched by size and linger. Threads may share one.
///
/// What cannot be written is told by the next [`send`](RecordProducer::send) or
/// [`flush`](RecordProducer::flush). Dropping it sends what is left, and does not wait: flush first.
///
/// `broker-embedded` has an example.
pub struct RecordProducer {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Wakes the thread that sends what has lingered, and takes acknowledgements.
    wake: WakeUp,
    settled: Condvar,
    batch_size: usize,
    linger: Duration,
    clock: Arc<dyn Clock>,
}

struct State {
    producer: Box<dyn Producer>,
    topics: BTreeMap<Arc<str>, TopicState>,
    /// Batches by partition that wait for more records, and since when.
    open: BTreeMap<TopicPartition, Timestamp>,
    failure: Option<BrokerError>,
    waiting: Vec<Waker>,
    is_closed: bool,
}

#[derive(Default)]
struct TopicState {
    builders: Vec<BatchBuilder>,
    /// Where records without a key go until that batch is sent.
    sticky: usize,
}

impl RecordProducer {
    /// A producer on `broker`, with a thread of its own for what lingers.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn new(broker: &dyn Broker, options: RecordProducerOptions) -> Result<Self, BrokerError> {
        let wake = WakeUp::new();
        let state = State {
            producer: broker.producer(options.produce, wake.clone()),
            topics: BTreeMap::new(),
            open: BTreeMap::new(),
            failure: None,
            waiting: Vec::new(),
            is_closed: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            wake,
            settled: Condvar::new(),
            batch_size: options.batch_size,
            linger: options.linger,
            clock: options.clock,
        });
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("record-producer".to_owned())
            .spawn(move || theirs.run())
            .map_err(|error| {
                BrokerError::new(BrokerErrorKind::Fatal, "cannot start the producer's thread")
                    .with_source(error)
            })?;
        Ok(Self { shared })
    }

    /// Takes a record for sending. Waits only while the broker's producer is full.
    ///
    /// # Errors
    /// The topic or partition does not exist; or an earlier record could not be written, and this
    /// one was not taken.
    pub fn send(&self, record: ProducerRecord<'_>) -> Result<(), BrokerError> {
        let shared = &*self.shared;
        let mut state = shared.lock();
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        let now = shared.clock.now();
        let to = state.place(&record)?;
        let Some(builder) = state.builder(&to) else {
            return Err(BrokerError::unknown_topic(record.topic));
        };
        let timestamp = record.timestamp.unwrap_or(now);
        let headers = record.headers.map_or(&[][..], Headers::wire);
        let taken = builder.append(timestamp, record.key, record.value, headers);
        taken.map_err(|error| too_large(&to, error))?;
        if builder.estimated_size() >= shared.batch_size || shared.linger.is_zero() {
            return shared.send_batch(state, &to).1;
        }
        if let Entry::Vacant(entry) = state.open.entry(to) {
            entry.insert(now);
            shared.wake.wake();
        }
        Ok(())
    }

    /// Sends what lingers, and waits until all is acknowledged.
    ///
    /// # Errors
    /// The first record that could not be written since the last error was told.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the records are sent all the same.
    pub async fn flush(&self) -> Result<(), BrokerError> {
        self.shared.send_open();
        std::future::poll_fn(|context| {
            let mut state = self.shared.lock();
            if !state.is_settled() {
                state.waiting.push(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(state.failure.take().map_or(Ok(()), Err))
        })
        .await
    }

    /// The same, blocking the thread.
    ///
    /// # Errors
    /// As [`RecordProducer::flush`].
    pub fn flush_blocking(&self) -> Result<(), BrokerError> {
        self.shared.send_open();
        let state = self.shared.lock();
        let unsettled = |state: &mut State| !state.is_settled();
        let state = self.shared.settled.wait_while(state, unsettled);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.failure.take().map_or(Ok(()), Err)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes acknowledgements and sends what has lingered, until the producer is closed.
    fn run(&self) {
        loop {
            let mut state = self.lock();
            state.take_acks();
            let now = self.clock.now();
            let due = |since: &Timestamp| since.saturating_add(self.linger) <= now;
            let lingered: Vec<_> = state
                .open
                .iter()
                .filter(|(_, since)| due(since))
                .map(|(to, _)| to.clone())
                .collect();
            for to in lingered {
                let (after, sent) = self.send_batch(state, &to);
                state = after;
                if let Err(error) = sent {
                    state.failure.get_or_insert(error);
                }
            }
            if state.is_settled() {
                self.settled.notify_all();
                state.waiting.drain(..).for_each(Waker::wake);
                if state.is_closed {
                    return;
                }
            }
            // The clock may be a test's that stands still: then a record lingers in real time.
            let timeout =
                if state.open.is_empty() { Duration::from_secs(3600) } else { self.linger };
            drop(state);
            if !self.wake.wait(timeout) {
                self.send_open();
            }
        }
    }

    fn send_open(&self) {
        let mut state = self.lock();
        let open: Vec<_> = state.open.keys().cloned().collect();
        for to in open {
            let (after, sent) = self.send_batch(state, &to);
            state = after;
            if let Err(error) = sent {
                state.failure.get_or_insert(error);
            }
        }
        drop(state);
        self.wake.wake();
    }

    /// Sends the batch of a partition; waits while the producer is full.
    fn send_batch<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        to: &TopicPartition,
    ) -> (MutexGuard<'a, State>, Result<(), BrokerError>) {
        loop {
            match state.try_send(to) {
                Err(error) if error.kind() == BrokerErrorKind::Retriable => {}
                sent => return (state, sent),
            }
            state.take_acks();
            let short = Duration::from_millis(10);
            let waited = self.settled.wait_timeout(state, short);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    /// The partition of a record.
    fn place(&mut self, record: &ProducerRecord<'_>) -> Result<TopicPartition, BrokerError> {
        let count = self.producer.partition_count(record.topic)?;
        let name = match self.topics.get_key_value(record.topic) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(record.topic),
        };
        let topic = self.topics.entry(Arc::clone(&name)).or_default();
        topic.builders.resize_with(count.max(0) as usize, BatchBuilder::new);
        let partition = match (record.partition, record.key) {
            (Some(partition), _) if (0..count).contains(&partition) => partition,
            (Some(partition), _) => return Err(no_partition(record.topic, partition, count)),
            (None, Some(key)) => partition_for_key(key, count),
            (None, None) => (topic.sticky % topic.builders.len().max(1)) as i32,
        };
        Ok(TopicPartition { topic: name, partition })
    }

    fn builder(&mut self, to: &TopicPartition) -> Option<&mut BatchBuilder> {
        let topic = self.topics.get_mut(&to.topic)?;
        topic.builders.get_mut(usize::try_from(to.partition).ok()?)
    }

    fn try_send(&mut self, to: &TopicPartition) -> Result<(), BrokerError> {
        self.open.remove(to);
        let Some(topic) = self.topics.get_mut(&to.topic) else { return Ok(()) };
        let place = to.partition as usize;
        let Some(builder) = topic.builders.get_mut(place).filter(|batch| !batch.is_empty()) else {
            return Ok(());
        };
        let sent = self.producer.send(to, builder).map(drop);
        if topic.sticky % topic.builders.len() == place {
            topic.sticky = (place + 1) % topic.builders.len();
        }
        sent
    }

    fn take_acks(&mut self) {
        let mut acks: Vec<Ack> = Vec::new();
        let polled = self.producer.poll(&mut acks);
        let failures = acks.into_iter().filter_map(|ack| ack.result.err()).chain(polled.err());
        for failure in failures {
            self.failure.get_or_insert(failure);
        }
    }

    fn is_settled(&self) -> bool {
        self.open.is_empty() && self.producer.in_flight() == 0
    }
}

impl Drop for RecordProducer {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.send_open();
        let mut state = self.shared.lock();
        state.take_acks();
        if state.is_settled() {
            // Lets the broker go now, not when the thread next runs.
            state.producer = Box::new(Closed);
        }
    }
}

/// In the place of a producer that is done.
#[derive(Debug)]
struct Closed;

impl Producer for Closed {
    fn send(
        &mut self,
        _: &TopicPartition,
        _: &mut BatchBuilder,
    ) -> Result<SendTicket, BrokerError> {
        Err(BrokerError::invalid_request("the producer is closed"))
    }

    fn poll(&mut self, _: &mut Vec<Ack>) -> Result<(), BrokerError> {
        Ok(())
    }

    fn in_flight(&self) -> usize {
        0
    }

    fn partition_count(&mut self, topic: &str) -> Result<i32, BrokerError> {
        Err(BrokerError::unknown_topic(topic))
    }
}

impl fmt::Debug for RecordProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordProducer")
            .field("batch_size", &self.shared.batch_size)
            .field("linger", &self.shared.linger)
            .finish_non_exhaustive()
    }
}

fn no_partition(topic: &str, partition: i32, count: i32) -> BrokerError {
    let context =
        format!("topic {topic} has no partition {partition}: it has partitions 0 to {}", count - 1);
    BrokerError::new(BrokerErrorKind::UnknownTopic, context)
}

fn too_large(to: &TopicPartition, error: BatchError) -> BrokerError {
    BrokerError::invalid_request(format!("a record for {to} is too large")).with_source(error)
}
