//! What partitions and tasks are called.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// One partition of one topic.
///
/// The topic's name is shared, so a clone costs a reference count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Partition number `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

/// `topic-partition`, as Kafka prints it.
impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A task: one sub-topology at one partition. Ordered by sub-topology, then partition, as Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The number of the sub-topology (Kafka's node group).
    pub subtopology: usize,
    /// The partition that the task reads of each of its source topics.
    pub partition: i32,
}

impl TaskId {
    /// The task of `subtopology` at `partition`.
    pub const fn new(subtopology: usize, partition: i32) -> Self {
        Self { subtopology, partition }
    }
}

/// `0_3`: sub-topology 0, partition 3, as Kafka prints it and names the task's directory.
impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.subtopology, self.partition)
    }
}

/// A text that is no task id; says which text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseTaskIdError(String);

impl fmt::Display for ParseTaskIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a task id: expected <subtopology>_<partition>, as in 0_3", self.0)
    }
}

impl std::error::Error for ParseTaskIdError {}

impl FromStr for TaskId {
    type Err = ParseTaskIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseTaskIdError(text.to_owned());
        let (subtopology, partition) = text.split_once('_').ok_or_else(refused)?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(subtopology) || !digits(partition) {
            return Err(refused());
        }
        Ok(Self {
            subtopology: subtopology.parse().map_err(|_| refused())?,
            partition: partition.parse().map_err(|_| refused())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_id_is_read_back_from_what_it_prints() {
        let id = TaskId::new(12, 3);
        assert_eq!(id.to_string(), "12_3");
        assert_eq!("12_3".parse(), Ok(id));
    }

    #[test]
    fn what_is_no_task_id_is_refused_by_name() {
        for text in ["", "1", "_", "1_", "_1", "-1_2", "1_-2", "1_2_3", "99999999999999999999_0"] {
            let refused = text.parse::<TaskId>().unwrap_err();
            assert!(refused.to_string().contains(&format!("{text:?}")), "{refused}");
        }
    }

    #[test]
    fn tasks_order_by_number_and_not_by_text() {
        assert!(TaskId::new(2, 0) < TaskId::new(10, 0));
        assert!(TaskId::new(0, 9) < TaskId::new(0, 10));
    }
}
