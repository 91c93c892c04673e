//! How long to wait before something is tried again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
/// Work goes on within a second of a broker's return, however long it was away.
const LONGEST: Duration = Duration::from_secs(1);

/// What follows so many failures in a row: nothing after none, then [`FIRST`], doubled each time.
fn pause(failures: u32, longest: Duration) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => FIRST.saturating_mul(1 << doublings.min(10)).min(longest),
    }
}

/// The pause before the next try, for whoever sleeps through it: doubles with each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// How long to wait this time.
    pub(crate) fn next(&mut self) -> Duration {
        self.tries = self.tries.saturating_add(1);
        pause(self.tries, LONGEST)
    }

    /// How often there was a wait since the last success.
    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }

    /// It worked.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }
}

/// When something that failed is tried again, for a state machine: the pause doubles with each
/// failure. Times are durations since its owner began.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    failures: u32,
    at: Duration,
}

impl Retry {
    /// It has failed.
    pub(crate) fn failed(&mut self, now: Duration) {
        self.failed_within(now, LONGEST);
    }

    /// It has failed, and no pause is to be longer than `longest`.
    pub(crate) fn failed_within(&mut self, now: Duration, longest: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.at = now + pause(self.failures, longest);
    }

    /// As [`failed_within`](Self::failed_within), of what is worth another try at once: the second
    /// failure in a row brings the first pause.
    pub(crate) fn failed_lightly(&mut self, now: Duration, longest: Duration) {
        self.at = now + pause(self.failures, longest);
        self.failures = self.failures.saturating_add(1);
    }

    /// How often it has failed since the last success.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// It worked.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Whether it may be tried now.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.at <= now
    }

    /// When it may be tried.
    pub(crate) fn at(&self) -> Duration {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_second_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..7).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(backoff.tries(), 7);
        backoff.reset();
        assert_eq!(backoff.next(), FIRST);
    }

    #[test]
    fn the_wait_stays_bounded_however_often_it_fails() {
        let mut backoff = Backoff { tries: u32::MAX };
        assert_eq!(backoff.next(), LONGEST);
        assert_eq!(backoff.next(), LONGEST);
    }

    /// The pauses of so many failures, each at the end of the pause before.
    fn pauses(failures: usize, fail: impl Fn(&mut Retry, Duration)) -> Vec<u128> {
        let mut retry = Retry::default();
        let mut now = Duration::from_secs(9);
        let mut pauses = Vec::new();
        for _ in 0..failures {
            fail(&mut retry, now);
            pauses.push((retry.at() - now).as_millis());
            assert!(retry.at() == now || !retry.is_due(now));
            now = retry.at();
            assert!(retry.is_due(now));
        }
        assert_eq!(retry.failures() as usize, failures);
        retry.reset();
        assert!(retry.is_due(Duration::ZERO) && retry.failures() == 0);
        pauses
    }

    #[test]
    fn a_retry_comes_later_with_each_failure() {
        let longest = Duration::from_millis(200);
        assert_eq!(pauses(7, Retry::failed), [50, 100, 200, 400, 800, 1000, 1000]);
        let within = pauses(4, |retry, now| retry.failed_within(now, longest));
        assert_eq!(within, [50, 100, 200, 200]);
        let lightly = pauses(5, |retry, now| retry.failed_lightly(now, longest));
        assert_eq!(lightly, [0, 50, 100, 200, 200]);
    }
}
