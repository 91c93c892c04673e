//! Processors and the chain a record runs through.
//!
//! Typed virtual edges, wired bottom-up for each task: a node holds its children as
//! `Box<dyn Node<K, V>>`, key and value travel by value, timestamp and headers stay in the task.
//! `dyn Any` appears at two places: a child's port at wiring, a store at [`Context::store`].

mod api;
mod chain;
mod context;
mod fixed_key;
mod sink;
mod source;
mod state;

pub use {
    api::{Nothing, Processor, Punctuation, PunctuationKind, ScheduleId},
    context::{CachedOrigin, Context},
    fixed_key::{FixedKeyContext, FixedKeyProcessor, FixedKeyRecord},
    sink::{Outgoing, Partitions, RecordCollector, RecordContext, StreamPartitioner, TopicSlot},
    source::{
        ConsumerRecord, FailOnInvalidTimestamp, LogAndSkipOnInvalidTimestamp, TimestampExtractor,
        UsePartitionTimeOnInvalidTimestamp, WallclockTimestampExtractor,
    },
};

pub(crate) use {
    chain::{Life, Made, Wiring, wire_processor, wire_step},
    fixed_key::FixedKey,
    sink::{SinkParts, TopicChoice, wire_sink},
    source::{Entry, LoadError, SourceParts, SourceQueue, wire_source},
    state::{TaskState, TaskStateParts},
};
