//! A topology as the heartbeat carries it, in the order in which Java writes it.

use std::{collections::BTreeMap, sync::Arc};

use streams_core::broker::{BrokerError, InternalTopicSpec, SubtopologySpec, TopologySpec};

use super::java_order::{hash_code, sort_as_set, sort_as_set_for};
use crate::protocol::streams_group_heartbeat::{
    CopartitionGroup, Subtopology, TopicInfo, Topology,
};

/// Kafka's default, `replication.factor` -1: the broker's own.
const DEFAULT_REPLICATION: i16 = -1;

/// The topology for the wire. Sub-topologies without sources have no tasks, and are left out.
///
/// # Errors
/// A pattern among the sources, and a co-partitioned topic that is no source of its sub-topology;
/// the error names it.
pub(super) fn topology_of(spec: &TopologySpec) -> Result<Topology, BrokerError> {
    let groups = spec.subtopologies.iter().flat_map(|subtopology| &subtopology.copartition_groups);
    let copartitioned =
        groups.map(|group| group.source_topics.len() + group.repartition_source_topics.len()).sum();
    let mut subtopologies = Vec::new();
    for (number, subtopology) in spec.subtopologies.iter().enumerate() {
        if let Some(pattern) = subtopology.source_topic_patterns.first() {
            return Err(BrokerError::invalid_request(format!(
                "the topology reads the topics that match {pattern}: streams groups of Apache \
                 Kafka 4.3 do not serve patterns, name the topics"
            )));
        }
        let is_read = !subtopology.source_topics.is_empty()
            || !subtopology.repartition_source_topics.is_empty();
        if is_read {
            subtopologies.push(subtopology_of(number, subtopology, copartitioned)?);
        }
    }
    // As texts: 10 comes before 2.
    subtopologies.sort_by(|a, b| a.subtopology_id.cmp(&b.subtopology_id));
    Ok(Topology { epoch: spec.epoch, subtopologies })
}

fn subtopology_of(
    number: usize,
    spec: &SubtopologySpec,
    copartitioned: usize,
) -> Result<Subtopology, BrokerError> {
    let source_topics = sorted(&spec.source_topics);
    let repartition_source_topics =
        topic_infos(&spec.repartition_source_topics, |topic| topic.partitions.unwrap_or(0));
    // Those of a changelog follow from the sub-topology's.
    let state_changelog_topics = topic_infos(&spec.changelog_topics, |_| 0);
    let copartition_groups =
        copartition_groups(spec, &source_topics, &repartition_source_topics, copartitioned)?;
    Ok(Subtopology {
        subtopology_id: number.to_string(),
        source_topics,
        state_changelog_topics,
        repartition_sink_topics: sorted(&spec.repartition_sink_topics),
        repartition_source_topics,
        copartition_groups,
    })
}

fn sorted(topics: &[Arc<str>]) -> Vec<Arc<str>> {
    let mut topics = topics.to_vec();
    topics.sort_unstable();
    topics.dedup();
    topics
}

fn topic_infos(
    topics: &[InternalTopicSpec],
    partitions: impl Fn(&InternalTopicSpec) -> i32,
) -> Vec<TopicInfo> {
    let by_name: BTreeMap<&Arc<str>, &InternalTopicSpec> =
        topics.iter().map(|topic| (&topic.name, topic)).collect();
    let infos = by_name.into_values().map(|topic| TopicInfo {
        name: Arc::clone(&topic.name),
        partitions: partitions(topic),
        replication_factor: topic.replication_factor.unwrap_or(DEFAULT_REPLICATION),
        topic_configs: topic.configs.clone(),
    });
    infos.collect()
}

/// The groups, each as places in the lists of sources. `copartitioned` is the number of topics in
/// the groups of all sub-topologies: Java collects them in one set.
fn copartition_groups(
    spec: &SubtopologySpec,
    sources: &[Arc<str>],
    repartition_sources: &[TopicInfo],
    copartitioned: usize,
) -> Result<Vec<CopartitionGroup>, BrokerError> {
    let mut groups: Vec<Vec<&Arc<str>>> = spec
        .copartition_groups
        .iter()
        .map(|group| group.source_topics.iter().chain(&group.repartition_source_topics).collect())
        .collect();
    sort_as_set_for(&mut groups, copartitioned, |group| {
        group.iter().fold(0i32, |hash, topic| hash.wrapping_add(hash_code(topic)))
    });
    let mut placed = Vec::with_capacity(groups.len());
    for mut topics in groups {
        sort_as_set(&mut topics, |topic| hash_code(topic));
        let mut group = CopartitionGroup::default();
        for topic in topics {
            let source = sources.iter().position(|source| source == topic);
            let repartition = repartition_sources.iter().position(|source| source.name == *topic);
            match (source, repartition) {
                (Some(place), _) => group.source_topics.push(narrow(place, topic)?),
                (None, Some(place)) => group.repartition_source_topics.push(narrow(place, topic)?),
                (None, None) => return Err(not_a_source(topic)),
            }
        }
        placed.push(group);
    }
    Ok(placed)
}

fn narrow(place: usize, topic: &str) -> Result<i16, BrokerError> {
    i16::try_from(place).map_err(|_| {
        BrokerError::invalid_request(format!(
            "topic {topic} is one of more than {} topics that are read together",
            i16::MAX
        ))
    })
}

fn not_a_source(topic: &str) -> BrokerError {
    BrokerError::invalid_request(format!(
        "topic {topic} is to be partitioned as others are, but its sub-topology does not read it"
    ))
}

#[cfg(test)]
mod tests {
    use streams_core::broker::CopartitionGroup as Spec;

    use super::*;

    fn names(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    fn reading(sources: &[&str]) -> SubtopologySpec {
        SubtopologySpec { source_topics: names(sources), ..SubtopologySpec::default() }
    }

    fn spec(subtopologies: Vec<SubtopologySpec>) -> TopologySpec {
        TopologySpec { epoch: 0, subtopologies }
    }

    #[test]
    fn subtopologies_are_sorted_as_texts_and_those_without_sources_are_left_out() {
        let mut all = vec![reading(&["in"]); 12];
        all[3] = SubtopologySpec::default();
        let topology = topology_of(&spec(all)).unwrap();
        let ids: Vec<&str> =
            topology.subtopologies.iter().map(|one| &*one.subtopology_id).collect();
        assert_eq!(ids, ["0", "1", "10", "11", "2", "4", "5", "6", "7", "8", "9"]);
    }

    #[test]
    fn topics_are_sorted_by_name() {
        let mut own = reading(&["b", "a", "C"]);
        own.repartition_sink_topics = names(&["y", "x"]);
        own.changelog_topics = vec![InternalTopicSpec::new("d"), InternalTopicSpec::new("c")];
        let mut repartition = InternalTopicSpec::new("r");
        repartition.partitions = Some(6);
        repartition.replication_factor = Some(3);
        own.repartition_source_topics = vec![repartition, InternalTopicSpec::new("q")];
        let topology = topology_of(&spec(vec![own])).unwrap();
        let read = &topology.subtopologies[0];
        assert_eq!(read.source_topics, names(&["C", "a", "b"]));
        assert_eq!(read.repartition_sink_topics, names(&["x", "y"]));
        let shown = |topics: &[TopicInfo]| -> Vec<(String, i32, i16)> {
            let rows = topics.iter();
            rows.map(|t| (t.name.to_string(), t.partitions, t.replication_factor)).collect()
        };
        let row = |name: &str, partitions, replicas| (name.to_owned(), partitions, replicas);
        assert_eq!(shown(&read.state_changelog_topics), [row("c", 0, -1), row("d", 0, -1)]);
        assert_eq!(shown(&read.repartition_source_topics), [row("q", 0, -1), row("r", 6, 3)]);
    }

    #[test]
    fn copartitioned_topics_are_places_in_the_order_of_javas_sets() {
        let mut own = reading(&["users", "orders", "left", "right"]);
        let repartition = "app-KSTREAM-KEY-SELECT-0000000003-repartition";
        own.repartition_source_topics = vec![InternalTopicSpec::new(repartition)];
        let group = |sources: &[&str], repartitions: &[&str]| Spec {
            source_topics: names(sources),
            source_topic_patterns: Vec::new(),
            repartition_source_topics: names(repartitions),
        };
        own.copartition_groups = vec![group(&["users", "orders"], &[repartition])];
        let topology = topology_of(&spec(vec![own.clone()])).unwrap();
        // left 0, orders 1, right 2, users 3
        let expected =
            CopartitionGroup { source_topics: vec![1, 3], repartition_source_topics: vec![0] };
        assert_eq!(topology.subtopologies[0].copartition_groups, [expected]);
        // Two groups: Java walks orders, users before left, right.
        own.copartition_groups =
            vec![group(&["left", "right"], &[]), group(&["users", "orders"], &[])];
        let topology = topology_of(&spec(vec![own])).unwrap();
        let places: Vec<_> = topology.subtopologies[0]
            .copartition_groups
            .iter()
            .map(|group| group.source_topics.clone())
            .collect();
        assert_eq!(places, [vec![1, 3], vec![0, 2]]);
    }

    #[test]
    fn a_pattern_is_refused_by_name() {
        let mut own = reading(&[]);
        own.source_topic_patterns = names(&["orders-.*"]);
        let refused = topology_of(&spec(vec![own])).unwrap_err();
        assert!(refused.to_string().contains("orders-.*"), "{refused}");
    }

    #[test]
    fn a_copartitioned_topic_that_is_not_read_is_refused_by_name() {
        let mut own = reading(&["a"]);
        own.copartition_groups =
            vec![Spec { source_topics: names(&["a", "b"]), ..Spec::default() }];
        let refused = topology_of(&spec(vec![own])).unwrap_err();
        assert!(refused.to_string().contains("topic b"), "{refused}");
    }
}
