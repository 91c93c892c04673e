//! Groups over time: sessions, slow members, many threads at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use broker_embedded::{EmbeddedBroker, EmbeddedOptions};
use streams_core::batch::Timestamp;
use streams_core::broker::{
    Broker, BrokerErrorKind, CommittedOffset, GroupEvent, GroupOptions, GroupStatusCode,
    InternalTopicSpec, Membership, NewTopic, OwnedTasks, SubtopologySpec, TaskId, TopicPartition,
    TopologySpec, WakeUp,
};
use streams_core::{Clock, ManualClock};

use crate::support::make_topic;

struct World {
    broker: EmbeddedBroker,
    clock: Arc<ManualClock>,
    topology: TopologySpec,
}

struct Member {
    membership: Box<dyn Membership>,
    owned: OwnedTasks,
    status: Vec<GroupStatusCode>,
    fenced: usize,
}

impl World {
    fn new(partitions: i32) -> Self {
        Self::with(partitions, EmbeddedOptions::default())
    }

    fn with(partitions: i32, options: EmbeddedOptions) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
        let broker = EmbeddedBroker::in_memory_with(options.clock(clock.clone())).expect("made");
        make_topic(&broker, NewTopic::new("lines", partitions));
        let subtopology = SubtopologySpec {
            source_topics: vec!["lines".into()],
            changelog_topics: vec![InternalTopicSpec::new("app-counts-changelog")],
            ..SubtopologySpec::default()
        };
        let topology = TopologySpec { epoch: 0, subtopologies: vec![subtopology] };
        Self { broker, clock, topology }
    }

    fn join(&self, member_id: &str, standby_replicas: usize) -> Member {
        let process = member_id.split('-').next().unwrap_or(member_id);
        let mut options = GroupOptions::new("app", process, member_id);
        options.standby_replicas = standby_replicas;
        let membership = self.broker.membership(options, self.topology.clone(), WakeUp::new());
        Member {
            membership: membership.expect("it is made"),
            owned: OwnedTasks::default(),
            status: Vec::new(),
            fenced: 0,
        }
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    fn state(&self) -> String {
        let described = self.broker.group_admin().describe_group("app").expect("asked");
        described.map_or("none".to_owned(), |group| group.state)
    }

    /// Lets all members poll until nothing happens any more. No task may ever have two owners.
    fn settle(&self, members: &mut [&mut Member]) {
        let mut quiet = 0;
        for _ in 0..100 {
            quiet += 1;
            for member in members.iter_mut() {
                if member.poll(&self.clock) {
                    quiet = 0;
                }
            }
            assert_one_owner(members.iter().map(|member| &**member), 0);
            // A poll without news may still release a task for a member that was asked before.
            if quiet == 3 {
                return;
            }
        }
        unreachable!("the group does not settle");
    }
}

impl Member {
    fn poll(&mut self, clock: &ManualClock) -> bool {
        match self.membership.poll(&self.owned, clock.now()).expect("it works") {
            None => return false,
            Some(GroupEvent::Assignment(assignment)) => self.owned = assignment.tasks(),
            Some(GroupEvent::Fenced) => {
                self.owned = OwnedTasks::default();
                self.fenced += 1;
            }
            Some(GroupEvent::Status(status)) => {
                self.status = status.into_iter().map(|status| status.code).collect();
            }
            Some(_) => {}
        }
        true
    }
}

/// Who is out of the group does not count: its commits are refused.
fn assert_one_owner<'a>(members: impl Iterator<Item = &'a Member>, seed: u64) {
    let in_group = |member: &&Member| member.membership.group_metadata().member_epoch >= 0;
    let all: Vec<_> = members.filter(in_group).flat_map(|member| &member.owned.active).collect();
    let different: BTreeSet<_> = all.iter().collect();
    assert_eq!(all.len(), different.len(), "seed {seed}: a task with two owners");
}

#[test]
fn ten_tasks_over_three_threads_are_four_three_and_three_and_move_little() {
    let world = World::new(10);
    let (mut a, mut b, mut c) = (world.join("a", 0), world.join("b", 0), world.join("c", 0));
    world.settle(&mut [&mut a]);
    assert_eq!(a.owned.active.len(), 10);
    world.settle(&mut [&mut a, &mut b]);
    assert_eq!((a.owned.active.len(), b.owned.active.len()), (5, 5));
    let before = (a.owned.active.clone(), b.owned.active.clone());
    world.settle(&mut [&mut a, &mut b, &mut c]);
    let sizes = [&a, &b, &c].map(|member| member.owned.active.len());
    assert_eq!(sizes.iter().sum::<usize>(), 10);
    assert!(sizes.iter().all(|size| (3..=4).contains(size)), "{sizes:?}");
    assert!(a.owned.active.is_subset(&before.0) && b.owned.active.is_subset(&before.1));
    assert_eq!(world.state(), "Stable");
}

#[test]
fn a_silent_member_is_out_after_its_session_and_its_tasks_move() {
    let world = World::new(4);
    let (mut a, mut b) = (world.join("a", 0), world.join("b", 0));
    world.settle(&mut [&mut a, &mut b]);
    world.pass(Duration::from_secs(40));
    world.settle(&mut [&mut a]);
    assert_eq!(a.owned.active.len(), 2, "not yet");
    world.pass(Duration::from_secs(6));
    world.settle(&mut [&mut a]);
    assert_eq!(a.owned.active.len(), 4);
    let offsets = [(TopicPartition::new("lines", 0), CommittedOffset::new(1))];
    let late = b.membership.commit_offsets(&offsets).unwrap_err();
    assert_eq!(late.kind(), BrokerErrorKind::Fenced, "the tasks have another owner");
    b.poll(&world.clock);
    assert_eq!((b.fenced, b.owned.active.len()), (1, 0));
    world.settle(&mut [&mut a, &mut b]);
    assert_eq!((a.owned.active.len(), b.owned.active.len()), (2, 2), "it joins anew");
}

#[test]
fn a_member_that_does_not_give_up_in_time_is_out() {
    let world = World::new(4);
    let (mut a, mut b) = (world.join("a", 0), world.join("b", 0));
    world.settle(&mut [&mut a]);
    b.poll(&world.clock);
    // It is heard all the time, but keeps what it should give up.
    let all = a.owned.clone();
    for _ in 0..61 {
        a.membership.poll(&all, world.clock.now()).unwrap();
        b.poll(&world.clock);
        assert!(b.owned.active.is_empty());
        world.pass(Duration::from_secs(5));
    }
    world.settle(&mut [&mut b]);
    assert_eq!(b.owned.active.len(), 4);
    a.poll(&world.clock);
    assert_eq!(a.fenced, 1);
}

#[test]
fn a_member_with_the_id_of_another_takes_its_place() {
    let world = World::new(2);
    let mut old = world.join("a", 0);
    world.settle(&mut [&mut old]);
    let mut new = world.join("a", 0);
    new.poll(&world.clock);
    old.poll(&world.clock);
    assert_eq!((old.fenced, old.owned.active.len()), (1, 0));
    assert_eq!(new.owned.active.len(), 2);
}

#[test]
fn standbys_live_in_other_processes_and_take_over() {
    let world = World::new(4);
    let (mut a, mut b) = (world.join("p-1", 1), world.join("q-1", 1));
    let mut c = world.join("q-2", 1);
    world.settle(&mut [&mut a, &mut b, &mut c]);
    let standbys_of_q: BTreeSet<TaskId> = &b.owned.standby | &c.owned.standby;
    assert_eq!(standbys_of_q, a.owned.active);
    assert_eq!(a.owned.standby, &b.owned.active | &c.owned.active);
    a.membership.leave().unwrap();
    world.settle(&mut [&mut b, &mut c]);
    assert_eq!(b.owned.active.len() + c.owned.active.len(), 4);
    assert!(b.owned.standby.is_empty() && c.owned.standby.is_empty(), "one process alone");
}

#[test]
fn a_grown_topic_adds_tasks_only_where_no_internal_topic_is_in_the_way() {
    let mut world = World::new(2);
    world.topology.subtopologies[0].changelog_topics.clear();
    let mut a = world.join("a", 0);
    world.settle(&mut [&mut a]);
    world.broker.admin().create_partitions("lines", 3).unwrap();
    world.settle(&mut [&mut a]);
    assert_eq!((a.owned.active.len(), a.status.len()), (3, 0));
    let stateful = World::new(2);
    let mut b = stateful.join("b", 0);
    stateful.settle(&mut [&mut b]);
    stateful.broker.admin().create_partitions("lines", 3).unwrap();
    stateful.settle(&mut [&mut b]);
    assert_eq!(b.owned.active.len(), 2, "what is assigned stays");
    assert_eq!(b.status, [GroupStatusCode::IncorrectlyPartitionedTopics]);
    assert_eq!(stateful.state(), "NotReady");
}

#[test]
fn all_members_hear_of_a_shutdown() {
    let world = World::new(2);
    let (mut a, mut b) = (world.join("a", 0), world.join("b", 0));
    world.settle(&mut [&mut a, &mut b]);
    a.membership.shut_down_application();
    world.settle(&mut [&mut a, &mut b]);
    for member in [&a, &b] {
        assert_eq!(member.status, [GroupStatusCode::ShutdownApplication]);
    }
    a.membership.leave().unwrap();
    b.membership.leave().unwrap();
    let mut next = world.join("a", 0);
    world.settle(&mut [&mut next]);
    assert_eq!((next.owned.active.len(), next.status.len()), (2, 0), "a later run is a new one");
}

#[test]
fn a_changed_topology_waits_for_the_members_with_the_old_one() {
    let mut world = World::new(2);
    let mut old = world.join("old", 0);
    world.settle(&mut [&mut old]);
    world.topology.subtopologies[0].changelog_topics.clear();
    let mut new = world.join("new", 0);
    world.settle(&mut [&mut old, &mut new]);
    assert_eq!((new.owned.active.len(), old.owned.active.len()), (0, 2));
    assert_eq!(new.status, [GroupStatusCode::StaleTopology]);
    old.membership.leave().unwrap();
    new.membership.leave().unwrap();
    let mut next = world.join("new", 0);
    world.settle(&mut [&mut next]);
    assert_eq!(next.owned.active.len(), 2);
}

#[test]
fn the_first_assignment_waits_for_the_initial_delay() {
    let delay = Duration::from_secs(3);
    let world = World::with(4, EmbeddedOptions::default().initial_rebalance_delay(delay));
    let (mut a, mut b) = (world.join("a", 0), world.join("b", 0));
    world.settle(&mut [&mut a, &mut b]);
    assert!(a.owned.active.is_empty() && b.owned.active.is_empty());
    assert_eq!(a.status, [GroupStatusCode::AssignmentDelayed]);
    world.pass(delay);
    assert!(a.poll(&world.clock), "asked again as soon as the delay is over");
    world.settle(&mut [&mut a, &mut b]);
    assert_eq!((a.owned.active.len(), b.owned.active.len()), (2, 2));
    assert!(a.status.is_empty());
}

#[test]
fn a_co_partitioning_mistake_names_both_topics_and_counts() {
    let mut world = World::new(4);
    make_topic(&world.broker, NewTopic::new("users", 3));
    let subtopology = &mut world.topology.subtopologies[0];
    subtopology.source_topics = vec!["lines".into(), "users".into()];
    subtopology.copartition_groups = vec![streams_core::broker::CopartitionGroup {
        source_topics: subtopology.source_topics.clone(),
        ..Default::default()
    }];
    let options = GroupOptions::new("app", "p", "m");
    let mut member =
        world.broker.membership(options, world.topology.clone(), WakeUp::new()).unwrap();
    let event = member.poll(&OwnedTasks::default(), world.clock.now()).unwrap();
    let Some(GroupEvent::Status(status)) = event else { panic!("{event:?}") };
    assert!(status[0].detail.contains("lines has 4, users has 3"), "{}", status[0]);
}

#[test]
fn any_order_of_joins_leaves_and_crashes_ends_balanced_without_two_owners() {
    for seed in 0..40_u64 {
        let mut random = seed;
        let mut draw = |bound: u64| {
            // A linear congruential generator is random enough to shuffle events.
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % bound
        };
        let world = World::new(7);
        let mut members: Vec<Member> = Vec::new();
        let mut next = 0;
        for _ in 0..60 {
            match draw(5) {
                0 | 1 if members.len() < 5 => {
                    members.push(world.join(&format!("p{}-{next}", draw(3)), draw(2) as usize));
                    next += 1;
                }
                2 if !members.is_empty() => {
                    let gone = draw(members.len() as u64) as usize;
                    members.swap_remove(gone).membership.leave().unwrap();
                }
                3 => world.pass(Duration::from_secs(draw(30))),
                _ => {}
            }
            for _ in 0..draw(4) {
                if !members.is_empty() {
                    let polled = draw(members.len() as u64) as usize;
                    members[polled].poll(&world.clock);
                }
                assert_one_owner(members.iter(), seed);
            }
        }
        if members.is_empty() {
            continue;
        }
        let mut refs: Vec<&mut Member> = members.iter_mut().collect();
        world.settle(&mut refs);
        let sizes: Vec<_> = members.iter().map(|member| member.owned.active.len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 7, "seed {seed}");
        assert!(
            sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1,
            "seed {seed}: {sizes:?}"
        );
    }
}

#[test]
fn a_topic_that_a_pattern_matches_is_read_as_soon_as_it_exists() {
    let mut world = World::new(2);
    let subtopology = &mut world.topology.subtopologies[0];
    subtopology.changelog_topics.clear();
    subtopology.source_topics.clear();
    subtopology.source_topic_patterns = vec!["lines(-.+)?".into()];
    let mut a = world.join("a", 0);
    world.settle(&mut [&mut a]);
    assert_eq!(a.owned.active.len(), 2);
    make_topic(&world.broker, NewTopic::new("more-lines", 9));
    world.settle(&mut [&mut a]);
    assert_eq!(a.owned.active.len(), 2, "it does not match");
    make_topic(&world.broker, NewTopic::new("lines-more", 5));
    world.settle(&mut [&mut a]);
    assert_eq!(a.owned.active.len(), 5);
    world.topology.subtopologies[0].source_topic_patterns = vec!["lines(".into()];
    let options = GroupOptions::new("other", "p", "m");
    let refused = world.broker.membership(options, world.topology.clone(), WakeUp::new());
    assert!(refused.unwrap_err().to_string().contains("lines("));
}
