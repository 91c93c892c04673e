//! A member over a scripted cluster: what is sent, and what is made of the answers.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use streams_core::broker::{BrokerError, BrokerErrorKind, CommittedOffset, TopicPartition};

use super::*;
use crate::{
    KafkaConfig,
    membership::fake::{
        Fake, broken, committed, committed_epoch, fetched, found, heartbeat, heartbeat_epoch,
    },
    protocol::{
        ErrorCode,
        streams_group_heartbeat::{JOIN, LEAVE},
    },
    transport::{Api, TransportError},
};

/// What the coordinator will answer, in order; when there is nothing left, that all is well.
#[derive(Debug, Default)]
struct Script {
    epoch: i32,
    heartbeats: VecDeque<Result<Bytes, TransportError>>,
    commits: VecDeque<Result<ErrorCode, TransportError>>,
    fetches: VecDeque<Result<(ErrorCode, ErrorCode), TransportError>>,
    /// The epochs that were sent.
    heartbeat_epochs: Vec<i32>,
    commit_epochs: Vec<i32>,
    lookups: usize,
}

impl Script {
    fn answer(&mut self, api: Api, body: &Bytes) -> Result<Bytes, TransportError> {
        match api {
            Api::FindCoordinator => {
                self.lookups += 1;
                Ok(found(1, ErrorCode::NONE))
            }
            Api::StreamsGroupHeartbeat => {
                let epoch = heartbeat_epoch(body);
                self.heartbeat_epochs.push(epoch);
                let joins = (epoch == JOIN).then_some(&[0][..]);
                let well = heartbeat(self.epoch, joins, ErrorCode::NONE);
                self.heartbeats.pop_front().unwrap_or(Ok(well))
            }
            Api::OffsetCommit => {
                self.commit_epochs.push(committed_epoch(body));
                let code = self.commits.pop_front().unwrap_or(Ok(ErrorCode::NONE))?;
                Ok(committed(&orders(), code))
            }
            Api::OffsetFetch => {
                let well = Ok((ErrorCode::NONE, ErrorCode::NONE));
                let (of_partition, of_group) = self.fetches.pop_front().unwrap_or(well)?;
                Ok(fetched(&orders(), 7, of_partition, of_group))
            }
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Debug)]
struct Scripted {
    script: Arc<Mutex<Script>>,
    fake: Fake,
    member: Member,
}

fn orders() -> TopicPartition {
    TopicPartition::new("orders", 0)
}

impl Scripted {
    fn start() -> Self {
        Self::with(|config| config, |fake| fake.topic("orders", 1))
    }

    fn with(
        config: impl FnOnce(KafkaConfig) -> KafkaConfig,
        change: impl FnOnce(Fake) -> Fake,
    ) -> Self {
        let script = Arc::new(Mutex::new(Script { epoch: 2, ..Script::default() }));
        let answers = Arc::clone(&script);
        let fake =
            change(Fake::new(move |_, api, body| answers.lock().unwrap().answer(api, &body)));
        let config = config(KafkaConfig::new("kafka-1:9092,kafka-2:9092").unwrap());
        let client = Client::new(Arc::new(fake.clone()), config).unwrap();
        let options = GroupOptions::new("group", "process", "m1");
        let member = Member::start(&client, options, &reading(&["orders"]));
        Self { script, fake, member }
    }

    fn settled() -> Self {
        let mut scripted = Self::start();
        scripted.member.settle(1);
        scripted
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&Script) -> bool) {
        for _ in 0..TRIES {
            if is_so(&self.script()) {
                return;
            }
            self.member.wake.wait(Duration::from_millis(10));
        }
        panic!("{what}: {:?}", self.script())
    }

    fn commit(&mut self) -> Result<(), BrokerError> {
        let offsets = [(orders(), CommittedOffset::new(7))];
        let ticket = self.member.membership.commit_offsets(&offsets)?;
        for _ in 0..TRIES {
            if let Some(result) = self.member.membership.poll_commit(ticket) {
                return result;
            }
            self.member.wake.wait(WAIT);
        }
        panic!("the commit was not answered")
    }

    fn committed(&mut self) -> Result<Vec<Option<CommittedOffset>>, BrokerError> {
        for _ in 0..TRIES {
            if let Some(found) = self.member.membership.committed(&[orders()])? {
                return Ok(found);
            }
            self.member.wake.wait(WAIT);
        }
        panic!("the offsets were not found")
    }
}

#[test]
fn it_joins_and_goes_on_with_heartbeats_by_itself() {
    let mut scripted = Scripted::start();
    assert!(scripted.script().heartbeat_epochs.is_empty());
    scripted.member.settle(1);
    // The stream thread does not poll meanwhile.
    scripted.wait_until("heartbeats", |script| script.heartbeat_epochs.len() >= 5);
    let epochs = scripted.script().heartbeat_epochs.clone();
    assert_eq!(epochs[..3], [JOIN, 2, 2]);
    assert_eq!(scripted.script().lookups, 1);
    assert!(scripted.fake.refreshes() > 0);
}

#[test]
fn a_coordinator_that_is_away_is_waited_for() {
    let mut scripted = Scripted::start();
    let answers = [
        Err(broken()),
        Ok(heartbeat(0, None, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)),
        Ok(heartbeat(0, None, ErrorCode::NOT_COORDINATOR)),
    ];
    scripted.script().heartbeats = answers.into();
    scripted.member.settle(1);
    assert_eq!(scripted.script().lookups, 3, "looked for after the first and after the third");
}

#[test]
fn a_deadline_ends_the_wait_with_the_servers_name() {
    let deadline = |config: KafkaConfig| config.deadline(Duration::from_millis(200));
    let mut scripted = Scripted::with(deadline, |fake| fake);
    scripted.script().heartbeats = std::iter::repeat_with(|| Err(broken())).take(1000).collect();
    let error = scripted.member.error();
    assert_eq!(error.kind(), BrokerErrorKind::Fatal);
    assert!(error.to_string().contains("kafka-1:9092,kafka-2:9092"), "{error}");
}

#[test]
fn a_topic_that_is_not_known_yet_is_waited_for() {
    let mut scripted = Scripted::with(|config| config, |fake| fake);
    for _ in 0..TRIES {
        assert_eq!(scripted.member.poll(), None);
        if scripted.fake.refreshes() >= 3 {
            break;
        }
        scripted.member.wake.wait(Duration::from_millis(10));
    }
    assert!(scripted.fake.refreshes() >= 3);
    scripted.fake = scripted.fake.topic("orders", 1);
    scripted.member.settle(1);
}

#[test]
fn a_topic_that_may_not_be_read_is_named() {
    let mut scripted = Scripted::with(|config| config, |fake| fake);
    scripted.fake.topic_error("orders", ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    let error = scripted.member.error();
    assert_eq!(error.kind(), BrokerErrorKind::Unauthorized);
    assert!(error.to_string().contains("topic orders"), "{error}");
}

#[test]
fn a_commit_is_tried_until_it_is_answered() {
    let mut scripted = Scripted::settled();
    let answers = [
        Err(broken()),
        Ok(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
        Ok(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
    ];
    scripted.script().commits = answers.into();
    scripted.commit().unwrap();
    assert_eq!(scripted.script().commit_epochs, [2; 4]);
}

#[test]
fn a_commit_with_a_stale_epoch_is_repeated_with_the_newer_one() {
    let mut scripted = Scripted::settled();
    scripted.script().commits = [Ok(ErrorCode::STALE_MEMBER_EPOCH)].into();
    scripted.script().epoch = 3;
    scripted.commit().unwrap();
    let epochs = scripted.script().commit_epochs.clone();
    assert_eq!(epochs.last(), Some(&3), "{epochs:?}");
}

#[test]
fn a_commit_whose_epoch_stays_stale_is_fenced() {
    let mut scripted = Scripted::settled();
    scripted.script().commits =
        std::iter::repeat_with(|| Ok(ErrorCode::STALE_MEMBER_EPOCH)).take(100).collect();
    let fenced = scripted.commit().unwrap_err();
    assert_eq!(fenced.kind(), BrokerErrorKind::Fenced);
    assert!(fenced.to_string().contains("orders-0"), "{fenced}");
}

#[test]
fn a_commit_of_no_member_is_fenced_and_so_is_the_membership() {
    let mut scripted = Scripted::settled();
    scripted.script().commits = [Ok(ErrorCode::UNKNOWN_MEMBER_ID)].into();
    let fenced = scripted.commit().unwrap_err();
    assert_eq!(fenced.kind(), BrokerErrorKind::Fenced);
    assert_eq!(scripted.member.event(), GroupEvent::Fenced);
    scripted.member.owned = OwnedTasks::default();
    scripted.member.settle(1);
    scripted.commit().unwrap();
}

#[test]
fn a_refused_commit_is_returned() {
    let mut scripted = Scripted::settled();
    scripted.script().commits = [Ok(ErrorCode::TOPIC_AUTHORIZATION_FAILED)].into();
    assert_eq!(scripted.commit().unwrap_err().kind(), BrokerErrorKind::Unauthorized);
}

#[test]
fn a_commit_without_an_answer_in_time_may_have_been_carried_out() {
    let hurried = |config: KafkaConfig| config.api_timeout(Duration::from_millis(50));
    let mut scripted = Scripted::with(hurried, |fake| fake.topic("orders", 1));
    scripted.member.settle(1);
    scripted.script().commits = std::iter::repeat_with(|| Err(broken())).take(100).collect();
    let late = scripted.commit().unwrap_err();
    assert_eq!(late.kind(), BrokerErrorKind::TimedOut);
    assert!(late.to_string().contains("cannot be reached"), "{late}");
}

#[test]
fn commits_go_one_by_one() {
    let mut scripted = Scripted::settled();
    scripted.script().commits = [Err(broken())].into();
    let membership = &mut scripted.member.membership;
    let tickets: Vec<_> = (0..3)
        .map(|offset| {
            let offsets = [(orders(), CommittedOffset::new(offset))];
            membership.commit_offsets(&offsets).unwrap()
        })
        .collect();
    let last = *tickets.last().unwrap();
    for _ in 0..TRIES {
        if let Some(result) = scripted.member.membership.poll_commit(last) {
            result.unwrap();
            let earlier = |ticket| scripted.member.membership.poll_commit(ticket);
            let earlier: Vec<_> = tickets[..2].iter().copied().map(earlier).collect();
            assert!(earlier.iter().all(|answer| matches!(answer, Some(Ok(())))), "{earlier:?}");
            return;
        }
        scripted.member.wake.wait(WAIT);
    }
    panic!("the last commit was not answered")
}

#[test]
fn offsets_are_asked_for_until_they_are_stable() {
    let mut scripted = Scripted::settled();
    let none = ErrorCode::NONE;
    let answers = [
        Err(broken()),
        Ok((ErrorCode::UNSTABLE_OFFSET_COMMIT, none)),
        Ok((none, ErrorCode::STALE_MEMBER_EPOCH)),
        Ok((none, ErrorCode::NOT_COORDINATOR)),
    ];
    scripted.script().fetches = answers.into();
    assert_eq!(scripted.committed().unwrap(), [Some(CommittedOffset::new(7))]);
    assert_eq!(scripted.member.membership.committed(&[]).unwrap(), Some(Vec::new()));
}

#[test]
fn offsets_that_may_not_be_read_are_an_error() {
    let mut scripted = Scripted::settled();
    let refused = Ok((ErrorCode::NONE, ErrorCode::GROUP_AUTHORIZATION_FAILED));
    scripted.script().fetches = [refused].into();
    assert_eq!(scripted.committed().unwrap_err().kind(), BrokerErrorKind::Unauthorized);
    assert!(scripted.committed().is_ok(), "another question");
}

#[test]
fn whoever_is_no_member_any_more_asks_for_nothing() {
    let mut scripted = Scripted::settled();
    scripted.script().fetches = [Ok((ErrorCode::NONE, ErrorCode::UNKNOWN_MEMBER_ID))].into();
    assert_eq!(scripted.member.membership.committed(&[orders()]).unwrap(), None);
    assert_eq!(scripted.member.event(), GroupEvent::Fenced);
    assert_eq!(scripted.committed().unwrap_err().kind(), BrokerErrorKind::Fenced);
}

#[test]
fn leaving_waits_until_the_coordinator_has_heard_of_it() {
    let mut scripted = Scripted::settled();
    scripted.member.membership.leave().unwrap();
    assert_eq!(scripted.script().heartbeat_epochs.last(), Some(&LEAVE));
    scripted.member.membership.leave().unwrap();
    let leaves = scripted.script().heartbeat_epochs.iter().filter(|epoch| **epoch == LEAVE).count();
    assert_eq!(leaves, 1);
    assert_eq!(scripted.commit().unwrap_err().kind(), BrokerErrorKind::Fenced);
}

#[test]
fn a_farewell_that_nobody_hears_is_told() {
    let mut scripted = Scripted::settled();
    scripted.script().heartbeats = std::iter::repeat_with(|| Err(broken())).take(100).collect();
    let unheard = scripted.member.membership.leave().unwrap_err();
    assert!(unheard.to_string().contains("cannot be reached"), "{unheard}");
}

#[test]
fn a_member_that_is_dropped_leaves_and_its_task_ends() {
    let scripted = Scripted::settled();
    let shared = Arc::downgrade(&scripted.member.membership.shared);
    let Scripted { script, member, fake } = scripted;
    // Keeps the network's thread.
    let client = member.membership._client.clone();
    drop(member);
    for _ in 0..TRIES {
        if shared.strong_count() == 0 {
            assert_eq!(script.lock().unwrap().heartbeat_epochs.last(), Some(&LEAVE));
            drop((client, fake));
            return;
        }
        WakeUp::new().wait(Duration::from_millis(10));
    }
    panic!("the task goes on")
}

#[test]
fn what_streams_groups_do_not_serve_is_refused_by_name() {
    let fake = Fake::new(|_, api, _| panic!("{api:?}"));
    let client = Client::new(Arc::new(fake), KafkaConfig::new("kafka:9092").unwrap()).unwrap();
    let refused = |change: fn(&mut GroupOptions), topology: TopologySpec| {
        let mut options = GroupOptions::new("group", "process", "m1");
        change(&mut options);
        let refused = KafkaMembership::start(&client, options, topology, WakeUp::new());
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), BrokerErrorKind::InvalidRequest);
        refused.to_string()
    };
    let text = refused(|own| own.instance_id = Some("i1".to_owned()), reading(&["orders"]));
    assert!(text.starts_with("group.instance.id is i1"), "{text}");
    let text = refused(|own| own.rack = Some(String::new()), reading(&["orders"]));
    assert_eq!(text, "client.rack is empty");
    let text = refused(|own| own.group_id.clear(), reading(&["orders"]));
    assert_eq!(text, "application.id is empty");
    let mut pattern = reading(&[]);
    pattern.subtopologies[0].source_topic_patterns = vec!["orders-.*".into()];
    let text = refused(|_| {}, pattern);
    assert!(text.contains("orders-.*"), "{text}");
}
