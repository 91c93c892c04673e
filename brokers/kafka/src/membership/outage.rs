//! How long a cluster has not answered, and when to say so.

use std::time::Duration;

use streams_core::stores::Timestamp;

/// A hiccup is not worth a warning.
const TOLD_AFTER: Duration = Duration::from_secs(1);
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// The time since the first request without a success.
#[derive(Debug, Default)]
pub(super) struct Outage {
    since: Option<Timestamp>,
    told: Option<Timestamp>,
    reason: Option<String>,
}

impl Outage {
    /// A request is sent: if it fails, this is when it began.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.since.get_or_insert(now);
    }

    /// The request has failed.
    pub(super) fn is_because_of(&mut self, why: &str) {
        self.reason = Some(why.to_owned());
    }

    /// Why the last request failed, if one has.
    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    pub(super) fn lasts(&self, now: Timestamp) -> Duration {
        self.since.map_or(Duration::ZERO, |since| between(since, now))
    }

    /// Whether to warn now; it counts as warned.
    pub(super) fn is_to_be_told(&mut self, now: Timestamp) -> bool {
        let is_due = match self.told {
            None => self.lasts(now) >= TOLD_AFTER,
            Some(told) => between(told, now) >= TOLD_EVERY,
        };
        if is_due {
            self.told = Some(now);
        }
        is_due
    }

    /// There was a success; true if there was a warning before.
    pub(super) fn end(&mut self) -> bool {
        (self.since, self.reason) = (None, None);
        self.told.take().is_some()
    }
}

/// From one time to a later one; nothing if the clock was set back between.
pub(super) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    let ms = later.as_millis().saturating_sub(earlier.as_millis());
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn a_hiccup_is_not_told_and_an_outage_now_and_then() {
        let mut outage = Outage::default();
        outage.begin(at(100));
        outage.begin(at(900));
        let told =
            [500, 1099, 1100, 3000, 6099, 6100, 11_100].map(|ms| outage.is_to_be_told(at(ms)));
        assert_eq!(told, [false, false, true, false, false, true, true]);
        assert_eq!(outage.lasts(at(11_100)), Duration::from_secs(11));
        assert_eq!(outage.reason(), None);
        outage.is_because_of("connection refused");
        assert_eq!(outage.reason(), Some("connection refused"));
        assert!(outage.end());
        assert_eq!(outage.reason(), None);
        assert!(!outage.end());
        assert_eq!(outage.lasts(at(11_100)), Duration::ZERO);
    }
}
