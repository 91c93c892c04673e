//! Tests of topologies without threads, brokers or clocks, on the code that runs in production.
//!
//! A [`TopologyTestDriver`] runs a topology's real tasks one record at a time: pipe records into an
//! input topic, read what comes out of an output topic, look into stores, move the clock.

mod capture;
mod engine;
mod driver;
mod topics;

pub use {
    capture::SentRecord,
    driver::{DriverOptions, TopologyTestDriver},
    topics::{TestInputTopic, TestOutputTopic},
};

#[cfg(test)]
mod tests;
