//! The sparse indexes of a segment.
//!
//! ```text
//!  NNN.index:      { relative offset (4) | position (4) }*     as Kafka's
//!  NNN.timeindex:  { timestamp (8) | relative offset (4) }*    as Kafka's
//! ```
//!
//! They live in memory while their segment grows and are written when it is complete or the log
//! closes: what a crash leaves behind is rebuilt from the segment itself.

use std::fs;
use std::io;
use std::path::Path;

/// An entry at most every so many bytes of batches; `index.interval.bytes`.
const INTERVAL: u64 = 4096;

/// Where batches stand in a segment, by offset and by time.
#[derive(Debug, Default)]
pub(super) struct SparseIndex {
    /// Relative offset of a batch's last record, position of the batch. Both grow.
    offsets: Vec<(u32, u32)>,
    /// The greatest timestamp so far, and the relative offset of the batch that has it.
    times: Vec<(i64, u32)>,
    since_entry: u64,
}

impl SparseIndex {
    /// Takes note of a batch of `size` bytes at `position` that ends at `relative_offset`; `newest`
    /// is the greatest timestamp of the segment, this batch included.
    pub(super) fn note(&mut self, relative_offset: u32, position: u32, size: u64, newest: i64) {
        if self.since_entry >= INTERVAL {
            self.offsets.push((relative_offset, position));
            self.since_entry = 0;
        }
        self.since_entry += size;
        // Each new maximum would be an entry per batch of an ordered stream: only with an offset
        // entry, but the first always, so that the segment's maximum is close.
        let is_new = self.times.last().is_none_or(|(time, _)| *time < newest);
        if is_new && (self.since_entry == size || self.times.is_empty()) {
            self.times.push((newest, relative_offset));
        }
    }

    /// The position of a batch at or before the one that holds `relative_offset`.
    pub(super) fn position(&self, relative_offset: u32) -> u64 {
        let after = self.offsets.partition_point(|(offset, _)| *offset <= relative_offset);
        // Entries carry the last offset of their batch: the one before may hold it still.
        let entry = after.checked_sub(1).and_then(|at| self.offsets.get(at));
        entry.map_or(0, |(_, position)| u64::from(*position))
    }

    /// The position of a batch near the end.
    pub(super) fn last_position(&self) -> u64 {
        self.offsets.last().map_or(0, |(_, position)| u64::from(*position))
    }

    /// The relative offset from which a record with this timestamp or a later one may stand.
    pub(super) fn offset_at(&self, timestamp: i64) -> u32 {
        let after = self.times.partition_point(|(time, _)| *time < timestamp);
        after.checked_sub(1).and_then(|at| self.times.get(at)).map_or(0, |(_, offset)| *offset)
    }

    /// Makes the greatest timestamp the last entry, so that the file tells it.
    pub(super) fn finish(&mut self, newest: i64, relative_offset: u32) {
        if self.times.last().is_none_or(|(time, _)| *time < newest) {
            self.times.push((newest, relative_offset));
        }
    }

    /// The greatest timestamp.
    pub(super) fn newest(&self) -> Option<i64> {
        self.times.last().map(|(time, _)| *time)
    }

    /// Writes both files.
    pub(super) fn write(&self, log: &Path) -> io::Result<()> {
        let offsets = self
            .offsets
            .iter()
            .flat_map(|(offset, position)| [offset.to_be_bytes(), position.to_be_bytes()].concat());
        fs::write(log.with_extension("index"), offsets.collect::<Vec<u8>>())?;
        let times = self
            .times
            .iter()
            .flat_map(|(time, offset)| time.to_be_bytes().into_iter().chain(offset.to_be_bytes()));
        fs::write(log.with_extension("timeindex"), times.collect::<Vec<u8>>())
    }

    /// Reads both files of a complete segment of `size` bytes; `None` if they are missing or not
    /// what was written.
    pub(super) fn read(log: &Path, size: u64) -> Option<Self> {
        let offsets = fs::read(log.with_extension("index")).ok()?;
        let times = fs::read(log.with_extension("timeindex")).ok()?;
        let (offsets, rest) = offsets.as_chunks::<8>();
        let (times, rest_of_times) = times.as_chunks::<12>();
        if !rest.is_empty() || !rest_of_times.is_empty() || times.is_empty() {
            return None;
        }
        let offsets: Vec<(u32, u32)> =
            offsets.iter().map(|entry| (word(entry, 0), word(entry, 4))).collect();
        let times: Vec<(i64, u32)> = times
            .iter()
            .map(|entry| {
                let high = i64::from(word(entry, 0)) << 32;
                (high | i64::from(word(entry, 4)), word(entry, 8))
            })
            .collect();
        let grow = offsets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1)
            && times.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let within = offsets.last().is_none_or(|(_, position)| u64::from(*position) < size);
        (grow && within).then_some(Self { offsets, times, since_entry: 0 })
    }
}

fn word(entry: &[u8], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&entry[at..at + 4]);
    u32::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_found_at_or_before_its_batch() {
        let mut index = SparseIndex::default();
        for batch in 0..10_u32 {
            index.note(batch * 10 + 9, batch * 3000, 3000, i64::from(batch));
        }
        for offset in 0..100 {
            let found = index.position(offset) / 3000;
            let batch = u64::from(offset / 10);
            assert!(found <= batch && batch - found <= 2, "{offset}: {found}");
        }
    }

    #[test]
    fn a_time_is_found_at_or_before_its_record() {
        let mut index = SparseIndex::default();
        for (batch, newest) in [5, 5, 9, 9, 20].into_iter().enumerate() {
            index.note(batch as u32, batch as u32 * 5000, 5000, newest);
        }
        index.finish(20, 4);
        assert_eq!(index.newest(), Some(20));
        for (time, at_most) in [(0, 0), (5, 0), (6, 2), (9, 2), (10, 4), (21, 4)] {
            assert!(index.offset_at(time) <= at_most, "{time}: {}", index.offset_at(time));
        }
    }
}
