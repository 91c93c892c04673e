//! What a topology sends, kept instead of being produced.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use streams_core::{
    Outgoing, RecordCollector, StreamsError, TopicSlot,
    batch::partition_for_key,
    stores::{ChangelogSink, Headers, StoreError, Timestamp},
};

/// A record as it was sent, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRecord {
    /// Topic, internal ones with their full name.
    pub topic: Arc<str>,
    /// Partition of that topic.
    pub partition: i32,
    /// Key bytes.
    pub key: Option<Bytes>,
    /// Value bytes.
    pub value: Option<Bytes>,
    /// Timestamp; `None` leaves it to the broker.
    pub timestamp: Option<Timestamp>,
    /// Headers.
    pub headers: Headers,
}

/// Topics and how many partitions each has.
#[derive(Debug)]
pub(crate) struct TopicTable {
    names: Vec<(Arc<str>, i32)>,
    by_name: BTreeMap<Arc<str>, u32>,
}

impl TopicTable {
    pub(crate) fn new(counts: &BTreeMap<Arc<str>, i32>) -> Self {
        let mut table = Self { names: Vec::new(), by_name: BTreeMap::new() };
        for (name, count) in counts {
            table.add(name, *count);
        }
        table
    }

    fn add(&mut self, name: &str, count: i32) -> u32 {
        let slot = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = name.into();
        self.names.push((Arc::clone(&name), count));
        self.by_name.insert(name, slot);
        slot
    }

    /// Topics that nobody declared have one partition.
    fn slot(&mut self, name: &str) -> u32 {
        match self.by_name.get(name) {
            Some(slot) => *slot,
            None => self.add(name, 1),
        }
    }

    pub(crate) fn count(&self, name: &str) -> i32 {
        self.by_name.get(name).map_or(1, |slot| self.names[*slot as usize].1)
    }
}

/// Everything that the tasks of one driver sent since the last look.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    sent: Rc<RefCell<Vec<SentRecord>>>,
    topics: Rc<RefCell<TopicTable>>,
}

impl Outbox {
    pub(crate) fn new(topics: TopicTable) -> Self {
        Self { sent: Rc::default(), topics: Rc::new(RefCell::new(topics)) }
    }

    pub(crate) fn take(&self) -> Vec<SentRecord> {
        std::mem::take(&mut self.sent.borrow_mut())
    }

    pub(crate) fn partition_count(&self, topic: &str) -> i32 {
        self.topics.borrow().count(topic)
    }
}

impl RecordCollector for Outbox {
    fn topic(&mut self, name: &str) -> Result<TopicSlot, StreamsError> {
        Ok(TopicSlot(self.topics.borrow_mut().slot(name)))
    }

    fn partition_count(&self, topic: TopicSlot) -> i32 {
        self.topics.borrow().names[topic.0 as usize].1
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), StreamsError> {
        let (topic, count) = self.topics.borrow().names[record.topic.0 as usize].clone();
        let by_key = || record.partition_key.map_or(0, |key| partition_for_key(key, count));
        let partition = record.partition.unwrap_or_else(by_key);
        self.sent.borrow_mut().push(SentRecord {
            topic,
            partition,
            key: record.key.map(Bytes::copy_from_slice),
            value: record.value.map(Bytes::copy_from_slice),
            timestamp: Some(record.timestamp),
            headers: record.headers.clone(),
        });
        Ok(())
    }
}

/// Records for the changelogs of one driver; shared with the stores, which have to be `Send`.
pub(crate) type ChangelogLog = Arc<Mutex<Vec<SentRecord>>>;

/// The changelog of one store of one task.
#[derive(Debug)]
pub(crate) struct CapturedChangelog {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) log: ChangelogLog,
}

impl ChangelogSink for CapturedChangelog {
    fn append(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Option<Timestamp>,
        headers: &Headers,
    ) -> Result<(), StoreError> {
        // A panic while another thread held the lock cannot have left half a record.
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(SentRecord {
            topic: Arc::clone(&self.topic),
            partition: self.partition,
            key: Some(Bytes::copy_from_slice(key)),
            value: value.map(Bytes::copy_from_slice),
            timestamp,
            headers: headers.clone(),
        });
        Ok(())
    }
}

pub(crate) fn take_changelog(log: &ChangelogLog) -> Vec<SentRecord> {
    std::mem::take(&mut log.lock().unwrap_or_else(PoisonError::into_inner))
}
