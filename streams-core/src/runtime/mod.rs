//! Threads, and the instance they belong to.
//!
//! [`KafkaStreams`] is the handle an application holds, the instance behind it owns the threads,
//! and a [`StreamThread`] is a state machine that an operating system's thread drives.

mod instance;
mod mailbox;
mod metrics;
mod start;
mod state;
mod streams;
mod thread;

pub use {
    metrics::{StreamsMetrics, ThreadMetrics},
    state::State,
    streams::KafkaStreams,
};

pub(crate) use {mailbox::Mailbox, thread::ActiveTask};
