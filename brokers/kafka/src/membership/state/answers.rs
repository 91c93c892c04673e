//! What the coordinator answers.

use std::time::Duration;

use streams_core::{
    broker::{BrokerError, BrokerErrorKind, OwnedTasks},
    stores::Timestamp,
};

use super::{Beat, Inquiry, Phase, SOON, State};
use crate::{
    coordinator::may_pass,
    membership::{
        difference::difference,
        refusal::{Failure, Refusal, Refused, other_topology, refusal},
    },
    protocol::{ErrorCode, streams_group_describe, streams_group_heartbeat::Response},
};

impl State {
    /// A heartbeat was answered.
    pub(in crate::membership) fn answered(
        &mut self,
        beat: &Beat,
        response: Response,
        now: Timestamp,
    ) {
        if beat.is_farewell() {
            if self.farewell.answered(response.error_code, &self.identity.group_id) {
                self.schedule.give_up();
            } else {
                self.schedule.failed(now);
            }
            return;
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
        match refusal(refused, &self.identity, is_joining) {
            Refusal::Lost if !is_joining => {
                self.farewell.unknown();
                self.lose(&refused.to_string());
            }
            Refusal::Passing | Refusal::Lost => self.set_back(&refused.to_string(), now),
            Refusal::OtherTopology => self.inquiry = Some(Inquiry::Topology),
            Refusal::Final(failure) => self.fail(failure),
        }
    }

    /// A heartbeat was not answered: it may have been heard or not.
    pub(in crate::membership) fn unanswered(
        &mut self,
        beat: &Beat,
        error: &BrokerError,
        now: Timestamp,
    ) {
        let failure = Failure::from(error);
        if beat.is_farewell() {
            self.farewell.failed(failure, may_pass(error));
            self.schedule.failed(now);
        } else if beat.incarnation == self.incarnation && self.is_present() {
            if may_pass(error) {
                self.set_back(&failure.text, now);
            } else {
                self.fail(failure);
            }
        }
    }

    /// The group was described, or not.
    pub(in crate::membership) fn described(
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

    /// Takes a successful answer in.
    fn take(&mut self, beat: &Beat, response: Response, now: Timestamp) {
        if self.schedule.succeeded(response.heartbeat_interval_ms, now) {
            let group = &*self.identity.group_id;
            tracing::info!(group, "the group's coordinator answers again");
        }
        if let Some(statuses) = response.status {
            self.statuses.take(statuses);
        }
        if !self.statuses.is_ready() {
            self.schedule.within(SOON, now);
        }
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
            Ok(()) => {
                self.needs_topics = true;
                // Where it takes away what was never owned, only this tells that it is given up.
                self.told = None;
            }
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
            _ => self.schedule.within(Duration::ZERO, now),
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
        let (group, servers) = (&*identity.group_id, &*identity.bootstrap_servers);
        if self.schedule.hindered(why, now) {
            tracing::warn!(group, servers, "the group's coordinator does not answer: {why}");
        } else {
            tracing::debug!(group, "a heartbeat failed: {why}");
        }
        if let Some(deadline) = identity.deadline
            && self.schedule.outage(now) >= deadline
        {
            let text = format!(
                "the coordinator of group {group} was not reached within {} ms \
                 (bootstrap.deadline.ms) through {servers}: {why}",
                deadline.as_millis()
            );
            self.fail(Failure::new(BrokerErrorKind::Fatal, text));
        }
    }
}

/// Whether a described group may be there later: the heartbeat knows.
fn may_come_back(code: ErrorCode) -> bool {
    code.is_retriable() || code == ErrorCode::GROUP_ID_NOT_FOUND
}
