//! Kafka Streams for Rust: streams and tables over the topics of Apache Kafka, or over an embedded
//! log, without the JVM.
//!
//! A [`StreamsBuilder`] describes what is read, what becomes of it and where it goes; its
//! [`build`](StreamsBuilder::build) makes a [`Topology`] that an application or a test driver runs.
//! Names, topics and bytes are those of Kafka Streams 4.3, so that an application can be replaced
//! in place. This crate describes: it reads and writes nothing, and starts no thread.

mod windows;
mod options;

// What is described, as a plan.
mod plan;
mod stage;

// The handles, and the operators that are their methods.
mod builder;
mod stream;
mod grouped;
mod windowed;
mod table;
mod op;
mod state;

pub use {
    builder::StreamsBuilder,
    grouped::KGroupedStream,
    op::{
        count::Counter,
        flat_map_values::Emit,
        split::{Branches, Collect, Split},
    },
    options::{
        Branched, ByKey, ChosenBy, Consumed, Grouped, Joined, Materialized, Named, OfType,
        PartitionerFor, Printed, Processed, Produced, Repartitioned, Said, SerdeFor, SerdeOver,
    },
    stream::KStream,
    table::KTable,
    windowed::TimeWindowedKStream,
    windows::{Hopping, TimeWindows, Tumbling},
};

// What an application needs of the crates below.
#[cfg(feature = "embedded")]
pub use broker_embedded::{EmbeddedBroker, EmbeddedOptions};
#[cfg(feature = "kafka")]
pub use broker_kafka::{KafkaBroker, KafkaConfig, Sasl, SaslMechanism, Tls};
#[cfg(feature = "bincode")]
pub use streams_core::stores::Bincode;
pub use streams_core::{
    ConsumerRecord, Context, FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, KafkaStreams,
    Nothing, OffsetReset, Outcome, Partitions, Processor, ProcessorError, Punctuation,
    PunctuationKind, Record, RecordContext, RecordMetadata, ScheduleId, SourceTopics, State,
    StoreHandle, StreamPartitioner, StreamsConfig, StreamsError, TaskCounters, TimestampExtractor,
    Topology, TopologyBuilder, TopologyError,
    broker::{Admin, Broker, BrokerError, GroupAdmin, NewTopic, client},
    stores::{
        Data, Headers, Ignored, KeyValueStore, MemoryLedger, MemoryPart, MemoryUsage, Nullable,
        Serde, SharedSerde, Stores, StreamData, Timestamp, TimestampedKeyValueStore,
        TimestampedWindowStore, Window, WindowStore, Windowed,
    },
};

/// The crates below, whole: for what is not named here.
pub use streams_core as core;

pub mod prelude;

#[cfg(all(doctest, feature = "embedded"))]
#[doc = include_str!("../../README.md")]
struct Readme;
