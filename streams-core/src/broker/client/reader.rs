//! A stream of the records of some partitions.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use state_stores::{Headers, Timestamp};

use crate::batch::{BatchError, DecodeOptions, DecodedBatch, RecordPosition};
use crate::broker::{
    Broker, BrokerError, BrokerErrorKind, FetchOptions, Fetched, FetchedBatches, Fetcher,
    Isolation, OffsetSpec, TopicPartition, WakeUp,
};

/// A record as it was read. Key, value and headers share the memory of the fetched batch.
#[derive(Debug, Clone)]
pub struct ReadRecord {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// Its serialized key.
    pub key: Option<Bytes>,
    /// Its serialized value.
    pub value: Option<Bytes>,
    /// Its headers.
    pub headers: Headers,
}

/// Where a reader begins in each partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadFrom {
    /// At the first record there is.
    #[default]
    Beginning,
    /// After the last record there is.
    End,
    /// At the first record with this timestamp or a later one.
    Time(Timestamp),
}

/// How a [`RecordReader`] reads.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Where it begins.
    pub from: ReadFrom,
    /// Whether it ends where the partitions end as it is made. Else it never ends.
    pub until_end: bool,
    /// How it fetches; its isolation decides whether uncommitted records are seen.
    pub fetch: FetchOptions,
}

impl ReadOptions {
    /// From the beginning up to what is the end as the reader is made.
    pub fn all() -> Self {
        Self { until_end: true, ..Self::default() }
    }

    /// The same, beginning at `from`.
    #[must_use]
    pub fn from(mut self, from: ReadFrom) -> Self {
        self.from = from;
        self
    }

    /// The same, seeing these records.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.fetch.isolation = isolation;
        self
    }
}

/// The records of some partitions: a [`Stream`] of owned records, each partition's in order.
///
/// # Cancel safety
/// Dropping a pending `next()` loses no record.
#[derive(Debug)]
pub struct RecordReader {
    fetcher: Box<dyn Fetcher>,
    wake: WakeUp,
    positions: BTreeMap<TopicPartition, Position>,
    fetched: VecDeque<Batch>,
    /// Partitions that could not be read on, told after what was fetched before.
    failures: VecDeque<(TopicPartition, BrokerError)>,
}

#[derive(Debug)]
struct Position {
    next: i64,
    end: Option<i64>,
}

#[derive(Debug)]
struct Batch {
    partition: TopicPartition,
    records: DecodedBatch,
    position: RecordPosition,
    /// Where the partition goes on after it.
    next_offset: i64,
}

impl RecordReader {
    /// Reads all partitions that `topic` has now. Asks the broker for offsets, and waits for it.
    ///
    /// # Errors
    /// [`BrokerErrorKind::UnknownTopic`], or the broker could not be asked.
    pub fn topic(
        broker: &dyn Broker,
        topic: &str,
        options: &ReadOptions,
    ) -> Result<Self, BrokerError> {
        let described = broker.admin().describe_topics(&[topic])?.pop().flatten();
        let described = described.ok_or_else(|| BrokerError::unknown_topic(topic))?;
        let name = |number| TopicPartition::new(Arc::clone(&described.name), number);
        let partitions: Vec<_> = (0..described.partitions).map(name).collect();
        let start = match options.from {
            ReadFrom::Beginning => OffsetSpec::Earliest,
            ReadFrom::End => OffsetSpec::Latest,
            ReadFrom::Time(timestamp) => OffsetSpec::AtOrAfter(timestamp),
        };
        let starts = offsets(broker, &partitions, start)?;
        Self::partitions(broker, partitions.into_iter().zip(starts), options)
    }

    /// Reads these partitions, each from this offset on; [`ReadOptions::from`] is not looked at.
    ///
    /// # Errors
    /// [`BrokerErrorKind::UnknownTopic`], or the broker could not be asked.
    pub fn partitions(
        broker: &dyn Broker,
        starts: impl IntoIterator<Item = (TopicPartition, i64)>,
        options: &ReadOptions,
    ) -> Result<Self, BrokerError> {
        let starts: BTreeMap<_, _> = starts.into_iter().collect();
        let names: Vec<_> = starts.keys().cloned().collect();
        let end = match options.fetch.isolation {
            Isolation::ReadUncommitted => OffsetSpec::Latest,
            Isolation::ReadCommitted => OffsetSpec::LatestStable,
        };
        let ends: Vec<Option<i64>> = if options.until_end {
            offsets(broker, &names, end)?.into_iter().map(Some).collect()
        } else {
            vec![None; names.len()]
        };
        let wake = WakeUp::new();
        let mut reader = Self {
            fetcher: broker.fetcher(options.fetch.clone(), wake.clone()),
            wake,
            positions: BTreeMap::new(),
            fetched: VecDeque::new(),
            failures: VecDeque::new(),
        };
        for ((name, next), end) in starts.into_iter().zip(ends) {
            if end.is_none_or(|end| next < end) {
                reader.fetcher.assign(&name, next);
                reader.positions.insert(name, Position { next, end });
            }
        }
        Ok(reader)
    }

    /// The next record, if one is there. Does not wait; `Ok(None)` also at the end.
    ///
    /// # Errors
    /// A partition cannot be read; it is left out from then on.
    pub fn try_next(&mut self) -> Result<Option<ReadRecord>, BrokerError> {
        loop {
            if let Some(record) = self.take()? {
                return Ok(Some(record));
            }
            if let Some((name, failure)) = self.failures.pop_front() {
                self.finish(&name);
                return Err(failure);
            }
            if !self.fetch()? {
                return Ok(None);
            }
        }
    }

    /// True if no record will ever come: all partitions were read to their ends, or failed.
    pub fn is_at_end(&self) -> bool {
        self.positions.is_empty() && self.fetched.is_empty() && self.failures.is_empty()
    }

    /// Waits for the next record, at most about `timeout` after the last news; `None` at the end or
    /// when nothing came. Blocks the thread: async code uses the [`Stream`].
    ///
    /// # Errors
    /// As [`RecordReader::try_next`].
    pub fn next_blocking(&mut self, timeout: Duration) -> Result<Option<ReadRecord>, BrokerError> {
        loop {
            let found = self.try_next()?;
            if found.is_some() || self.is_at_end() || !self.wake.wait(timeout) {
                return Ok(found);
            }
        }
    }

    /// All records up to the end; with [`ReadOptions::until_end`]. Blocks the thread.
    ///
    /// # Errors
    /// A partition cannot be read, or nothing came for a minute.
    pub fn read_to_end(mut self) -> Result<Vec<ReadRecord>, BrokerError> {
        let mut records = Vec::new();
        while let Some(record) = self.next_blocking(Duration::from_secs(60))? {
            records.push(record);
        }
        if self.is_at_end() {
            return Ok(records);
        }
        let context = format!("nothing came for a minute, after {} records", records.len());
        Err(BrokerError::new(BrokerErrorKind::TimedOut, context))
    }

    /// A record of what was fetched.
    fn take(&mut self) -> Result<Option<ReadRecord>, BrokerError> {
        while let Some(batch) = self.fetched.front_mut() {
            if let Some(position) = self.positions.get_mut(&batch.partition) {
                match batch.next(position) {
                    Ok(None) => {}
                    Ok(record) => return Ok(record),
                    Err(error) => {
                        let name = batch.partition.clone();
                        self.finish(&name);
                        return Err(error);
                    }
                }
            }
            self.fetched.pop_front();
        }
        self.finish_ended();
        Ok(None)
    }

    /// Fetches; false if nothing was there.
    fn fetch(&mut self) -> Result<bool, BrokerError> {
        let mut fetched = Vec::new();
        self.fetcher.poll(&mut fetched)?;
        let found = !fetched.is_empty();
        for Fetched { partition, result } in fetched {
            if let Err(error) = result.and_then(|found| self.keep(&partition, &found)) {
                self.failures.push_back((partition, error));
            }
        }
        Ok(found)
    }

    /// Keeps what was fetched of a partition, as far as it is sound.
    fn keep(&mut self, name: &TopicPartition, found: &FetchedBatches) -> Result<(), BrokerError> {
        let count = found.batches.len();
        for (batch, nth) in found.batches.iter().zip(1..) {
            let records = batch.decode(&DecodeOptions::default());
            let records = records.map_err(|error| damaged(name, error))?;
            // Behind the last one there may be some that hold no record of an application.
            let is_last = nth == count;
            self.fetched.push_back(Batch {
                partition: name.clone(),
                position: records.start(),
                next_offset: if is_last { found.next_offset } else { records.next_offset() },
                records,
            });
        }
        if let Some(position) = self.positions.get_mut(name).filter(|_| count == 0) {
            position.pass(found.next_offset);
        }
        Ok(())
    }

    fn finish_ended(&mut self) {
        let at_end = |position: &Position| position.end.is_some_and(|end| position.next >= end);
        let ended: Vec<_> = self
            .positions
            .iter()
            .filter(|(_, position)| at_end(position))
            .map(|(name, _)| name.clone())
            .collect();
        for name in ended {
            self.finish(&name);
        }
    }

    fn finish(&mut self, name: &TopicPartition) {
        self.fetcher.unassign(name);
        self.positions.remove(name);
    }
}

impl Position {
    /// Nothing is read before `offset` any more.
    fn pass(&mut self, offset: i64) {
        self.next = self.next.max(offset);
    }
}

impl Batch {
    /// The next record from `position` on, which moves behind it; `None` if there is none here.
    fn next(&mut self, position: &mut Position) -> Result<Option<ReadRecord>, BrokerError> {
        let name = &self.partition;
        let records = &self.records;
        while let Some((record, after)) =
            records.record_at(self.position).map_err(|error| damaged(name, error))?
        {
            self.position = after;
            if record.offset < position.next {
                continue; // the batch began before the position
            }
            if position.end.is_some_and(|end| record.offset >= end) {
                break;
            }
            position.pass(record.offset + 1);
            let headers = Headers::from_wire(records.share(record.headers));
            let headers = headers.map_err(|error| {
                let what = format!("the headers of {name} at offset {} are damaged", record.offset);
                BrokerError::new(BrokerErrorKind::Corrupted, what).with_source(error)
            })?;
            return Ok(Some(ReadRecord {
                topic: Arc::clone(&name.topic),
                partition: name.partition,
                offset: record.offset,
                timestamp: record.timestamp,
                key: record.key.map(|key| records.share(key)),
                value: record.value.map(|value| records.share(value)),
                headers,
            }));
        }
        position.pass(self.next_offset);
        Ok(None)
    }
}

fn damaged(name: &TopicPartition, error: BatchError) -> BrokerError {
    BrokerError::new(BrokerErrorKind::Corrupted, error.told_of(name)).with_source(error)
}

fn offsets(
    broker: &dyn Broker,
    partitions: &[TopicPartition],
    spec: OffsetSpec,
) -> Result<Vec<i64>, BrokerError> {
    let asked: Vec<_> = partitions.iter().map(|name| (name.clone(), spec)).collect();
    broker.admin().list_offsets(&asked)
}

impl Stream for RecordReader {
    type Item = Result<ReadRecord, BrokerError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.try_next() {
                Ok(Some(record)) => return Poll::Ready(Some(Ok(record))),
                Ok(None) if self.is_at_end() => return Poll::Ready(None),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            if self.wake.poll_wait(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests;
