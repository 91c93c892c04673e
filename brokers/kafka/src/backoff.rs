//! How long to wait before something is tried again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
/// Work goes on within a second of a broker's return, however long it was away.
pub(crate) const LONGEST: Duration = Duration::from_secs(1);

/// What follows so many failures in a row: nothing after none, then [`FIRST`], doubled each time.
pub(crate) fn pause(failures: u32, longest: Duration) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => FIRST.saturating_mul(1 << doublings.min(10)).min(longest),
    }
}

/// Doubles with each try.
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
}
