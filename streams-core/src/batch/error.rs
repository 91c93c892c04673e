//! What can be wrong with a record batch.

use std::error::Error;
use std::fmt;

use super::Compression;

/// A record batch that cannot be read or written, and where it stands in its partition.
#[derive(Debug)]
pub struct BatchError {
    base_offset: Option<i64>,
    kind: BatchErrorKind,
}

/// What is wrong with a record batch.
#[derive(Debug)]
#[non_exhaustive]
pub enum BatchErrorKind {
    /// The bytes are fewer or more than the batch says.
    Length {
        /// What its header says, or what a header needs.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// A message format other than 2 (brokers before 0.11, or no batch at all).
    Magic(u8),
    /// A header field whose value cannot be.
    Header {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: i64,
    },
    /// The bytes are not those that were written.
    Checksum {
        /// The CRC-32C in the header.
        stored: u32,
        /// The CRC-32C of the bytes.
        computed: u32,
    },
    /// A compression type that does not exist.
    UnknownCompression(u8),
    /// The records could not be compressed or decompressed.
    Compression {
        /// By which codec.
        codec: Compression,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The records take more memory than allowed.
    TooLarge {
        /// The number of bytes allowed.
        limit: usize,
    },
    /// There are more records than allowed.
    TooManyRecords {
        /// How many there are.
        count: i32,
        /// How many are allowed.
        limit: usize,
    },
    /// A record that ends within a field, or whose fields do not add up.
    Record {
        /// Its place in the batch, from 0.
        index: i32,
        /// Which field.
        field: &'static str,
    },
    /// Bytes after the last record.
    TrailingBytes {
        /// How many.
        count: usize,
    },
}

impl BatchError {
    pub(crate) fn new(base_offset: Option<i64>, kind: BatchErrorKind) -> Self {
        Self { base_offset, kind }
    }

    /// The batch's base offset, where it is known.
    pub fn base_offset(&self) -> Option<i64> {
        self.base_offset
    }

    /// What is wrong.
    pub fn kind(&self) -> &BatchErrorKind {
        &self.kind
    }

    /// What to say of the batch, which `partition` has: the error itself is the cause.
    pub(crate) fn told_of(&self, partition: &impl fmt::Display) -> String {
        match self.base_offset {
            Some(offset) => {
                format!("the batch of {partition} at offset {offset} is damaged and cannot be read")
            }
            None => format!("a batch of {partition} is damaged and cannot be read"),
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base_offset {
            Some(offset) => write!(f, "record batch at offset {offset}: ")?,
            None => f.write_str("record batch: ")?,
        }
        match &self.kind {
            BatchErrorKind::Length { expected, found } => {
                write!(f, "{expected} bytes expected, {found} found")
            }
            BatchErrorKind::Magic(magic) => {
                write!(f, "message format {magic} is not supported, only format 2 is")
            }
            BatchErrorKind::Header { field, value } => write!(f, "its {field} cannot be {value}"),
            BatchErrorKind::Checksum { stored, computed } => write!(
                f,
                "checksum mismatch, the header says {stored:08x}, the bytes have {computed:08x}"
            ),
            BatchErrorKind::UnknownCompression(code) => {
                write!(f, "compression type {code} does not exist")
            }
            BatchErrorKind::Compression { codec, .. } => {
                write!(f, "its records are not valid {codec}")
            }
            BatchErrorKind::TooLarge { limit } => {
                write!(f, "its records take more than the allowed {limit} bytes")
            }
            BatchErrorKind::TooManyRecords { count, limit } => {
                write!(f, "it holds {count} records, allowed are {limit}")
            }
            BatchErrorKind::Record { index, field } => {
                write!(f, "the {field} of its record number {index} is malformed")
            }
            BatchErrorKind::TrailingBytes { count } => {
                write!(f, "{count} bytes follow its last record")
            }
        }
    }
}

impl Error for BatchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            BatchErrorKind::Compression { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}
