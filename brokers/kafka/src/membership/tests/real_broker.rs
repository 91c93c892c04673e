//! A member of a group of a real cluster.

use streams_core::broker::{
    BrokerError, BrokerErrorKind, CommittedOffset, InternalTopicSpec, TopicPartition,
};

use super::{
    cluster::{Cluster, unique},
    *,
};

#[test]
fn one_member_gets_all_tasks_with_their_partitions() {
    let cluster = Cluster::connect();
    let (wide, narrow) = (unique("wide"), unique("narrow"));
    cluster.make_topic(&wide, 4);
    cluster.make_topic(&narrow, 3);
    let mut member = cluster.member(&unique("alone"), "m1", &reading(&[&wide, &narrow]));
    assert_eq!(member.epoch(), -1);
    let assignment = member.assignment();
    let inputs: Vec<usize> = assignment.active.values().map(Vec::len).collect();
    assert_eq!(inputs, [2, 2, 2, 1]);
    assert!(assignment.epoch > 0);
    assert_eq!(member.epoch(), assignment.epoch);
    member.membership.leave().unwrap();
    assert_eq!(member.epoch(), -1);
}

#[test]
fn internal_topics_are_made_with_their_configs() {
    let cluster = Cluster::connect();
    let (source, group) = (unique("source"), unique("app"));
    cluster.make_topic(&source, 3);
    let repartition = InternalTopicSpec::new(format!("{group}-by-word-repartition"));
    let mut changelog = InternalTopicSpec::new(format!("{group}-counts-changelog"));
    changelog.configs.insert("cleanup.policy".to_owned(), "compact".to_owned());
    let mut topology = reading(&[&source]);
    topology.subtopologies[0].repartition_sink_topics = vec![repartition.name.clone()];
    topology.subtopologies.push(SubtopologySpec {
        repartition_source_topics: vec![repartition],
        changelog_topics: vec![changelog],
        ..SubtopologySpec::default()
    });
    let mut member = cluster.member(&group, "m1", &topology);
    member.settle(6);
    let tasks: Vec<String> = member.owned.active.iter().map(ToString::to_string).collect();
    assert_eq!(tasks, ["0_0", "0_1", "0_2", "1_0", "1_1", "1_2"]);
    let policy = cluster.topic_config(&format!("{group}-counts-changelog"), "cleanup.policy");
    assert_eq!(policy.as_deref(), Some("compact"));
    member.membership.leave().unwrap();
}

#[test]
fn a_missing_source_topic_is_named_until_it_exists() {
    let cluster = Cluster::connect();
    let missing = unique("missing");
    let mut member = cluster.member(&unique("waiting"), "m1", &reading(&[&missing]));
    let GroupEvent::Status(status) = member.event() else { panic!("there is nothing to assign") };
    assert_eq!(status[0].code, GroupStatusCode::MissingSourceTopics);
    assert!(status[0].detail.contains(&missing), "{}", status[0]);
    cluster.make_topic(&missing, 2);
    member.settle(2);
    member.membership.leave().unwrap();
}

pub(super) fn committed(
    member: &mut Member,
    of: &[TopicPartition],
) -> Vec<Option<CommittedOffset>> {
    for _ in 0..TRIES {
        if let Some(found) = member.membership.committed(of).unwrap() {
            return found;
        }
        member.wake.wait(WAIT);
    }
    panic!("the committed offsets were not found")
}

pub(super) fn commit(
    member: &mut Member,
    offsets: &[(TopicPartition, CommittedOffset)],
) -> Result<(), BrokerError> {
    let ticket = member.membership.commit_offsets(offsets)?;
    for _ in 0..TRIES {
        if let Some(result) = member.membership.poll_commit(ticket) {
            return result;
        }
        member.wake.wait(WAIT);
    }
    panic!("the commit was not answered")
}

#[test]
fn offsets_are_committed_and_found_again_by_the_next_member() {
    let cluster = Cluster::connect();
    let (topic, group) = (unique("commit"), unique("commits"));
    cluster.make_topic(&topic, 3);
    let topology = reading(&[&topic]);
    let mut member = cluster.member(&group, "m1", &topology);
    let of: Vec<_> = (0..3).map(|number| TopicPartition::new(&*topic, number)).collect();
    let early = commit(&mut member, &[(of[0].clone(), CommittedOffset::new(1))]).unwrap_err();
    assert_eq!(early.kind(), BrokerErrorKind::Fenced);
    assert!(early.to_string().contains(&group), "{early}");
    member.settle(3);
    assert_eq!(committed(&mut member, &of), [None, None, None]);
    let full =
        CommittedOffset { offset: 7, leader_epoch: Some(0), metadata: "AgAAAYy4".to_owned() };
    let both = [(of[0].clone(), full.clone()), (of[2].clone(), CommittedOffset::new(1))];
    commit(&mut member, &both).unwrap();
    commit(&mut member, &[(of[2].clone(), CommittedOffset::new(2))]).unwrap();
    commit(&mut member, &[]).unwrap();
    let expected = [Some(full), None, Some(CommittedOffset::new(2))];
    assert_eq!(committed(&mut member, &of), expected);
    member.membership.leave().unwrap();
    member.membership.leave().unwrap();
    assert_eq!(commit(&mut member, &both).unwrap_err().kind(), BrokerErrorKind::Fenced);
    let mut next = cluster.member(&group, "m2", &topology);
    next.settle(3);
    assert_eq!(committed(&mut next, &of), expected);
    next.membership.leave().unwrap();
}

#[test]
fn a_commit_is_refused_by_the_name_of_its_partition() {
    let cluster = Cluster::connect();
    let (topic, group) = (unique("refused"), unique("refusing"));
    cluster.make_topic(&topic, 1);
    let mut member = cluster.member(&group, "m1", &reading(&[&topic]));
    member.settle(1);
    let nowhere = TopicPartition::new(unique("nowhere"), 0);
    let refused = commit(&mut member, &[(nowhere.clone(), CommittedOffset::new(1))]).unwrap_err();
    assert_eq!(refused.kind(), BrokerErrorKind::UnknownTopic);
    assert!(refused.to_string().contains(&nowhere.to_string()), "{refused}");
    let large = CommittedOffset { metadata: "x".repeat(5000), ..CommittedOffset::new(1) };
    let refused = commit(&mut member, &[(TopicPartition::new(&*topic, 0), large)]).unwrap_err();
    assert_eq!(refused.kind(), BrokerErrorKind::InvalidRequest);
    assert!(refused.to_string().contains(&format!("{topic}-0")), "{refused}");
    member.membership.leave().unwrap();
}

#[test]
fn a_task_moves_only_after_its_revocation() {
    let cluster = Cluster::connect();
    let (topic, group) = (unique("move"), unique("moving"));
    cluster.make_topic(&topic, 4);
    let topology = reading(&[&topic]);
    let mut first = cluster.member(&group, "m1", &topology);
    first.settle(4);
    let mut second = cluster.member(&group, "m2", &topology);
    // The first still owns everything: the second joins with nothing.
    assert!(second.assignment().active.is_empty());
    let fewer = first.assignment().tasks();
    assert_eq!(fewer.active.len(), 2);
    let kept: Vec<_> = fewer.active.iter().map(|task| task.partition).collect();
    // Commits of what is to be given up still count.
    let given_up = (0..4).find(|number| !kept.contains(number)).unwrap();
    let offset = (TopicPartition::new(&*topic, given_up), CommittedOffset::new(9));
    commit(&mut first, std::slice::from_ref(&offset)).unwrap();
    assert_eq!(second.poll(), None, "told is not done");
    first.owned = fewer;
    first.poll();
    second.settle(2);
    assert!(first.owned.active.is_disjoint(&second.owned.active));
    assert_eq!(committed(&mut second, &[offset.0]), [Some(CommittedOffset::new(9))]);
    first.membership.leave().unwrap();
    second.settle(4);
    second.membership.leave().unwrap();
}

#[test]
fn a_source_that_grows_brings_tasks_or_partitions() {
    let cluster = Cluster::connect();
    let (wide, narrow, group) = (unique("wide"), unique("narrow"), unique("growing"));
    cluster.make_topic(&wide, 3);
    cluster.make_topic(&narrow, 2);
    let mut member = cluster.member(&group, "m1", &reading(&[&wide, &narrow]));
    let inputs = |assignment: &TaskAssignment| -> Vec<usize> {
        assignment.active.values().map(Vec::len).collect()
    };
    let assignment = member.assignment();
    assert_eq!(inputs(&assignment), [2, 2, 1]);
    member.owned = assignment.tasks();
    cluster.grow_topic(&narrow, 3);
    let assignment = member.assignment();
    assert_eq!(assignment.tasks(), member.owned, "the same tasks");
    assert_eq!(inputs(&assignment), [2, 2, 2]);
    cluster.grow_topic(&wide, 4);
    let assignment = member.assignment();
    assert_eq!(inputs(&assignment), [2, 2, 2, 1]);
    member.owned = assignment.tasks();
    member.membership.leave().unwrap();
}

#[test]
fn standbys_are_a_setting_of_the_group() {
    let cluster = Cluster::connect();
    let (topic, group) = (unique("standby"), unique("standbys"));
    cluster.make_topic(&topic, 2);
    cluster.set(&group, "streams.num.standby.replicas", "1");
    let mut topology = reading(&[&topic]);
    let changelog = InternalTopicSpec::new(format!("{group}-store-changelog"));
    topology.subtopologies[0].changelog_topics = vec![changelog];
    let mut first = cluster.member(&group, "m1", &topology);
    first.settle(2);
    let mut second = cluster.member(&group, "m2", &topology);
    for _ in 0..TRIES {
        for member in [&mut first, &mut second] {
            if let Some(GroupEvent::Assignment(assignment)) = member.poll() {
                member.owned = assignment.tasks();
                member.poll();
            }
        }
        let is_spread =
            |member: &Member| member.owned.active.len() == 1 && member.owned.standby.len() == 1;
        if is_spread(&first) && is_spread(&second) {
            assert_eq!(first.owned.active, second.owned.standby);
            assert_eq!(first.owned.standby, second.owned.active);
            first.membership.leave().unwrap();
            second.membership.leave().unwrap();
            return;
        }
        first.wake.wait(WAIT);
    }
    panic!("no standbys: {:?} {:?}", first.owned, second.owned)
}

#[test]
fn tasks_that_the_member_lost_are_handed_out_again() {
    let cluster = Cluster::connect();
    let (topic, group) = (unique("lost"), unique("losing"));
    cluster.make_topic(&topic, 2);
    let mut member = cluster.member(&group, "m1", &reading(&[&topic]));
    member.settle(2);
    let epoch = member.epoch();
    member.owned = OwnedTasks::default();
    member.settle(2);
    assert_eq!(member.epoch(), epoch, "the group has not noticed");
    member.membership.leave().unwrap();
}

#[test]
fn an_application_is_stopped_by_one_member() {
    let cluster = Cluster::connect();
    let (topic, group) = (unique("stop"), unique("stopping"));
    cluster.make_topic(&topic, 2);
    let topology = reading(&[&topic]);
    let mut first = cluster.member(&group, "m1", &topology);
    let mut second = cluster.member(&group, "m2", &topology);
    first.assignment();
    second.assignment();
    first.membership.shut_down_application();
    first.poll();
    // As a thread that cannot go on: told and gone.
    first.membership.leave().unwrap();
    let status = second.status();
    assert_eq!(status[0].code, GroupStatusCode::ShutdownApplication);
    assert!(status[0].detail.contains("m1"), "{}", status[0]);
    second.membership.leave().unwrap();
}
