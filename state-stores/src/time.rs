//! Time as Kafka has it: milliseconds since the epoch.

use chrono::{DateTime, Utc};
use std::fmt;
use std::time::Duration;

/// A point in time in milliseconds since the Unix epoch, as records carry it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// No timestamp: Kafka's -1.
    pub const NONE: Self = Self(-1);
    /// The latest timestamp there is.
    pub const MAX: Self = Self(i64::MAX);
    /// The earliest timestamp there is.
    pub const MIN: Self = Self(i64::MIN);

    /// The timestamp of `millis` milliseconds since the epoch.
    #[inline]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[inline]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This point in time and `duration`, in whole milliseconds, or [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// This point in time less `duration`, in whole milliseconds, or [`Timestamp::MIN`].
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_millis(duration)))
    }
}

fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({})", self.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_millis())
    }
}

/// A [`Timestamp`] that chrono's calendar cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOutOfRange(Timestamp);

impl fmt::Display for TimestampOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timestamp {} lies outside the calendar", self.0)
    }
}

impl std::error::Error for TimestampOutOfRange {}

impl TryFrom<Timestamp> for DateTime<Utc> {
    type Error = TimestampOutOfRange;

    fn try_from(time: Timestamp) -> Result<Self, Self::Error> {
        DateTime::from_timestamp_millis(time.0).ok_or(TimestampOutOfRange(time))
    }
}

/// A span of time. Time windows are `[start, end)`; the two ends of a session window both belong
/// to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The first instant.
    pub start: Timestamp,
    /// The end: exclusive for time windows, inclusive for session windows.
    pub end: Timestamp,
}

impl Window {
    /// The time window `[start, start + size_ms)`; an end past the last timestamp is that
    /// timestamp, as in Java.
    #[must_use]
    pub fn of_size(start: Timestamp, size_ms: i64) -> Self {
        Self { start, end: Timestamp(start.0.saturating_add(size_ms)) }
    }

    /// The start, in chrono's terms.
    ///
    /// # Errors
    /// When the calendar cannot hold it.
    pub fn start_time(&self) -> Result<DateTime<Utc>, TimestampOutOfRange> {
        self.start.try_into()
    }

    /// The end, in chrono's terms.
    ///
    /// # Errors
    /// When the calendar cannot hold it, as that of an unlimited window.
    pub fn end_time(&self) -> Result<DateTime<Utc>, TimestampOutOfRange> {
        self.end.try_into()
    }

    /// Whether two time windows share an instant: `[0, 10)` and `[10, 20)` do not.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether two session windows share an instant: both ends belong to them.
    pub fn overlaps_as_session(&self, other: &Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

/// A key and the window it was counted in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Windowed<K> {
    /// The key of the records.
    pub key: K,
    /// Their window.
    pub window: Window,
}

impl<K> Windowed<K> {
    /// `key` in `window`.
    pub fn new(key: K, window: Window) -> Self {
        Self { key, window }
    }

    /// The start of the window.
    pub fn start(&self) -> Timestamp {
        self.window.start
    }

    /// The end of the window.
    pub fn end(&self) -> Timestamp {
        self.window.end
    }
}

/// `[key@start/end]`, as Java prints it.
impl<K: fmt::Display> fmt::Display for Windowed<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}@{}/{}]", self.key, self.window.start, self.window.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stops_at_the_ends_of_time() {
        let second = Duration::from_secs(1);
        assert_eq!(Timestamp::from_millis(5).saturating_add(second).as_millis(), 1005);
        assert_eq!(Timestamp::MAX.saturating_add(second), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.saturating_sub(Duration::MAX), Timestamp::MIN);
        assert_eq!(Window::of_size(Timestamp::from_millis(1), i64::MAX).end, Timestamp::MAX);
    }

    #[test]
    fn calendar_times_come_back_and_those_outside_are_errors() {
        let time = Timestamp::from_millis(1_700_000_000_123);
        let calendar: DateTime<Utc> = time.try_into().unwrap();
        assert_eq!(calendar.to_rfc3339(), "2023-11-14T22:13:20.123+00:00");
        assert_eq!(Timestamp::from(calendar), time);
        let unlimited = Window { start: Timestamp::from_millis(0), end: Timestamp::MAX };
        assert!(unlimited.start_time().is_ok());
        assert_eq!(unlimited.end_time(), Err(TimestampOutOfRange(Timestamp::MAX)));
    }

    #[test]
    fn windowed_keys_print_as_in_java() {
        let window = Window::of_size(Timestamp::from_millis(0), 10);
        assert_eq!(Windowed::new("a", window).to_string(), "[a@0/10]");
    }
}
