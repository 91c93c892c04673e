//! Applications on a real Apache Kafka, which `cargo xtask test kafka` starts.

mod java;
