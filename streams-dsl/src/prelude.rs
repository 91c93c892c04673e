//! What most applications use, for a glob import.

pub use crate::{
    Branched, Consumed, Context, Grouped, Hopping, Ignored, Joined, KGroupedStream, KStream,
    KTable, KafkaStreams, Materialized, Named, Outcome, Printed, Processed, Processor,
    ProcessorError, Produced, Punctuation, PunctuationKind, Record, Repartitioned, StoreHandle,
    Stores, StreamData, StreamsBuilder, StreamsConfig, StreamsError, Timestamp, Topology,
    TopologyBuilder, TopologyError, Tumbling, Windowed,
};
#[cfg(feature = "embedded")]
pub use crate::{EmbeddedBroker, EmbeddedOptions};
#[cfg(feature = "kafka")]
pub use crate::{KafkaBroker, KafkaConfig};
