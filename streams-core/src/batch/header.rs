//! A batch as it lies in a log or a fetch response, and its header.

use std::fmt;

use bytes::Bytes;

use super::{BatchError, BatchErrorKind, Compression, Timestamp};

/// How many bytes of a batch are its header.
pub const BATCH_OVERHEAD: usize = 61;

/// The smallest record: seven fields of one byte.
const RECORD_SIZE_MIN: usize = 7;

/// Base offset and batch length: what the batch length does not count.
const LOG_OVERHEAD: usize = 12;

/// Where the header's fields lie.
pub(super) mod field {
    pub(in crate::batch) const BASE_OFFSET: usize = 0;
    pub(in crate::batch) const BATCH_LENGTH: usize = 8;
    pub(in crate::batch) const LEADER_EPOCH: usize = 12;
    pub(in crate::batch) const MAGIC: usize = 16;
    pub(in crate::batch) const CRC: usize = 17;
    pub(in crate::batch) const ATTRIBUTES: usize = 21;
    pub(in crate::batch) const LAST_OFFSET_DELTA: usize = 23;
    pub(in crate::batch) const BASE_TIMESTAMP: usize = 27;
    pub(in crate::batch) const MAX_TIMESTAMP: usize = 35;
    pub(in crate::batch) const PRODUCER_ID: usize = 43;
    pub(in crate::batch) const PRODUCER_EPOCH: usize = 51;
    pub(in crate::batch) const BASE_SEQUENCE: usize = 53;
    pub(in crate::batch) const RECORD_COUNT: usize = 57;
}

pub(super) const COMPRESSION_MASK: i16 = 0x07;
pub(super) const LOG_APPEND_TIME: i16 = 0x08;
pub(super) const TRANSACTIONAL: i16 = 0x10;
pub(super) const CONTROL: i16 = 0x20;

pub(super) fn fixed<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// One whole record batch: a header of 61 bytes and the records, in shared immutable bytes.
///
/// A value of this type has a header whose fields are possible; its checksum and its records are
/// checked by [`decode`](RecordBatch::decode).
#[derive(Clone, PartialEq, Eq)]
pub struct RecordBatch(Bytes);

impl RecordBatch {
    /// The batch that `bytes` are.
    ///
    /// # Errors
    /// The bytes are not exactly one batch of format 2, or a header field has a value that no
    /// writer gives it.
    pub fn parse(bytes: Bytes) -> Result<Self, BatchError> {
        check_header(&bytes)?;
        Ok(Self(bytes))
    }

    /// The whole batch.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The whole batch, by value.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Its size in bytes, header included.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// The offset of its first record (or of the record that compaction removed there).
    pub fn base_offset(&self) -> i64 {
        i64::from_be_bytes(fixed(&self.0, field::BASE_OFFSET))
    }

    /// The offset of its last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset() + i64::from(self.last_offset_delta())
    }

    /// The offset after its last record.
    pub fn next_offset(&self) -> i64 {
        self.last_offset() + 1
    }

    /// The epoch of the leader that wrote it; -1 if unknown.
    pub fn leader_epoch(&self) -> i32 {
        i32::from_be_bytes(fixed(&self.0, field::LEADER_EPOCH))
    }

    /// The attribute bits.
    pub fn attributes(&self) -> i16 {
        i16::from_be_bytes(fixed(&self.0, field::ATTRIBUTES))
    }

    /// The timestamp that the records' deltas count from.
    pub fn base_timestamp(&self) -> Timestamp {
        Timestamp::from_millis(i64::from_be_bytes(fixed(&self.0, field::BASE_TIMESTAMP)))
    }

    /// The greatest timestamp of its records; with log append time, the timestamp of them all.
    pub fn max_timestamp(&self) -> Timestamp {
        Timestamp::from_millis(i64::from_be_bytes(fixed(&self.0, field::MAX_TIMESTAMP)))
    }

    /// The id of its producer; -1 without idempotence.
    pub fn producer_id(&self) -> i64 {
        i64::from_be_bytes(fixed(&self.0, field::PRODUCER_ID))
    }

    /// The epoch of its producer; -1 without idempotence.
    pub fn producer_epoch(&self) -> i16 {
        i16::from_be_bytes(fixed(&self.0, field::PRODUCER_EPOCH))
    }

    /// The sequence number of its first record; -1 without idempotence.
    pub fn base_sequence(&self) -> i32 {
        i32::from_be_bytes(fixed(&self.0, field::BASE_SEQUENCE))
    }

    /// How many records it holds; compaction may leave none.
    pub fn record_count(&self) -> i32 {
        i32::from_be_bytes(fixed(&self.0, field::RECORD_COUNT))
    }

    /// The CRC-32C that its header claims.
    pub fn checksum(&self) -> u32 {
        u32::from_be_bytes(fixed(&self.0, field::CRC))
    }

    /// How its records are compressed.
    ///
    /// # Errors
    /// A compression type that does not exist.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        let code = (self.attributes() & COMPRESSION_MASK) as u8;
        Compression::from_code(code)
            .ok_or_else(|| self.error(BatchErrorKind::UnknownCompression(code)))
    }

    /// True if the log stamped the records, not their producer.
    pub fn is_log_append_time(&self) -> bool {
        self.attributes() & LOG_APPEND_TIME != 0
    }

    /// True if it belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes() & TRANSACTIONAL != 0
    }

    /// True if it ends a transaction: it holds a marker and no record of an application.
    pub fn is_control(&self) -> bool {
        self.attributes() & CONTROL != 0
    }

    /// Compares the checksum with the bytes.
    ///
    /// # Errors
    /// They differ.
    pub fn check(&self) -> Result<(), BatchError> {
        let stored = self.checksum();
        let computed = crc32c::crc32c(&self.0[field::ATTRIBUTES..]);
        if stored == computed {
            Ok(())
        } else {
            Err(self.error(BatchErrorKind::Checksum { stored, computed }))
        }
    }

    pub(super) fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(fixed(&self.0, field::LAST_OFFSET_DELTA))
    }

    pub(super) fn error(&self, kind: BatchErrorKind) -> BatchError {
        BatchError::new(Some(self.base_offset()), kind)
    }
}

impl fmt::Debug for RecordBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordBatch")
            .field("base_offset", &self.base_offset())
            .field("record_count", &self.record_count())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

/// The size that the batch at the start of `bytes` says it has; `None` if not even that is there.
fn claimed_size(bytes: &[u8]) -> Option<Result<usize, BatchError>> {
    if bytes.len() < LOG_OVERHEAD {
        return None;
    }
    let length = i32::from_be_bytes(fixed(bytes, field::BATCH_LENGTH));
    let size = usize::try_from(length).ok().map(|length| length + LOG_OVERHEAD);
    Some(size.filter(|size| *size >= BATCH_OVERHEAD).ok_or_else(|| {
        let base_offset = i64::from_be_bytes(fixed(bytes, field::BASE_OFFSET));
        let kind = BatchErrorKind::Header { field: "batch length", value: i64::from(length) };
        BatchError::new(Some(base_offset), kind)
    }))
}

pub(super) fn check_header(bytes: &[u8]) -> Result<(), BatchError> {
    let lengths = |expected: usize| BatchErrorKind::Length {
        expected: expected as u64,
        found: bytes.len() as u64,
    };
    if bytes.len() < BATCH_OVERHEAD {
        return Err(BatchError::new(None, lengths(BATCH_OVERHEAD)));
    }
    let base_offset = i64::from_be_bytes(fixed(bytes, field::BASE_OFFSET));
    let refused = |kind| Err(BatchError::new(Some(base_offset), kind));
    let magic = bytes[field::MAGIC];
    if magic != 2 {
        return refused(BatchErrorKind::Magic(magic));
    }
    match claimed_size(bytes) {
        Some(Ok(size)) if size == bytes.len() => {}
        Some(Ok(size)) => return refused(lengths(size)),
        Some(Err(error)) => return Err(error),
        None => return refused(lengths(BATCH_OVERHEAD)),
    }
    let delta = i32::from_be_bytes(fixed(bytes, field::LAST_OFFSET_DELTA));
    if base_offset < 0 || base_offset > i64::MAX - i64::from(i32::MAX) - 1 {
        return refused(BatchErrorKind::Header { field: "base offset", value: base_offset });
    }
    if delta < 0 {
        let value = i64::from(delta);
        return refused(BatchErrorKind::Header { field: "last offset delta", value });
    }
    let count = i32::from_be_bytes(fixed(bytes, field::RECORD_COUNT));
    let uncompressed = i16::from_be_bytes(fixed(bytes, field::ATTRIBUTES)) & COMPRESSION_MASK == 0;
    let fits =
        |count: usize| !uncompressed || count <= (bytes.len() - BATCH_OVERHEAD) / RECORD_SIZE_MIN;
    if i64::from(count) > i64::from(delta) + 1 || !usize::try_from(count).is_ok_and(fits) {
        let value = i64::from(count);
        return refused(BatchErrorKind::Header { field: "record count", value });
    }
    Ok(())
}

/// Walks bytes that hold one batch after the other, as a fetch response or a segment does.
///
/// A last batch of which the end is missing is not yielded: brokers cut responses at a size. After
/// the walk, [`torn_bytes`](RecordBatches::torn_bytes) tells whether there was one. After an error
/// the walk is over.
#[derive(Debug, Clone)]
pub struct RecordBatches {
    rest: Bytes,
    position: usize,
    failed: bool,
}

impl RecordBatches {
    /// The batches of `bytes`.
    pub fn new(bytes: Bytes) -> Self {
        Self { rest: bytes, position: 0, failed: false }
    }

    /// Where the next batch begins: the number of bytes yielded so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// After the walk: how many bytes of a batch without an end there were.
    pub fn torn_bytes(&self) -> usize {
        self.rest.len()
    }
}

impl Iterator for RecordBatches {
    type Item = Result<RecordBatch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let batch = match claimed_size(&self.rest)? {
            Ok(size) if size > self.rest.len() => return None,
            Ok(size) => {
                self.position += size;
                RecordBatch::parse(self.rest.split_to(size))
            }
            Err(error) => Err(error),
        };
        self.failed = batch.is_err();
        Some(batch)
    }
}

impl std::iter::FusedIterator for RecordBatches {}
