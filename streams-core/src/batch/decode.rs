//! From a fetched batch to its records.

use std::fmt;

use bytes::Bytes;

use super::compression::{DecompressError, decompress};
use super::header::BATCH_OVERHEAD;
use super::varint::{take_int, take_long};
use super::{BatchError, BatchErrorKind, Compression, RecordBatch, Timestamp};

/// What [`RecordBatch::decode`] accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeOptions {
    /// The most bytes that decompressed records may take.
    pub max_decompressed_bytes: usize,
    /// The most records in a batch.
    pub max_records: usize,
    /// Whether the checksum is compared with the bytes; `check.crcs`.
    pub check_crc: bool,
}

/// 256 MiB, 16 Mi records, checksums compared.
impl Default for DecodeOptions {
    fn default() -> Self {
        Self { max_decompressed_bytes: 256 << 20, max_records: 16 << 20, check_crc: true }
    }
}

impl RecordBatch {
    /// Checks the batch and decompresses its records, both once. Uncompressed records are not
    /// copied.
    ///
    /// # Errors
    /// A wrong checksum, an unknown or broken compression, or more than the options allow.
    pub fn decode(&self, options: &DecodeOptions) -> Result<DecodedBatch, BatchError> {
        if options.check_crc {
            self.check()?;
        }
        let count = self.record_count();
        if count as usize > options.max_records {
            let limit = options.max_records;
            return Err(self.error(BatchErrorKind::TooManyRecords { count, limit }));
        }
        let compressed = self.bytes().slice(BATCH_OVERHEAD..);
        let records = match self.compression()? {
            Compression::None => compressed,
            codec => {
                let limit = options.max_decompressed_bytes;
                let records = decompress(codec, &compressed, limit).map_err(|error| {
                    self.error(match error {
                        DecompressError::TooLarge => BatchErrorKind::TooLarge { limit },
                        DecompressError::Malformed(source) => {
                            BatchErrorKind::Compression { codec, source }
                        }
                    })
                })?;
                Bytes::from(records)
            }
        };
        Ok(DecodedBatch {
            records,
            base_offset: self.base_offset(),
            last_offset_delta: self.last_offset_delta(),
            base_timestamp: self.base_timestamp().as_millis(),
            append_time: self.is_log_append_time().then(|| self.max_timestamp()),
            count,
            leader_epoch: self.leader_epoch(),
        })
    }
}

/// A batch whose records can be read: its decompressed bytes, shared and immutable.
///
/// Read it from its [start](DecodedBatch::start) with [`record_at`](DecodedBatch::record_at), or as
/// an [iterator](DecodedBatch::records).
#[derive(Clone)]
pub struct DecodedBatch {
    records: Bytes,
    base_offset: i64,
    last_offset_delta: i32,
    base_timestamp: i64,
    append_time: Option<Timestamp>,
    count: i32,
    leader_epoch: i32,
}

/// Where a record begins in a [`DecodedBatch`]. Meaningful for the batch it came from alone: with
/// another one it finds garbage, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordPosition {
    byte: usize,
    index: i32,
}

/// One record, borrowed from its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Its offset in the partition.
    pub offset: i64,
    /// Its own timestamp, or the batch's where the topic uses log append time.
    pub timestamp: Timestamp,
    /// Its serialized key.
    pub key: Option<&'a [u8]>,
    /// Its serialized value.
    pub value: Option<&'a [u8]>,
    /// Its headers in Kafka's form: a varint count, then the headers. Their inside is not checked.
    pub headers: &'a [u8],
}

impl DecodedBatch {
    /// The place of the first record.
    pub fn start(&self) -> RecordPosition {
        RecordPosition::default()
    }

    /// How many records it holds.
    pub fn record_count(&self) -> usize {
        self.count as usize
    }

    /// How many records stand at `position` or later.
    pub fn remaining(&self, position: RecordPosition) -> usize {
        (self.count - position.index) as usize
    }

    /// The offset after its last record.
    pub fn next_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta) + 1
    }

    /// The epoch of the leader that wrote it; -1 if unknown.
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// Its records, decompressed: what keys and values borrow from.
    pub fn body(&self) -> &Bytes {
        &self.records
    }

    /// How much memory its records take, in bytes.
    pub fn size(&self) -> usize {
        self.records.len()
    }

    /// The record at `position`, and the position after it; `None` after the last record.
    ///
    /// # Errors
    /// The record is malformed; what follows it cannot be read either.
    #[inline]
    pub fn record_at(
        &self,
        position: RecordPosition,
    ) -> Result<Option<(RecordView<'_>, RecordPosition)>, BatchError> {
        if position.index >= self.count {
            return self.check_end(position).map(|()| None);
        }
        match self.parse(position) {
            Ok(found) => Ok(Some(found)),
            Err(field) => Err(self.malformed(position.index, field)),
        }
    }

    /// The first record with this offset or a larger one, as [`record_at`](Self::record_at) gives
    /// it: where a reader begins that was positioned within the batch.
    ///
    /// # Errors
    /// A record before it is malformed.
    pub fn position_of(&self, offset: i64) -> Result<RecordPosition, BatchError> {
        let mut position = self.start();
        if offset <= self.base_offset {
            return Ok(position);
        }
        while let Some((record, next)) = self.record_at(position)? {
            if record.offset >= offset {
                break;
            }
            position = next;
        }
        Ok(position)
    }

    /// The records from the first one on.
    pub fn records(&self) -> Records<'_> {
        Records { batch: self, position: self.start(), failed: false }
    }

    /// `part` as shared bytes that keep the batch alive; no copy if `part` lies within this batch,
    /// as keys, values and headers of its records do.
    pub fn share(&self, part: &[u8]) -> Bytes {
        let inside = (self.records.as_ptr() as usize, self.records.len());
        let start = part.as_ptr() as usize;
        let within = start >= inside.0 && start + part.len() <= inside.0 + inside.1;
        if within { self.records.slice_ref(part) } else { Bytes::copy_from_slice(part) }
    }

    #[inline]
    fn parse(
        &self,
        position: RecordPosition,
    ) -> Result<(RecordView<'_>, RecordPosition), &'static str> {
        let mut at = position.byte;
        let length = take_int(&self.records, &mut at).ok_or("length")?;
        let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
        let end = end.filter(|end| *end <= self.records.len()).ok_or("length")?;
        // From here on nothing is read beyond the record's own end.
        let record = &self.records[..end];
        at += 1; // attributes: none are in use
        let timestamp_delta = take_long(record, &mut at).ok_or("timestamp")?;
        let offset_delta = take_int(record, &mut at).ok_or("offset")?;
        if offset_delta < 0 || offset_delta > self.last_offset_delta {
            return Err("offset");
        }
        let key = take_part(record, &mut at).ok_or("key")?;
        let value = take_part(record, &mut at).ok_or("value")?;
        let headers = record.get(at..).filter(|headers| !headers.is_empty()).ok_or("headers")?;
        let timestamp = match self.append_time {
            Some(timestamp) => timestamp,
            None => Timestamp::from_millis(self.base_timestamp.wrapping_add(timestamp_delta)),
        };
        let offset = self.base_offset + i64::from(offset_delta);
        let next = RecordPosition { byte: end, index: position.index + 1 };
        Ok((RecordView { offset, timestamp, key, value, headers }, next))
    }

    fn check_end(&self, position: RecordPosition) -> Result<(), BatchError> {
        match self.records.len().saturating_sub(position.byte) {
            0 => Ok(()),
            count => Err(self.error(BatchErrorKind::TrailingBytes { count })),
        }
    }

    #[cold]
    fn malformed(&self, index: i32, field: &'static str) -> BatchError {
        self.error(BatchErrorKind::Record { index, field })
    }

    fn error(&self, kind: BatchErrorKind) -> BatchError {
        BatchError::new(Some(self.base_offset), kind)
    }
}

/// A key or a value: `Some(None)` is null.
#[inline(always)]
fn take_part<'a>(record: &'a [u8], at: &mut usize) -> Option<Option<&'a [u8]>> {
    let length = take_int(record, at)?;
    if length < 0 {
        return (length == -1).then_some(None);
    }
    let end = at.checked_add(length as usize)?;
    let part = record.get(*at..end)?;
    *at = end;
    Some(Some(part))
}

impl fmt::Debug for DecodedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodedBatch")
            .field("base_offset", &self.base_offset)
            .field("count", &self.count)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

/// The records of a [`DecodedBatch`]; over after an error.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    batch: &'a DecodedBatch,
    position: RecordPosition,
    failed: bool,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match self.batch.record_at(self.position) {
            Ok(found) => found.map(|(record, next)| {
                self.position = next;
                Ok(record)
            }),
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

impl std::iter::FusedIterator for Records<'_> {}
