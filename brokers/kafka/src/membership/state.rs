//! A member's side of the streams group protocol (KIP-1071), without I/O: it is polled by the
//! stream thread, says what to send next, and is told the answers.
//!
//! ```text
//!            poll                answer: an epoch
//!  Outside --------> Joining ---------------------> Member
//!   ^  ^               |                             |  |
//!   |  '---------------+----------- leave -----------'  |
//!   |                                                   |
//!   '----- Lost <---------------------------------------'
//!    poll: Fenced       the coordinator does not know it, or it was not polled for too long
//!
//!  Failed: from anywhere, by an error that does not pass; each poll returns it
//! ```
//! The coordinator says an assignment once, in the answer to one heartbeat. Where an answer is lost
//! the group is described, so that no assignment is lost with it.

use std::{sync::Arc, time::Duration};

use streams_core::{
    broker::{
        BrokerError, BrokerErrorKind, GroupEvent, GroupStatus, GroupStatusCode, OwnedTasks,
        TopologySpec,
    },
    stores::Timestamp,
};

use super::{
    assignment::Assignment,
    commits::Commits,
    difference::difference,
    outage::{Outage, between},
    queries::Queries,
    refusal::{Failure, Refusal, Refused, other_topology, refusal},
};
use crate::{
    backoff::Backoff,
    coordinator::may_pass,
    protocol::{
        ErrorCode, streams_group_describe,
        streams_group_heartbeat::{Heartbeat, Introduction, JOIN, LEAVE, Response},
    },
};

/// How soon to ask again while the group is not ready to assign: it creates topics, or waits for
/// more members.
const SOON: Duration = Duration::from_millis(500);
/// How often it is tried to say that a member leaves.
const FAREWELLS: u8 = 3;

/// Who the member is, and what it goes by.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) group_id: Arc<str>,
    pub(super) member_id: Arc<str>,
    pub(super) introduction: Arc<Introduction>,
    /// How long the stream thread may stay away before its tasks are given to others.
    pub(super) rebalance_timeout: Duration,
    /// How long the cluster may stay away before the application stops.
    pub(super) deadline: Option<Duration>,
    pub(super) bootstrap_servers: String,
}

#[derive(Debug)]
enum Phase {
    Outside,
    Joining,
    Member(i32),
    Lost,
    Failed(Failure),
}

/// A heartbeat to send.
#[derive(Clone, Debug)]
pub(super) struct Beat {
    incarnation: u64,
    pub(super) heartbeat: Heartbeat,
}

impl Beat {
    fn is_farewell(&self) -> bool {
        self.heartbeat.member_epoch == LEAVE
    }
}

/// Why to describe the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inquiry {
    /// An answer was lost, perhaps with an assignment.
    Assignment,
    /// The group has another topology.
    Topology,
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Step {
    /// Send this.
    Beat(Beat),
    /// Describe the group.
    Describe(Inquiry),
    /// Wait this long, or until something changes.
    Wait(Option<Duration>),
    /// The member is gone.
    End,
}

/// What a poll came to.
#[derive(Debug, Default)]
pub(super) struct Polled {
    pub(super) event: Option<GroupEvent>,
    /// There is something to send.
    pub(super) is_urgent: bool,
}

#[derive(Debug)]
pub(super) struct State {
    identity: Arc<Identity>,
    phase: Phase,
    /// Counts the joins: what is answered late must not be taken for the present membership's.
    incarnation: u64,
    /// What the stream thread holds.
    owned: OwnedTasks,
    /// What the coordinator knows of it; `None` where that is not certain.
    told: Option<OwnedTasks>,
    assignment: Assignment,
    /// The topics of the assignment have to be looked up.
    needs_topics: bool,
    inquiry: Option<Inquiry>,
    statuses: Vec<GroupStatus>,
    /// The statuses that were handed out last.
    shown: Vec<GroupStatus>,
    endpoint_epoch: i32,
    interval: Duration,
    /// When the next heartbeat is to be sent.
    due: Timestamp,
    /// After a failure nothing is sent before this time.
    not_before: Timestamp,
    last_poll: Timestamp,
    backoff: Backoff,
    outage: Outage,
    /// Whether the coordinator may know this member.
    is_known: bool,
    /// How often to try to say that the member leaves.
    farewells: u8,
    farewell_failed: Option<Failure>,
    shut_down: bool,
    is_closing: bool,
    pub(super) commits: Commits,
    pub(super) queries: Queries,
}

impl State {
    /// A member that has not joined. `interval` is how often to send heartbeats before the
    /// coordinator has said so.
    pub(super) fn new(identity: Arc<Identity>, spec: &TopologySpec, interval: Duration) -> Self {
        let begin = Timestamp::from_millis(0);
        Self {
            identity,
            phase: Phase::Outside,
            incarnation: 0,
            owned: OwnedTasks::default(),
            told: None,
            assignment: Assignment::new(spec),
            needs_topics: false,
            inquiry: None,
            statuses: Vec::new(),
            shown: Vec::new(),
            endpoint_epoch: -1,
            interval,
            due: begin,
            not_before: begin,
            last_poll: begin,
            backoff: Backoff::default(),
            outage: Outage::default(),
            is_known: false,
            farewells: 0,
            farewell_failed: None,
            shut_down: false,
            is_closing: false,
            commits: Commits::default(),
            queries: Queries::default(),
        }
    }

    // What the stream thread does.

    /// The stream thread is alive and holds these tasks.
    pub(super) fn poll(
        &mut self,
        owned: &OwnedTasks,
        now: Timestamp,
    ) -> Result<Polled, BrokerError> {
        self.last_poll = now;
        match &self.phase {
            Phase::Failed(failure) => Err(failure.error()),
            Phase::Lost => {
                self.phase = Phase::Outside;
                Ok(Polled { event: Some(GroupEvent::Fenced), is_urgent: false })
            }
            Phase::Outside => {
                self.join(now);
                Ok(Polled { event: None, is_urgent: true })
            }
            Phase::Joining | Phase::Member(_) => {
                let is_urgent = self.take_owned(owned, now);
                Ok(Polled { event: self.next_event(), is_urgent })
            }
        }
    }

    fn join(&mut self, now: Timestamp) {
        self.incarnation += 1;
        self.phase = Phase::Joining;
        // Whatever it may still be closing: a member that joins holds nothing.
        self.owned = OwnedTasks::default();
        self.due = now;
        self.commits.forget_answers();
    }

    /// True if the coordinator has to hear of it.
    fn take_owned(&mut self, owned: &OwnedTasks, now: Timestamp) -> bool {
        if *owned == self.owned {
            return false;
        }
        self.owned.clone_from(owned);
        self.assignment.owns(owned);
        self.due = now;
        true
    }

    fn next_event(&mut self) -> Option<GroupEvent> {
        let is_ready = self.is_ready();
        if let Phase::Member(epoch) = self.phase
            && let Some(assignment) = self.assignment.hand_out(epoch, is_ready)
        {
            return Some(GroupEvent::Assignment(assignment));
        }
        if self.statuses == self.shown {
            return None;
        }
        self.shown.clone_from(&self.statuses);
        Some(GroupEvent::Status(self.statuses.clone()))
    }

    /// Whether a poll would return something.
    pub(super) fn has_news(&self) -> bool {
        match self.phase {
            Phase::Outside => false,
            Phase::Lost | Phase::Failed(_) => true,
            Phase::Joining => self.statuses != self.shown,
            Phase::Member(_) => {
                self.statuses != self.shown || self.assignment.is_news(self.is_ready())
            }
        }
    }

    /// Every member is to stop.
    pub(super) fn shut_down_application(&mut self, now: Timestamp) {
        self.shut_down = true;
        self.due = self.due.min(now);
    }

    /// The member leaves; true if the coordinator has to hear of it.
    pub(super) fn leave(&mut self, now: Timestamp) -> bool {
        if !matches!(self.phase, Phase::Failed(_)) {
            self.phase = Phase::Outside;
        }
        self.clear();
        self.say_farewell(now, FAREWELLS);
        self.farewells > 0
    }

    /// Whether the coordinator has heard that the member leaves, or was not to be told; or why
    /// that failed. `None` while it is tried.
    pub(super) fn farewell(&self) -> Option<Result<(), Failure>> {
        if self.farewells > 0 {
            return None;
        }
        Some(self.farewell_failed.clone().map_or(Ok(()), Err))
    }

    /// The stream thread is gone.
    pub(super) fn close(&mut self, now: Timestamp) {
        self.leave(now);
        self.is_closing = true;
    }

    /// The member's epoch; `None` outside of the group.
    pub(super) fn epoch(&self) -> Option<i32> {
        match self.phase {
            Phase::Member(epoch) => Some(epoch),
            Phase::Outside | Phase::Joining | Phase::Lost | Phase::Failed(_) => None,
        }
    }

    pub(super) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// The epoch, if the membership is still that one.
    pub(super) fn epoch_in(&self, incarnation: u64) -> Option<i32> {
        self.epoch().filter(|_| self.incarnation == incarnation)
    }

    pub(super) fn fenced(&self) -> BrokerError {
        fenced(&self.identity)
    }

    // What the driver does.

    /// What to do now.
    pub(super) fn step(&mut self, now: Timestamp) -> Step {
        self.mend_times(now);
        if self.farewells > 0 {
            return match until(self.not_before, now) {
                Some(wait) => Step::Wait(Some(wait)),
                None => Step::Beat(self.beat(now)),
            };
        }
        if self.is_closing {
            return Step::End;
        }
        if !self.is_present() {
            return Step::Wait(None);
        }
        let Some(patience) = until(self.last_poll.saturating_add(self.patience()), now) else {
            self.expire(now);
            return self.step(now);
        };
        if let Some(wait) = until(self.not_before, now) {
            return Step::Wait(Some(wait.min(patience)));
        }
        if let Some(inquiry) = self.inquiry {
            return Step::Describe(inquiry);
        }
        match until(self.due, now) {
            Some(wait) => Step::Wait(Some(wait.min(patience))),
            None => Step::Beat(self.beat(now)),
        }
    }

    /// How long the next request may take, if the application is to stop after some time.
    pub(super) fn time_left(&self, now: Timestamp) -> Option<Duration> {
        Some(self.identity.deadline?.saturating_sub(self.outage.lasts(now)))
    }

    /// A heartbeat was answered.
    pub(super) fn answered(&mut self, beat: &Beat, response: Response, now: Timestamp) {
        if beat.is_farewell() {
            return self.farewell_answered(&response, now);
        }
        if beat.incarnation != self.incarnation || !self.is_present() {
            return;
        }
        if response.error_code.is_ok() {
            return self.take(beat, response, now);
        }
        let message = response.error_message.as_deref();
        let refused = Refused { code: response.error_code, message };
        let is_joining = matches!(self.phase, Phase::Joining);
        let topology = &self.identity.introduction.topology;
        match refusal(refused, &self.identity.group_id, topology, is_joining) {
            Refusal::Lost if !is_joining => {
                self.is_known = false;
                self.lose(&refused.to_string());
            }
            Refusal::Passing | Refusal::Lost => self.set_back(&refused.to_string(), now),
            Refusal::OtherTopology => self.inquiry = Some(Inquiry::Topology),
            Refusal::Final(failure) => self.fail(failure),
        }
    }

    /// A heartbeat was not answered: it may have been heard or not.
    pub(super) fn unanswered(&mut self, beat: &Beat, error: &BrokerError, now: Timestamp) {
        let failure = Failure::from(error);
        if beat.is_farewell() {
            self.farewell_unheard(failure, may_pass(error), now);
        } else if beat.incarnation == self.incarnation && self.is_present() {
            if may_pass(error) {
                self.set_back(&failure.text, now);
            } else {
                self.fail(failure);
            }
        }
    }

    /// The group was described, or not.
    pub(super) fn described(
        &mut self,
        inquiry: Inquiry,
        answer: Result<streams_group_describe::Response, BrokerError>,
        now: Timestamp,
    ) {
        if self.inquiry.take() != Some(inquiry) {
            return;
        }
        match inquiry {
            Inquiry::Topology => {
                let own = &self.identity.introduction.topology;
                let difference = answer.ok().and_then(|group| difference(&group.topology, own));
                self.fail(other_topology(&self.identity.group_id, difference.as_deref()));
            }
            Inquiry::Assignment => self.take_described(answer, now),
        }
    }

    /// The topics that have to be looked up, once; `None` if none have to be.
    pub(super) fn take_topics(&mut self) -> Option<Vec<Arc<str>>> {
        let is_needed = std::mem::take(&mut self.needs_topics);
        is_needed.then(|| self.assignment.topics().into_iter().collect())
    }

    /// The topics were looked up.
    ///
    /// # Errors
    /// One is not known; it has to be looked up again.
    pub(super) fn resolve(&mut self, count: &impl Fn(&str) -> Option<i32>) -> Result<(), Arc<str>> {
        let resolved = self.assignment.resolve(count);
        self.needs_topics |= resolved.is_err();
        resolved
    }

    /// The coordinator did not know the member's epoch: perhaps the next heartbeat brings it.
    pub(super) fn ask_epoch(&mut self, now: Timestamp) {
        self.due = self.due.min(now);
    }

    /// A commit or a question of this membership was answered by that there is no such member.
    pub(super) fn lose_in(&mut self, incarnation: u64, why: &str) {
        if self.epoch_in(incarnation).is_some() {
            self.is_known = false;
            self.lose(why);
        }
    }

    /// It cannot go on.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.clear();
        self.phase = Phase::Failed(failure);
    }

    // Inside.

    fn is_present(&self) -> bool {
        matches!(self.phase, Phase::Joining | Phase::Member(_))
    }

    /// Whether the group can assign tasks at all.
    fn is_ready(&self) -> bool {
        !self.statuses.iter().any(|status| match status.code {
            GroupStatusCode::MissingSourceTopics
            | GroupStatusCode::IncorrectlyPartitionedTopics
            | GroupStatusCode::MissingInternalTopics
            | GroupStatusCode::AssignmentDelayed => true,
            // Stale topologies and what is to come.
            _ => false,
        })
    }

    /// The clock may have been set back: nothing is put off by that for more than its interval.
    fn mend_times(&mut self, now: Timestamp) {
        self.last_poll = self.last_poll.min(now);
        self.due = self.due.min(now.saturating_add(self.interval));
        self.not_before = self.not_before.min(now.saturating_add(self.interval));
    }

    fn patience(&self) -> Duration {
        self.identity.rebalance_timeout
    }

    fn beat(&mut self, now: Timestamp) -> Beat {
        let identity = &self.identity;
        let (member_epoch, introduction, owned) = match self.phase {
            _ if self.farewells > 0 => (LEAVE, None, None),
            Phase::Member(epoch) => {
                let is_told = self.told.as_ref() == Some(&self.owned);
                (epoch, None, (!is_told).then(|| self.owned.clone()))
            }
            Phase::Outside | Phase::Joining | Phase::Lost | Phase::Failed(_) => {
                (JOIN, Some(Arc::clone(&identity.introduction)), Some(OwnedTasks::default()))
            }
        };
        let heartbeat = Heartbeat {
            group_id: Arc::clone(&identity.group_id),
            member_id: Arc::clone(&identity.member_id),
            member_epoch,
            endpoint_information_epoch: self.endpoint_epoch,
            introduction,
            owned,
            shutdown_application: self.shut_down,
        };
        self.is_known = true;
        self.due = now.saturating_add(self.interval);
        self.outage.begin(now);
        Beat { incarnation: self.incarnation, heartbeat }
    }

    /// Takes a successful answer in.
    fn take(&mut self, beat: &Beat, response: Response, now: Timestamp) {
        if self.outage.end() {
            let group = &*self.identity.group_id;
            tracing::info!(group, "the group's coordinator answers again");
        }
        self.backoff.reset();
        if let Ok(interval @ 1..) = u64::try_from(response.heartbeat_interval_ms) {
            self.interval = Duration::from_millis(interval);
        }
        if let Some(statuses) = response.status {
            self.statuses = statuses.into_iter().filter_map(status).collect();
        }
        let interval = if self.is_ready() { self.interval } else { SOON.min(self.interval) };
        self.due = self.due.min(now.saturating_add(interval));
        self.endpoint_epoch = response.endpoint_information_epoch;
        if let Some(owned) = &beat.heartbeat.owned {
            self.told = Some(owned.clone());
        }
        if response.member_epoch > 0 {
            // With the epoch of a group whose topics changed, their partitions may have.
            self.needs_topics |= self.epoch() != Some(response.member_epoch);
            self.phase = Phase::Member(response.member_epoch);
        }
        match response.assigned {
            Some(tasks) => self.assign(tasks),
            None if self.assignment.is_doubtful() => self.inquiry = Some(Inquiry::Assignment),
            None => {}
        }
        self.resolve_nothing();
    }

    fn assign(&mut self, tasks: OwnedTasks) {
        match self.assignment.assign(tasks) {
            Ok(()) => self.needs_topics = true,
            Err(task) => {
                let text = format!(
                    "group {} assigns task {task}, but this application has no sub-topology {}",
                    self.identity.group_id, task.subtopology
                );
                self.fail(Failure::new(BrokerErrorKind::Fatal, text));
            }
        }
    }

    /// An assignment without active tasks needs no topics.
    fn resolve_nothing(&mut self) {
        if self.needs_topics && self.assignment.topics().is_empty() {
            self.needs_topics = false;
            self.needs_topics = self.assignment.resolve(&|_| None).is_err();
        }
    }

    fn take_described(
        &mut self,
        answer: Result<streams_group_describe::Response, BrokerError>,
        now: Timestamp,
    ) {
        let group = match answer {
            Ok(group) if group.error_code.is_ok() => group,
            Ok(group) if may_come_back(group.error_code) => {
                return self.set_back(&group.error_code.to_string(), now);
            }
            Err(error) if may_pass(&error) => return self.set_back(&error.to_string(), now),
            Ok(group) => {
                let why = format!("its assignment cannot be asked for: {}", group.error_code);
                return self.lose(&why);
            }
            Err(error) => return self.fail(Failure::from(&error)),
        };
        let mut members = group.members.into_iter();
        let own = members.find(|member| *member.member_id == *self.identity.member_id);
        match own {
            Some(own) if Some(own.member_epoch) == self.epoch() => {
                self.assign(own.assignment);
                self.resolve_nothing();
            }
            // What was described is older or newer than what the heartbeat said: both again.
            _ => self.due = now,
        }
    }

    /// Something failed that may succeed later.
    fn set_back(&mut self, why: &str, now: Timestamp) {
        let identity = &self.identity;
        // As Java: after a failure everything is said again.
        self.told = None;
        if matches!(self.phase, Phase::Member(_)) {
            self.assignment.doubt();
        }
        self.due = now;
        self.not_before = now.saturating_add(self.backoff.next());
        let (group, servers) = (&*identity.group_id, &*identity.bootstrap_servers);
        if self.outage.is_to_be_told(now) {
            tracing::warn!(group, servers, "the group's coordinator does not answer: {why}");
        } else {
            tracing::debug!(group, "a heartbeat failed: {why}");
        }
        if let Some(deadline) = identity.deadline
            && self.outage.lasts(now) >= deadline
        {
            let text = format!(
                "the coordinator of group {group} was not reached within {} ms \
                 (bootstrap.deadline.ms) through {servers}: {why}",
                deadline.as_millis()
            );
            self.fail(Failure::new(BrokerErrorKind::Fatal, text));
        }
    }

    fn lose(&mut self, why: &str) {
        let (group, member) = (&*self.identity.group_id, &*self.identity.member_id);
        tracing::warn!(group, member, "the member is out of its group: {why}");
        self.phase = Phase::Lost;
        self.clear();
    }

    /// The stream thread has stayed away too long: others shall have its tasks.
    fn expire(&mut self, now: Timestamp) {
        let patience = self.patience().as_millis();
        self.lose(&format!(
            "its stream thread was busy for more than {patience} ms (max.poll.interval.ms): raise \
             it, or do less between two polls"
        ));
        self.say_farewell(now, 1);
    }

    /// Forgets a membership.
    fn clear(&mut self) {
        let identity = Arc::clone(&self.identity);
        self.commits.fence(|| fenced(&identity));
        self.queries.forget();
        self.assignment.forget();
        (self.told, self.inquiry, self.needs_topics) = (None, None, false);
        self.endpoint_epoch = -1;
        self.outage.end();
    }

    fn say_farewell(&mut self, now: Timestamp, tries: u8) {
        if self.is_known && self.farewells == 0 {
            self.farewells = tries;
            self.farewell_failed = None;
            self.not_before = now;
        }
    }

    fn farewell_answered(&mut self, response: &Response, now: Timestamp) {
        let code = response.error_code;
        let is_gone = matches!(
            code,
            ErrorCode::NONE
                | ErrorCode::UNKNOWN_MEMBER_ID
                | ErrorCode::FENCED_MEMBER_EPOCH
                | ErrorCode::GROUP_ID_NOT_FOUND
        );
        if is_gone {
            self.farewells = 0;
            self.is_known = false;
            self.backoff.reset();
            return;
        }
        let text = format!("group {} was not left: {code}", self.identity.group_id);
        self.farewell_unheard(Failure::new(code.kind(), text), code.is_retriable(), now);
    }

    fn farewell_unheard(&mut self, failure: Failure, may_pass: bool, now: Timestamp) {
        self.farewells = if may_pass { self.farewells.saturating_sub(1) } else { 0 };
        self.not_before = now.saturating_add(self.backoff.next());
        self.farewell_failed = Some(failure);
        if self.farewells == 0 {
            // The session time-out will tell the group.
            self.is_known = false;
        }
    }
}

fn fenced(identity: &Identity) -> BrokerError {
    BrokerError::fenced(format!(
        "member {} is not in group {}: its tasks may have another owner",
        identity.member_id, identity.group_id
    ))
}

/// Whether a described group may be there later: the heartbeat knows.
fn may_come_back(code: ErrorCode) -> bool {
    code.is_retriable() || code == ErrorCode::GROUP_ID_NOT_FOUND
}

/// How long until then; `None` if it is past.
fn until(then: Timestamp, now: Timestamp) -> Option<Duration> {
    Some(between(now, then)).filter(|wait| !wait.is_zero())
}

/// A condition that is known here.
fn status((code, detail): (i8, String)) -> Option<GroupStatus> {
    let known = [
        GroupStatusCode::StaleTopology,
        GroupStatusCode::MissingSourceTopics,
        GroupStatusCode::IncorrectlyPartitionedTopics,
        GroupStatusCode::MissingInternalTopics,
        GroupStatusCode::ShutdownApplication,
        GroupStatusCode::AssignmentDelayed,
    ];
    let found = known.into_iter().find(|known| *known as i8 == code);
    if found.is_none() {
        tracing::warn!(code, "the group has a status that is not known here: {detail}");
    }
    found.map(|code| GroupStatus { code, detail })
}

#[cfg(test)]
mod tests;
