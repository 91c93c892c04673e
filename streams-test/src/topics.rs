//! Typed ends of a topology under test.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use streams_core::{
    ErrorKind, Record, StreamsError,
    stores::{Headers, Payload, Presence, SerdeContext, SerdeError, SharedSerde, Timestamp},
};

use crate::driver::TopologyTestDriver;

/// A topic that a test writes to.
pub struct TestInputTopic<'a, K, V> {
    driver: &'a TopologyTestDriver,
    topic: Arc<str>,
    key: SharedSerde<K>,
    value: SharedSerde<V>,
}

impl<K, V> fmt::Debug for TestInputTopic<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestInputTopic").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl<'a, K: 'static, V: 'static> TestInputTopic<'a, K, V> {
    pub(crate) fn new(
        driver: &'a TopologyTestDriver,
        topic: &str,
        key: SharedSerde<K>,
        value: SharedSerde<V>,
    ) -> Self {
        Self { driver, topic: topic.into(), key, value }
    }

    /// Writes a record at `timestamp`, in milliseconds, and processes it to completion.
    ///
    /// # Errors
    /// If processing failed, or the serde does not read what it writes.
    pub fn pipe(
        &self,
        key: impl Into<K>,
        value: impl Into<V>,
        timestamp: i64,
    ) -> Result<(), StreamsError> {
        let timestamp = Timestamp::from_millis(timestamp);
        self.pipe_record(&Record::new(key.into(), value.into(), timestamp))
    }

    /// Writes a record and processes it to completion.
    ///
    /// # Errors
    /// As [`pipe`](Self::pipe).
    pub fn pipe_record(&self, record: &Record<K, V>) -> Result<(), StreamsError> {
        let key = self.encode(&self.key, &record.key, &record.headers, "key")?;
        let value = self.encode(&self.value, &record.value, &record.headers, "value")?;
        let headers = record.headers.clone();
        self.driver.pipe_bytes(&self.topic, None, (key, value), record.timestamp, headers)
    }

    /// Encodes, and checks that what decodes from it encodes equally: state is restored from such
    /// bytes.
    fn encode<T: 'static>(
        &self,
        serde: &SharedSerde<T>,
        value: &T,
        headers: &Headers,
        part: &str,
    ) -> Result<Option<Bytes>, StreamsError> {
        let context = SerdeContext { topic: &self.topic, headers };
        let failed = |error: SerdeError| {
            let what = format!("the {part} of a record for topic {} has no bytes", self.topic);
            StreamsError::caused_by(ErrorKind::Serialization, what, error)
        };
        let mut bytes = Vec::new();
        let presence = serde.serialize(value, &context, &mut bytes).map_err(failed)?;
        let payload = (presence == Presence::Bytes).then(|| Payload::from(bytes.as_slice()));
        let again = serde.deserialize(payload, &context).map_err(failed)?;
        let mut second = Vec::new();
        let presence_again = serde.serialize(&again, &context, &mut second).map_err(failed)?;
        if presence_again != presence || second != bytes {
            let what = format!(
                "the {part} serde of topic {} does not write again what it read",
                self.topic
            );
            return Err(StreamsError::new(ErrorKind::Serialization, what));
        }
        Ok((presence == Presence::Bytes).then(|| Bytes::from(bytes)))
    }
}

/// A topic that a test reads.
pub struct TestOutputTopic<'a, K, V> {
    driver: &'a TopologyTestDriver,
    topic: Arc<str>,
    key: SharedSerde<K>,
    value: SharedSerde<V>,
}

impl<K, V> fmt::Debug for TestOutputTopic<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestOutputTopic").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl<'a, K: 'static, V: 'static> TestOutputTopic<'a, K, V> {
    pub(crate) fn new(
        driver: &'a TopologyTestDriver,
        topic: &str,
        key: SharedSerde<K>,
        value: SharedSerde<V>,
    ) -> Self {
        Self { driver, topic: topic.into(), key, value }
    }

    /// Takes the oldest record; `None` if there is none.
    ///
    /// # Errors
    /// If its bytes are not of these types.
    pub fn read(&self) -> Result<Option<Record<K, V>>, StreamsError> {
        self.driver.take_first_sent(&self.topic).map(|sent| self.decode(&sent)).transpose()
    }

    /// Takes all records, in the order in which they were sent.
    ///
    /// # Errors
    /// If the bytes of one are not of these types.
    pub fn read_all(&self) -> Result<Vec<Record<K, V>>, StreamsError> {
        let sent = self.driver.take_sent(&self.topic);
        sent.iter().map(|record| self.decode(record)).collect()
    }

    /// Takes all records, keys and values alone.
    ///
    /// # Errors
    /// As [`read_all`](Self::read_all).
    pub fn read_key_values(&self) -> Result<Vec<(K, V)>, StreamsError> {
        let records = self.read_all()?;
        Ok(records.into_iter().map(|record| (record.key, record.value)).collect())
    }

    fn decode(&self, sent: &crate::SentRecord) -> Result<Record<K, V>, StreamsError> {
        let context = SerdeContext { topic: &self.topic, headers: &sent.headers };
        let failed = |error: SerdeError| {
            let what = format!("a record of topic {} is not of these types", self.topic);
            StreamsError::caused_by(ErrorKind::Deserialization, what, error)
        };
        let key = self.key.deserialize(sent.key.as_ref().map(Payload::from), &context);
        let value = self.value.deserialize(sent.value.as_ref().map(Payload::from), &context);
        Ok(Record {
            key: key.map_err(failed)?,
            value: value.map_err(failed)?,
            timestamp: sent.timestamp.unwrap_or(Timestamp::NONE),
            headers: sent.headers.clone(),
        })
    }
}
