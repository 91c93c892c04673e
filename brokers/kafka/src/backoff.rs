//! How long to wait before something is tried again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
/// Work goes on within a second of a broker's return, however long it was away.
const LONGEST: Duration = Duration::from_secs(1);

/// Doubles with each try.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// How long to wait this time.
    pub(crate) fn next(&mut self) -> Duration {
        let factor = 1u32.checked_shl(self.tries).unwrap_or(u32::MAX);
        self.tries = self.tries.saturating_add(1);
        FIRST.saturating_mul(factor).min(LONGEST)
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
