//! How long something does not work, and when to say so.

use std::time::Duration;

/// How often an outage that lasts is told.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// The time since the first attempt without a success. It is told when it has lasted for some
/// patience, every few seconds from then on, and when it ends.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    patience: Duration,
    since: Option<Duration>,
    told: Option<Duration>,
}

impl Outage {
    /// One that is not worth a line before it has lasted for `patience`; the default is told at
    /// once.
    pub(crate) fn told_after(patience: Duration) -> Self {
        Self { patience, ..Self::default() }
    }

    /// Something is tried: if it fails, this is when the outage began.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.since.get_or_insert(now);
    }

    /// It has failed. Whether to say so now; that counts as said.
    pub(crate) fn is_to_be_told(&mut self, now: Duration) -> bool {
        self.begin(now);
        let is_due = match self.told {
            None => self.lasts(now) >= self.patience,
            Some(told) => now.saturating_sub(told) >= TOLD_EVERY,
        };
        if is_due {
            self.told = Some(now);
        }
        is_due
    }

    pub(crate) fn lasts(&self, now: Duration) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }

    /// It has succeeded: how long it did not, if that was told.
    pub(crate) fn end(&mut self, now: Duration) -> Option<Duration> {
        let lasted = self.lasts(now);
        self.since = None;
        self.told.take().map(|_| lasted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn an_outage_is_told_at_its_start_every_five_seconds_and_at_its_end() {
        let mut outage = Outage::default();
        assert_eq!(outage.end(ms(0)), None);
        let told = [100, 101, 5_099, 5_100, 10_099, 10_100].map(|at| outage.is_to_be_told(ms(at)));
        assert_eq!(told, [true, false, false, true, false, true]);
        assert_eq!(outage.end(ms(12_100)), Some(ms(12_000)));
        assert_eq!(outage.end(ms(12_101)), None);
        assert!(outage.is_to_be_told(ms(12_102)), "a new one");
    }

    #[test]
    fn a_hiccup_is_not_told() {
        let mut outage = Outage::told_after(ms(1_000));
        outage.begin(ms(100));
        outage.begin(ms(900));
        assert!(!outage.is_to_be_told(ms(1_099)));
        assert_eq!(outage.end(ms(1_099)), None);
        outage.begin(ms(2_000));
        assert!(!outage.is_to_be_told(ms(2_999)), "the time begins anew");
        assert!(outage.is_to_be_told(ms(3_000)));
        assert_eq!(outage.lasts(ms(3_500)), ms(1_500));
        assert_eq!(outage.end(ms(4_000)), Some(ms(2_000)));
        assert_eq!(outage.lasts(ms(4_000)), ms(0));
    }

    #[test]
    fn a_clock_that_is_set_back_tells_nothing() {
        let mut outage = Outage::told_after(ms(1_000));
        outage.begin(ms(9_000));
        assert!(!outage.is_to_be_told(ms(5_000)));
        assert_eq!(outage.lasts(ms(5_000)), ms(0));
    }
}
