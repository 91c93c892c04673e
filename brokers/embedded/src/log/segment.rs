//! One segment of a partition: a run of record batches, in memory or in a file named by the offset
//! it begins with.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use streams_core::batch::{BatchMut, DecodeOptions, RecordBatch, RecordBatches};
use streams_core::broker::BrokerError;

use super::files;
use super::index::SparseIndex;
use super::scan::{Scanned, scan};
use crate::errors;

/// A segment and what the log asks about it most.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base_offset: i64,
    pub(super) next_offset: i64,
    pub(super) size: u64,
    /// The greatest timestamp in it; `i64::MIN` while it is empty.
    pub(super) newest: i64,
    /// When it took its first batch, by the log's clock; the age that `segment.ms` limits.
    pub(super) opened: Option<i64>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Memory(VecDeque<RecordBatch>),
    File { file: Arc<File>, path: PathBuf, index: SparseIndex },
}

/// How to read batches of one segment, without the log's lock.
#[derive(Debug)]
pub(crate) enum ReadPlan {
    /// Nothing to read.
    Empty,
    /// The batches themselves.
    Memory(Vec<RecordBatch>),
    /// A stretch of a file.
    File(FileStretch),
}

/// The stretch of a segment's file in which an offset lies.
#[derive(Debug)]
pub(crate) struct FileStretch {
    file: Arc<File>,
    path: PathBuf,
    position: u64,
    end: u64,
    offset: i64,
}

impl Segment {
    pub(super) fn in_memory(base_offset: i64) -> Self {
        Self::new(base_offset, Body::Memory(VecDeque::new()))
    }

    /// A new segment in `folder`, with an empty file.
    pub(super) fn create(folder: &Path, base_offset: i64) -> io::Result<Self> {
        let path = segment_path(folder, base_offset);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        files::sync_folder(folder)?;
        Ok(Self::new(base_offset, Body::file(file, path, SparseIndex::default())))
    }

    fn new(base_offset: i64, body: Body) -> Self {
        Self {
            base_offset,
            next_offset: base_offset,
            size: 0,
            newest: i64::MIN,
            opened: None,
            body,
        }
    }

    /// Opens a segment's file of which everything was synced, by its indexes, without reading more
    /// than its end; `None` if they do not serve, or if it does not end at `next_offset`.
    pub(super) fn open_indexed(
        folder: &Path,
        base_offset: i64,
        next_offset: i64,
    ) -> io::Result<Option<Self>> {
        let path = segment_path(folder, base_offset);
        let size = fs::metadata(&path)?.len();
        let Some(index) = SparseIndex::read(&path, size) else { return Ok(None) };
        let newest = index.newest().unwrap_or(i64::MIN);
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let position = index.last_position();
        let tail = files::read_at(&file, position, (size - position) as usize)?;
        let mut batches = RecordBatches::new(tail);
        let last = batches.by_ref().filter_map(Result::ok).last();
        let is_whole = batches.position() as u64 == size - position;
        if !is_whole || last.is_none_or(|last| last.next_offset() != next_offset) {
            return Ok(None);
        }
        let mut segment = Self::new(base_offset, Body::file(file, path, index));
        (segment.next_offset, segment.size, segment.newest) = (next_offset, size, newest);
        segment.opened = Some(newest);
        Ok(Some(segment))
    }

    /// Opens a segment's file by reading it. Checksums are compared from `recovery_point` on; a
    /// torn tail is cut if the segment is the last one.
    pub(super) fn open_scanned(
        folder: &Path,
        base_offset: i64,
        recovery_point: i64,
        is_last: bool,
    ) -> Result<Self, BrokerError> {
        let path = segment_path(folder, base_offset);
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file = file.map_err(|error| errors::io("open", &path, error))?;
        let mut segment = Self::new(base_offset, Body::Memory(VecDeque::new()));
        let mut index = SparseIndex::default();
        let end = scan(&file, &path, base_offset, recovery_point, |batch: &Scanned| {
            segment.take_note(batch.next_offset, batch.size, batch.newest);
            let relative = (batch.next_offset - 1 - base_offset) as u32;
            index.note(relative, batch.position as u32, batch.size, segment.newest);
        })?;
        if let Some(torn) = end {
            if !is_last {
                return Err(torn.into_error(&path));
            }
            tracing::warn!(
                file = %path.display(), position = torn.position, bytes = torn.bytes,
                reason = %torn.reason, "cut a torn tail"
            );
            let cut = file.set_len(torn.position).and_then(|()| file.sync_data());
            cut.map_err(|error| errors::io("cut", &path, error))?;
        }
        segment.opened = (segment.size > 0).then_some(segment.newest);
        segment.body = Body::file(file, path, index);
        Ok(segment)
    }

    /// Appends a batch whose place is `next_offset`.
    pub(super) fn append(&mut self, batch: &BatchMut<'_>, now: i64) -> Result<(), BrokerError> {
        let (bytes, position) = (batch.bytes(), self.size);
        match &mut self.body {
            Body::Memory(batches) => {
                let batch = RecordBatch::parse(Bytes::copy_from_slice(bytes));
                batches.push_back(batch.map_err(errors::batch)?);
            }
            Body::File { file, path, .. } => {
                if let Err(error) = files::write_at(file, bytes, position) {
                    // What is left of the batch would be taken for a torn tail; without it the log
                    // goes on as before.
                    let cut = file.set_len(position);
                    tracing::warn!(file = %path.display(), ?cut, "an append failed");
                    return Err(errors::io("append to", path, error));
                }
            }
        }
        let next_offset = self.next_offset + batch.offset_count();
        self.take_note(next_offset, bytes.len() as u64, batch.max_timestamp().as_millis());
        self.opened.get_or_insert(now);
        if let Body::File { index, .. } = &mut self.body {
            let relative = (next_offset - 1 - self.base_offset) as u32;
            index.note(relative, position as u32, bytes.len() as u64, self.newest);
        }
        Ok(())
    }

    fn take_note(&mut self, next_offset: i64, size: u64, newest: i64) {
        self.next_offset = next_offset;
        self.size += size;
        self.newest = self.newest.max(newest);
    }

    /// How to read from `offset` on; batches of about `max_bytes` at most, where that is known now.
    pub(super) fn plan_read(&self, offset: i64, max_bytes: usize) -> ReadPlan {
        if offset >= self.next_offset {
            return ReadPlan::Empty;
        }
        match &self.body {
            Body::Memory(batches) => {
                let first = batches.partition_point(|batch| batch.next_offset() <= offset);
                ReadPlan::Memory(take_bytes(batches.range(first..), max_bytes))
            }
            Body::File { file, path, index } => {
                let relative = (offset - self.base_offset).max(0) as u32;
                ReadPlan::File(FileStretch {
                    file: Arc::clone(file),
                    path: path.clone(),
                    position: index.position(relative),
                    end: self.size,
                    offset,
                })
            }
        }
    }

    /// From where on a record with `timestamp` or a later one may stand.
    pub(super) fn offset_near(&self, timestamp: i64) -> i64 {
        match &self.body {
            Body::Memory(batches) => batches
                .iter()
                .find(|batch| batch.max_timestamp().as_millis() >= timestamp)
                .map_or(self.next_offset, RecordBatch::base_offset),
            Body::File { index, .. } => self.base_offset + i64::from(index.offset_at(timestamp)),
        }
    }

    /// The file to sync, if there is one.
    pub(super) fn file(&self) -> Option<(Arc<File>, PathBuf)> {
        match &self.body {
            Body::Memory(_) => None,
            Body::File { file, path, .. } => Some((Arc::clone(file), path.clone())),
        }
    }

    /// Writes the indexes, when the segment is complete or the log closes.
    pub(super) fn write_index(&mut self) -> Result<(), BrokerError> {
        let relative = (self.next_offset - 1 - self.base_offset).max(0) as u32;
        let Body::File { index, path, .. } = &mut self.body else { return Ok(()) };
        if self.size > 0 {
            index.finish(self.newest, relative);
        }
        index.write(path).map_err(|error| errors::io("write the index of", path, error))
    }

    /// Lets go of the batches before `offset`, where that gives memory back. A file goes as a whole.
    pub(super) fn trim(&mut self, offset: i64) {
        let Body::Memory(batches) = &mut self.body else { return };
        while let Some(first) = batches.front().filter(|first| first.next_offset() <= offset) {
            self.size -= first.size() as u64;
            batches.pop_front();
        }
    }

    /// Deletes its files; those who read it at the time read on.
    pub(super) fn delete(self) -> Result<(), BrokerError> {
        let Body::File { path, .. } = self.body else { return Ok(()) };
        for extension in ["index", "timeindex"] {
            // An index that was never written is no loss.
            fs::remove_file(path.with_extension(extension)).unwrap_or_default();
        }
        fs::remove_file(&path).map_err(|error| errors::io("delete", &path, error))
    }
}

/// The first batch, and as many more as fit into `max_bytes` with it.
fn take_bytes<'a>(
    batches: impl Iterator<Item = &'a RecordBatch>,
    max_bytes: usize,
) -> Vec<RecordBatch> {
    let mut taken = Vec::new();
    let mut size = 0;
    for batch in batches {
        size += batch.size();
        if !taken.is_empty() && size > max_bytes {
            break;
        }
        taken.push(batch.clone());
    }
    taken
}

impl Body {
    fn file(file: File, path: PathBuf, index: SparseIndex) -> Self {
        Self::File { file: Arc::new(file), path, index }
    }
}

impl ReadPlan {
    /// Reads about `max_bytes` of batches, at least one.
    pub(crate) fn read(self, max_bytes: usize) -> Result<Vec<RecordBatch>, BrokerError> {
        match self {
            Self::Empty => Ok(Vec::new()),
            Self::Memory(batches) => Ok(batches),
            Self::File(stretch) => stretch.read(max_bytes),
        }
    }
}

impl FileStretch {
    fn read(mut self, max_bytes: usize) -> Result<Vec<RecordBatch>, BrokerError> {
        let mut chunk = max_bytes.max(files::PAGE) as u64;
        while self.position < self.end {
            let size = chunk.min(self.end - self.position) as usize;
            let bytes = files::read_at(&self.file, self.position, size)
                .map_err(|error| errors::io("read", &self.path, error))?;
            let mut batches = RecordBatches::new(bytes.clone());
            let mut found = Vec::new();
            for batch in batches.by_ref() {
                let batch = batch.map_err(errors::batch)?;
                if batch.next_offset() > self.offset {
                    found.push(batch);
                }
            }
            if !found.is_empty() {
                return Ok(found);
            }
            if batches.position() == 0 {
                // Larger than the chunk: once more, for all of it.
                chunk = files::batch_size(&bytes).max(chunk + 1);
            }
            self.position += batches.position() as u64;
        }
        Ok(Vec::new())
    }
}

/// `00000000000000000042.log`
pub(super) fn segment_path(folder: &Path, base_offset: i64) -> PathBuf {
    folder.join(format!("{base_offset:020}.log"))
}

/// The first record of these batches with `timestamp` or a later one.
pub(super) fn first_at(
    batches: &[RecordBatch],
    timestamp: i64,
) -> Result<Option<i64>, BrokerError> {
    for batch in batches {
        if batch.max_timestamp().as_millis() < timestamp {
            continue;
        }
        let decoded = batch.decode(&DecodeOptions::default()).map_err(errors::batch)?;
        for record in decoded.records() {
            let record = record.map_err(errors::batch)?;
            if record.timestamp.as_millis() >= timestamp {
                return Ok(Some(record.offset));
            }
        }
    }
    Ok(None)
}
