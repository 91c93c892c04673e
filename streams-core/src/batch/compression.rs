//! Compressing the records of a batch, and the way back with a limit.

use std::error::Error;
use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// How the records of a batch are compressed; `compression.type`. Each value is the wire's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Compression {
    /// Not at all.
    #[default]
    None = 0,
    /// Gzip.
    Gzip = 1,
    /// Snappy, in the framing of the Java library; raw snappy is read as well.
    Snappy = 2,
    /// LZ4 frames.
    Lz4 = 3,
    /// Zstandard.
    Zstd = 4,
}

impl Compression {
    /// The compression with this code on the wire.
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd]
            .get(usize::from(code))
            .copied()
    }

    /// Its code on the wire.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// The name as `compression.type` has it.
impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        })
    }
}

/// A text that names no compression; says which text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseCompressionError(String);

impl fmt::Display for ParseCompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} names no compression: use none, gzip, snappy, lz4 or zstd", self.0)
    }
}

impl Error for ParseCompressionError {}

impl FromStr for Compression {
    type Err = ParseCompressionError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd]
            .into_iter()
            .find(|compression| compression.to_string() == name)
            .ok_or_else(|| ParseCompressionError(name.to_owned()))
    }
}

/// Java's snappy stream: this, version and oldest compatible version, then blocks with lengths.
const SNAPPY_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const SNAPPY_BLOCK: usize = 32 << 10;

/// Appends the compressed form of `records` to `out`.
pub(super) fn compress(codec: Compression, records: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    match codec {
        Compression::None => out.extend_from_slice(records),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
            encoder.write_all(records)?;
            encoder.finish()?;
        }
        Compression::Snappy => snappy_compress(records, out)?,
        Compression::Lz4 => {
            // Kafka's Java reader refuses blocks that depend on each other.
            let frame =
                FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
            let mut encoder = FrameEncoder::with_frame_info(frame, out);
            encoder.write_all(records)?;
            encoder.finish().map_err(io::Error::other)?;
        }
        Compression::Zstd => {
            out.extend_from_slice(&compress_to_vec(records, CompressionLevel::Fastest));
        }
    }
    Ok(())
}

/// Why records could not be decompressed.
#[derive(Debug)]
pub(super) enum DecompressError {
    /// They take more bytes than allowed.
    TooLarge,
    /// They are not what the codec writes.
    Malformed(Box<dyn Error + Send + Sync>),
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for DecompressError {
    fn from(error: E) -> Self {
        Self::Malformed(error.into())
    }
}

/// The records that `compressed` holds, of at most `limit` bytes. Memory grows with what is really
/// there, not with what a header claims.
pub(super) fn decompress(
    codec: Compression,
    compressed: &[u8],
    limit: usize,
) -> Result<Vec<u8>, DecompressError> {
    match codec {
        Compression::None => read_limited(compressed, compressed.len(), limit),
        Compression::Gzip => {
            read_limited(flate2::read::MultiGzDecoder::new(compressed), compressed.len(), limit)
        }
        Compression::Snappy => snappy_decompress(compressed, limit),
        Compression::Lz4 => read_limited(FrameDecoder::new(compressed), compressed.len(), limit),
        Compression::Zstd => {
            let decoder = StreamingDecoder::new(compressed).map_err(|error| error.to_string())?;
            read_limited(decoder, compressed.len(), limit)
        }
    }
}

fn read_limited(
    reader: impl Read,
    compressed_size: usize,
    limit: usize,
) -> Result<Vec<u8>, DecompressError> {
    let mut out = Vec::with_capacity(compressed_size.saturating_mul(3).min(limit));
    reader.take(limit as u64 + 1).read_to_end(&mut out)?;
    if out.len() > limit { Err(DecompressError::TooLarge) } else { Ok(out) }
}

fn snappy_compress(records: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    out.extend_from_slice(&SNAPPY_MAGIC);
    out.extend_from_slice(&1_i32.to_be_bytes());
    out.extend_from_slice(&1_i32.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for block in records.chunks(SNAPPY_BLOCK) {
        let start = out.len() + 4;
        out.resize(start + snap::raw::max_compress_len(block.len()), 0);
        let size = encoder.compress(block, &mut out[start..]).map_err(io::Error::other)?;
        out.truncate(start + size);
        out[start - 4..start].copy_from_slice(&(size as u32).to_be_bytes());
    }
    Ok(())
}

fn snappy_decompress(compressed: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let mut out = Vec::new();
    let Some(blocks) = compressed.strip_prefix(&SNAPPY_MAGIC) else {
        snappy_block(compressed, limit, &mut out)?;
        return Ok(out);
    };
    let mut rest = blocks.get(8..).ok_or("the snappy header ends early")?;
    while let Some((size, after)) = rest.split_first_chunk::<4>() {
        let size = u32::from_be_bytes(*size) as usize;
        let block = after.get(..size).ok_or("a snappy block ends early")?;
        snappy_block(block, limit, &mut out)?;
        rest = &after[size..];
    }
    if rest.is_empty() { Ok(out) } else { Err("bytes follow the last snappy block".into()) }
}

fn snappy_block(block: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), DecompressError> {
    let size = snap::raw::decompress_len(block)?;
    let start = out.len();
    if size > limit - start {
        return Err(DecompressError::TooLarge);
    }
    // Snappy's best is 64 bytes out of 3: a claim beyond that is a lie, not to be paid in memory.
    if size / 24 > block.len() {
        return Err("the snappy length is impossible".into());
    }
    out.resize(start + size, 0);
    snap::raw::Decoder::new().decompress(block, &mut out[start..])?;
    Ok(())
}
