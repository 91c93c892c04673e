//! A stretch of a changelog, gathered to be written at once.

use bytes::Bytes;
use state_stores::{Backend, Presence, StoreError, StoreId, WriteBatch};

use crate::{batch::RecordView, broker::TopicPartition};

use state_stores::{ChangelogRestore, Headers};

/// From this many entries on a run is handed to the backend as a sorted file.
const INGEST_ENTRIES: usize = 10_000;

#[derive(Clone, Copy)]
struct Entry {
    key: usize,
    value: usize,
    end: usize,
    present: bool,
}

/// Local entries in changelog order; written sorted, the last one of each key alone.
#[derive(Default)]
pub(super) struct Run {
    arena: Vec<u8>,
    entries: Vec<Entry>,
    key: Vec<u8>,
    value: Vec<u8>,
    batch: WriteBatch,
}

impl Run {
    pub(super) fn bytes(&self) -> usize {
        self.arena.len() + self.entries.len() * size_of::<Entry>()
    }

    /// Takes a changelog record; one without a key is no entry.
    pub(super) fn push(
        &mut self,
        record: &RecordView<'_>,
        headers: &Headers,
        restore: &dyn ChangelogRestore,
    ) -> Result<bool, StoreError> {
        let Some(key) = record.key else { return Ok(false) };
        self.key.clear();
        self.value.clear();
        let presence = restore.local(
            key,
            record.value,
            record.timestamp,
            headers,
            &mut self.key,
            &mut self.value,
        )?;
        let at = self.arena.len();
        self.arena.extend_from_slice(&self.key);
        let value = self.arena.len();
        self.arena.extend_from_slice(&self.value);
        let end = self.arena.len();
        let present = presence == Presence::Bytes;
        self.entries.push(Entry { key: at, value, end, present });
        Ok(true)
    }

    /// Writes the run and the offset it ends with; leaves it empty.
    pub(super) fn write(
        &mut self,
        backend: &dyn Backend,
        store: StoreId,
        log: &TopicPartition,
        last_offset: i64,
    ) -> Result<(), StoreError> {
        let arena = Bytes::from(std::mem::take(&mut self.arena));
        let key = |entry: &Entry| &arena[entry.key..entry.value];
        // Stable: entries of one key stay in the order of the log.
        self.entries.sort_by(|a, b| key(a).cmp(key(b)));
        let is_last = |(place, entry): &(usize, &Entry)| {
            self.entries.get(place + 1).is_none_or(|next| key(next) != key(entry))
        };
        let sorted = self.entries.iter().enumerate().filter(is_last).map(|(_, entry)| entry);
        if backend.is_persistent() && self.entries.len() >= INGEST_ENTRIES {
            let run: Vec<(Bytes, Option<Bytes>)> = sorted
                .map(|entry| {
                    let value = entry.present.then(|| arena.slice(entry.value..entry.end));
                    (arena.slice(entry.key..entry.value), value)
                })
                .collect();
            backend.ingest(store, &run)?;
        } else {
            for entry in sorted {
                let value = entry.present.then(|| &arena[entry.value..entry.end]);
                self.batch.write(store, key(entry), value);
            }
        }
        self.entries.clear();
        self.batch.set_offset(&log.topic, log.partition, last_offset);
        backend.write(&mut self.batch)?;
        if let Ok(mut arena) = arena.try_into_mut() {
            arena.clear();
            self.arena = arena.into();
        }
        Ok(())
    }
}
