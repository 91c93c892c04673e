//! The timestamp extractors of the scenario language.

use crate::{function::parse_long, refusal::Refusal, value::Dyn};
use streams_core::{
    ConsumerRecord, FailOnInvalidTimestamp, LogAndSkipOnInvalidTimestamp, ProcessorError,
    TimestampExtractor, UsePartitionTimeOnInvalidTimestamp, stores::Timestamp,
};

/// Which extractor a source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extractor {
    /// The record's timestamp; a negative one is an error.
    Record,
    /// The record's timestamp; a record with a negative one is skipped.
    SkipInvalid,
    /// The record's timestamp, or that of the partition if it is negative.
    PartitionTimeOnInvalid,
    /// A number, or the number before the first colon of a text; else the record's timestamp.
    ValuePrefix,
    /// For a null value the time of the partition, else the record's timestamp.
    PartitionTime,
}

impl Extractor {
    /// Reads the name of an extractor.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        match name {
            "record" => Ok(Self::Record),
            "skipInvalid" => Ok(Self::SkipInvalid),
            "partitionTimeOnInvalid" => Ok(Self::PartitionTimeOnInvalid),
            "valuePrefix" => Ok(Self::ValuePrefix),
            "partitionTime" => Ok(Self::PartitionTime),
            _ => Err(Refusal::invalid(format!("unknown extractor {name}"))),
        }
    }
}

impl<K: 'static> TimestampExtractor<K, Dyn> for Extractor {
    fn extract(
        &self,
        record: &ConsumerRecord<'_, K, Dyn>,
        partition_time: Timestamp,
    ) -> Result<Timestamp, ProcessorError> {
        match self {
            Self::Record => FailOnInvalidTimestamp.extract(record, partition_time),
            Self::SkipInvalid => LogAndSkipOnInvalidTimestamp.extract(record, partition_time),
            Self::PartitionTimeOnInvalid => {
                UsePartitionTimeOnInvalidTimestamp.extract(record, partition_time)
            }
            Self::ValuePrefix => Ok(told_by(record.value).unwrap_or(record.timestamp)),
            Self::PartitionTime if record.value.is_null() => Ok(partition_time),
            Self::PartitionTime => Ok(record.timestamp),
        }
    }
}

/// The same for the source of a table, whose deletions are `None`.
impl<K: 'static> TimestampExtractor<K, Option<Dyn>> for Extractor {
    fn extract(
        &self,
        record: &ConsumerRecord<'_, K, Option<Dyn>>,
        partition_time: Timestamp,
    ) -> Result<Timestamp, ProcessorError> {
        let ConsumerRecord { topic, partition, offset, timestamp, key, headers, .. } = *record;
        let value = record.value.as_ref().unwrap_or(&Dyn::Null);
        let dynamic = ConsumerRecord { topic, partition, offset, timestamp, key, value, headers };
        self.extract(&dynamic, partition_time)
    }
}

/// A number, or the number before the first colon of a text.
fn told_by(value: &Dyn) -> Option<Timestamp> {
    match value {
        Dyn::Long(number) => Some(*number),
        Dyn::Text(text) => text.split_once(':').and_then(|(number, _)| parse_long(number)),
        Dyn::Null | Dyn::Windowed(_) => None,
    }
    .map(Timestamp::from_millis)
}
