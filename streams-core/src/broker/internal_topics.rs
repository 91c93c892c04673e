//! Which internal topics a topology needs, and with how many partitions: what a KIP-1071
//! coordinator works out of a heartbeat's topology.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use super::{
    CopartitionGroup, GroupStatus, GroupStatusCode, InternalTopicSpec, NewTopic, SubtopologySpec,
    TaskId, TopicPartition, TopologySpec,
};

/// The topics of a topology, resolved against those that exist.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicPlan {
    /// The partition count of every source, repartition and changelog topic.
    pub partitions: BTreeMap<Arc<str>, i32>,
    /// The source topics of each sub-topology, repartition topics and matches of patterns included.
    pub sources: Vec<BTreeSet<Arc<str>>>,
    /// Internal topics that do not exist yet.
    pub missing: Vec<NewTopic>,
}

impl TopicPlan {
    /// Works the plan out: repartition topics get the most partitions of what flows into them
    /// (a fix point, as they feed one another), co-partitioned topics one common count, changelogs
    /// the most of their sub-topology's sources (features.md 3.7).
    ///
    /// `existing` has the partition counts of all topics, `matches` tells whether a pattern
    /// matches a topic's name.
    ///
    /// # Errors
    /// Missing source topics, co-partitioned topics with different counts, repartition topics whose
    /// count depends on itself, internal topics that exist with another count: the status that the
    /// members are told, with the names in it.
    pub fn new(
        topology: &TopologySpec,
        existing: &BTreeMap<Arc<str>, i32>,
        matches: impl Fn(&str, &str) -> bool,
    ) -> Result<Self, GroupStatus> {
        let mut plan = Self {
            partitions: source_counts(topology, existing)?,
            sources: topology
                .subtopologies
                .iter()
                .map(|s| sources(s, existing, &matches))
                .collect(),
            missing: Vec::new(),
        };
        plan.count_matched_topics(topology, existing);
        plan.count_repartition_topics(topology)?;
        for subtopology in &topology.subtopologies {
            for group in &subtopology.copartition_groups {
                plan.copartition(group, subtopology, &matches)?;
            }
        }
        plan.count_changelogs(topology);
        plan.compare(topology, existing)?;
        Ok(plan)
    }

    /// How many tasks a sub-topology has: the most partitions of its source topics.
    pub fn task_count(&self, subtopology: usize) -> i32 {
        let topics = self.sources.get(subtopology).into_iter().flatten();
        topics.filter_map(|topic| self.partitions.get(topic)).copied().max().unwrap_or(0)
    }

    /// All tasks, in order.
    pub fn tasks(&self) -> Vec<TaskId> {
        (0..self.sources.len())
            .flat_map(|s| (0..self.task_count(s)).map(move |p| TaskId::new(s, p)))
            .collect()
    }

    /// The partitions that a task reads: one of each source topic that has so many.
    pub fn inputs(&self, task: TaskId) -> Vec<TopicPartition> {
        let topics = self.sources.get(task.subtopology).into_iter().flatten();
        topics
            .filter(|topic| self.partitions.get(*topic).is_some_and(|n| task.partition < *n))
            .map(|topic| TopicPartition::new(Arc::clone(topic), task.partition))
            .collect()
    }

    /// Topics that a pattern matched. Repartition topics that exist are left out: their counts are
    /// worked out, then compared.
    fn count_matched_topics(
        &mut self,
        topology: &TopologySpec,
        existing: &BTreeMap<Arc<str>, i32>,
    ) {
        let owned: BTreeSet<_> = topology
            .subtopologies
            .iter()
            .flat_map(|s| &s.repartition_source_topics)
            .map(|spec| &spec.name)
            .collect();
        for topic in self.sources.iter().flatten().filter(|topic| !owned.contains(topic)) {
            if let Some(count) = existing.get(topic) {
                self.partitions.insert(Arc::clone(topic), *count);
            }
        }
    }

    fn count_repartition_topics(&mut self, topology: &TopologySpec) -> Result<(), GroupStatus> {
        let specs = || topology.subtopologies.iter().flat_map(|s| &s.repartition_source_topics);
        for spec in specs() {
            if let Some(count) = spec.partitions {
                self.partitions.insert(Arc::clone(&spec.name), count);
            }
        }
        // Each round follows the flow one step further; a topology is finite.
        loop {
            let open: BTreeSet<_> = specs()
                .map(|spec| &spec.name)
                .filter(|name| !self.partitions.contains_key(*name))
                .collect();
            if open.is_empty() {
                return Ok(());
            }
            let mut found = Vec::new();
            for name in &open {
                if let Some(count) = self.upstream_count(topology, name) {
                    found.push((Arc::clone(name), count));
                }
            }
            if found.is_empty() {
                return Err(undecided(&open));
            }
            self.partitions.extend(found);
        }
    }

    /// The most partitions of the sources of all sub-topologies that write `repartition_topic`;
    /// `None` while one of them is not known.
    fn upstream_count(&self, topology: &TopologySpec, repartition_topic: &Arc<str>) -> Option<i32> {
        let mut most = None;
        for (number, subtopology) in topology.subtopologies.iter().enumerate() {
            if !subtopology.repartition_sink_topics.contains(repartition_topic) {
                continue;
            }
            for source in &self.sources[number] {
                most = most.max(Some(*self.partitions.get(source)?));
            }
        }
        most
    }

    fn copartition(
        &mut self,
        group: &CopartitionGroup,
        subtopology: &SubtopologySpec,
        matches: &impl Fn(&str, &str) -> bool,
    ) -> Result<(), GroupStatus> {
        let matched = self.partitions.keys().filter(|topic| {
            !subtopology.repartition_source_topics.iter().any(|spec| spec.name == **topic)
                && group.source_topic_patterns.iter().any(|pattern| matches(pattern, topic))
        });
        let fixed = subtopology.repartition_source_topics.iter().filter(|spec| {
            spec.partitions.is_some() && group.repartition_source_topics.contains(&spec.name)
        });
        // Topics whose count cannot change: the application's own, and those it gave a count.
        let given: Vec<(Arc<str>, i32)> = group
            .source_topics
            .iter()
            .chain(matched)
            .chain(fixed.map(|spec| &spec.name))
            .filter_map(|topic| Some((Arc::clone(topic), *self.partitions.get(topic)?)))
            .collect();
        if given.windows(2).any(|pair| pair[0].1 != pair[1].1) {
            return Err(not_copartitioned(&given));
        }
        let free = &group.repartition_source_topics;
        let most = || free.iter().filter_map(|topic| self.partitions.get(topic)).copied().max();
        if let Some(count) = given.first().map(|(_, count)| *count).or_else(most) {
            for topic in free {
                self.partitions.insert(Arc::clone(topic), count);
            }
        }
        Ok(())
    }

    fn count_changelogs(&mut self, topology: &TopologySpec) {
        for (number, subtopology) in topology.subtopologies.iter().enumerate() {
            let count = self.task_count(number);
            for spec in &subtopology.changelog_topics {
                self.partitions.insert(Arc::clone(&spec.name), count);
            }
        }
    }

    fn compare(
        &mut self,
        topology: &TopologySpec,
        existing: &BTreeMap<Arc<str>, i32>,
    ) -> Result<(), GroupStatus> {
        let specs = topology
            .subtopologies
            .iter()
            .flat_map(|s| s.repartition_source_topics.iter().chain(&s.changelog_topics));
        for spec in specs {
            let count = self.partitions.get(&spec.name).copied().unwrap_or(0);
            match existing.get(&spec.name) {
                None if self.missing.iter().any(|topic| *topic.name == *spec.name) => {}
                None => self.missing.push(new_topic(spec, count)),
                Some(actual) if *actual == count => {}
                Some(actual) => return Err(wrong_count(&spec.name, count, *actual)),
            }
        }
        Ok(())
    }
}

fn source_counts(
    topology: &TopologySpec,
    existing: &BTreeMap<Arc<str>, i32>,
) -> Result<BTreeMap<Arc<str>, i32>, GroupStatus> {
    let named: BTreeSet<_> = topology.subtopologies.iter().flat_map(|s| &s.source_topics).collect();
    let missing: Vec<&str> = named
        .iter()
        .filter(|topic| !existing.contains_key(**topic))
        .map(|topic| &***topic)
        .collect();
    if !missing.is_empty() {
        let names = missing.join(", ");
        return Err(GroupStatus {
            code: GroupStatusCode::MissingSourceTopics,
            detail: format!(
                "source topics {names} are missing: create them, or correct their names"
            ),
        });
    }
    let count = |topic: &Arc<str>| Some((Arc::clone(topic), *existing.get(topic)?));
    Ok(named.into_iter().filter_map(count).collect())
}

fn sources(
    subtopology: &SubtopologySpec,
    existing: &BTreeMap<Arc<str>, i32>,
    matches: &impl Fn(&str, &str) -> bool,
) -> BTreeSet<Arc<str>> {
    let patterns = &subtopology.source_topic_patterns;
    let matched = existing.keys().filter(|topic| patterns.iter().any(|p| matches(p, topic)));
    let repartition = subtopology.repartition_source_topics.iter().map(|spec| &spec.name);
    subtopology.source_topics.iter().chain(matched).chain(repartition).map(Arc::clone).collect()
}

fn new_topic(spec: &InternalTopicSpec, partitions: i32) -> NewTopic {
    NewTopic {
        name: spec.name.to_string(),
        partitions,
        replication_factor: spec.replication_factor,
        configs: spec.configs.clone(),
    }
}

fn undecided(open: &BTreeSet<&Arc<str>>) -> GroupStatus {
    let names: Vec<&str> = open.iter().map(|name| &***name).collect();
    GroupStatus {
        code: GroupStatusCode::IncorrectlyPartitionedTopics,
        detail: format!(
            "the partition counts of repartition topics {} depend on themselves or on nothing: \
             give one of them a number of partitions",
            names.join(", ")
        ),
    }
}

fn not_copartitioned(topics: &[(Arc<str>, i32)]) -> GroupStatus {
    let mut counts = String::new();
    for (place, (topic, count)) in topics.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        write!(counts, "{comma}{topic} has {count}").unwrap_or_default();
    }
    GroupStatus {
        code: GroupStatusCode::IncorrectlyPartitionedTopics,
        detail: format!(
            "topics that are joined need the same number of partitions, but {counts}: \
             repartition one of them"
        ),
    }
}

fn wrong_count(topic: &str, expected: i32, actual: i32) -> GroupStatus {
    GroupStatus {
        code: GroupStatusCode::IncorrectlyPartitionedTopics,
        detail: format!(
            "internal topic {topic} exists with {actual} partitions, the topology needs {expected}: \
             reset the application, or give it another application id"
        ),
    }
}

#[cfg(test)]
#[path = "internal_topics_tests.rs"]
mod tests;
