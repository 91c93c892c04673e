//! Groups and committed offsets.

use std::collections::BTreeSet;

use super::*;
use crate::broker::{
    BrokerErrorKind, CommittedOffset, GroupEvent, GroupOptions, GroupStatusCode, InternalTopicSpec,
    Membership, OwnedTasks, SubtopologySpec, TaskAssignment, TopologySpec,
};
use crate::{Clock, SystemClock};

/// A member that carries out assignments at once.
struct Member {
    membership: Box<dyn Membership>,
    wake: WakeUp,
    owned: OwnedTasks,
}

impl Member {
    fn new(broker: &dyn Broker, group_id: &str, member_id: &str, topology: &TopologySpec) -> Self {
        let wake = WakeUp::new();
        let options = GroupOptions::new(group_id, format!("process-of-{member_id}"), member_id);
        let membership = broker.membership(options, topology.clone(), wake.clone());
        let membership = membership.expect("the member is made");
        Self { membership, wake, owned: OwnedTasks::default() }
    }

    fn poll(&mut self) -> Option<GroupEvent> {
        self.membership.poll(&self.owned, SystemClock.now()).expect("the membership works")
    }

    /// Polls until an event comes; events take as long as a heartbeat of a cluster.
    fn event(&mut self) -> GroupEvent {
        for _ in 0..TRIES {
            if let Some(event) = self.poll() {
                return event;
            }
            self.wake.wait(WAIT);
        }
        unreachable!("no event came")
    }

    /// The next assignment; other events are passed over.
    fn assignment(&mut self) -> TaskAssignment {
        loop {
            if let GroupEvent::Assignment(assignment) = self.event() {
                return assignment;
            }
        }
    }

    /// Carries out assignments until it owns so many active tasks.
    fn settle(&mut self, count: usize) {
        while self.owned.active.len() != count {
            self.owned = self.assignment().tasks();
        }
        self.poll();
    }
}

fn reading(topics: &[&str]) -> TopologySpec {
    let subtopology = SubtopologySpec {
        source_topics: topics.iter().map(|topic| (*topic).into()).collect(),
        ..SubtopologySpec::default()
    };
    TopologySpec { epoch: 0, subtopologies: vec![subtopology] }
}

pub(super) fn one_member_gets_all_tasks(broker: &dyn Broker) {
    make_topic(broker, "contract-wide", 4);
    make_topic(broker, "contract-narrow", 3);
    let topology = reading(&["contract-wide", "contract-narrow"]);
    let mut member = Member::new(broker, "contract-alone", "m1", &topology);
    assert_eq!(member.membership.group_metadata().member_epoch, -1);
    let assignment = member.assignment();
    let tasks: Vec<_> = assignment.active.keys().map(ToString::to_string).collect();
    assert_eq!(tasks, ["0_0", "0_1", "0_2", "0_3"]);
    let inputs: Vec<usize> = assignment.active.values().map(Vec::len).collect();
    assert_eq!(inputs, [2, 2, 2, 1]);
    assert!(assignment.epoch > 0);
    assert_eq!(member.membership.group_metadata().member_epoch, assignment.epoch);
    member.membership.leave().expect("it leaves");
}

pub(super) fn internal_topics_are_made_with_their_configs(broker: &dyn Broker) {
    make_topic(broker, "contract-source", 3);
    let mut repartition = InternalTopicSpec::new("contract-app-by-word-repartition");
    repartition.configs.insert("retention.ms".to_owned(), "-1".to_owned());
    let mut changelog = InternalTopicSpec::new("contract-app-counts-changelog");
    changelog.configs.insert("cleanup.policy".to_owned(), "compact".to_owned());
    let mut topology = reading(&["contract-source"]);
    topology.subtopologies[0].repartition_sink_topics = vec![repartition.name.clone()];
    topology.subtopologies.push(SubtopologySpec {
        repartition_source_topics: vec![repartition],
        changelog_topics: vec![changelog],
        ..SubtopologySpec::default()
    });
    let mut member = Member::new(broker, "contract-app", "m1", &topology);
    member.settle(6);
    let names = ["contract-app-by-word-repartition", "contract-app-counts-changelog"];
    let described = broker.admin().describe_topics(&names).expect("asked");
    let described: Vec<_> = described.into_iter().map(|topic| topic.expect("it is made")).collect();
    assert!(described.iter().all(|topic| topic.partitions == 3), "{described:?}");
    assert_eq!(described[0].configs.get("retention.ms").map(String::as_str), Some("-1"));
    assert_eq!(described[1].configs.get("cleanup.policy").map(String::as_str), Some("compact"));
    member.membership.leave().expect("it leaves");
}

pub(super) fn a_missing_source_topic_is_named_until_it_exists(broker: &dyn Broker) {
    let topology = reading(&["contract-missing"]);
    let mut member = Member::new(broker, "contract-waiting", "m1", &topology);
    let GroupEvent::Status(status) = member.event() else { unreachable!("nothing to assign") };
    assert_eq!(status[0].code, GroupStatusCode::MissingSourceTopics);
    assert!(status[0].detail.contains("contract-missing"), "{}", status[0]);
    make_topic(broker, "contract-missing", 2);
    member.settle(2);
    member.membership.leave().expect("it leaves");
}

fn commit(member: &mut Member, offsets: &[(TopicPartition, CommittedOffset)]) {
    let ticket = member.membership.commit_offsets(offsets).expect("the commit begins");
    for _ in 0..TRIES {
        if let Some(result) = member.membership.poll_commit(ticket) {
            return result.expect("the commit succeeds");
        }
        member.wake.wait(WAIT);
    }
    unreachable!("the commit was not answered")
}

fn committed(member: &mut Member, of: &[TopicPartition]) -> Vec<Option<CommittedOffset>> {
    for _ in 0..TRIES {
        if let Some(found) = member.membership.committed(of).expect("asked") {
            return found;
        }
        member.wake.wait(WAIT);
    }
    unreachable!("the committed offsets were not found")
}

pub(super) fn offsets_are_committed_and_found_again(broker: &dyn Broker) {
    make_topic(broker, "contract-commit", 3);
    let topology = reading(&["contract-commit"]);
    let mut member = Member::new(broker, "contract-commits", "m1", &topology);
    member.settle(3);
    let of: Vec<_> = (0..3).map(|number| partition("contract-commit", number)).collect();
    assert_eq!(committed(&mut member, &of), [None, None, None]);
    let full =
        CommittedOffset { offset: 7, leader_epoch: Some(0), metadata: "AgAAAYy4".to_owned() };
    commit(&mut member, &[(of[0].clone(), full.clone()), (of[2].clone(), CommittedOffset::new(1))]);
    commit(&mut member, &[(of[2].clone(), CommittedOffset::new(2))]);
    commit(&mut member, &[]);
    let expected = [Some(full), None, Some(CommittedOffset::new(2))];
    assert_eq!(committed(&mut member, &of), expected);
    member.membership.leave().expect("it leaves");
    let mut next = Member::new(broker, "contract-commits", "m2", &topology);
    next.settle(3);
    assert_eq!(committed(&mut next, &of), expected, "the group keeps them");
    let described = broker.group_admin().describe_group("contract-commits").expect("asked");
    let described = described.expect("the group exists");
    assert_eq!(described.offsets.len(), 2);
    assert_eq!(described.members.len(), 1);
    next.membership.leave().expect("it leaves");
}

pub(super) fn a_task_moves_only_after_its_revocation(broker: &dyn Broker) {
    make_topic(broker, "contract-move", 4);
    let topology = reading(&["contract-move"]);
    let mut first = Member::new(broker, "contract-moving", "m1", &topology);
    first.settle(4);
    let mut second = Member::new(broker, "contract-moving", "m2", &topology);
    // The first still owns everything: the second gets nothing, however often it asks.
    for _ in 0..10 {
        if let Some(GroupEvent::Assignment(early)) = second.poll() {
            assert!(early.active.is_empty(), "two owners: {early:?}");
        }
    }
    let fewer = first.assignment().tasks();
    assert_eq!(fewer.active.len(), 2);
    if let Some(GroupEvent::Assignment(early)) = second.poll() {
        assert!(early.active.is_empty(), "told is not done: {early:?}");
    }
    first.owned = fewer;
    first.poll();
    second.settle(2);
    let all: BTreeSet<_> = first.owned.active.union(&second.owned.active).collect();
    assert_eq!(all.len(), 4);
    first.membership.leave().expect("it leaves");
    second.settle(4);
    second.membership.leave().expect("it leaves");
}

pub(super) fn a_member_that_left_cannot_commit(broker: &dyn Broker) {
    make_topic(broker, "contract-left", 1);
    let topology = reading(&["contract-left"]);
    let mut member = Member::new(broker, "contract-leaving", "m1", &topology);
    let offsets = [(partition("contract-left", 0), CommittedOffset::new(1))];
    let early = member.membership.commit_offsets(&offsets).expect_err("not yet a member");
    assert_eq!(early.kind(), BrokerErrorKind::Fenced);
    member.settle(1);
    member.membership.leave().expect("it leaves");
    member.membership.leave().expect("and may leave twice");
    let late = member.membership.commit_offsets(&offsets).expect_err("no longer a member");
    assert_eq!(late.kind(), BrokerErrorKind::Fenced);
    assert!(late.to_string().contains("contract-leaving"), "{late}");
}

pub(super) fn offsets_of_an_idle_group_are_mended(broker: &dyn Broker) {
    make_topic(broker, "contract-mend", 2);
    let topology = reading(&["contract-mend"]);
    let admin = broker.group_admin();
    let (first, second) = (partition("contract-mend", 0), partition("contract-mend", 1));
    let offsets =
        [(first.clone(), CommittedOffset::new(5)), (second.clone(), CommittedOffset::new(6))];
    let mut member = Member::new(broker, "contract-mended", "m1", &topology);
    member.settle(2);
    let busy = admin.alter_offsets("contract-mended", &offsets).expect_err("it has a member");
    assert_eq!(busy.kind(), BrokerErrorKind::InvalidRequest);
    member.membership.leave().expect("it leaves");
    admin.alter_offsets("contract-mended", &offsets).expect("set");
    admin.delete_offsets("contract-mended", std::slice::from_ref(&first)).expect("forgotten");
    let described = admin.describe_group("contract-mended").expect("asked").expect("it exists");
    assert_eq!(described.offsets.into_keys().collect::<Vec<_>>(), [second]);
    assert!(admin.list_groups().expect("asked").contains(&"contract-mended".to_owned()));
    admin.delete_group("contract-mended").expect("deleted");
    assert!(admin.delete_group("contract-mended").is_err(), "there is none any more");
    assert!(!admin.list_groups().expect("asked").contains(&"contract-mended".to_owned()));
}
