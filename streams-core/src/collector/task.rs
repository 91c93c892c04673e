//! The collector as a task sees it.

use std::{cell::RefCell, rc::Rc};

use super::Collector;
use crate::{
    error::StreamsError,
    processor::{Outgoing, RecordCollector, TopicSlot},
};

/// A task's share of its thread's collector. No call of it runs user code, so that the cell is
/// never borrowed twice.
#[derive(Clone)]
pub(crate) struct TaskCollector(pub(crate) Rc<RefCell<Collector>>);

impl RecordCollector for TaskCollector {
    fn topic(&mut self, name: &str) -> Result<TopicSlot, StreamsError> {
        self.0.borrow_mut().topic(name)
    }

    fn partition_count(&self, topic: TopicSlot) -> i32 {
        self.0.borrow().partition_count(topic)
    }

    #[inline]
    fn send(&mut self, record: Outgoing<'_>) -> Result<(), StreamsError> {
        self.0.borrow_mut().send(&record)
    }
}
