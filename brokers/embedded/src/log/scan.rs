//! Reading a segment's file from front to back, as recovery does.

use std::fmt;
use std::fs::File;
use std::path::Path;

use bytes::Bytes;
use streams_core::batch::{RecordBatch, RecordBatches};
use streams_core::broker::BrokerError;

use super::files;
use crate::errors;

/// How much is read at a time.
const CHUNK: u64 = 1 << 20;

/// The largest batch that recovery believes in: larger claims are damage.
const BATCH_MAX: u64 = 1 << 30;

/// A sound batch.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) position: u64,
    pub(super) size: u64,
    pub(super) next_offset: i64,
    pub(super) newest: i64,
}

/// The end of a file that is no batch, and after which no sound batch follows.
#[derive(Debug)]
pub(super) struct Torn {
    pub(super) position: u64,
    pub(super) bytes: u64,
    pub(super) reason: Reason,
}

/// Why bytes are no batch.
#[derive(Debug)]
pub(super) enum Reason {
    Incomplete,
    Unsound(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete => f.write_str("the last batch has no end"),
            Self::Unsound(error) => write!(f, "{error}"),
        }
    }
}

impl Torn {
    /// The same as damage: sound data follows.
    pub(super) fn into_error(self, path: &Path) -> BrokerError {
        let Self { position, reason, .. } = self;
        errors::damaged(path, position, &reason)
    }
}

/// Walks the batches of a segment and shows each sound one to `see`. Checksums are compared from
/// `recovery_point` on.
///
/// # Errors
/// The file cannot be read, or sound batches follow unsound bytes: that is damage, not a torn
/// write, and nothing may be cut.
pub(super) fn scan(
    file: &File,
    path: &Path,
    base_offset: i64,
    recovery_point: i64,
    mut see: impl FnMut(&Scanned),
) -> Result<Option<Torn>, BrokerError> {
    let end = file.metadata().map_err(|error| errors::io("read", path, error))?.len();
    let (mut position, mut expected, mut chunk) = (0, base_offset, CHUNK);
    while position < end {
        let size = chunk.min(end - position) as usize;
        let bytes = files::read_at(file, position, size)
            .map_err(|error| errors::io("read", path, error))?;
        let at_end = position + size as u64 == end;
        let mut batches = RecordBatches::new(bytes.clone());
        let mut walked = 0;
        let mut reason = None;
        while let Some(batch) = batches.next() {
            match batch.map_err(Into::into).and_then(|b| sound(b, expected, recovery_point)) {
                Ok(batch) => {
                    expected = batch.next_offset();
                    see(&Scanned {
                        position: position + walked,
                        size: batch.size() as u64,
                        next_offset: expected,
                        newest: batch.max_timestamp().as_millis(),
                    });
                    walked = batches.position() as u64;
                }
                Err(error) => {
                    reason = Some(Reason::Unsound(error));
                    break;
                }
            }
        }
        position += walked;
        let rest = bytes.slice(walked as usize..);
        let claimed = files::batch_size(&rest);
        if reason.is_none() && !rest.is_empty() && (at_end || claimed > BATCH_MAX) {
            reason = Some(Reason::Incomplete);
        }
        if let Some(reason) = reason {
            let torn = Torn { position, bytes: end - position, reason };
            return torn_or_damaged(file, path, torn, expected).map(Some);
        }
        chunk = CHUNK.max(claimed);
    }
    Ok(None)
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn sound(batch: RecordBatch, expected: i64, recovery_point: i64) -> Result<RecordBatch, BoxError> {
    if batch.base_offset() < expected {
        return Err(format!("offset {} stands after {expected}", batch.base_offset()).into());
    }
    if batch.next_offset() > recovery_point {
        batch.check()?;
    }
    Ok(batch)
}

/// Looks for a sound batch after the torn place: bytes that a crash left are not followed by one.
fn torn_or_damaged(
    file: &File,
    path: &Path,
    torn: Torn,
    expected: i64,
) -> Result<Torn, BrokerError> {
    let tail = files::read_at(file, torn.position, torn.bytes as usize)
        .map_err(|error| errors::io("read", path, error))?;
    let follows = (1..tail.len()).any(|at| is_sound_batch(&tail, at, expected));
    if follows { Err(torn.into_error(path)) } else { Ok(torn) }
}

fn is_sound_batch(bytes: &Bytes, at: usize, expected: i64) -> bool {
    // The magic byte rules out nearly every place at the price of one comparison.
    if bytes.get(at + 16) != Some(&2) {
        return false;
    }
    let claimed = files::batch_size(&bytes[at..]);
    let Some(end) = usize::try_from(claimed).ok().and_then(|size| at.checked_add(size)) else {
        return false;
    };
    end <= bytes.len()
        && RecordBatch::parse(bytes.slice(at..end))
            .is_ok_and(|batch| batch.base_offset() > expected && batch.check().is_ok())
}
