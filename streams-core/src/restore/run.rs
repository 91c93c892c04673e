//! A stretch of a changelog, gathered to be written at once.

use state_stores::{
    Backend, ChangelogRestore, Headers, KeyOrder, Presence, StoreError, StoreId, WriteBatch,
};

use crate::{batch::RecordView, broker::TopicPartition};

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
    order: KeyOrder,
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
        let Self { arena, entries, order, batch, .. } = self;
        let key = |entry: &Entry| &arena[entry.key..entry.value];
        order.sort(entries.len() as u32, |at| key(&entries[at as usize]));
        let mut places = order.iter().map(|at| &entries[at as usize]).peekable();
        let mut sorted = std::iter::from_fn(|| {
            let mut entry = places.next()?;
            while let Some(later) = places.next_if(|later| key(later) == key(entry)) {
                entry = later;
            }
            Some((key(entry), entry.present.then(|| &arena[entry.value..entry.end])))
        });
        if backend.is_persistent() && entries.len() >= INGEST_ENTRIES {
            backend.ingest(store, &mut sorted)?;
        } else {
            sorted.for_each(|(key, value)| batch.write(store, key, value));
        }
        self.arena.clear();
        self.entries.clear();
        self.batch.set_offset(&log.topic, log.partition, last_offset);
        backend.write(&mut self.batch)?;
        Ok(())
    }
}
