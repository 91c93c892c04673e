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

mod answers;

use std::{sync::Arc, time::Duration};

use streams_core::{
    broker::{BrokerError, CommitTicket, GroupEvent, OwnedTasks, TopologySpec},
    stores::Timestamp,
};

use super::{
    assignment::Assignment,
    commits::Commits,
    farewell::Farewell,
    queries::Queries,
    refusal::Failure,
    schedule::{Schedule, until},
    statuses::Statuses,
};
use crate::protocol::streams_group_heartbeat::{Heartbeat, Introduction, JOIN, LEAVE};

/// How soon to ask again while the group is not ready to assign: it creates topics, or waits for
/// more members.
const SOON: Duration = Duration::from_millis(500);
/// How often it is tried to say that a member leaves.
const FAREWELLS: u8 = 3;
/// A coordinator gives a member that joins under the id of another the same tasks and the same
/// epoch, and tells neither: both would process them. It has a new epoch, by which the older one is
/// fenced, only if the newer says something else of itself. So each join asks for a rebalance
/// time-out that is some milliseconds longer than what was set, by the clock.
const NONCES: i64 = 1000;

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
    /// Differs from join to join, by the clock.
    nonce: i32,
    /// What the stream thread held when it polled last.
    owned: OwnedTasks,
    /// With what that poll handed out: until the next one the thread may be at work on it.
    may_own: Option<OwnedTasks>,
    /// What the coordinator knows of it; `None` where that is not certain.
    told: Option<OwnedTasks>,
    assignment: Assignment,
    /// The topics of the assignment have to be looked up.
    needs_topics: bool,
    inquiry: Option<Inquiry>,
    statuses: Statuses,
    endpoint_epoch: i32,
    schedule: Schedule,
    last_poll: Timestamp,
    farewell: Farewell,
    shut_down: bool,
    is_closing: bool,
    pub(super) commits: Commits,
    pub(super) queries: Queries,
}

impl State {
    /// A member that has not joined. `interval` is how often to send heartbeats before the
    /// coordinator has said so.
    pub(super) fn new(identity: Arc<Identity>, topology: TopologySpec, interval: Duration) -> Self {
        Self {
            identity,
            phase: Phase::Outside,
            incarnation: 0,
            nonce: 0,
            owned: OwnedTasks::default(),
            may_own: None,
            told: None,
            assignment: Assignment::new(topology),
            needs_topics: false,
            inquiry: None,
            statuses: Statuses::default(),
            endpoint_epoch: -1,
            schedule: Schedule::new(interval),
            last_poll: Timestamp::from_millis(0),
            farewell: Farewell::default(),
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
        self.may_own = None;
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
        self.nonce = i32::try_from(now.as_millis().rem_euclid(NONCES)).unwrap_or(0);
        self.phase = Phase::Joining;
        // Whatever it may still be closing: a member that joins holds nothing.
        self.owned = OwnedTasks::default();
        self.schedule.within(Duration::ZERO, now);
        self.commits.forget_answers();
    }

    /// True if the coordinator has to hear of it.
    fn take_owned(&mut self, owned: &OwnedTasks, now: Timestamp) -> bool {
        if *owned == self.owned {
            return false;
        }
        self.owned.clone_from(owned);
        self.assignment.owns(owned);
        self.schedule.within(Duration::ZERO, now);
        true
    }

    /// Assignments first: the runtime takes what it is told after for the newer.
    fn next_event(&mut self) -> Option<GroupEvent> {
        let is_ready = self.statuses.is_ready();
        let epoch = self.epoch();
        let assignment = epoch.and_then(|epoch| self.assignment.hand_out(epoch, is_ready));
        let Some(assignment) = assignment else {
            return self.statuses.hand_out().map(GroupEvent::Status);
        };
        let mut both = assignment.tasks();
        both.active.extend(&self.owned.active);
        both.standby.extend(&self.owned.standby);
        self.may_own = Some(both);
        Some(GroupEvent::Assignment(assignment))
    }

    /// Whether a poll would return something.
    pub(super) fn has_news(&self) -> bool {
        match self.phase {
            Phase::Outside => false,
            Phase::Lost | Phase::Failed(_) => true,
            Phase::Joining => self.statuses.is_news(),
            Phase::Member(_) => {
                self.statuses.is_news() || self.assignment.is_news(self.statuses.is_ready())
            }
        }
    }

    /// Every member is to stop.
    pub(super) fn shut_down_application(&mut self, now: Timestamp) {
        self.shut_down = true;
        self.schedule.within(Duration::ZERO, now);
    }

    /// The member leaves; true if the coordinator has to hear of it.
    pub(super) fn leave(&mut self, now: Timestamp) -> bool {
        if !matches!(self.phase, Phase::Failed(_)) {
            self.phase = Phase::Outside;
        }
        self.clear();
        self.say_farewell(FAREWELLS, now);
        self.farewell.is_pending()
    }

    /// Whether the coordinator has heard that the member leaves, or was not to be told; or why
    /// that failed. `None` while it is tried.
    pub(super) fn farewell(&self) -> Option<Result<(), Failure>> {
        self.farewell.result()
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

    /// The answer to a commit, once.
    pub(super) fn poll_commit(&mut self, ticket: CommitTicket) -> Option<Result<(), BrokerError>> {
        let identity = &self.identity;
        self.commits.poll(ticket, || fenced(identity))
    }

    // What the driver does.

    /// What to do now.
    pub(super) fn step(&mut self, now: Timestamp) -> Step {
        self.last_poll = self.last_poll.min(now);
        self.schedule.mend(now);
        if self.farewell.is_pending() {
            return match self.schedule.pause(now) {
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
        let expiry = self.last_poll.saturating_add(self.identity.rebalance_timeout);
        let Some(patience) = until(expiry, now) else {
            self.expire(now);
            return self.step(now);
        };
        if self.inquiry.is_none()
            && let Some(wait) = self.schedule.wait(now)
        {
            return Step::Wait(Some(wait.min(patience)));
        }
        match (self.schedule.pause(now), self.inquiry) {
            (Some(wait), _) => Step::Wait(Some(wait.min(patience))),
            (None, Some(inquiry)) => Step::Describe(inquiry),
            (None, None) => Step::Beat(self.beat(now)),
        }
    }

    /// How long the next request may take, if the application is to stop after some time.
    pub(super) fn time_left(&self, now: Timestamp) -> Option<Duration> {
        Some(self.identity.deadline?.saturating_sub(self.schedule.outage(now)))
    }

    /// Why a call that was ended for lack of time has no answer.
    pub(super) fn hindrance(&self) -> String {
        self.schedule.hindrance().unwrap_or("there was no answer").to_owned()
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
        self.schedule.within(Duration::ZERO, now);
    }

    /// A commit or a question of this membership was answered by that there is no such member.
    pub(super) fn lose_in(&mut self, incarnation: u64, why: &str) {
        if self.epoch_in(incarnation).is_some() {
            self.farewell.unknown();
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

    fn beat(&mut self, now: Timestamp) -> Beat {
        let identity = &self.identity;
        let (member_epoch, introduction, owned) = match self.phase {
            _ if self.farewell.is_pending() => (LEAVE, None, None),
            Phase::Member(epoch) => {
                let owned = self.may_own.as_ref().unwrap_or(&self.owned);
                let is_told = self.told.as_ref() == Some(owned);
                (epoch, None, (!is_told).then(|| owned.clone()))
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
            rebalance_timeout_ms: introduction.as_ref().map(|_| self.rebalance_timeout_ms()),
            introduction,
            owned,
            shutdown_application: self.shut_down,
        };
        self.farewell.known();
        self.schedule.sent(now);
        Beat { incarnation: self.incarnation, heartbeat }
    }

    fn lose(&mut self, why: &str) {
        let (group, member) = (&*self.identity.group_id, &*self.identity.member_id);
        tracing::warn!(group, member, "the member is out of its group: {why}");
        self.phase = Phase::Lost;
        self.clear();
    }

    /// The stream thread has stayed away too long: others shall have its tasks.
    fn expire(&mut self, now: Timestamp) {
        let patience = self.identity.rebalance_timeout.as_millis();
        self.lose(&format!(
            "its stream thread was busy for more than {patience} ms (max.poll.interval.ms): raise \
             it, or do less between two polls"
        ));
        self.say_farewell(1, now);
    }

    fn rebalance_timeout_ms(&self) -> i32 {
        let ms = i32::try_from(self.identity.rebalance_timeout.as_millis()).unwrap_or(i32::MAX);
        // The nonce counts for the longest, too.
        ms.min(i32::MAX - self.nonce) + self.nonce
    }

    /// Forgets a membership.
    fn clear(&mut self) {
        let identity = Arc::clone(&self.identity);
        self.commits.fence(|| fenced(&identity));
        self.queries.forget();
        self.assignment.forget();
        (self.may_own, self.told) = (None, None);
        (self.inquiry, self.needs_topics) = (None, false);
        self.endpoint_epoch = -1;
        self.schedule.give_up();
    }

    fn say_farewell(&mut self, tries: u8, now: Timestamp) {
        if self.farewell.begin(tries) {
            self.schedule.at_once(now);
        }
    }
}

fn fenced(identity: &Identity) -> BrokerError {
    BrokerError::fenced(format!(
        "member {} is not in group {}: its tasks may have another owner",
        identity.member_id, identity.group_id
    ))
}

#[cfg(test)]
mod tests;
