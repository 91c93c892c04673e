//! When something that failed is tried again.

use std::time::Duration;

use crate::backoff::{LONGEST, pause};

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
}
