//! Positioned reads and writes, and making directory entries durable.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;

/// The smallest read.
pub(crate) const PAGE: usize = 4096;

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, position)
}

#[cfg(unix)]
pub(crate) fn write_at(file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, position)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut position: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, position)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[read..];
        position += read as u64;
    }
    Ok(())
}

#[cfg(windows)]
pub(crate) fn write_at(file: &File, mut bytes: &[u8], mut position: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, position)?;
        bytes = &bytes[written..];
        position += written as u64;
    }
    Ok(())
}

/// `size` bytes from `position` on.
pub(crate) fn read_at(file: &File, position: u64, size: usize) -> io::Result<Bytes> {
    let mut buffer = vec![0; size];
    read_exact_at(file, &mut buffer, position)?;
    Ok(Bytes::from(buffer))
}

/// The size of the batch that `bytes` begin with, by its header.
pub(crate) fn batch_size(bytes: &[u8]) -> u64 {
    let length = bytes.get(8..12).map_or([0; 4], |length| {
        let mut copy = [0; 4];
        copy.copy_from_slice(length);
        copy
    });
    u64::from(u32::from_be_bytes(length)) + 12
}

/// Makes the creation and deletion of files in `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows has no such call, and needs none.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Replaces a small file as a whole: readers find the old or the new content, also after a loss of
/// power.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("tmp");
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_data()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// The same without waiting for the disk: a loss of power may bring the old content back, or none.
pub(crate) fn replace_soon(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("tmp");
    fs::write(&beside, content)?;
    fs::rename(&beside, path)
}
