//! A task: one sub-topology at one partition, from buffered batches to flushed stores.

mod group;
mod offset_metadata;
mod punctuation;
mod queue;
mod stream_task;

pub use stream_task::{StreamTask, TaskParts};

pub(crate) use punctuation::PunctuationQueues;
