//! The broker against a real Apache Kafka, which `cargo xtask test kafka` starts.

mod contract;
mod support;
