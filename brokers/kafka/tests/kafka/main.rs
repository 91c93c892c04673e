//! The broker against a real Apache Kafka, which `cargo xtask test kafka` starts.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "all of it is tests, also what they share; they show the errors and times they saw"
)]

mod support;
mod app;
mod cluster;
mod logs;
mod proxy;

mod contract;
mod cut;
mod leaders;
mod permissions;
mod refused;
mod secure;
mod unreachable;
