//! Windows of a fixed size, aligned to the epoch.

use std::time::Duration;

use streams_core::stores::{Timestamp, Window};

mod sealed {
    pub trait Sealed: Sized {
        fn spec(self) -> super::TimeSpec;
    }
}

/// Windows of a fixed size: [`Tumbling`] or [`Hopping`].
pub trait TimeWindows: sealed::Sealed {}

/// Windows side by side: each record belongs to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tumbling {
    size: Duration,
    grace: Duration,
}

/// Windows that overlap: a new one begins with each advance, so that a record belongs to several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hopping {
    size: Duration,
    advance: Duration,
    grace: Duration,
}

impl Tumbling {
    /// Windows `[n * size, (n + 1) * size)`, without grace.
    pub fn of(size: Duration) -> Self {
        Self { size, grace: Duration::ZERO }
    }

    /// How long after its end a window still takes records.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }
}

impl Hopping {
    /// Windows `[n * advance, n * advance + size)`, without grace; the advance is the size until
    /// [`advance_by`](Self::advance_by) says otherwise.
    pub fn of(size: Duration) -> Self {
        Self { size, advance: size, grace: Duration::ZERO }
    }

    /// How far the beginnings of two windows are apart: at least a millisecond, at most the size.
    #[must_use]
    pub fn advance_by(self, advance: Duration) -> Self {
        Self { advance, ..self }
    }

    /// How long after its end a window still takes records.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }
}

impl sealed::Sealed for Tumbling {
    fn spec(self) -> TimeSpec {
        TimeSpec::new(self.size, self.size, self.grace)
    }
}

impl sealed::Sealed for Hopping {
    fn spec(self) -> TimeSpec {
        TimeSpec::new(self.size, self.advance, self.grace)
    }
}

impl TimeWindows for Tumbling {}
impl TimeWindows for Hopping {}

/// Size, advance and grace in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSpec {
    pub(crate) size: i64,
    pub(crate) advance: i64,
    pub(crate) grace: i64,
}

impl TimeSpec {
    fn new(size: Duration, advance: Duration, grace: Duration) -> Self {
        Self { size: millis(size), advance: millis(advance), grace: millis(grace) }
    }

    /// The windows of what a user described.
    pub(crate) fn from_windows(windows: impl TimeWindows) -> Self {
        windows.spec()
    }

    /// How long windows are kept, if nothing else is said: as long as they take records.
    pub(crate) fn retention(self) -> i64 {
        self.size.saturating_add(self.grace)
    }

    /// What contradicts itself, if anything does.
    pub(crate) fn check(self, retention: i64) -> Result<(), String> {
        let Self { size, advance, grace } = self;
        if size < 1 {
            return Err("a window has a size of at least a millisecond".to_owned());
        }
        if advance < 1 || advance > size {
            return Err(format!(
                "windows of {size} ms cannot advance by {advance} ms; \
                 advance by at least 1 ms and at most their size"
            ));
        }
        if retention < self.retention() {
            return Err(format!(
                "windows of {size} ms with a grace of {grace} ms cannot be kept in a store with a \
                 retention of {retention} ms; retain {} ms at least",
                self.retention()
            ));
        }
        Ok(())
    }

    /// The starts of the windows that `at` belongs to, ascending. Windows never start before the
    /// epoch.
    pub(crate) fn starts(self, at: Timestamp) -> impl Iterator<Item = Timestamp> {
        let Self { size, advance, .. } = self;
        let at = at.as_millis();
        let first = (at - size + advance).max(0) / advance * advance;
        let starts = std::iter::successors(Some(first), move |start| start.checked_add(advance));
        starts.take_while(move |start| *start <= at).map(Timestamp::from_millis)
    }

    /// The window from `start`.
    pub(crate) fn window(self, start: Timestamp) -> Window {
        Window::of_size(start, self.size)
    }

    /// Whether the window from `start` takes no more records at `stream_time`.
    pub(crate) fn is_closed(self, start: Timestamp, stream_time: Timestamp) -> bool {
        let end = self.window(start).end.as_millis();
        end <= stream_time.as_millis().saturating_sub(self.grace)
    }
}

/// Whole milliseconds, as many as there are at most.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{sealed::Sealed, *};

    fn starts(windows: impl TimeWindows, at: i64) -> Vec<i64> {
        windows.spec().starts(Timestamp::from_millis(at)).map(Timestamp::as_millis).collect()
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_record_belongs_to_one_tumbling_window() {
        assert_eq!(starts(Tumbling::of(ms(10)), 0), [0]);
        assert_eq!(starts(Tumbling::of(ms(10)), 9), [0]);
        assert_eq!(starts(Tumbling::of(ms(10)), 10), [10]);
    }

    #[test]
    fn a_record_belongs_to_each_hopping_window_around_it() {
        let windows = Hopping::of(ms(10)).advance_by(ms(3));
        assert_eq!(starts(windows, 0), [0]);
        assert_eq!(starts(windows, 9), [0, 3, 6, 9]);
        assert_eq!(starts(windows, 10), [3, 6, 9]);
        assert_eq!(starts(windows, 12), [3, 6, 9, 12]);
    }

    /// Size, advance and timestamp, then the starts of the windows: as Kafka Streams has them.
    const VECTORS: &str = include_str!("time_vectors.txt");

    #[test]
    fn windows_are_those_of_kafka_streams() {
        let mut seen = 0;
        for line in VECTORS.lines() {
            let numbers: Vec<i64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
            let [size, advance, at, expected @ ..] = &numbers[..] else { panic!("{line}") };
            let [size, advance] = [*size, *advance].map(|millis| ms(millis.unsigned_abs()));
            assert_eq!(starts(Hopping::of(size).advance_by(advance), *at), expected, "{line}");
            seen += 1;
        }
        assert_eq!(seen, 88);
    }

    #[test]
    fn hopping_by_the_size_is_tumbling() {
        assert_eq!(starts(Hopping::of(ms(10)), 25), starts(Tumbling::of(ms(10)), 25));
    }

    #[test]
    fn the_last_window_of_time_ends_with_it() {
        let windows = Tumbling::of(ms(10)).spec();
        let last = windows.starts(Timestamp::MAX).last().unwrap();
        assert_eq!(windows.window(last).end, Timestamp::MAX);
    }

    #[test]
    fn a_window_closes_when_stream_time_reaches_end_and_grace() {
        let windows = Tumbling::of(ms(10)).grace(ms(5)).spec();
        let start = Timestamp::from_millis(0);
        assert!(!windows.is_closed(start, Timestamp::from_millis(14)));
        assert!(windows.is_closed(start, Timestamp::from_millis(15)));
    }

    #[test]
    fn wrong_arithmetic_is_told_with_its_numbers() {
        let hopping = Hopping::of(ms(10));
        assert!(hopping.spec().check(10).is_ok());
        for advance in [0, 11] {
            let error = hopping.advance_by(ms(advance)).spec().check(100).unwrap_err();
            assert!(error.contains(&format!("advance by {advance} ms")), "{error}");
        }
        let error = Tumbling::of(ms(10)).grace(ms(5)).spec().check(14).unwrap_err();
        assert!(error.contains("retain 15 ms at least"), "{error}");
        assert!(Tumbling::of(Duration::ZERO).spec().check(100).is_err());
    }
}
