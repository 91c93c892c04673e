//! Records in and out over any [`Broker`](super::Broker), for applications, tools and tests.
//!
//! The library itself works with whole batches; these two are for code beside a topology: a
//! [`RecordProducer`] that batches what it is given, and a [`RecordReader`] that is a stream of
//! owned records.

mod reader;
mod producer;

pub use {
    producer::{ProducerRecord, RecordProducer, RecordProducerOptions},
    reader::{ReadFrom, ReadOptions, ReadRecord, RecordReader},
};
