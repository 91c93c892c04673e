//! What goes wrong between a member and a real cluster.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use krafka::consumer::GroupProtocol;
use streams_core::broker::{BrokerErrorKind, CommittedOffset, TopicPartition};

use super::{
    cluster::{Cluster, unique},
    lossy::Lossy,
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
    let GroupEvent::Status(status) = member.event() else { panic!("nothing is assigned yet") };
    eprintln!("{status:?} {}", member.epoch());
    member.settle(2);
    eprintln!("{}", member.epoch());
    member.membership.leave().unwrap();
}

#[test]
fn groups_of_other_types() {
    let cluster = Cluster::connect();
    let topic = unique("types");
    cluster.make_topic(&topic, 1);
    // Offsets that a tool has committed, without members.
    let group = unique("classic-offsets");
    let lane = cluster.client.transport.lane("tool");
    let coordinator = Coordinator::new(lane, group.as_str().into());
    let (named, partition) = (group.clone(), TopicPartition::new(&*topic, 0));
    let done = cluster.client.wait_for("OffsetCommit", async move {
        coordinator
            .call_until::<offset_commit::Response>(Duration::from_secs(30), || {
                let by = Committer {
                    group_id: named.as_str().into(),
                    member_id: "".into(),
                    member_epoch: -1,
                };
                offset_commit::request(
                    by,
                    Arc::from([(partition.clone(), CommittedOffset::new(7))]),
                )
            })
            .await
    });
    eprintln!("tool: {:?}", done.unwrap().error_code());
    let mut member = cluster.member(&group, "m1", &reading(&[&topic]));
    eprintln!("classic with offsets only: {:?}", member.event());
    member.membership.leave().unwrap();
    for protocol in [GroupProtocol::Classic, GroupProtocol::Consumer] {
        let group = unique("other");
        let (g, t) = (group.clone(), topic.clone());
        let servers = std::env::var("STREAMS_KAFKA").unwrap();
        let consumer = cluster
            .client
            .wait_for("consumer", async move {
                let kafka = krafka::Kafka::builder(servers).connect().await.unwrap();
                let consumer = kafka.consumer(g).group_protocol(protocol).build().await.unwrap();
                consumer.subscribe([&t]).await.unwrap();
                for _ in 0..20 {
                    consumer.poll(Duration::from_millis(100)).await.unwrap();
                }
                Ok((kafka, consumer))
            })
            .unwrap();
        let mut member = cluster.member(&group, "m1", &reading(&[&topic]));
        eprintln!("{protocol:?} live: {}", member.error());
        cluster
            .client
            .wait_for("consumer", async move {
                consumer.1.close().await.unwrap();
                Ok(())
            })
            .unwrap();
        let mut member = cluster.member(&group, "m1", &reading(&[&topic]));
        for _ in 0..20 {
            match member.membership.poll(&member.owned, SystemClock.now()) {
                Ok(None) => {
                    member.wake.wait(WAIT);
                }
                other => {
                    eprintln!("{protocol:?} empty: {other:?}");
                    break;
                }
            }
        }
    }
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

#[test]
fn lost_answers_lose_no_assignment() {
    let mut cluster = Cluster::connect();
    let lossy = Lossy::new(Arc::clone(&cluster.client.transport));
    let losses = Arc::clone(&lossy.losses);
    cluster.client.transport = Arc::new(lossy);
    let (topic, group) = (unique("lossy"), unique("losses"));
    cluster.make_topic(&topic, 4);
    let topology = reading(&[&topic]);
    let mut first = cluster.member(&group, "m1", &topology);
    losses.store(3, Ordering::SeqCst);
    first.settle(4);
    // A revocation whose announcement is lost, and an assignment.
    let mut second = cluster.member(&group, "m2", &topology);
    second.assignment();
    losses.store(2, Ordering::SeqCst);
    first.settle(2);
    losses.store(2, Ordering::SeqCst);
    second.settle(2);
    assert!(first.owned.active.is_disjoint(&second.owned.active));
    losses.store(1, Ordering::SeqCst);
    second.membership.leave().unwrap();
    losses.store(2, Ordering::SeqCst);
    first.settle(4);
    first.membership.leave().unwrap();
}
