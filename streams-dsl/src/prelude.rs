//! What most applications use, for a glob import.

pub use crate::{
    Branched, Consumed, Context, Grouped, Hopping, Ignored, Joined, KGroupedStream, KStream,
    KTable, Materialized, Named, Outcome, Printed, Processed, Processor, ProcessorError, Produced,
    Punctuation, PunctuationKind, Record, Repartitioned, StoreHandle, Stores, StreamData,
    StreamsBuilder, Timestamp, Topology, TopologyError, Tumbling, Windowed,
};
