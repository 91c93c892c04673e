//! A topology as the heartbeat carries it.

use std::sync::Arc;

use streams_core::broker::{
    BrokerError, CopartitionGroup as SpecGroup, InternalTopicSpec, SubtopologySpec, TopologySpec,
};

use crate::protocol::streams_group_heartbeat::{
    CopartitionGroup, Subtopology, TopicInfo, Topology,
};

/// Kafka's default, `replication.factor` -1: the broker's own.
const DEFAULT_REPLICATION: i16 = -1;

/// The topology for the wire, in the order of the specification, which is Java's: the coordinator
/// compares list by list. Sub-topologies without sources have no tasks, and are left out.
///
/// # Errors
/// A pattern among the sources, and a co-partitioned topic that is no source of its sub-topology;
/// the error names it.
pub(super) fn topology_of(spec: &TopologySpec) -> Result<Topology, BrokerError> {
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
            subtopologies.push(subtopology_of(number, subtopology)?);
        }
    }
    // As texts: 10 comes before 2.
    subtopologies.sort_by(|a, b| a.subtopology_id.cmp(&b.subtopology_id));
    Ok(Topology { epoch: spec.epoch, subtopologies })
}

fn subtopology_of(number: usize, spec: &SubtopologySpec) -> Result<Subtopology, BrokerError> {
    let groups = spec.copartition_groups.iter();
    Ok(Subtopology {
        subtopology_id: number.to_string(),
        source_topics: spec.source_topics.clone(),
        state_changelog_topics: spec.changelog_topics.iter().map(topic_info).collect(),
        repartition_sink_topics: spec.repartition_sink_topics.clone(),
        repartition_source_topics: spec.repartition_source_topics.iter().map(topic_info).collect(),
        copartition_groups: groups.map(|group| places(group, spec)).collect::<Result<_, _>>()?,
    })
}

fn topic_info(topic: &InternalTopicSpec) -> TopicInfo {
    TopicInfo {
        name: Arc::clone(&topic.name),
        // Those of a changelog follow from the sub-topology's.
        partitions: topic.partitions.unwrap_or(0),
        replication_factor: topic.replication_factor.unwrap_or(DEFAULT_REPLICATION),
        topic_configs: topic.configs.clone(),
    }
}

/// A group as places in the lists of sources.
fn places(group: &SpecGroup, spec: &SubtopologySpec) -> Result<CopartitionGroup, BrokerError> {
    let source = |topic: &Arc<str>| spec.source_topics.iter().position(|source| source == topic);
    let repartition = |topic: &Arc<str>| {
        spec.repartition_source_topics.iter().position(|source| source.name == *topic)
    };
    Ok(CopartitionGroup {
        source_topics: all_places(&group.source_topics, source)?,
        repartition_source_topics: all_places(&group.repartition_source_topics, repartition)?,
    })
}

fn all_places(
    topics: &[Arc<str>],
    place: impl Fn(&Arc<str>) -> Option<usize>,
) -> Result<Vec<i16>, BrokerError> {
    let place = |topic| place(topic).ok_or_else(|| not_a_source(topic));
    topics.iter().map(|topic| narrow(place(topic)?, topic)).collect()
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
mod recorded;

#[cfg(test)]
mod tests {
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
            vec![SpecGroup { source_topics: names(&["a", "b"]), ..SpecGroup::default() }];
        let refused = topology_of(&spec(vec![own])).unwrap_err();
        assert!(refused.to_string().contains("topic b"), "{refused}");
    }
}
