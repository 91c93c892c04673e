//! `TimeWindowedKStream`: records on their way into an aggregation by windows.

use std::fmt;

use crate::{grouped::KGroupedStream, windows::TimeSpec};

/// A stream whose records are grouped by key and time window, to be counted, reduced or
/// aggregated: each aggregation has a result for each key and window.
pub struct TimeWindowedKStream<K, V> {
    pub(crate) grouped: KGroupedStream<K, V>,
    pub(crate) windows: TimeSpec,
}

impl<K, V> Clone for TimeWindowedKStream<K, V> {
    fn clone(&self) -> Self {
        Self { grouped: self.grouped.clone(), windows: self.windows }
    }
}

impl<K, V> fmt::Debug for TimeWindowedKStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeWindowedKStream({:?}, {:?})", self.grouped, self.windows)
    }
}
