//! How the keys of window stores lie in a backend and in a changelog.
//!
//! ```text
//! changelog            key | start i64 | seq i32
//! local, by segment    segment i64 | key | start i64 | seq i32     order of Java's RocksDB stores
//! local, by start      start i64 | key [| seq i32]                 order of its in-memory stores
//! ```
//! The leading number of a local key has its sign bit flipped, so that bytes sort as numbers.
//! The sequence number tells duplicates apart where a store retains them, and is 0 elsewhere.

mod filter;

use crate::time::Timestamp;

pub(crate) use filter::{Keys, Verdict, WindowFilter};

/// Java's least length of a segment, in milliseconds.
const SEGMENT_MS_MIN: i64 = 60_000;

/// The order in which the entries of a window store lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// By segment of `interval_ms`, then key, then start.
    BySegment { interval_ms: i64 },
    /// By start, then key.
    ByStart,
}

/// The keys of one window store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowSchema {
    pub(crate) layout: Layout,
    pub(crate) retention_ms: i64,
    pub(crate) retain_duplicates: bool,
}

/// A local key, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalKey<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) start: i64,
    pub(crate) seq: u32,
}

impl WindowSchema {
    pub(crate) fn new(persistent: bool, retention_ms: i64, retain_duplicates: bool) -> Self {
        let interval_ms = (retention_ms / 2).max(SEGMENT_MS_MIN);
        let layout = if persistent { Layout::BySegment { interval_ms } } else { Layout::ByStart };
        Self { layout, retention_ms, retain_duplicates }
    }

    /// The number that entries of windows from `start` begin with.
    pub(crate) fn leading(&self, start: i64) -> i64 {
        match self.layout {
            Layout::BySegment { interval_ms } => start / interval_ms,
            Layout::ByStart => start,
        }
    }

    /// Appends the local key of a key that `key` appends.
    pub(crate) fn encode<E>(
        &self,
        start: i64,
        seq: u32,
        out: &mut Vec<u8>,
        key: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        out.extend_from_slice(&leading_bytes(self.leading(start)));
        key(out)?;
        if let Layout::BySegment { .. } = self.layout {
            out.extend_from_slice(&start.to_be_bytes());
        }
        if self.has_seq() {
            out.extend_from_slice(&seq.to_be_bytes());
        }
        Ok(())
    }

    fn has_seq(&self) -> bool {
        self.retain_duplicates || self.layout != Layout::ByStart
    }

    /// The parts of a local key; `None` if it is none of this schema.
    pub(crate) fn decode<'a>(&self, local: &'a [u8]) -> Option<LocalKey<'a>> {
        let (leading, rest) = local.split_first_chunk::<8>()?;
        let (rest, seq) = match self.has_seq() {
            true => {
                let (rest, seq) = rest.split_last_chunk::<4>()?;
                (rest, u32::from_be_bytes(*seq))
            }
            false => (rest, 0),
        };
        match self.layout {
            Layout::ByStart => Some(LocalKey { key: rest, start: leading_number(*leading), seq }),
            Layout::BySegment { .. } => {
                let (key, start) = rest.split_last_chunk::<8>()?;
                Some(LocalKey { key, start: i64::from_be_bytes(*start), seq })
            }
        }
    }

    /// Appends the local key of a changelog key; `false` if it is too short to be one.
    pub(crate) fn encode_logged(&self, key: &[u8], out: &mut Vec<u8>) -> bool {
        let parts = key.split_last_chunk::<4>().and_then(|(rest, seq)| {
            let (key, start) = rest.split_last_chunk::<8>()?;
            Some((key, i64::from_be_bytes(*start), u32::from_be_bytes(*seq)))
        });
        let Some((key, start, seq)) = parts else { return false };
        let encoded = self.encode(start, seq, out, |out| {
            out.extend_from_slice(key);
            Ok::<_, std::convert::Infallible>(())
        });
        encoded.is_ok()
    }

    /// The first start that reads still see when the store has seen `observed`.
    pub(crate) fn first_live(&self, observed: i64) -> i64 {
        observed.saturating_sub(self.retention_ms).saturating_add(1)
    }

    /// The lowest leading number that a write still lands in when the store has seen `observed`:
    /// exact by start; by segment, as long as any of the segment lives.
    pub(crate) fn first_kept(&self, observed: i64) -> i64 {
        match self.layout {
            Layout::ByStart => self.first_live(observed),
            Layout::BySegment { .. } => self.leading(observed.saturating_sub(self.retention_ms)),
        }
    }
}

/// The key in the changelog.
pub(crate) fn changelog_key(key: LocalKey<'_>, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(key.key);
    out.extend_from_slice(&key.start.to_be_bytes());
    out.extend_from_slice(&key.seq.to_be_bytes());
}

pub(crate) fn leading_bytes(number: i64) -> [u8; 8] {
    (number ^ i64::MIN).to_be_bytes()
}

pub(crate) fn leading_number(bytes: [u8; 8]) -> i64 {
    i64::from_be_bytes(bytes) ^ i64::MIN
}

/// The sequence number after `seq`, as Java counts them: 31 bits, the first one is 1.
pub(crate) fn next_seq(seq: u32) -> u32 {
    seq.wrapping_add(1) & 0x7fff_ffff
}

/// The timestamps of a scan, both included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Starts {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl Starts {
    pub(crate) fn new(from: Timestamp, to: Timestamp) -> Self {
        Self { from: from.as_millis(), to: to.as_millis() }
    }
}

#[cfg(test)]
mod tests;
