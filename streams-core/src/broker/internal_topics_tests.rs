//! Rules of features.md 3.7, one by one.

use super::*;

fn names(topics: &[&str]) -> Vec<Arc<str>> {
    topics.iter().map(|topic| Arc::from(*topic)).collect()
}

fn counts(topics: &[(&str, i32)]) -> BTreeMap<Arc<str>, i32> {
    topics.iter().map(|(topic, count)| (Arc::from(*topic), *count)).collect()
}

fn internal(name: &str, partitions: Option<i32>) -> InternalTopicSpec {
    InternalTopicSpec { partitions, ..InternalTopicSpec::new(name) }
}

fn subtopology(
    sources: &[&str],
    repartition: &[(&str, Option<i32>)],
    sinks: &[&str],
) -> SubtopologySpec {
    SubtopologySpec {
        source_topics: names(sources),
        repartition_source_topics: repartition.iter().map(|(n, p)| internal(n, *p)).collect(),
        repartition_sink_topics: names(sinks),
        ..SubtopologySpec::default()
    }
}

fn together(mut subtopology: SubtopologySpec) -> SubtopologySpec {
    let repartition = subtopology.repartition_source_topics.iter();
    subtopology.copartition_groups = vec![CopartitionGroup {
        source_topics: subtopology.source_topics.clone(),
        source_topic_patterns: Vec::new(),
        repartition_source_topics: repartition.map(|spec| Arc::clone(&spec.name)).collect(),
    }];
    subtopology
}

fn plan(
    subtopologies: Vec<SubtopologySpec>,
    existing: &[(&str, i32)],
) -> Result<TopicPlan, GroupStatus> {
    let topology = TopologySpec { epoch: 0, subtopologies };
    TopicPlan::new(&topology, &counts(existing), |pattern, topic| topic.starts_with(pattern))
}

#[test]
fn a_task_per_partition_of_the_widest_source() {
    let plan = plan(vec![subtopology(&["a", "b"], &[], &[])], &[("a", 4), ("b", 3)]).unwrap();
    assert_eq!(plan.tasks().len(), 4);
    assert_eq!(plan.inputs(TaskId::new(0, 2)).len(), 2);
    assert_eq!(plan.inputs(TaskId::new(0, 3)), [TopicPartition::new("a", 3)]);
    assert_eq!(plan.inputs(TaskId::new(0, 4)), []);
    assert_eq!(plan.inputs(TaskId::new(9, 0)), []);
}

#[test]
fn a_chain_of_repartition_topics_is_counted_from_its_head() {
    // Listed against the flow, so that one round does not do.
    let subtopologies = vec![
        subtopology(&[], &[("r2", None)], &[]),
        subtopology(&[], &[("r1", None)], &["r2"]),
        subtopology(&["a", "b"], &[], &["r1"]),
    ];
    let plan = plan(subtopologies, &[("a", 2), ("b", 6)]).unwrap();
    assert_eq!((plan.partitions["r1"], plan.partitions["r2"]), (6, 6));
    let missing: Vec<_> = plan.missing.iter().map(|t| (t.name.as_str(), t.partitions)).collect();
    assert_eq!(missing, [("r2", 6), ("r1", 6)]);
}

#[test]
fn a_repartition_topic_written_twice_takes_the_larger_side() {
    let subtopologies = vec![
        subtopology(&["a"], &[], &["r"]),
        subtopology(&["b"], &[], &["r"]),
        subtopology(&[], &[("r", None)], &[]),
    ];
    assert_eq!(plan(subtopologies, &[("a", 2), ("b", 5)]).unwrap().partitions["r"], 5);
}

#[test]
fn a_count_of_the_application_s_own_wins() {
    let subtopologies =
        vec![subtopology(&["a"], &[], &["r"]), subtopology(&[], &[("r", Some(12))], &[])];
    assert_eq!(plan(subtopologies, &[("a", 2)]).unwrap().partitions["r"], 12);
}

#[test]
fn repartition_topics_in_a_circle_are_an_error_that_names_them() {
    let subtopologies = vec![subtopology(&[], &[("r", None)], &["r"])];
    let status = plan(subtopologies, &[]).unwrap_err();
    assert!(status.detail.contains("repartition topics r depend"), "{status}");
}

#[test]
fn missing_source_topics_are_named_together() {
    let subtopologies = vec![subtopology(&["b", "x"], &[], &[]), subtopology(&["a"], &[], &[])];
    let status = plan(subtopologies, &[("x", 1)]).unwrap_err();
    assert_eq!(status.code, GroupStatusCode::MissingSourceTopics);
    assert!(status.detail.starts_with("source topics a, b are missing"), "{status}");
}

#[test]
fn co_partitioned_source_topics_with_different_counts_are_named_with_them() {
    let subtopologies = vec![together(subtopology(&["a", "b"], &[], &[]))];
    let status = plan(subtopologies, &[("a", 4), ("b", 3)]).unwrap_err();
    assert_eq!(status.code, GroupStatusCode::IncorrectlyPartitionedTopics);
    assert!(status.detail.contains("a has 4, b has 3"), "{status}");
}

#[test]
fn a_repartition_topic_takes_the_count_of_the_topic_it_is_joined_with() {
    let subtopologies =
        vec![subtopology(&["a"], &[], &["r"]), together(subtopology(&["b"], &[("r", None)], &[]))];
    let plan = plan(subtopologies, &[("a", 3), ("b", 6)]).unwrap();
    assert_eq!((plan.partitions["r"], plan.task_count(1)), (6, 6));
}

#[test]
fn a_fixed_repartition_topic_joined_with_another_count_is_an_error() {
    let subtopologies = vec![
        subtopology(&["a"], &[], &["r"]),
        together(subtopology(&["b"], &[("r", Some(5))], &[])),
    ];
    let status = plan(subtopologies, &[("a", 3), ("b", 6)]).unwrap_err();
    assert!(status.detail.contains("b has 6, r has 5"), "{status}");
}

#[test]
fn internal_topics_alone_agree_on_the_fixed_count_or_the_largest() {
    let joined = |second| {
        vec![
            subtopology(&["a"], &[], &["r1"]),
            subtopology(&["b"], &[], &["r2"]),
            together(subtopology(&[], &[("r1", None), ("r2", second)], &[])),
        ]
    };
    let existing = [("a", 3), ("b", 6)];
    let free = plan(joined(None), &existing).unwrap();
    assert_eq!((free.partitions["r1"], free.partitions["r2"]), (6, 6));
    let fixed = plan(joined(Some(2)), &existing).unwrap();
    assert_eq!((fixed.partitions["r1"], fixed.partitions["r2"]), (2, 2));
}

#[test]
fn changelogs_have_a_partition_per_task() {
    let mut counting = subtopology(&["a", "b"], &[], &[]);
    let mut changelog = internal("app-counts-changelog", None);
    changelog.configs.insert("cleanup.policy".to_owned(), "compact".to_owned());
    counting.changelog_topics = vec![changelog.clone()];
    let plan = plan(vec![counting], &[("a", 4), ("b", 3)]).unwrap();
    assert_eq!(plan.missing, [new_topic(&changelog, 4)]);
    assert!(!plan.missing[0].configs.is_empty());
}

#[test]
fn an_internal_topic_that_exists_with_another_count_is_an_error_with_both() {
    let subtopologies =
        vec![subtopology(&["a"], &[], &["r"]), subtopology(&[], &[("r", None)], &[])];
    assert_eq!(plan(subtopologies.clone(), &[("a", 3), ("r", 3)]).unwrap().missing, []);
    let status = plan(subtopologies, &[("a", 3), ("r", 2)]).unwrap_err();
    assert!(
        status.detail.contains("topic r exists with 2 partitions, the topology needs 3"),
        "{status}"
    );
}

#[test]
fn patterns_read_every_topic_they_match() {
    let mut reading = subtopology(&[], &[], &[]);
    reading.source_topic_patterns = names(&["in-"]);
    let plan = plan(vec![reading], &[("in-1", 2), ("in-2", 3), ("out", 9)]).unwrap();
    assert_eq!(plan.task_count(0), 3);
    assert_eq!(plan.inputs(TaskId::new(0, 0)).len(), 2);
}
