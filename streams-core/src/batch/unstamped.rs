//! A batch between its sealing and its sending.

use std::fmt;

use bytes::BytesMut;

use super::builder::{put, put_checksum};
use super::header::{field, fixed};
use super::{BATCH_OVERHEAD, BatchBuilder, BatchError, DecodeOptions, RecordBatch, SealOptions};

/// What lets a broker refuse a batch that it has already: three fields of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProducerStamp {
    /// The producer's id; -1 without idempotence.
    pub producer_id: i64,
    /// The producer's epoch; -1 without idempotence.
    pub producer_epoch: i16,
    /// The sequence number of the first record; -1 without idempotence.
    pub base_sequence: i32,
}

impl ProducerStamp {
    /// The stamp of a producer without idempotence.
    pub const NONE: Self = Self { producer_id: -1, producer_epoch: -1, base_sequence: -1 };

    /// The sequence number after those of a batch of `records`: 0 comes after [`i32::MAX`].
    pub fn next_sequence(&self, records: i32) -> i32 {
        self.base_sequence.wrapping_add(records) & i32::MAX
    }
}

/// A sealed batch that names no producer yet.
///
/// An idempotent producer learns its id, and which sequence number comes next, only when the batch
/// is sent; and one that the broker refuses may have to be sent with others. So the stamp is put
/// on the copy that is sent, and the checksum is computed there, once.
///
/// # Example: stamped as it is written to a request
/// ```
/// use bytes::BytesMut;
/// use streams_core::batch::{BatchBuilder, ProducerStamp, RecordBatch, SealOptions, Timestamp};
///
/// let mut builder = BatchBuilder::new();
/// builder.append(Timestamp::from_millis(5), None, Some(b"value"), &[])?;
/// let batch = builder.take(&SealOptions::default(), Vec::new()).expect("it has a record");
///
/// let mut request = BytesMut::new();
/// let stamp = ProducerStamp { producer_id: 7, producer_epoch: 0, base_sequence: 41 };
/// batch.write(&stamp, &mut request);
/// let sent = RecordBatch::parse(request.freeze())?;
/// sent.check()?;
/// assert_eq!((sent.producer_id(), sent.base_sequence()), (7, 41));
/// # Ok::<(), streams_core::batch::BatchError>(())
/// ```
pub struct UnstampedBatch(Vec<u8>);

impl UnstampedBatch {
    /// The batch in `bytes`, complete but for stamp and checksum.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        debug_assert!(bytes.len() >= BATCH_OVERHEAD, "a batch has a header");
        Self(bytes)
    }

    /// Its size in bytes, header included.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// How much memory it keeps, in bytes: a compressed batch may have room to spare.
    pub fn memory(&self) -> usize {
        self.0.capacity()
    }

    /// How many records it holds.
    pub fn record_count(&self) -> i32 {
        i32::from_be_bytes(fixed(&self.0, field::RECORD_COUNT))
    }

    /// Appends the whole batch, with this stamp and its checksum.
    pub fn write(&self, stamp: &ProducerStamp, out: &mut BytesMut) {
        let start = out.len();
        out.extend_from_slice(&self.0);
        let batch = &mut out[start..];
        put(batch, field::PRODUCER_ID, stamp.producer_id.to_be_bytes());
        put(batch, field::PRODUCER_EPOCH, stamp.producer_epoch.to_be_bytes());
        put(batch, field::BASE_SEQUENCE, stamp.base_sequence.to_be_bytes());
        put_checksum(batch);
    }

    /// The same records as two batches, the first half and the second: for a log that refuses the
    /// whole as too large. `None` if there is one record.
    ///
    /// # Errors
    /// The records cannot be decompressed.
    pub fn split(&self) -> Result<Option<[Self; 2]>, BatchError> {
        let count = self.record_count() as usize;
        if count < 2 {
            return Ok(None);
        }
        let mut whole = BytesMut::with_capacity(self.0.len());
        self.write(&ProducerStamp::NONE, &mut whole);
        let batch = RecordBatch::parse(whole.freeze())?;
        let options = SealOptions {
            compression: batch.compression()?,
            transactional: batch.is_transactional(),
            ..SealOptions::default()
        };
        // A builder holds less than 2 GiB.
        let limit = i32::MAX as usize;
        let all =
            DecodeOptions { max_decompressed_bytes: limit, max_records: limit, check_crc: false };
        let decoded = batch.decode(&all)?;
        let mut records = decoded.records();
        let mut next = |how_many: usize| {
            let mut builder = BatchBuilder::new();
            for record in records.by_ref().take(how_many) {
                let record = record?;
                builder.append(record.timestamp, record.key, record.value, record.headers)?;
            }
            Ok(builder.take(&options, Vec::new()))
        };
        let (first, second) = (next(count / 2)?, next(count - count / 2)?);
        Ok(first.zip(second).map(|(first, second)| [first, second]))
    }

    /// Its memory, for another batch.
    pub fn into_buffer(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for UnstampedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnstampedBatch")
            .field("record_count", &self.record_count())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}
