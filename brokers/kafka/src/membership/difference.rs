//! In what two topologies differ, for the message that tells so.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::{
    streams_group_describe::{DescribedSubtopology, DescribedTopic},
    streams_group_heartbeat::{Subtopology, TopicInfo, Topology},
};

/// The first difference, in words; `None` if the group's topology is not known. What a coordinator
/// describes lacks some of what it compares.
pub(super) fn difference(
    group: &BTreeMap<String, DescribedSubtopology>,
    own: &Topology,
) -> Option<String> {
    let own: BTreeMap<&str, &Subtopology> =
        own.subtopologies.iter().map(|one| (&*one.subtopology_id, one)).collect();
    if group.is_empty() {
        return None;
    }
    if group.len() != own.len() {
        return Some(format!(
            "the group has {} sub-topologies, this application {}",
            group.len(),
            own.len()
        ));
    }
    let seen = group.iter().find_map(|(id, theirs)| {
        let Some(ours) = own.get(&**id) else {
            return Some(format!("this application has no sub-topology {id}"));
        };
        let differs = in_topics(theirs, ours);
        differs.map(|differs| format!("sub-topology {id} {differs}"))
    });
    seen.or_else(|| Some(UNSEEN.to_owned()))
}

const UNSEEN: &str = "in the partition counts or replication factors that repartition topics and \
                      changelogs are to have, or in which topics are co-partitioned";

fn in_topics(theirs: &DescribedSubtopology, ours: &Subtopology) -> Option<String> {
    let plain = |topics: &[std::sync::Arc<str>]| topics.iter().map(ToString::to_string).collect();
    let named = |topics: &[TopicInfo]| topics.iter().map(|topic| topic.name.to_string()).collect();
    let keys = |topics: &BTreeMap<String, DescribedTopic>| topics.keys().cloned().collect();
    in_names("reads", &theirs.source_topics, &plain(&ours.source_topics))
        .or_else(|| {
            let theirs = keys(&theirs.repartition_source_topics);
            in_names("reads", &theirs, &named(&ours.repartition_source_topics))
        })
        .or_else(|| {
            let ours = plain(&ours.repartition_sink_topics);
            in_names("writes", &theirs.repartition_sink_topics, &ours)
        })
        .or_else(|| {
            let theirs = keys(&theirs.state_changelog_topics);
            in_names("keeps its stores in", &theirs, &named(&ours.state_changelog_topics))
        })
        .or_else(|| in_counts(&theirs.repartition_source_topics, &ours.repartition_source_topics))
        .or_else(|| in_configs(&theirs.repartition_source_topics, &ours.repartition_source_topics))
        .or_else(|| in_configs(&theirs.state_changelog_topics, &ours.state_changelog_topics))
}

fn in_names(does: &str, theirs: &BTreeSet<String>, ours: &BTreeSet<String>) -> Option<String> {
    let only = |these: &BTreeSet<String>, those: &BTreeSet<String>| -> Vec<String> {
        these.difference(those).cloned().collect()
    };
    let (gone, new) = (only(theirs, ours), only(ours, theirs));
    match (gone.is_empty(), new.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!("no longer {does} {}", gone.join(", "))),
        (true, false) => Some(format!("also {does} {}", new.join(", "))),
        (false, false) => {
            Some(format!("{does} {} in place of {}", new.join(", "), gone.join(", ")))
        }
    }
}

fn in_counts(theirs: &BTreeMap<String, DescribedTopic>, ours: &[TopicInfo]) -> Option<String> {
    let asked = ours.iter().filter(|own| own.partitions != 0);
    let mut both = asked.filter_map(|own| Some((own, theirs.get(&*own.name)?.partitions)));
    let (own, partitions) = both.find(|(own, partitions)| own.partitions != *partitions)?;
    Some(format!(
        "asks for {} partitions of topic {} in place of {partitions}",
        own.partitions, own.name
    ))
}

fn in_configs(theirs: &BTreeMap<String, DescribedTopic>, ours: &[TopicInfo]) -> Option<String> {
    ours.iter().find_map(|own| {
        let theirs = &theirs.get(&*own.name)?.topic_configs;
        let keys: BTreeSet<&String> = theirs.keys().chain(own.topic_configs.keys()).collect();
        let key = keys.into_iter().find(|key| theirs.get(*key) != own.topic_configs.get(*key))?;
        let shown = |value: Option<&String>| value.map_or("nothing".to_owned(), Clone::clone);
        Some(format!(
            "sets {key} of topic {} to {} in place of {}",
            own.name,
            shown(own.topic_configs.get(key)),
            shown(theirs.get(key))
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(topics: &[&str]) -> DescribedSubtopology {
        DescribedSubtopology {
            source_topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            ..DescribedSubtopology::default()
        }
    }

    fn own(topics: &[&str]) -> Topology {
        let subtopology = Subtopology {
            subtopology_id: "0".to_owned(),
            source_topics: topics.iter().map(|topic| (*topic).into()).collect(),
            ..Subtopology::default()
        };
        Topology { epoch: 0, subtopologies: vec![subtopology] }
    }

    fn group(
        subtopologies: &[(&str, DescribedSubtopology)],
    ) -> BTreeMap<String, DescribedSubtopology> {
        subtopologies.iter().map(|(id, one)| ((*id).to_owned(), one.clone())).collect()
    }

    fn told(theirs: &[&str], ours: &[&str]) -> Option<String> {
        difference(&group(&[("0", described(theirs))]), &own(ours))
    }

    #[test]
    fn topics_that_came_and_went_are_named() {
        assert_eq!(told(&["a"], &["a"]).as_deref(), Some(UNSEEN));
        assert_eq!(told(&["a"], &["b"]).unwrap(), "sub-topology 0 reads b in place of a");
        assert_eq!(told(&["a"], &["a", "b"]).unwrap(), "sub-topology 0 also reads b");
        assert_eq!(told(&["a", "b"], &["a"]).unwrap(), "sub-topology 0 no longer reads b");
    }

    #[test]
    fn another_number_of_subtopologies_is_told() {
        let two = group(&[("0", described(&["a"])), ("1", described(&["b"]))]);
        let expected = "the group has 2 sub-topologies, this application 1";
        assert_eq!(difference(&two, &own(&["a"])).unwrap(), expected);
        let other = group(&[("1", described(&["a"]))]);
        let expected = "this application has no sub-topology 1";
        assert_eq!(difference(&other, &own(&["a"])).unwrap(), expected);
    }

    #[test]
    fn a_group_that_is_described_without_its_topology_says_nothing() {
        assert_eq!(difference(&BTreeMap::new(), &own(&["a"])), None);
    }

    #[test]
    fn another_number_of_partitions_is_told() {
        let mut theirs = described(&["a"]);
        let topic = DescribedTopic { partitions: 3, ..DescribedTopic::default() };
        theirs.repartition_source_topics.insert("r".to_owned(), topic);
        let mut ours = own(&["a"]);
        ours.subtopologies[0].repartition_source_topics = vec![TopicInfo {
            name: "r".into(),
            partitions: 6,
            replication_factor: -1,
            topic_configs: BTreeMap::new(),
        }];
        let expected = "sub-topology 0 asks for 6 partitions of topic r in place of 3";
        assert_eq!(difference(&group(&[("0", theirs)]), &ours).unwrap(), expected);
    }

    #[test]
    fn changed_configs_of_an_internal_topic_are_named() {
        let topic = |value: &str| BTreeMap::from([("retention.ms".to_owned(), value.to_owned())]);
        let mut theirs = described(&["a"]);
        let changelog = DescribedTopic { partitions: 3, topic_configs: topic("1") };
        theirs.state_changelog_topics.insert("c".to_owned(), changelog);
        let mut ours = own(&["a"]);
        ours.subtopologies[0].state_changelog_topics = vec![TopicInfo {
            name: "c".into(),
            partitions: 0,
            replication_factor: -1,
            topic_configs: topic("2"),
        }];
        let expected = "sub-topology 0 sets retention.ms of topic c to 2 in place of 1";
        assert_eq!(difference(&group(&[("0", theirs)]), &ours).unwrap(), expected);
    }
}
