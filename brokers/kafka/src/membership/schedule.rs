//! When the next request is due.

use std::time::Duration;

use streams_core::stores::Timestamp;

use crate::{backoff::Backoff, outage::Outage};

/// A hiccup is not worth a warning.
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// Heartbeats at an interval, sooner when there is something to say, later after a failure.
#[derive(Debug)]
pub(super) struct Schedule {
    interval: Duration,
    due: Timestamp,
    /// After a failure nothing is sent before this time.
    not_before: Timestamp,
    backoff: Backoff,
    /// Since when the coordinator has not answered.
    outage: Outage,
    /// Why the last request failed, if one has since then.
    hindrance: Option<String>,
}

impl Schedule {
    pub(super) fn new(interval: Duration) -> Self {
        let begin = Timestamp::from_millis(0);
        Self {
            interval,
            due: begin,
            not_before: begin,
            backoff: Backoff::default(),
            outage: Outage::told_after(TOLD_AFTER),
            hindrance: None,
        }
    }

    /// How long until the next request may be sent; `None` if it may be now.
    pub(super) fn pause(&self, now: Timestamp) -> Option<Duration> {
        until(self.not_before, now)
    }

    /// How long until the next heartbeat is due; `None` if it is now.
    pub(super) fn wait(&self, now: Timestamp) -> Option<Duration> {
        until(self.due.max(self.not_before), now)
    }

    /// The clock may have been set back: nothing is put off by that for more than an interval.
    pub(super) fn mend(&mut self, now: Timestamp) {
        let latest = now.saturating_add(self.interval);
        self.due = self.due.min(latest);
        self.not_before = self.not_before.min(latest);
    }

    /// The next heartbeat is due within `wait`.
    pub(super) fn within(&mut self, wait: Duration, now: Timestamp) {
        self.due = self.due.min(now.saturating_add(wait));
    }

    /// The next request need not wait for an earlier failure's sake.
    pub(super) fn at_once(&mut self, now: Timestamp) {
        (self.due, self.not_before) = (now, now);
    }

    /// A heartbeat goes out.
    pub(super) fn sent(&mut self, now: Timestamp) {
        self.due = now.saturating_add(self.interval);
        self.outage.begin(since_epoch(now));
    }

    /// It was answered; the coordinator wants the next within `interval`. True if there was a
    /// warning before that it does not answer.
    pub(super) fn succeeded(&mut self, interval_ms: i32, now: Timestamp) -> bool {
        self.backoff.reset();
        if let Ok(interval @ 1..) = u64::try_from(interval_ms) {
            self.interval = Duration::from_millis(interval);
        }
        self.within(self.interval, now);
        self.hindrance = None;
        self.outage.end(since_epoch(now)).is_some()
    }

    /// It failed, and is to be sent again.
    pub(super) fn failed(&mut self, now: Timestamp) {
        self.due = now;
        self.not_before = now.saturating_add(self.backoff.next());
    }

    /// As [`failed`](Self::failed), because of `why`. True if that is to be told now.
    pub(super) fn hindered(&mut self, why: &str, now: Timestamp) -> bool {
        self.failed(now);
        self.hindrance = Some(why.to_owned());
        self.outage.is_to_be_told(since_epoch(now))
    }

    /// Why the last request failed, if none has succeeded since.
    pub(super) fn hindrance(&self) -> Option<&str> {
        self.hindrance.as_deref()
    }

    /// How long the coordinator has not answered.
    pub(super) fn outage(&self, now: Timestamp) -> Duration {
        self.outage.lasts(since_epoch(now))
    }

    /// The coordinator is not to be reached any more, or does not have to be.
    pub(super) fn give_up(&mut self) {
        self.backoff.reset();
        self.hindrance = None;
        self.outage = Outage::told_after(TOLD_AFTER);
    }
}

/// How long until then; `None` if it is past.
pub(super) fn until(then: Timestamp, now: Timestamp) -> Option<Duration> {
    let wait = since_epoch(then).saturating_sub(since_epoch(now));
    (!wait.is_zero()).then_some(wait)
}

fn since_epoch(time: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn ms(wait: Option<Duration>) -> Option<u128> {
        wait.map(|wait| wait.as_millis())
    }

    fn schedule() -> Schedule {
        Schedule::new(Duration::from_secs(5))
    }

    #[test]
    fn heartbeats_follow_the_coordinators_interval() {
        let mut schedule = schedule();
        assert_eq!(schedule.wait(at(1000)), None);
        schedule.sent(at(1000));
        assert_eq!(ms(schedule.wait(at(1000))), Some(5000));
        schedule.succeeded(500, at(1010));
        assert_eq!(ms(schedule.wait(at(1010))), Some(500));
        schedule.sent(at(1510));
        assert_eq!(ms(schedule.wait(at(1510))), Some(500));
        schedule.succeeded(0, at(1510));
        assert_eq!(schedule.interval, Duration::from_millis(500), "0 is no interval");
    }

    #[test]
    fn a_failure_is_tried_again_after_its_wait_whatever_is_urgent() {
        let mut schedule = schedule();
        schedule.sent(at(0));
        schedule.failed(at(10));
        schedule.within(Duration::ZERO, at(10));
        assert_eq!((ms(schedule.wait(at(10))), ms(schedule.pause(at(10)))), (Some(50), Some(50)));
        schedule.failed(at(60));
        assert_eq!(ms(schedule.wait(at(60))), Some(100));
        schedule.at_once(at(60));
        assert_eq!((schedule.wait(at(60)), schedule.pause(at(60))), (None, None));
        schedule.succeeded(5000, at(60));
        schedule.failed(at(60));
        assert_eq!(ms(schedule.wait(at(60))), Some(50), "a success begins anew");
    }

    #[test]
    fn an_outage_begins_with_the_first_request_and_ends_with_an_answer() {
        let mut schedule = schedule();
        schedule.sent(at(100));
        assert!(!schedule.hindered("connection refused", at(200)));
        schedule.sent(at(500));
        assert!(schedule.hindered("no route", at(1_100)));
        assert_eq!(schedule.hindrance(), Some("no route"));
        assert_eq!(schedule.outage(at(2_100)), Duration::from_secs(2));
        assert!(schedule.succeeded(5000, at(3_000)));
        assert_eq!((schedule.hindrance(), schedule.outage(at(3_000))), (None, Duration::ZERO));
        assert!(!schedule.succeeded(5000, at(3_001)));
    }

    #[test]
    fn a_clock_that_is_set_back_delays_by_an_interval_at_most() {
        let mut schedule = schedule();
        schedule.sent(at(1_000_000));
        schedule.mend(at(0));
        assert_eq!(ms(schedule.wait(at(0))), Some(5000));
    }
}
