//! Apache Kafka as the broker of an application: the traits of `streams_core::broker` over a
//! cluster.
//!
//! * [`KafkaConfig`]: where the cluster is, TLS, SASL, time-outs.
//! * [`KafkaBroker`]: what `KafkaStreams::new` takes.
//!
//! Record batches are read in the fetched buffer and sent as they were sealed: nothing here looks
//! at a single record. Groups are streams groups (KIP-1071), which Kafka serves from version 4.2.

mod config;
mod wire;
mod protocol;
mod transport;
mod blocking;
mod client;
mod backoff;
mod outage;

// What a stream thread works with.
mod fetcher;
mod producer;
mod coordinator;
mod membership;

// What tools ask, and all of it together.
mod offsets;
mod admin;
mod group_admin;
mod broker;

pub use broker::KafkaBroker;
pub use config::{KafkaConfig, Sasl, SaslMechanism, Tls};
