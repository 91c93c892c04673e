//! Kafka's record batch, version 2: the unit that is fetched, stored and produced.
//!
//! ```text
//!  offset  size  field
//!       0     8  base offset            not covered by the checksum: the log assigns it
//!       8     4  batch length           of what follows this field
//!      12     4  partition leader epoch not covered by the checksum
//!      16     1  magic                  2
//!      17     4  CRC-32C                of everything from the attributes on
//!      21     2  attributes             0-2 compression, 3 log append time, 4 transactional,
//!                                       5 control, 6 delete horizon
//!      23     4  last offset delta
//!      27     8  base timestamp         ms
//!      35     8  max timestamp          ms
//!      43     8  producer id            -1: none
//!      51     2  producer epoch
//!      53     4  base sequence
//!      57     4  record count
//!      61     -  records, compressed as a whole
//!
//!  record:  varint length | attributes (1) | varlong timestamp delta | varint offset delta
//!           | varint key length, -1 null | key | varint value length, -1 null | value
//!           | varint header count | headers
//! ```
//!
//! A fetched batch is a [`RecordBatch`]: immutable, shared bytes. [`RecordBatch::decode`] checks
//! and decompresses it once; then [`DecodedBatch`] yields [records](RecordView) that borrow from
//! it, one at a time and without allocation, so that a queue can hold a batch and a position. A
//! [`BatchBuilder`] encodes records straight into the buffer that is sent.
//!
//! # Example: what is appended is read back
//! ```
//! use streams_core::batch::{BatchBuilder, DecodeOptions, RecordBatch, SealOptions, Timestamp};
//!
//! let mut builder = BatchBuilder::new();
//! builder.append(Timestamp::from_millis(5), Some(b"key"), Some(b"value"), &[])?;
//! builder.append(Timestamp::from_millis(7), Some(b"key"), None, &[])?;
//!
//! let batch = RecordBatch::parse(builder.seal(&SealOptions::default()))?;
//! let decoded = batch.decode(&DecodeOptions::default())?;
//! let values: Vec<_> =
//!     decoded.records().map(|record| Ok(record?.value)).collect::<Result<_, streams_core::batch::BatchError>>()?;
//! assert_eq!(values, [Some(&b"value"[..]), None]);
//! # Ok::<(), streams_core::batch::BatchError>(())
//! ```

mod error;
mod varint;
mod header;
mod compression;
mod decode;
mod builder;
mod unstamped;
mod partition;
#[cfg(test)]
mod tests;

pub use state_stores::Timestamp;

pub use {
    builder::{BatchBuilder, BatchMut, SealOptions},
    compression::{Compression, ParseCompressionError},
    decode::{DecodeOptions, DecodedBatch, RecordPosition, RecordView, Records},
    error::{BatchError, BatchErrorKind},
    header::{BATCH_OVERHEAD, RecordBatch, RecordBatches},
    partition::{murmur2, partition_for_hash, partition_for_key},
    unstamped::{ProducerStamp, UnstampedBatch},
};
