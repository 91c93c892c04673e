//! How a topic is read.

use streams_core::{FailOnInvalidTimestamp, OffsetReset};

use super::{Named, OfType, Said};

/// How [`stream`](crate::StreamsBuilder::stream_with) and
/// [`table`](crate::StreamsBuilder::table_with) read their topics.
#[derive(Clone, Debug)]
pub struct Consumed<KS = OfType, VS = OfType, T = FailOnInvalidTimestamp> {
    pub(crate) key: KS,
    pub(crate) value: VS,
    pub(crate) extractor: T,
    pub(crate) reset: Option<OffsetReset>,
    pub(crate) named: Named,
}

impl Default for Consumed {
    fn default() -> Self {
        Self::new()
    }
}

impl Consumed {
    /// The serdes of the types, the record's own timestamp, the application's offset reset.
    pub fn new() -> Self {
        Self {
            key: OfType,
            value: OfType,
            extractor: FailOnInvalidTimestamp,
            reset: None,
            named: Named::generated(),
        }
    }

    /// A name for the source; a table's source is named `<name>-source` and the table `<name>`.
    pub fn named(name: &str) -> Self {
        Self::new().name(name)
    }
}

impl<KS, VS> Consumed<Said<KS>, Said<VS>> {
    /// These serdes.
    pub fn with(key: KS, value: VS) -> Self {
        Consumed::new().key_serde(key).value_serde(value)
    }
}

impl<KS, VS, T> Consumed<KS, VS, T> {
    /// Names the source.
    #[must_use]
    pub fn name(mut self, named: impl Into<Named>) -> Self {
        self.named = named.into();
        self
    }

    /// Reads keys with this serde.
    pub fn key_serde<S>(self, serde: S) -> Consumed<Said<S>, VS, T> {
        let Self { value, extractor, reset, named, .. } = self;
        Consumed { key: Said(serde), value, extractor, reset, named }
    }

    /// Reads values with this serde.
    pub fn value_serde<S>(self, serde: S) -> Consumed<KS, Said<S>, T> {
        let Self { key, extractor, reset, named, .. } = self;
        Consumed { key, value: Said(serde), extractor, reset, named }
    }

    /// Finds the event time of records, in place of their own timestamp.
    ///
    /// A closure names its types: `|record: &ConsumerRecord<'_, String, Order>, partition_time|`. It
    /// gives a timestamp, or what becomes one.
    ///
    /// # Example: the time that a value begins with
    /// ```
    /// use chrono::{DateTime, Utc};
    /// use streams_dsl::{ConsumerRecord, prelude::*};
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let time = |record: &ConsumerRecord<'_, String, String>, _: Timestamp| {
    ///     let time = record.value.split(' ').next().and_then(|time| time.parse().ok());
    ///     time.unwrap_or(DateTime::<Utc>::UNIX_EPOCH)
    /// };
    /// let consumed = Consumed::new().timestamp_extractor(time);
    /// let builder = StreamsBuilder::new();
    /// builder.stream_with::<String, String, _, _, _>("log", consumed).to("events");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, String>("log").pipe("host", "2024-05-01T12:00:00Z started", 0)?;
    /// let events = driver.output::<String, String>("events").read_all()?;
    /// let time = DateTime::<Utc>::try_from(events[0].timestamp)?;
    /// assert_eq!(time.to_rfc3339(), "2024-05-01T12:00:00+00:00");
    /// # Ok(())
    /// # }
    /// ```
    pub fn timestamp_extractor<E>(self, extractor: E) -> Consumed<KS, VS, E> {
        let Self { key, value, reset, named, .. } = self;
        Consumed { key, value, extractor, reset, named }
    }

    /// Where to begin when the application has committed no offset.
    #[must_use]
    pub fn offset_reset(mut self, reset: OffsetReset) -> Self {
        self.reset = Some(reset);
        self
    }
}
