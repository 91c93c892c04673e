//! From fetched bytes to committed offsets: the engine of a stream-processing application.
//!
//! This crate knows topologies, tasks and threads; it knows no operator (those are in
//! `streams-dsl`) and no socket (brokers implement the traits of [`broker`]).

mod clock;
mod config;
mod record;
mod error;
mod handlers;
mod metrics;
mod heap;

pub mod batch;
pub mod broker;

mod processor;
mod topology;
mod task;

mod collector;
mod state_directory;
mod restore;
mod membership;
mod commit;
mod logging;
mod runtime;

pub use {
    clock::{Clock, ManualClock, Stopwatch, SystemClock},
    config::StreamsConfig,
    error::{ErrorKind, Outcome, ProcessorError, Reaction, StreamsError, with_causes},
    handlers::{
        Decision, DeserializationHandler, ErrorContext, Handlers, LogAndContinue, LogAndFail,
        ProcessingHandler, UncaughtDecision, UncaughtHandler,
    },
    metrics::TaskCounters,
    processor::{
        CachedOrigin, ConsumerRecord, Context, FailOnInvalidTimestamp, FixedKeyContext,
        FixedKeyProcessor, FixedKeyRecord, LogAndSkipOnInvalidTimestamp, Nothing, Outgoing,
        Partitions, Processor, Punctuation, PunctuationKind, RecordCollector, RecordContext,
        ScheduleId, StreamPartitioner, TimestampExtractor, TopicSlot,
        UsePartitionTimeOnInvalidTimestamp, WallclockTimestampExtractor,
    },
    record::{Record, RecordMetadata},
    restore::RestoreProgress,
    runtime::{KafkaStreams, State, StreamsMetrics, ThreadMetrics},
    task::{StreamTask, TaskParts},
    topology::{
        DescribedNode, DescribedSubtopology, InternalTopicConfigs, InternalTopicKind, NodeRole,
        OffsetReset, SinkOptions, SourceOptions, SourceTopics, StoreHandle, TaskStore, Topology,
        TopologyBuilder, TopologyDescription, TopologyError,
    },
};

/// What stores are made of: the crate below, whole.
pub use state_stores as stores;
