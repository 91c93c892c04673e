//! Word count on a real Kafka, which `cargo xtask test kafka` starts: stopped, killed, started
//! again, and several instances at once.

mod desk;
mod resuming;
mod sharing;
