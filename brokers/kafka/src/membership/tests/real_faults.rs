//! What goes wrong between a member and a real cluster.

use std::{sync::Arc, time::Duration};

use krafka::consumer::{Consumer, GroupProtocol};
use streams_core::broker::{BrokerError, BrokerErrorKind, CommittedOffset, TopicPartition};

use super::{
    cluster::{Cluster, unique},
    real_broker::{commit, committed},
    *,
};
use crate::{
    coordinator::{Answer, Coordinator},
    protocol::offset_commit::{self, Committer},
};

#[test]
fn a_group_that_waits_for_members_assigns_when_the_delay_is_over() {
    let cluster = Cluster::connect();
    let (topic, group) = (unique("delay"), unique("delayed"));
    cluster.make_topic(&topic, 2);
    cluster.set(&group, "streams.initial.rebalance.delay.ms", "1500");
    let mut member = cluster.member(&group, "m1", &reading(&[&topic]));
    // The coordinator may not know the new topic yet.
    while !member.status().iter().any(|one| one.code == GroupStatusCode::AssignmentDelayed) {}
    assert!(member.owned.active.is_empty());
    member.settle(2);
    member.membership.leave().unwrap();
}

#[test]
fn another_topology_is_told_with_its_difference() {
    let cluster = Cluster::connect();
    let (topic, other, group) = (unique("topology"), unique("other"), unique("changed"));
    cluster.make_topic(&topic, 1);
    cluster.make_topic(&other, 1);
    let mut member = cluster.member(&group, "m1", &reading(&[&topic]));
    member.settle(1);
    let mut changed = cluster.member(&group, "m2", &reading(&[&topic, &other]));
    let error = changed.error();
    assert_eq!(error.kind(), BrokerErrorKind::InvalidRequest);
    let expected = format!("(sub-topology 0 also reads {other})");
    assert!(error.to_string().contains(&expected), "{error}");
    assert_eq!(changed.error().to_string(), error.to_string(), "it stays so");
    assert_eq!(member.poll(), None);
    changed.membership.leave().unwrap();
    member.membership.leave().unwrap();
}

/// Commits as a tool does, which makes a classic group without members.
fn commit_as_tool(cluster: &Cluster, group: &str, partition: &TopicPartition, offset: i64) {
    let coordinator = Coordinator::new(cluster.client.transport.lane("tool"), group.into());
    let by = Committer { group_id: group.into(), member_id: "".into(), member_epoch: -1 };
    let offsets: Arc<[_]> = Arc::from([(partition.clone(), CommittedOffset::new(offset))]);
    let done = cluster.client.wait_for("OffsetCommit", async move {
        let request = || offset_commit::request(by.clone(), Arc::clone(&offsets));
        coordinator.call_until::<offset_commit::Response>(Duration::from_secs(30), request).await
    });
    assert!(done.unwrap().error_code().is_ok());
}

#[test]
fn a_classic_group_without_members_is_taken_over_with_its_offsets() {
    let cluster = Cluster::connect();
    let (topic, group) = (unique("classic"), unique("taken"));
    cluster.make_topic(&topic, 1);
    let partition = TopicPartition::new(&*topic, 0);
    commit_as_tool(&cluster, &group, &partition, 7);
    let mut member = cluster.member(&group, "m1", &reading(&[&topic]));
    member.settle(1);
    assert_eq!(committed(&mut member, &[partition]), [Some(CommittedOffset::new(7))]);
    member.membership.leave().unwrap();
}

/// A consumer that is a member of the group.
fn consumer(cluster: &Cluster, group: &str, topic: &str, protocol: GroupProtocol) -> Consumer {
    let (group, topic) = (group.to_owned(), topic.to_owned());
    let servers = cluster.client.config.bootstrap_servers();
    let joined = cluster.client.wait_for("a consumer", async move {
        let kafka = krafka::Kafka::builder(servers).connect().await.unwrap();
        let consumer = kafka.consumer(group).group_protocol(protocol).build().await.unwrap();
        consumer.subscribe([&topic]).await.unwrap();
        while consumer.assignment().await.is_empty() {
            consumer.poll(Duration::from_millis(100)).await.unwrap();
        }
        Ok(consumer)
    });
    joined.unwrap()
}

#[test]
fn a_group_of_another_type_is_named_with_what_to_do() {
    let cluster = Cluster::connect();
    let topic = unique("types");
    cluster.make_topic(&topic, 1);
    let topology = reading(&[&topic]);
    for protocol in [GroupProtocol::Classic, GroupProtocol::Consumer] {
        let group = unique("other-type");
        let consumer = consumer(&cluster, &group, &topic, protocol);
        let refused = cluster.member(&group, "m1", &topology).error();
        assert_eq!(refused.kind(), BrokerErrorKind::InvalidRequest, "{protocol:?}");
        let expected = format!("group {group} is no streams group");
        assert!(refused.to_string().contains(&expected), "{protocol:?}: {refused}");
        let closed = cluster.client.wait_for("closing", async move {
            consumer.close().await.unwrap();
            Ok(())
        });
        closed.unwrap();
        let mut next = cluster.member(&group, "m1", &topology);
        if protocol == GroupProtocol::Classic {
            next.settle(1);
            next.membership.leave().unwrap();
        } else {
            assert_eq!(next.error().kind(), BrokerErrorKind::InvalidRequest);
        }
    }
}

#[test]
fn lost_answers_lose_no_assignment() {
    let (cluster, trouble) = Cluster::connect().troubled();
    let (topic, group) = (unique("lossy"), unique("losses"));
    cluster.make_topic(&topic, 4);
    let topology = reading(&[&topic]);
    let mut first = cluster.member(&group, "m1", &topology);
    trouble.lose(3);
    first.settle(4);
    // A revocation whose announcement is lost, and an assignment.
    let mut second = cluster.member(&group, "m2", &topology);
    second.assignment();
    trouble.lose(2);
    first.settle(2);
    trouble.lose(2);
    second.settle(2);
    assert!(first.owned.active.is_disjoint(&second.owned.active));
    trouble.lose(1);
    second.membership.leave().unwrap();
    trouble.lose(2);
    first.settle(4);
    assert!(trouble.described() >= 2, "the coordinator says an assignment once");
    first.membership.leave().unwrap();
}

fn refused_commit(member: &mut Member, topic: &str) -> BrokerError {
    let offsets = [(TopicPartition::new(topic, 0), CommittedOffset::new(1))];
    commit(member, &offsets).unwrap_err()
}

#[test]
fn a_member_that_missed_its_session_is_fenced_and_joins_anew() {
    let cluster = Cluster::connect();
    let (troubled, trouble) = cluster.troubled();
    let (topic, group) = (unique("session"), unique("sessions"));
    cluster.make_topic(&topic, 2);
    let topology = reading(&[&topic]);
    let mut lost = troubled.member(&group, "m1", &topology);
    lost.settle(2);
    let mut heir = cluster.member(&group, "m2", &topology);
    heir.assignment();
    trouble.set_away(true);
    while heir.owned.active.len() < 2 {
        heir.owned = heir.assignment().tasks();
        assert_eq!(lost.poll(), None, "it cannot know");
    }
    trouble.set_away(false);
    let fenced = refused_commit(&mut lost, &topic);
    assert_eq!(fenced.kind(), BrokerErrorKind::Fenced);
    assert_eq!(lost.event(), GroupEvent::Fenced);
    assert_eq!(refused_commit(&mut lost, &topic).kind(), BrokerErrorKind::Fenced);
    lost.owned = OwnedTasks::default();
    // It joins as any other, and gets its share once the heir has given it up.
    assert!(lost.assignment().active.is_empty());
    heir.settle(1);
    lost.settle(1);
    lost.membership.leave().unwrap();
    heir.membership.leave().unwrap();
}

#[test]
fn a_thread_that_does_not_poll_gives_its_tasks_to_others() {
    let cluster = Cluster::connect();
    let (topic, group) = (unique("busy"), unique("busy"));
    cluster.make_topic(&topic, 2);
    let topology = reading(&[&topic]);
    let mut options = GroupOptions::new(&*group, "process-of-m1", "m1");
    options.rebalance_timeout = Duration::from_secs(2);
    let mut busy = Member::start(&cluster.client, options, &topology);
    busy.settle(2);
    let mut heir = cluster.member(&group, "m2", &topology);
    heir.settle(2);
    assert_eq!(busy.event(), GroupEvent::Fenced);
    busy.owned = OwnedTasks::default();
    assert!(busy.assignment().active.is_empty());
    busy.membership.leave().unwrap();
    heir.membership.leave().unwrap();
}

#[test]
fn a_short_outage_changes_nothing() {
    let (cluster, trouble) = Cluster::connect().troubled();
    let (topic, group) = (unique("outage"), unique("outages"));
    cluster.make_topic(&topic, 2);
    let mut member = cluster.member(&group, "m1", &reading(&[&topic]));
    member.settle(2);
    let epoch = member.epoch();
    trouble.set_away(true);
    let offsets = [(TopicPartition::new(&*topic, 0), CommittedOffset::new(5))];
    let ticket = member.membership.commit_offsets(&offsets).unwrap();
    for _ in 0..10 {
        member.wake.wait(WAIT);
        assert_eq!(member.poll(), None);
        assert!(member.membership.poll_commit(ticket).is_none());
    }
    trouble.set_away(false);
    for _ in 0..TRIES {
        if let Some(result) = member.membership.poll_commit(ticket) {
            result.unwrap();
            break;
        }
        member.wake.wait(WAIT);
    }
    assert_eq!(committed(&mut member, &[offsets[0].0.clone()]), [Some(CommittedOffset::new(5))]);
    assert_eq!((member.poll(), member.epoch()), (None, epoch));
    member.membership.leave().unwrap();
}

#[test]
fn a_member_whose_id_another_takes_is_fenced() {
    let cluster = Cluster::connect();
    let (topic, group) = (unique("taken"), unique("taken"));
    cluster.make_topic(&topic, 2);
    let topology = reading(&[&topic]);
    let mut older = cluster.member(&group, "m1", &topology);
    older.settle(2);
    let mut newer = cluster.member(&group, "m1", &topology);
    newer.settle(2);
    assert_eq!(older.event(), GroupEvent::Fenced);
    assert_eq!(older.epoch(), -1);
    let offsets = [(TopicPartition::new(&*topic, 0), CommittedOffset::new(1))];
    commit(&mut newer, &offsets).unwrap();
    newer.membership.leave().unwrap();
}
