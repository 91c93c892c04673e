//! A partitioned log within the process: what an application runs on without a broker.
//!
//! Topics, partitions, segments with sparse indexes, retention, consumer groups and committed
//! offsets as Kafka has them, in memory or in a folder; segments hold Kafka's own record batches.
//! It is for one process (examples, tests, edge devices); several processes use Kafka.
//!
//! [`EmbeddedBroker`] implements the [broker seam](streams_core::broker).

mod options;
mod broker;

// From the disk up.
mod errors;
mod config;
mod folder;
mod log;
mod partition;
mod flusher;
mod topics;

// The parts of the seam.
mod fetcher;
mod producer;
mod group;
mod admin;

pub use {broker::EmbeddedBroker, options::EmbeddedOptions, partition::PartitionOffsets};
