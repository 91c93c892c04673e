//! What flows: records, and what is known of where one came from.

use std::fmt;

use state_stores::{Headers, Timestamp};

/// A key, a value, a timestamp and headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<K, V> {
    /// Decides the partition and, in a table, which row the record updates.
    pub key: K,
    /// What happened, or the new value of the row.
    pub value: V,
    /// Event time in milliseconds since the epoch.
    pub timestamp: Timestamp,
    /// Application-defined pairs beside key and value.
    pub headers: Headers,
}

impl<K, V> Record<K, V> {
    /// A record without headers.
    pub fn new(key: K, value: V, timestamp: Timestamp) -> Self {
        Self { key, value, timestamp, headers: Headers::default() }
    }

    /// The same record with another key.
    pub fn with_key<K2>(self, key: K2) -> Record<K2, V> {
        Record { key, value: self.value, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same record with another value.
    pub fn with_value<V2>(self, value: V2) -> Record<K, V2> {
        Record { key: self.key, value, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same record at another time.
    pub fn with_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// The same record with other headers.
    pub fn with_headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self
    }
}

/// Where the record in process was read: absent in `init` and in punctuations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordMetadata<'a> {
    /// Source topic, internal topics with their full name.
    pub topic: &'a str,
    /// Partition of that topic.
    pub partition: i32,
    /// Offset in that partition.
    pub offset: i64,
    /// Epoch of the leader that wrote it, if the broker said.
    pub leader_epoch: Option<i32>,
}

impl fmt::Display for RecordMetadata<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{} at offset {}", self.topic, self.partition, self.offset)
    }
}
