//! Which topics need the same number of partitions, in the order in which Kafka says so.
//!
//! Brokers keep the topology of a group as its first member told it and refuse members that tell
//! another one. So the groups are made as `InternalTopologyBuilder.copartitionGroups` makes them,
//! which depends on the order in which its hash sets are walked.

use std::sync::Arc;

use super::{
    Parts,
    java_order::{sort_as_hash_set, sort_as_set_of_sets},
    node::{NodeKind, SourceTopics},
};

type Topics = Vec<Arc<str>>;

/// The groups of topics, named in full by `full_name`. Topics that were declared together are in
/// one group; where a topic was in another group before, that one grows.
pub(super) fn groups(parts: &Parts, full_name: impl Fn(&Arc<str>) -> Arc<str>) -> Vec<Topics> {
    let mut groups: Vec<Topics> = Vec::new();
    // The group of each topic, in the order in which topics were first named.
    let mut group_of: Vec<(Arc<str>, usize)> = Vec::new();
    for sources in &parts.copartitioned {
        let topics = topics_of(parts, sources, &full_name);
        let place = |topic| group_of.iter().position(|(known, _)| known == topic);
        let known = topics.iter().find_map(place).map(|at| group_of[at].1);
        let group = known.unwrap_or(groups.len());
        if group == groups.len() {
            groups.push(Topics::new());
        }
        for topic in topics {
            match group_of.iter_mut().find(|(known, _)| *known == topic) {
                Some((_, own)) => *own = group,
                None => group_of.push((Arc::clone(&topic), group)),
            }
            push_new(&mut groups[group], topic);
        }
    }
    groups.iter_mut().for_each(|group| sort_as_hash_set(group));
    let mut left: Vec<Topics> = Vec::new();
    for (_, group) in &group_of {
        if !left.iter().any(|other| is_same_set(other, &groups[*group])) {
            left.push(groups[*group].clone());
        }
    }
    sort_as_set_of_sets(&mut left, group_of.len());
    left
}

/// The topics of some sources, as a hash set of them is walked.
fn topics_of(
    parts: &Parts,
    sources: &[usize],
    full_name: impl Fn(&Arc<str>) -> Arc<str>,
) -> Topics {
    let mut names: Topics = sources.iter().map(|at| Arc::clone(&parts.nodes[*at].name)).collect();
    sort_as_hash_set(&mut names);
    let nodes = names.iter().filter_map(|name| parts.nodes.iter().find(|node| node.name == *name));
    let mut topics = Topics::new();
    for node in nodes {
        match &node.kind {
            NodeKind::Source { topics: SourceTopics::Named(own), .. } => {
                own.iter().for_each(|topic| push_new(&mut topics, full_name(topic)));
            }
            // Stands for the topics that it will match.
            NodeKind::Source { topics: SourceTopics::Pattern(pattern), .. } => {
                push_new(&mut topics, Arc::clone(pattern));
            }
            NodeKind::Processor | NodeKind::Sink { .. } => {}
        }
    }
    sort_as_hash_set(&mut topics);
    topics
}

fn push_new(topics: &mut Topics, topic: Arc<str>) {
    if !topics.contains(&topic) {
        topics.push(topic);
    }
}

fn is_same_set(a: &Topics, b: &Topics) -> bool {
    a.len() == b.len() && a.iter().all(|topic| b.contains(topic))
}

#[cfg(test)]
mod tests {
    use state_stores::Ignored;

    use super::super::{SourceTopics, Topology, TopologyBuilder, options::SourceOptions};
    use super::*;

    /// A topology with a source per topic, named as it, and these groups of them.
    fn topology(copartitioned: &[&[&str]]) -> Topology {
        let mut builder = TopologyBuilder::new();
        for topic in ["a", "b", "c", "d"] {
            builder.add_source::<Ignored, Ignored>(topic, &[topic]);
        }
        let both = SourceTopics::from(["e", "f"]);
        builder.add_source_with("both", both, SourceOptions::<Ignored, Ignored>::default());
        for group in copartitioned {
            builder.copartition(group);
        }
        builder.build().unwrap()
    }

    fn grouped(copartitioned: &[&[&str]]) -> Vec<String> {
        let groups = groups(&topology(copartitioned).parts, Arc::clone);
        groups.iter().map(|group| group.join("")).collect()
    }

    #[test]
    fn groups_that_share_a_topic_grow_together() {
        assert_eq!(grouped(&[&["a", "b"], &["c", "d"]]), ["ab", "cd"]);
        assert_eq!(grouped(&[&["a", "b"], &["c", "b"]]), ["abc"]);
        assert_eq!(grouped(&[&["a", "b"], &["b", "a"]]), ["ab"]);
    }

    /// As in Java, where the second group goes on without its topics' having moved.
    #[test]
    fn a_group_that_joins_two_grows_the_first_alone() {
        assert_eq!(grouped(&[&["a", "b"], &["c", "d"], &["b", "c"]]), ["abc", "cd"]);
    }

    #[test]
    fn a_source_stands_for_all_of_its_topics() {
        assert_eq!(grouped(&[&["both"]]), ["ef"]);
        assert_eq!(grouped(&[&["a", "both"], &[]]), ["aef"]);
    }

    #[test]
    fn what_is_no_source_is_a_mistake() {
        let mut builder = TopologyBuilder::new();
        builder.add_source::<Ignored, Ignored>("in", &["in"]).copartition(&["in", "out"]);
        let text = builder.build().unwrap_err().to_string();
        assert!(text.contains("node out"), "{text}");
    }
}
