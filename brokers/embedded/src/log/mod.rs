//! The log of one partition: segments, appended to at the end, deleted from the front.

mod files;
mod index;
mod scan;
mod segment;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use streams_core::batch::BatchMut;
use streams_core::broker::{BrokerError, TopicPartition};
use streams_core::stores::Timestamp;

use crate::config::TopicConfig;
use crate::errors;
use segment::Segment;

pub(crate) use files::{replace, replace_soon, sync_folder};
pub(crate) use segment::ReadPlan;

/// An active segment that is smaller is not closed for the sake of deleting it: a repartition topic
/// that is purged after each commit would have a file per commit.
const PURGE_SIZE_MIN: u64 = 1 << 20;

/// The log of one partition.
///
/// **Invariant:** there is always a last segment, which takes the appends; each segment begins where
/// the one before it ends; `log_start <= end`.
#[derive(Debug)]
pub(crate) struct Log {
    partition: TopicPartition,
    folder: Option<PathBuf>,
    config: Arc<TopicConfig>,
    segments: VecDeque<Segment>,
    log_start: i64,
    /// Everything before is synced to the disk.
    recovery_point: i64,
}

/// What to sync, without the log's lock, and what is durable afterwards.
#[derive(Debug)]
pub(crate) struct SyncPlan {
    files: Vec<(Arc<File>, PathBuf)>,
    pub(crate) end_offset: i64,
}

impl SyncPlan {
    /// Syncs.
    pub(crate) fn run(&self) -> Result<(), BrokerError> {
        for (file, path) in &self.files {
            file.sync_data().map_err(|error| errors::io("sync", path, error))?;
        }
        Ok(())
    }
}

impl Log {
    /// An empty log in memory.
    pub(crate) fn in_memory(partition: TopicPartition, config: Arc<TopicConfig>) -> Self {
        let segments = VecDeque::from([Segment::in_memory(0)]);
        Self { partition, folder: None, config, segments, log_start: 0, recovery_point: 0 }
    }

    /// An empty log in `folder`, which exists and is empty.
    pub(crate) fn create(
        partition: TopicPartition,
        folder: PathBuf,
        config: Arc<TopicConfig>,
    ) -> Result<Self, BrokerError> {
        let first = Segment::create(&folder, 0)
            .map_err(|error| errors::io("create a segment in", &folder, error))?;
        let segments = VecDeque::from([first]);
        Ok(Self {
            partition,
            folder: Some(folder),
            config,
            segments,
            log_start: 0,
            recovery_point: 0,
        })
    }

    /// The log that `folder` holds. What lies before `recovery_point` was synced and is believed;
    /// the rest is checked, and a torn tail is cut.
    ///
    /// # Errors
    /// Damage before sound data, naming file and position; nothing is changed then.
    pub(crate) fn open(
        partition: TopicPartition,
        folder: PathBuf,
        config: Arc<TopicConfig>,
        recovery_point: i64,
        log_start: i64,
    ) -> Result<Self, BrokerError> {
        let bases = segment_offsets(&folder)?;
        let mut segments = VecDeque::new();
        for (place, base) in bases.iter().enumerate() {
            let next_base = bases.get(place + 1).copied();
            let segment = open_segment(&folder, *base, next_base, recovery_point)?;
            segments.push_back(segment);
        }
        let Some(first) = segments.front() else {
            let log = Self::create(partition, folder, config)?;
            return Ok(log);
        };
        let log_start = log_start.max(first.base_offset);
        let mut log =
            Self { partition, folder: Some(folder), config, segments, log_start, recovery_point };
        log.recovery_point = log.recovery_point.min(log.end_offset());
        if log.log_start > log.end_offset() {
            log.restart_at(log.log_start)?;
        }
        Ok(log)
    }

    /// The offset that the next record gets: LEO, and with a single replica the high watermark.
    pub(crate) fn end_offset(&self) -> i64 {
        self.segments.back().map_or(self.log_start, |segment| segment.next_offset)
    }

    /// The end of what a reader of committed records may see. Transactions will hold it back.
    pub(crate) fn last_stable_offset(&self) -> i64 {
        self.end_offset()
    }

    /// The first offset that still exists.
    pub(crate) fn log_start(&self) -> i64 {
        self.log_start
    }

    /// Everything before is synced.
    pub(crate) fn recovery_point(&self) -> i64 {
        if self.folder.is_some() { self.recovery_point } else { self.end_offset() }
    }

    /// How many bytes its batches take.
    pub(crate) fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    /// Appends a batch: gives it offsets and leader epoch, stamps it where the topic wants that.
    /// Returns the offset of its first record.
    ///
    /// # Errors
    /// The batch is too large for the topic, or cannot be written; the log is as before.
    pub(crate) fn append(
        &mut self,
        batch: &mut BatchMut<'_>,
        now: Timestamp,
    ) -> Result<i64, BrokerError> {
        let (size, limit) = (batch.bytes().len(), self.config.max_message_bytes);
        if size > limit {
            return Err(BrokerError::invalid_request(format!(
                "a batch of {size} bytes is too large for topic {}: send smaller batches, or raise \
                 its max.message.bytes above {limit}",
                self.partition.topic
            )));
        }
        self.roll_if_due(size as u64, batch.offset_count(), now)?;
        let base_offset = self.end_offset();
        batch.place(base_offset, 0);
        if self.config.log_append_time {
            batch.stamp(now);
        }
        let Some(active) = self.segments.back_mut() else {
            return Err(BrokerError::invalid_request("the log is closed"));
        };
        active.append(batch, now.as_millis())?;
        Ok(base_offset)
    }

    /// How to read from `offset` on.
    ///
    /// # Errors
    /// The offset lies outside of the log.
    pub(crate) fn plan_read(&self, offset: i64, max_bytes: usize) -> Result<ReadPlan, BrokerError> {
        let (start, end) = (self.log_start, self.end_offset());
        if !(start..=end).contains(&offset) {
            return Err(BrokerError::offset_out_of_range(&self.partition, offset, start, end));
        }
        let after = self.segments.partition_point(|segment| segment.base_offset <= offset);
        // Compaction may leave nothing at the end of a segment: then the next one begins the answer.
        let segments = self.segments.iter().skip(after.saturating_sub(1));
        for segment in segments {
            match segment.plan_read(offset, max_bytes) {
                ReadPlan::Empty => {}
                plan => return Ok(plan),
            }
        }
        Ok(ReadPlan::Empty)
    }

    /// The first offset whose record has `timestamp` or a later one.
    pub(crate) fn offset_at(&self, timestamp: Timestamp) -> Result<Option<i64>, BrokerError> {
        let timestamp = timestamp.as_millis();
        for segment in self.segments.iter().filter(|segment| segment.newest >= timestamp) {
            let mut offset = segment.offset_near(timestamp).max(self.log_start);
            while offset < segment.next_offset {
                let batches = segment.plan_read(offset, files::PAGE).read(files::PAGE)?;
                let Some(last) = batches.last() else { break };
                if let Some(found) = segment::first_at(&batches, timestamp)? {
                    return Ok(Some(found.max(self.log_start)));
                }
                offset = last.next_offset();
            }
        }
        Ok(None)
    }

    /// Deletes the records before `offset`: moves the log start, and drops segments that are
    /// wholly before it.
    ///
    /// # Errors
    /// The offset lies beyond the end.
    pub(crate) fn delete_before(&mut self, offset: i64, now: Timestamp) -> Result<(), BrokerError> {
        if offset > self.end_offset() {
            let (start, end) = (self.log_start, self.end_offset());
            return Err(BrokerError::offset_out_of_range(&self.partition, offset, start, end));
        }
        self.log_start = self.log_start.max(offset);
        let large = self.segments.back().is_some_and(|active| active.size >= PURGE_SIZE_MIN);
        if self.log_start == self.end_offset() && large {
            self.roll(now)?;
        }
        self.drop_segments(|segment, log_start| segment.next_offset <= log_start)?;
        if let Some(first) = self.segments.front_mut() {
            first.trim(self.log_start);
        }
        Ok(())
    }

    /// Deletes what the topic's retention no longer covers; returns how many segments that were.
    pub(crate) fn retain(&mut self, now: Timestamp) -> Result<usize, BrokerError> {
        if !self.config.delete {
            return Ok(0);
        }
        let before = self.segments.len();
        if let Some(retention) = self.config.retention {
            let horizon = now.saturating_sub(retention).as_millis();
            let expired = |segment: &Segment| segment.size > 0 && segment.newest < horizon;
            if self.segments.iter().all(expired) {
                self.roll(now)?;
            }
            self.drop_segments(|segment, _| expired(segment))?;
        }
        if let Some(limit) = self.config.retention_bytes {
            let mut excess = self.size().saturating_sub(limit);
            self.drop_segments(|segment, _| {
                let drop = segment.size <= excess;
                excess = excess.saturating_sub(segment.size);
                drop
            })?;
        }
        Ok(before.saturating_sub(self.segments.len()))
    }

    /// What has to be synced so that everything appended so far is durable.
    pub(crate) fn plan_sync(&self) -> SyncPlan {
        let unsynced = self.segments.iter().rev();
        let unsynced = unsynced.take_while(|segment| segment.next_offset > self.recovery_point);
        SyncPlan {
            files: unsynced.filter_map(Segment::file).collect(),
            end_offset: self.end_offset(),
        }
    }

    /// Takes note that everything before `offset` is durable.
    pub(crate) fn synced(&mut self, offset: i64) {
        self.recovery_point = self.recovery_point.max(offset);
    }

    /// Writes the last index, so that the next open need not rebuild it.
    pub(crate) fn close(&mut self) -> Result<(), BrokerError> {
        self.segments.back_mut().map_or(Ok(()), Segment::write_index)
    }

    fn roll_if_due(&mut self, size: u64, count: i64, now: Timestamp) -> Result<(), BrokerError> {
        let Some(active) = self.segments.back() else { return Ok(()) };
        let age = active.opened.map_or(0, |opened| now.as_millis().saturating_sub(opened));
        let is_old = u128::try_from(age).is_ok_and(|age| age > self.config.segment_age.as_millis());
        let is_full = active.size + size > self.config.segment_bytes
            || active.next_offset + count - active.base_offset > i64::from(i32::MAX);
        if active.size > 0 && (is_full || is_old) { self.roll(now) } else { Ok(()) }
    }

    /// Completes the active segment and begins another; an empty one stays.
    fn roll(&mut self, now: Timestamp) -> Result<(), BrokerError> {
        let end = self.end_offset();
        let Some(active) = self.segments.back_mut().filter(|active| active.size > 0) else {
            return Ok(());
        };
        active.write_index()?;
        let next = match &self.folder {
            None => Segment::in_memory(end),
            Some(folder) => Segment::create(folder, end)
                .map_err(|error| errors::io("create a segment in", folder, error))?,
        };
        self.segments.push_back(next);
        let dropped = self.retain(now)?;
        if dropped > 0 {
            tracing::debug!(partition = %self.partition, dropped, "retention deleted segments");
        }
        Ok(())
    }

    /// Drops segments from the front as long as `unwanted` says so; never the last one.
    fn drop_segments(
        &mut self,
        mut unwanted: impl FnMut(&Segment, i64) -> bool,
    ) -> Result<(), BrokerError> {
        while self.segments.len() > 1 {
            if !self.segments.front().is_some_and(|first| unwanted(first, self.log_start)) {
                break;
            }
            if let Some(first) = self.segments.pop_front() {
                self.log_start = self.log_start.max(first.next_offset);
                first.delete()?;
            }
        }
        Ok(())
    }

    /// Begins anew at `offset`, after a crash took records that were to be deleted anyway.
    fn restart_at(&mut self, offset: i64) -> Result<(), BrokerError> {
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        let next = Segment::create(&folder, offset)
            .map_err(|error| errors::io("create a segment in", &folder, error))?;
        for old in self.segments.drain(..) {
            old.delete()?;
        }
        self.segments.push_back(next);
        Ok(())
    }
}

fn open_segment(
    folder: &Path,
    base: i64,
    next_base: Option<i64>,
    recovery_point: i64,
) -> Result<Segment, BrokerError> {
    if let Some(next_base) = next_base.filter(|next| *next <= recovery_point) {
        let indexed = Segment::open_indexed(folder, base, next_base)
            .map_err(|error| errors::io("open a segment in", folder, error))?;
        if let Some(segment) = indexed {
            return Ok(segment);
        }
    }
    let mut segment = Segment::open_scanned(folder, base, recovery_point, next_base.is_none())?;
    if let Some(next_base) = next_base {
        if segment.next_offset != next_base {
            let path = segment::segment_path(folder, base);
            let reason = format!(
                "it ends at offset {}, the next begins at {next_base}",
                segment.next_offset
            );
            return Err(errors::damaged(&path, segment.size, &reason));
        }
        segment.write_index()?;
    }
    Ok(segment)
}

fn segment_offsets(folder: &Path) -> Result<Vec<i64>, BrokerError> {
    let read = || -> std::io::Result<Vec<i64>> {
        let mut offsets = Vec::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let base = name.to_str().and_then(|name| name.strip_suffix(".log"));
            offsets.extend(base.and_then(|base| base.parse::<i64>().ok()));
        }
        offsets.sort_unstable();
        Ok(offsets)
    };
    read().map_err(|error| errors::io("list", folder, error))
}
