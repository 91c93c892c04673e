//! A partitioned log within the process: what an application runs on without a broker.
//!
//! Topics, partitions, segments with sparse indexes, retention, consumer groups and committed
//! offsets as Kafka has them, in memory or in a folder; segments hold Kafka's own record batches.
//! It is for one process (examples, tests, edge devices); several processes use Kafka.
//!
//! [`EmbeddedBroker`] implements the [broker seam](streams_core::broker).
//!
//! # Example: records are written, and read to the end
//! ```
//! use broker_embedded::EmbeddedBroker;
//! use streams_core::broker::client::{ProducerRecord, ReadOptions, RecordProducer, RecordReader};
//! use streams_core::broker::{Broker, NewTopic};
//!
//! let broker = EmbeddedBroker::in_memory();
//! broker.admin().create_topics(&[NewTopic::new("lines", 3)])?;
//!
//! let producer = RecordProducer::new(&broker, Default::default())?;
//! for line in ["to be", "or not to be"] {
//!     producer.send(ProducerRecord::new("lines").value(line))?;
//! }
//! producer.flush_blocking()?; // in async code: flush().await
//!
//! let reader = RecordReader::topic(&broker, "lines", &ReadOptions::all())?;
//! let lines: Vec<_> = reader.read_to_end()?.into_iter().filter_map(|record| record.value).collect();
//! assert_eq!(lines, ["to be", "or not to be"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
