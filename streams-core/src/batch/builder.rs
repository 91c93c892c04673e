//! From records to a batch that can be sent.

use std::fmt;

use bytes::Bytes;

use super::compression::compress;
use super::header::{BATCH_OVERHEAD, LOG_APPEND_TIME, TRANSACTIONAL, check_header, field, fixed};
use super::{BatchError, BatchErrorKind, Compression, Timestamp, UnstampedBatch, varint};

/// The longest possible frame of a record: length, attributes, two deltas, two lengths.
const FRAME_SIZE_MAX: usize = 5 + 1 + 10 + 5 + 5 + 5;

/// No headers, as a record carries them: a count of 0.
const NO_HEADERS: &[u8] = &[0];

/// What a producer adds as it seals a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealOptions {
    /// The producer's id; -1 without idempotence.
    pub producer_id: i64,
    /// The producer's epoch; -1 without idempotence.
    pub producer_epoch: i16,
    /// The sequence number of the first record; -1 without idempotence.
    pub base_sequence: i32,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
    /// How the records are compressed.
    pub compression: Compression,
    /// The leader epoch; -1 from a producer, the log fills it in.
    pub leader_epoch: i32,
}

/// Neither idempotence, transaction nor compression.
impl Default for SealOptions {
    fn default() -> Self {
        Self {
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            transactional: false,
            compression: Compression::None,
            leader_epoch: -1,
        }
    }
}

/// Encodes records, as they are appended, into the buffer that is sent.
///
/// Sealing empties the builder and keeps its memory, so that one builder per partition serves for
/// the life of a producer.
#[derive(Default)]
pub struct BatchBuilder {
    // Room for the header, then the records; empty while there are none.
    buffer: Vec<u8>,
    compressed: Vec<u8>,
    base_timestamp: i64,
    max_timestamp: i64,
    count: i32,
    sealed: bool,
}

impl BatchBuilder {
    /// A builder without records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a record; `headers` are in Kafka's form (a varint count, then the headers), no bytes
    /// at all mean none.
    ///
    /// # Errors
    /// The batch would pass 2 GiB; it stays as it was.
    #[inline]
    pub fn append(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[u8],
    ) -> Result<(), BatchError> {
        let timestamp = timestamp.as_millis();
        if self.count == 0 || self.sealed {
            self.begin(timestamp);
        }
        let headers = if headers.is_empty() { NO_HEADERS } else { headers };
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        let offset_delta = i64::from(self.count);
        let length = 1
            + varint::length(timestamp_delta)
            + varint::length(offset_delta)
            + part_length(key)
            + part_length(value)
            + headers.len();
        let room = (i32::MAX as usize).saturating_sub(self.buffer.len() + FRAME_SIZE_MAX);
        if length > room || self.count == i32::MAX {
            let limit = i32::MAX as usize;
            return Err(BatchError::new(None, BatchErrorKind::TooLarge { limit }));
        }
        let out = &mut self.buffer;
        out.reserve(length + 5);
        varint::put(out, length as i64);
        out.push(0);
        varint::put(out, timestamp_delta);
        varint::put(out, offset_delta);
        put_part(out, key);
        put_part(out, value);
        out.extend_from_slice(headers);
        self.count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        Ok(())
    }

    /// How many bytes the batch takes before compression, its header included; 0 without records.
    pub fn estimated_size(&self) -> usize {
        if self.is_empty() { 0 } else { self.buffer.len() }
    }

    /// How many records were appended since the last seal.
    pub fn record_count(&self) -> usize {
        if self.sealed { 0 } else { self.count as usize }
    }

    /// True if there is nothing to seal.
    pub fn is_empty(&self) -> bool {
        self.record_count() == 0
    }

    /// Forgets the records.
    pub fn clear(&mut self) {
        self.count = 0;
        self.sealed = false;
        self.buffer.clear();
    }

    /// The batch as bytes of its own; leaves the builder empty. An empty builder gives no bytes.
    pub fn seal(&mut self, options: &SealOptions) -> Bytes {
        self.seal_in_place(options)
            .map_or_else(Bytes::new, |batch| Bytes::copy_from_slice(batch.bytes()))
    }

    /// The batch within the builder's own buffer, for a log that fills in offset and epoch and
    /// copies it once, to where it stays; leaves the builder empty. `None` if it was empty.
    pub fn seal_in_place(&mut self, options: &SealOptions) -> Option<BatchMut<'_>> {
        let whole = self.finish(options)?;
        put_checksum(whole);
        Some(BatchMut(whole))
    }

    /// The batch in the builder's buffer itself, for a producer that learns its id and its sequence
    /// numbers later: those of `options` are passed over. Leaves the builder empty, with the memory
    /// of `spare`. `None` if it was empty.
    pub fn take(&mut self, options: &SealOptions, spare: Vec<u8>) -> Option<UnstampedBatch> {
        let taken = std::mem::replace(self.finish(options)?, spare);
        self.clear();
        Some(UnstampedBatch::new(taken))
    }

    /// Completes the batch but for its checksum, and says which buffer it is in.
    fn finish(&mut self, options: &SealOptions) -> Option<&mut Vec<u8>> {
        if self.is_empty() {
            return None;
        }
        self.sealed = true;
        let compression = match options.compression {
            Compression::None => Compression::None,
            codec => self.compress(codec),
        };
        let whole = match compression {
            Compression::None => &mut self.buffer,
            _ => &mut self.compressed,
        };
        let mut attributes = i16::from(compression.code());
        if options.transactional {
            attributes |= TRANSACTIONAL;
        }
        let length = (whole.len() - field::LEADER_EPOCH) as i32;
        put(whole, field::BASE_OFFSET, 0_i64.to_be_bytes());
        put(whole, field::BATCH_LENGTH, length.to_be_bytes());
        put(whole, field::LEADER_EPOCH, options.leader_epoch.to_be_bytes());
        put(whole, field::MAGIC, [2]);
        put(whole, field::ATTRIBUTES, attributes.to_be_bytes());
        put(whole, field::LAST_OFFSET_DELTA, (self.count - 1).to_be_bytes());
        put(whole, field::BASE_TIMESTAMP, self.base_timestamp.to_be_bytes());
        put(whole, field::MAX_TIMESTAMP, self.max_timestamp.to_be_bytes());
        put(whole, field::PRODUCER_ID, options.producer_id.to_be_bytes());
        put(whole, field::PRODUCER_EPOCH, options.producer_epoch.to_be_bytes());
        put(whole, field::BASE_SEQUENCE, options.base_sequence.to_be_bytes());
        put(whole, field::RECORD_COUNT, self.count.to_be_bytes());
        Some(whole)
    }

    #[cold]
    fn begin(&mut self, timestamp: i64) {
        self.clear();
        self.buffer.resize(BATCH_OVERHEAD, 0);
        self.base_timestamp = timestamp;
        self.max_timestamp = timestamp;
    }

    /// Compresses the records; says what they are afterwards: a codec that fails leaves them plain,
    /// which every reader understands.
    fn compress(&mut self, codec: Compression) -> Compression {
        self.compressed.clear();
        self.compressed.resize(BATCH_OVERHEAD, 0);
        match compress(codec, &self.buffer[BATCH_OVERHEAD..], &mut self.compressed) {
            Ok(()) => codec,
            Err(_) => Compression::None,
        }
    }
}

impl fmt::Debug for BatchBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchBuilder")
            .field("record_count", &self.record_count())
            .field("estimated_size", &self.estimated_size())
            .finish_non_exhaustive()
    }
}

/// A whole batch in a buffer that a log may still write to, as it appends the batch.
pub struct BatchMut<'a>(&'a mut [u8]);

impl<'a> BatchMut<'a> {
    /// The batch that `bytes` are.
    ///
    /// # Errors
    /// As [`RecordBatch::parse`](super::RecordBatch::parse).
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, BatchError> {
        check_header(bytes)?;
        Ok(Self(bytes))
    }

    /// The whole batch.
    pub fn bytes(&self) -> &[u8] {
        self.0
    }

    /// How many offsets it takes: one more than its last offset delta.
    pub fn offset_count(&self) -> i64 {
        i64::from(i32::from_be_bytes(fixed(self.0, field::LAST_OFFSET_DELTA))) + 1
    }

    /// The greatest timestamp of its records.
    pub fn max_timestamp(&self) -> Timestamp {
        Timestamp::from_millis(i64::from_be_bytes(fixed(self.0, field::MAX_TIMESTAMP)))
    }

    /// Gives it its place in a log. The checksum does not cover these fields.
    pub fn place(&mut self, base_offset: i64, leader_epoch: i32) {
        put(self.0, field::BASE_OFFSET, base_offset.to_be_bytes());
        put(self.0, field::LEADER_EPOCH, leader_epoch.to_be_bytes());
    }

    /// Stamps all its records with the time of the append, and renews the checksum.
    pub fn stamp(&mut self, append_time: Timestamp) {
        let attributes = i16::from_be_bytes(fixed(self.0, field::ATTRIBUTES)) | LOG_APPEND_TIME;
        put(self.0, field::ATTRIBUTES, attributes.to_be_bytes());
        put(self.0, field::MAX_TIMESTAMP, append_time.as_millis().to_be_bytes());
        put_checksum(self.0);
    }
}

impl fmt::Debug for BatchMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchMut").field("size", &self.0.len()).finish_non_exhaustive()
    }
}

/// Writes the CRC-32C of a batch whose other fields are complete.
pub(super) fn put_checksum(batch: &mut [u8]) {
    let checksum = crc32c::crc32c(&batch[field::ATTRIBUTES..]);
    put(batch, field::CRC, checksum.to_be_bytes());
}

pub(super) fn put<const N: usize>(batch: &mut [u8], at: usize, value: [u8; N]) {
    batch[at..at + N].copy_from_slice(&value);
}

#[inline]
fn part_length(part: Option<&[u8]>) -> usize {
    part.map_or(1, |part| varint::length(part.len() as i64) + part.len())
}

#[inline]
fn put_part(out: &mut Vec<u8>, part: Option<&[u8]>) {
    match part {
        Some(part) => {
            varint::put(out, part.len() as i64);
            out.extend_from_slice(part);
        }
        None => varint::put(out, -1),
    }
}
