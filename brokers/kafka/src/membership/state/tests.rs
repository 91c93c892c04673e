use std::sync::Arc;

use streams_core::broker::{
    BrokerErrorKind, CommittedOffset, GroupStatusCode, SubtopologySpec, TaskAssignment,
    TopicPartition,
};

use super::*;
use crate::protocol::{
    ErrorCode,
    streams_group_describe::{self, DescribedMember},
    streams_group_heartbeat::{Response, Topology},
};

/// A member with the stream thread and the coordinator around it, and a clock.
struct Member {
    state: State,
    owned: OwnedTasks,
    now: i64,
}

fn tasks(active: &[&str]) -> OwnedTasks {
    let active = active.iter().map(|task| task.parse().unwrap()).collect();
    OwnedTasks { active, ..OwnedTasks::default() }
}

fn ok(member_epoch: i32) -> Response {
    Response {
        member_epoch,
        heartbeat_interval_ms: 5000,
        status: Some(Vec::new()),
        ..Response::default()
    }
}

fn assigns(member_epoch: i32, active: &[&str]) -> Response {
    Response { assigned: Some(tasks(active)), ..ok(member_epoch) }
}

fn error(code: ErrorCode) -> Response {
    Response { error_code: code, ..Response::default() }
}

fn unreachable() -> BrokerError {
    BrokerError::new(BrokerErrorKind::Retriable, "node 1 cannot be reached")
}

impl Member {
    fn new() -> Self {
        Self::with_deadline(None)
    }

    fn with_deadline(deadline: Option<Duration>) -> Self {
        let introduction = Introduction {
            rack_id: None,
            topology: Topology::default(),
            process_id: "p".to_owned(),
            user_endpoint: None,
            client_tags: std::collections::BTreeMap::new(),
        };
        let identity = Identity {
            group_id: "app".into(),
            member_id: "m1".into(),
            introduction: Arc::new(introduction),
            rebalance_timeout: Duration::from_secs(60),
            deadline,
            bootstrap_servers: "kafka-1:9092".to_owned(),
        };
        let subtopology =
            SubtopologySpec { source_topics: vec!["orders".into()], ..SubtopologySpec::default() };
        let spec = TopologySpec { epoch: 0, subtopologies: vec![subtopology] };
        let state = State::new(Arc::new(identity), spec, Duration::from_secs(3));
        Self { state, owned: OwnedTasks::default(), now: 1_000_000 }
    }

    /// Joined, and owner of these tasks, which the coordinator knows.
    fn settled(active: &[&str]) -> Self {
        let mut member = Self::new();
        member.poll();
        member.answer(assigns(2, active));
        member.resolve(4);
        member.owned = member.assignment().tasks();
        member.poll();
        member.answer(ok(2));
        member
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    fn poll(&mut self) -> Option<GroupEvent> {
        self.state.poll(&self.owned, self.time()).unwrap().event
    }

    fn poll_error(&mut self) -> BrokerError {
        self.state.poll(&self.owned, self.time()).unwrap_err()
    }

    fn assignment(&mut self) -> TaskAssignment {
        match self.poll() {
            Some(GroupEvent::Assignment(assignment)) => assignment,
            other => panic!("{other:?}"),
        }
    }

    fn step(&mut self) -> Step {
        self.state.step(Timestamp::from_millis(self.now))
    }

    fn beat(&mut self) -> Beat {
        match self.step() {
            Step::Beat(beat) => beat,
            other => panic!("{other:?} in place of a heartbeat"),
        }
    }

    fn wait(&mut self) -> Option<u128> {
        match self.step() {
            Step::Wait(wait) => wait.map(|wait| wait.as_millis()),
            other => panic!("{other:?} in place of waiting"),
        }
    }

    /// Waits for the next heartbeat.
    fn next_beat(&mut self) -> Beat {
        loop {
            match self.step() {
                Step::Wait(Some(wait)) => self.now += i64::try_from(wait.as_millis()).unwrap(),
                Step::Beat(beat) => return beat,
                other => panic!("{other:?} in place of a heartbeat"),
            }
        }
    }

    /// The next heartbeat is answered.
    fn answer(&mut self, response: Response) -> Heartbeat {
        let beat = self.next_beat();
        let now = self.time();
        self.state.answered(&beat, response, now);
        beat.heartbeat
    }

    /// The next heartbeat is not answered.
    fn lose_answer(&mut self) {
        let beat = self.next_beat();
        let now = self.time();
        self.state.unanswered(&beat, &unreachable(), now);
    }

    fn resolve(&mut self, partitions: i32) {
        let topics = self.state.take_topics().expect("topics are to be looked up");
        assert_eq!(topics, ["orders".into()] as [Arc<str>; 1]);
        self.state.resolve(&|_| Some(partitions)).unwrap();
    }

    fn described(&mut self, inquiry: Inquiry, answer: Result<Described, BrokerError>) {
        assert!(matches!(self.step(), Step::Describe(asked) if asked == inquiry));
        let now = self.time();
        self.state.described(inquiry, answer, now);
    }
}

type Described = streams_group_describe::Response;

fn group(members: &[(&str, i32, &[&str])]) -> Described {
    let members = members.iter().map(|(id, member_epoch, active)| DescribedMember {
        member_id: (*id).to_owned(),
        member_epoch: *member_epoch,
        process_id: "p".to_owned(),
        assignment: tasks(active),
        target_assignment: OwnedTasks::default(),
    });
    Described {
        error_code: ErrorCode::NONE,
        error_message: None,
        group_state: "Stable".to_owned(),
        group_epoch: 7,
        topology: std::collections::BTreeMap::new(),
        members: members.collect(),
    }
}

#[test]
fn it_joins_with_its_first_poll_and_introduces_itself() {
    let mut member = Member::new();
    assert_eq!(member.wait(), None, "nothing is sent before");
    assert_eq!(member.poll(), None);
    let joins = member.answer(assigns(2, &["0_0", "0_1"]));
    assert_eq!((joins.member_epoch, joins.owned), (JOIN, Some(OwnedTasks::default())));
    assert!(joins.introduction.is_some());
    assert_eq!(member.state.epoch(), Some(2));
    assert_eq!(member.poll(), None, "the topics are not known yet");
    member.resolve(2);
    let assignment = member.assignment();
    assert_eq!((assignment.epoch, assignment.tasks()), (2, tasks(&["0_0", "0_1"])));
    assert_eq!(member.poll(), None);
}

#[test]
fn each_join_differs_from_an_earlier_one_of_the_same_id() {
    let joins = [0, 1, 999].map(|ms| {
        let mut member = Member::new();
        member.now += ms;
        member.poll();
        let first = member.beat().heartbeat.rebalance_timeout_ms;
        member.lose_answer();
        assert_eq!(member.next_beat().heartbeat.rebalance_timeout_ms, first, "the same join");
        first
    });
    assert_eq!(joins, [Some(60_000), Some(60_001), Some(60_999)]);
    assert_eq!(Member::settled(&["0_0"]).next_beat().heartbeat.rebalance_timeout_ms, None);
}

#[test]
fn what_it_owns_is_told_at_once_and_only_when_it_changes() {
    let mut member = Member::new();
    member.poll();
    member.answer(assigns(2, &["0_0"]));
    member.resolve(1);
    member.owned = member.assignment().tasks();
    let polled = member.state.poll(&member.owned, member.time()).unwrap();
    assert!(polled.is_urgent);
    let told = member.beat();
    assert_eq!(told.heartbeat.owned, Some(tasks(&["0_0"])));
    assert_eq!((told.heartbeat.member_epoch, told.heartbeat.introduction), (2, None));
    let told = Beat { incarnation: told.incarnation, heartbeat: heartbeat_of(&member, 2) };
    member.state.answered(&told, ok(2), member.time());
    assert_eq!(member.wait(), Some(5000), "the coordinator's interval");
    assert_eq!(member.answer(ok(2)).owned, Some(tasks(&["0_0"])), "that answer was to nothing");
    assert_eq!(member.answer(ok(2)).owned, None);
}

/// A heartbeat that says nothing.
fn heartbeat_of(member: &Member, member_epoch: i32) -> Heartbeat {
    Heartbeat {
        group_id: Arc::clone(&member.state.identity.group_id),
        member_id: Arc::clone(&member.state.identity.member_id),
        member_epoch,
        endpoint_information_epoch: -1,
        rebalance_timeout_ms: None,
        introduction: None,
        owned: None,
        shutdown_application: false,
    }
}

#[test]
fn the_epoch_of_an_answer_counts_at_once() {
    let mut member = Member::settled(&["0_0"]);
    assert_eq!(member.state.epoch(), Some(2));
    member.answer(ok(3));
    assert_eq!(member.state.epoch(), Some(3));
    assert_eq!(member.next_beat().heartbeat.member_epoch, 3);
}

#[test]
fn a_revocation_is_told_after_it_is_carried_out() {
    let mut member = Member::settled(&["0_0", "0_1"]);
    member.answer(assigns(2, &["0_0"]));
    member.resolve(2);
    let fewer = member.assignment();
    assert_eq!(fewer.tasks(), tasks(&["0_0"]));
    // Heartbeats go on meanwhile, and say what is still owned.
    assert_eq!(member.answer(ok(2)).owned, Some(tasks(&["0_0", "0_1"])));
    assert_eq!(member.answer(ok(2)).owned, None);
    member.owned = fewer.tasks();
    member.poll();
    assert_eq!(member.beat().heartbeat.owned, Some(tasks(&["0_0"])));
}

#[test]
fn a_task_that_is_taken_away_before_it_was_owned_is_told_too() {
    let mut member = Member::new();
    member.poll();
    member.answer(assigns(2, &["0_0"]));
    member.answer(assigns(2, &[]));
    assert!(member.assignment().active.is_empty());
    assert_eq!(member.answer(ok(3)).owned, Some(OwnedTasks::default()));
    assert_eq!(member.answer(ok(3)).owned, None);
}

#[test]
fn what_it_has_lost_is_assigned_again() {
    let mut member = Member::settled(&["0_0"]);
    member.owned = OwnedTasks::default();
    assert_eq!(member.assignment().tasks(), tasks(&["0_0"]));
    assert_eq!(member.answer(ok(2)).owned, None, "it has it again, or soon");
    member.poll();
    assert_eq!(member.answer(ok(2)).owned, Some(OwnedTasks::default()), "it has not");
    member.owned = tasks(&["0_0"]);
    member.poll();
    assert_eq!(member.beat().heartbeat.owned, Some(tasks(&["0_0"])));
}

#[test]
fn what_was_handed_out_counts_as_owned_until_the_next_poll() {
    let mut member = Member::new();
    member.poll();
    member.answer(assigns(2, &["0_0", "0_1"]));
    member.resolve(2);
    let all = member.assignment();
    // The thread is at work on them, and has not polled since: 0_1 is not given up by silence.
    assert_eq!(member.answer(assigns(2, &["0_0"])).owned, Some(all.tasks()));
    assert_eq!(member.answer(ok(2)).owned, Some(all.tasks()));
    member.resolve(2);
    member.owned = all.tasks();
    let fewer = member.assignment();
    assert_eq!(member.answer(ok(2)).owned, None);
    member.owned = fewer.tasks();
    member.poll();
    assert_eq!(member.beat().heartbeat.owned, Some(fewer.tasks()));
}

#[test]
fn conditions_are_told_when_they_change() {
    let mut member = Member::new();
    member.poll();
    let missing = vec![(1, "Source topics orders are missing.".to_owned())];
    member.answer(Response { status: Some(missing.clone()), ..assigns(1, &[]) });
    match member.poll() {
        Some(GroupEvent::Status(status)) => {
            assert_eq!(status[0].code, GroupStatusCode::MissingSourceTopics);
            let detail = &status[0].detail;
            assert!(detail.starts_with("Source topics orders are missing: create"), "{detail}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(member.wait(), Some(500), "asked again soon");
    member.answer(Response { status: Some(missing), ..ok(1) });
    member.answer(Response { status: None, ..ok(1) });
    assert_eq!(member.poll(), None, "nothing changed");
    member.answer(assigns(2, &["0_0"]));
    assert_eq!(member.poll(), Some(GroupEvent::Status(Vec::new())));
    member.resolve(1);
    assert_eq!(member.assignment().tasks(), tasks(&["0_0"]));
}

#[test]
fn an_assignment_comes_before_the_condition_that_came_with_it() {
    let mut member = Member::settled(&["0_0"]);
    let missing = vec![(1, "Source topics orders are missing.".to_owned())];
    member.answer(Response { status: Some(missing), ..assigns(2, &[]) });
    assert!(member.assignment().active.is_empty());
    assert!(matches!(member.poll(), Some(GroupEvent::Status(_))));
}

#[test]
fn a_member_without_tasks_in_a_ready_group_is_told_so() {
    let mut member = Member::new();
    member.poll();
    member.answer(assigns(3, &[]));
    assert!(member.assignment().active.is_empty());
}

#[test]
fn a_member_that_the_coordinator_does_not_know_loses_all_and_joins_anew() {
    for code in [
        ErrorCode::FENCED_MEMBER_EPOCH,
        ErrorCode::UNKNOWN_MEMBER_ID,
        ErrorCode::GROUP_ID_NOT_FOUND,
    ] {
        let mut member = Member::settled(&["0_0"]);
        let offsets = [(TopicPartition::new("orders", 0), CommittedOffset::new(1))];
        let waiting = member.state.commits.begin(member.state.incarnation(), &offsets);
        member.answer(error(code));
        assert!(member.state.has_news());
        assert_eq!(member.state.epoch(), None);
        assert_eq!(member.wait(), None, "no heartbeats until the tasks are given up");
        let fenced = member.state.commits.poll(waiting, || panic!("it is known"));
        assert_eq!(fenced.unwrap().unwrap_err().kind(), BrokerErrorKind::Fenced);
        assert_eq!(member.poll(), Some(GroupEvent::Fenced));
        assert_eq!(member.wait(), None);
        // Whatever it still says to own.
        assert_eq!(member.poll(), None);
        let joins = member.answer(assigns(5, &["0_0"]));
        assert_eq!((joins.member_epoch, joins.owned), (JOIN, Some(OwnedTasks::default())));
        assert_eq!(member.state.epoch(), Some(5));
    }
}

#[test]
fn what_passes_is_tried_again_with_everything_said() {
    let mut member = Member::settled(&["0_0"]);
    for (code, wait) in [
        (ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, 50),
        (ErrorCode::NOT_COORDINATOR, 100),
        (ErrorCode::UNKNOWN_SERVER_ERROR, 200),
    ] {
        member.answer(error(code));
        assert_eq!(member.wait(), Some(wait), "{code}");
        assert_eq!(member.poll(), None);
    }
    assert_eq!(member.answer(ok(2)).owned, Some(tasks(&["0_0"])));
}

#[test]
fn a_lost_answer_may_have_had_an_assignment_which_is_asked_for() {
    let mut member = Member::settled(&["0_0", "0_1"]);
    member.lose_answer();
    assert_eq!(member.answer(ok(2)).owned, Some(tasks(&["0_0", "0_1"])));
    let others = [("m0", 9, &["0_2"][..]), ("m1", 2, &["0_0"])];
    member.described(Inquiry::Assignment, Ok(group(&others)));
    member.resolve(4);
    assert_eq!(member.assignment().tasks(), tasks(&["0_0"]));
    assert_eq!(member.answer(ok(2)).owned, Some(tasks(&["0_0", "0_1"])));
    assert_eq!(member.wait(), Some(5000));
}

#[test]
fn an_answer_with_an_assignment_makes_up_for_the_lost_one() {
    let mut member = Member::settled(&["0_0"]);
    member.lose_answer();
    member.answer(assigns(3, &["0_0", "0_1"]));
    member.resolve(4);
    assert_eq!(member.assignment().tasks(), tasks(&["0_0", "0_1"]));
    assert!(matches!(member.step(), Step::Wait(_) | Step::Beat(_)));
}

#[test]
fn a_description_that_is_not_the_heartbeats_is_asked_for_again() {
    let mut member = Member::settled(&["0_0"]);
    member.lose_answer();
    member.answer(ok(3));
    member.described(Inquiry::Assignment, Ok(group(&[("m1", 4, &["0_1"])])));
    member.answer(ok(4));
    member.described(Inquiry::Assignment, Err(unreachable()));
    assert_eq!(member.wait(), Some(50));
    member.answer(ok(4));
    let loading = Described { error_code: ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, ..group(&[]) };
    member.described(Inquiry::Assignment, Ok(loading));
    member.answer(ok(4));
    member.described(Inquiry::Assignment, Ok(group(&[("m1", 4, &["0_1"])])));
    member.resolve(4);
    assert_eq!(member.assignment().tasks(), tasks(&["0_1"]));
}

#[test]
fn a_group_that_may_not_be_described_is_joined_anew() {
    let mut member = Member::settled(&["0_0"]);
    member.lose_answer();
    member.answer(ok(2));
    let refused = Described { error_code: ErrorCode::GROUP_AUTHORIZATION_FAILED, ..group(&[]) };
    member.described(Inquiry::Assignment, Ok(refused));
    assert_eq!(member.poll(), Some(GroupEvent::Fenced));
}

#[test]
fn a_lost_answer_to_joining_is_made_up_for_by_joining() {
    let mut member = Member::new();
    member.poll();
    member.lose_answer();
    assert_eq!(member.answer(assigns(2, &[])).member_epoch, JOIN);
    assert!(member.assignment().active.is_empty());
}

#[test]
fn an_epoch_of_zero_is_no_membership_yet() {
    let mut member = Member::new();
    member.poll();
    let delayed = vec![(5, "Assignment delayed.".to_owned())];
    member.answer(Response { status: Some(delayed), ..assigns(0, &[]) });
    assert_eq!(member.state.epoch(), None);
    assert!(matches!(member.poll(), Some(GroupEvent::Status(_))));
    let joins = member.answer(assigns(2, &[]));
    assert_eq!(joins.member_epoch, JOIN);
    assert!(joins.introduction.is_some());
    assert_eq!(member.state.epoch(), Some(2));
}

#[test]
fn another_topology_ends_it_with_the_difference() {
    let mut member = Member::new();
    member.poll();
    let message = Some("Topology updates are not supported yet.".to_owned());
    member.answer(Response { error_message: message, ..error(ErrorCode::INVALID_REQUEST) });
    let mut described = group(&[]);
    described
        .topology
        .insert("0".to_owned(), streams_group_describe::DescribedSubtopology::default());
    member.described(Inquiry::Topology, Ok(described));
    for _ in 0..2 {
        let error = member.poll_error();
        assert_eq!(error.kind(), BrokerErrorKind::InvalidRequest);
        let expected = "(the group has 1 sub-topologies, this application 0)";
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(member.wait(), None);
}

#[test]
fn another_topology_ends_it_even_if_the_difference_is_not_to_be_had() {
    let mut member = Member::new();
    member.poll();
    member.answer(error(ErrorCode::STREAMS_TOPOLOGY_FENCED));
    member.described(Inquiry::Topology, Err(unreachable()));
    assert!(member.poll_error().to_string().contains("`streams group replace app`"));
}

#[test]
fn what_does_not_pass_ends_it() {
    for (code, kind) in [
        (ErrorCode::GROUP_AUTHORIZATION_FAILED, BrokerErrorKind::Unauthorized),
        (ErrorCode::UNSUPPORTED_VERSION, BrokerErrorKind::InvalidRequest),
        (ErrorCode::GROUP_MAX_SIZE_REACHED, BrokerErrorKind::InvalidRequest),
        (ErrorCode(999), BrokerErrorKind::Fatal),
    ] {
        let mut member = Member::new();
        member.poll();
        member.answer(error(code));
        assert_eq!(member.poll_error().kind(), kind, "{code}");
        assert_eq!(member.wait(), None);
    }
    let mut member = Member::new();
    member.poll();
    let beat = member.beat();
    let refused = BrokerError::new(BrokerErrorKind::Unauthorized, "wrong password");
    member.state.unanswered(&beat, &refused, member.time());
    assert_eq!(member.poll_error().to_string(), "wrong password");
}

#[test]
fn a_task_of_an_unknown_subtopology_ends_it() {
    let mut member = Member::new();
    member.poll();
    member.answer(assigns(2, &["7_0"]));
    let error = member.poll_error();
    assert_eq!(error.kind(), BrokerErrorKind::Fatal);
    assert!(error.to_string().contains("task 7_0"), "{error}");
}

#[test]
fn a_cluster_that_stays_away_ends_it_only_with_a_deadline() {
    let mut patient = Member::new();
    patient.poll();
    for _ in 0..100 {
        patient.lose_answer();
        assert_eq!(patient.poll(), None);
    }
    let mut member = Member::with_deadline(Some(Duration::from_secs(2)));
    member.poll();
    assert_eq!(member.state.time_left(member.time()), Some(Duration::from_secs(2)));
    let begin = member.now;
    while !member.state.has_news() {
        member.lose_answer();
    }
    assert!((2000..4000).contains(&(member.now - begin)), "{}", member.now - begin);
    let error = member.poll_error();
    assert_eq!(error.kind(), BrokerErrorKind::Fatal);
    assert!(error.to_string().contains("kafka-1:9092"), "{error}");
}

#[test]
fn a_deadline_counts_from_the_last_answer() {
    let mut member = Member::with_deadline(Some(Duration::from_secs(2)));
    member.poll();
    member.answer(assigns(2, &[]));
    for _ in 0..10 {
        member.lose_answer();
        member.answer(ok(2));
        member.described(Inquiry::Assignment, Ok(group(&[("m1", 2, &[])])));
    }
    assert!(matches!(member.poll(), Some(GroupEvent::Assignment(_))));
}

#[test]
fn a_thread_that_stays_away_too_long_gives_its_tasks_to_others() {
    let mut member = Member::settled(&["0_0"]);
    let since = member.now;
    while member.now < since + 60_000 {
        member.answer(ok(2));
        let Step::Wait(Some(wait)) = member.step() else { break };
        member.now += i64::try_from(wait.as_millis()).unwrap();
    }
    assert_eq!(member.now, since + 60_000);
    assert_eq!(member.answer(ok(LEAVE)).member_epoch, LEAVE);
    assert_eq!(member.wait(), None);
    assert_eq!(member.poll(), Some(GroupEvent::Fenced));
    member.poll();
    assert_eq!(member.answer(assigns(4, &[])).member_epoch, JOIN);
}

#[test]
fn a_thread_that_comes_back_before_the_farewell_joins_after_it() {
    let mut member = Member::settled(&["0_0"]);
    member.now += 60_000;
    let farewell = member.beat();
    assert_eq!(farewell.heartbeat.member_epoch, LEAVE);
    assert_eq!(member.poll(), Some(GroupEvent::Fenced));
    member.poll();
    member.state.unanswered(&farewell, &unreachable(), member.time());
    assert_eq!(member.answer(assigns(4, &[])).member_epoch, JOIN);
}

#[test]
fn it_leaves_at_once_and_once() {
    let mut member = Member::settled(&["0_0"]);
    member.lose_answer();
    assert!(member.state.leave(member.time()));
    assert_eq!(member.state.farewell(), None);
    let farewell = member.beat();
    assert_eq!(farewell.heartbeat.member_epoch, LEAVE);
    member.state.answered(&farewell, ok(LEAVE), member.time());
    assert_eq!(member.state.farewell(), Some(Ok(())));
    assert!(!member.state.leave(member.time()));
    assert_eq!(member.wait(), None);
    assert!(!member.state.has_news());
    assert_eq!(member.state.epoch(), None);
}

#[test]
fn leaving_is_tried_a_few_times() {
    let mut member = Member::settled(&["0_0"]);
    member.state.leave(member.time());
    for _ in 0..3 {
        assert_eq!(member.state.farewell(), None);
        member.lose_answer();
    }
    let failure = member.state.farewell().unwrap().unwrap_err();
    assert_eq!(failure.kind, BrokerErrorKind::Retriable);
    assert_eq!(member.wait(), None);
}

#[test]
fn who_leaves_while_joining_hears_nothing_of_it() {
    let mut member = Member::new();
    member.poll();
    let joins = member.beat();
    member.state.leave(member.time());
    member.state.answered(&joins, assigns(2, &["0_0"]), member.time());
    assert_eq!(member.state.epoch(), None);
    assert_eq!(member.answer(error(ErrorCode::UNKNOWN_MEMBER_ID)).member_epoch, LEAVE);
    assert_eq!(member.state.farewell(), Some(Ok(())));
    let mut early = Member::new();
    early.poll();
    assert!(!early.state.leave(early.time()), "nothing was sent yet");
}

#[test]
fn an_answer_of_an_earlier_membership_is_passed_over() {
    let mut member = Member::settled(&["0_0"]);
    member.now += 5000;
    let late = member.beat();
    member.state.leave(member.time());
    member.answer(ok(LEAVE));
    member.poll();
    let joins = member.beat();
    member.state.answered(&late, error(ErrorCode::UNKNOWN_MEMBER_ID), member.time());
    member.state.answered(&late, assigns(9, &["0_3"]), member.time());
    assert_eq!(member.state.epoch(), None);
    member.state.answered(&joins, assigns(2, &[]), member.time());
    assert_eq!(member.state.epoch(), Some(2));
}

#[test]
fn the_end_of_the_application_is_asked_for_with_the_farewell_at_the_latest() {
    let mut member = Member::settled(&["0_0"]);
    member.state.shut_down_application(member.time());
    let told = member.beat();
    assert!(told.heartbeat.shutdown_application);
    assert_eq!(told.heartbeat.member_epoch, 2);
    member.state.leave(member.time());
    let farewell = member.beat();
    assert!(farewell.heartbeat.shutdown_application);
    assert_eq!(farewell.heartbeat.member_epoch, LEAVE);
}

#[test]
fn a_member_that_is_dropped_leaves_and_ends() {
    let mut member = Member::settled(&["0_0"]);
    member.state.close(member.time());
    assert_eq!(member.answer(ok(LEAVE)).member_epoch, LEAVE);
    assert!(matches!(member.step(), Step::End));
    let mut never = Member::new();
    never.state.close(never.time());
    assert!(matches!(never.step(), Step::End));
}

#[test]
fn a_commit_or_a_question_that_finds_no_member_is_a_loss_of_that_membership_alone() {
    let mut member = Member::settled(&["0_0"]);
    let own = member.state.incarnation();
    member.state.lose_in(own - 1, "of an earlier one");
    assert_eq!(member.state.epoch_in(own), Some(2));
    member.state.lose_in(own, "UNKNOWN_MEMBER_ID");
    assert_eq!(member.state.epoch_in(own), None);
    assert_eq!(member.poll(), Some(GroupEvent::Fenced));
}

#[test]
fn an_unknown_epoch_is_asked_for_by_a_heartbeat() {
    let mut member = Member::settled(&["0_0"]);
    assert_eq!(member.wait(), Some(5000));
    member.state.ask_epoch(member.time());
    assert_eq!(member.beat().heartbeat.member_epoch, 2);
}

#[test]
fn a_topic_that_is_not_known_yet_is_looked_up_again() {
    let mut member = Member::new();
    member.poll();
    member.answer(assigns(2, &["0_3"]));
    assert!(member.state.take_topics().is_some());
    assert_eq!(member.state.take_topics(), None, "once");
    assert_eq!(member.state.resolve(&|_| Some(3)), Err("orders".into()));
    member.resolve(4);
    assert_eq!(member.assignment().tasks(), tasks(&["0_3"]));
}

#[test]
fn topics_are_looked_up_again_with_each_epoch() {
    let mut member = Member::settled(&["0_0"]);
    assert_eq!(member.state.take_topics(), None);
    member.answer(ok(2));
    assert_eq!(member.state.take_topics(), None);
    member.answer(ok(3));
    member.resolve(4);
    assert_eq!(member.poll(), None, "the partitions are the same");
}

#[test]
fn a_clock_that_is_set_back_stops_no_heartbeats() {
    let mut member = Member::settled(&["0_0"]);
    member.now -= 1_000_000;
    assert_eq!(member.wait(), Some(5000));
    assert_eq!(member.answer(ok(2)).member_epoch, 2);
}
