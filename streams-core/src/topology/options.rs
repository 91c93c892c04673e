//! Options of sources and sinks.

use std::{fmt, sync::Arc, time::Duration};

use state_stores::{Data, Serde, SharedSerde, StreamData, serde_of};

use crate::processor::{
    RecordContext, SinkParts, SourceParts, StreamPartitioner, TimestampExtractor, TopicChoice,
};

/// Where a source begins when the group has committed no offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first record that the topic still has.
    Earliest,
    /// Behind the last record.
    Latest,
    /// At the first record that is at most this old.
    ByDuration(Duration),
    /// Nowhere: a missing offset is an error.
    None,
}

/// How a source reads its topics.
pub struct SourceOptions<K, V> {
    pub(crate) parts: SourceParts<K, V>,
    pub(crate) reset: Option<OffsetReset>,
}

impl<K: Data, V: Data> SourceOptions<K, V> {
    /// These serdes, the record's own timestamp, the application's offset reset.
    pub fn with(key: SharedSerde<K>, value: SharedSerde<V>) -> Self {
        Self { parts: SourceParts { key, value, extractor: None }, reset: None }
    }

    /// Another timestamp extractor.
    #[must_use]
    pub fn timestamp_extractor(mut self, extractor: Arc<dyn TimestampExtractor<K, V>>) -> Self {
        self.parts.extractor = Some(extractor);
        self
    }

    /// Another place to begin at.
    #[must_use]
    pub fn offset_reset(mut self, reset: Option<OffsetReset>) -> Self {
        self.reset = reset;
        self
    }
}

impl<K: StreamData, V: StreamData> Default for SourceOptions<K, V> {
    fn default() -> Self {
        Self::with(serde_of(), serde_of())
    }
}

impl<K, V> fmt::Debug for SourceOptions<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceOptions").field("reset", &self.reset).finish_non_exhaustive()
    }
}

/// How a sink writes, and where to.
pub struct SinkOptions<K, V> {
    pub(crate) parts: SinkParts<K, V>,
    /// Stands in descriptions for a topic chosen per record.
    pub(crate) label: Arc<str>,
}

impl<K: Data, V: Data> SinkOptions<K, V> {
    /// To one topic, with the serdes of the types.
    pub fn to(topic: &str) -> Self
    where
        K: StreamData,
        V: StreamData,
    {
        Self::with(topic, serde_of(), serde_of())
    }

    /// To one topic.
    pub fn with(topic: &str, key: SharedSerde<K>, value: SharedSerde<V>) -> Self {
        let topic = TopicChoice::Fixed(topic.into());
        Self { parts: SinkParts { topic, key, value, partitioner: None }, label: "".into() }
    }

    /// To a topic chosen for each record; it has to exist. `label` stands in descriptions.
    pub fn per_record(
        label: &str,
        choose: impl Fn(&K, &V, &RecordContext<'_>) -> String + Send + Sync + 'static,
        key: SharedSerde<K>,
        value: SharedSerde<V>,
    ) -> Self {
        let topic = TopicChoice::PerRecord(Arc::new(choose));
        Self { parts: SinkParts { topic, key, value, partitioner: None }, label: label.into() }
    }

    /// Another key serde.
    #[must_use]
    pub fn key_serde(mut self, serde: impl Serde<K>) -> Self {
        self.parts.key = Arc::new(serde);
        self
    }

    /// Another value serde.
    #[must_use]
    pub fn value_serde(mut self, serde: impl Serde<V>) -> Self {
        self.parts.value = Arc::new(serde);
        self
    }

    /// Another choice of partition.
    #[must_use]
    pub fn partitioner(mut self, partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>) -> Self {
        self.parts.partitioner = partitioner;
        self
    }
}

impl<K, V> fmt::Debug for SinkOptions<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkOptions").field("parts", &self.parts).finish_non_exhaustive()
    }
}
