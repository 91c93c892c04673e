//! When something that failed is tried again, and how often that is told.

use std::time::Duration;

use crate::backoff::{LONGEST, pause};

/// How often a trouble that lasts is logged.
const WARNING_INTERVAL: Duration = Duration::from_secs(5);

/// A pause that doubles with each failure.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    until: Duration,
}

impl Backoff {
    pub(super) fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.until = now + pause(self.failures, LONGEST);
    }

    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_over(&self, now: Duration) -> bool {
        now >= self.until
    }

    pub(super) fn until(&self) -> Duration {
        self.until
    }
}

/// A time in which nothing, or not everything, can be written.
#[derive(Debug, Default)]
pub(super) struct Outage {
    since: Option<Duration>,
    warned: Duration,
}

impl Outage {
    /// Something failed; whether that is to be told.
    pub(super) fn is_news(&mut self, now: Duration) -> bool {
        let is_news = self.since.is_none() || now >= self.warned + WARNING_INTERVAL;
        if is_news {
            self.warned = now;
        }
        self.since.get_or_insert(now);
        is_news
    }

    /// Something was written; how long it was not, if that was told.
    pub(super) fn over(&mut self, now: Duration) -> Option<Duration> {
        self.since.take().map(|since| now.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second() {
        let mut backoff = Backoff::default();
        let mut now = Duration::from_secs(9);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            backoff.failed(now);
            pauses.push((backoff.until() - now).as_millis());
            assert!(!backoff.is_over(now));
            now = backoff.until();
            assert!(backoff.is_over(now));
        }
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1000, 1000]);
        backoff.reset();
        backoff.failed(now);
        assert_eq!((backoff.until() - now).as_millis(), 50);
    }

    #[test]
    fn an_outage_is_told_at_its_start_every_five_seconds_and_at_its_end() {
        let mut outage = Outage::default();
        assert_eq!(outage.over(Duration::ZERO), None);
        let told: Vec<u64> =
            (0..12).filter(|second| outage.is_news(Duration::from_secs(*second))).collect();
        assert_eq!(told, [0, 5, 10]);
        assert_eq!(outage.over(Duration::from_secs(12)), Some(Duration::from_secs(12)));
        assert_eq!(outage.over(Duration::from_secs(13)), None);
        assert!(outage.is_news(Duration::from_secs(13)), "a new outage");
    }
}
