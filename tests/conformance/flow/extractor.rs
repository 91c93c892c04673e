//! The timestamp extractors of the scenario language.

use crate::{function::parse_long, refusal::Refusal, value::Dyn};
use std::sync::Arc;
use streams_core::{
    ConsumerRecord, FailOnInvalidTimestamp, LogAndSkipOnInvalidTimestamp, TimestampExtractor,
    UsePartitionTimeOnInvalidTimestamp, stores::Timestamp,
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

    /// The extractor, for a source of keys of type `K`.
    pub fn shared<K: 'static>(self) -> Arc<dyn TimestampExtractor<K, Dyn>> {
        match self {
            Self::Record => Arc::new(FailOnInvalidTimestamp),
            Self::SkipInvalid => Arc::new(LogAndSkipOnInvalidTimestamp),
            Self::PartitionTimeOnInvalid => Arc::new(UsePartitionTimeOnInvalidTimestamp),
            Self::ValuePrefix => Arc::new(value_prefix::<K>),
            Self::PartitionTime => Arc::new(partition_time::<K>),
        }
    }
}

fn value_prefix<K>(record: &ConsumerRecord<'_, K, Dyn>, _: Timestamp) -> Timestamp {
    let told = match record.value {
        Dyn::Long(number) => Some(*number),
        Dyn::Text(text) => text.split_once(':').and_then(|(number, _)| parse_long(number)),
        Dyn::Null | Dyn::Windowed(_) => None,
    };
    told.map_or(record.timestamp, Timestamp::from_millis)
}

fn partition_time<K>(record: &ConsumerRecord<'_, K, Dyn>, so_far: Timestamp) -> Timestamp {
    if record.value.is_null() { so_far } else { record.timestamp }
}
