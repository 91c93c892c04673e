//! The bytes of a window store: expiry, duplicates, the two layouts.

use crate::backend::{Backend, KeyRange, Order, StoreId, WriteBatch};
use crate::changelog::Changelog;
use crate::core::ByteStore;
use crate::error::StoreError;
use crate::staged::{Found, ScanRange, Staged};
use crate::time::Timestamp;
use crate::window_schema::{
    Layout, LocalKey, WindowSchema, changelog_key, leading_bytes, leading_number, next_seq,
};
use bytes::Bytes;
use std::ops::Bound;
use std::sync::Arc;

/// The local key of what a store knows of itself:
/// `observed i64 | seq u32 | logged seq u32 | segment interval i64`.
/// It lies before all entries, whose local keys begin with eight bytes.
const MARK: &[u8] = &[];
/// Before the first entry.
const FIRST: [u8; 8] = [0; 8];
/// Behind the last entry: no segment has so high a number.
const BEHIND: [u8; 8] = [0xff; 8];

/// What a store knows besides its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    /// The latest start written, also by writes that were expired: the stream time of the store.
    observed: i64,
    /// The sequence number of the last duplicate stored.
    seq: u32,
    /// The sequence number of the last duplicate logged: deletions, which duplicates ignore, are
    /// logged and counted all the same, as in Java.
    logged_seq: u32,
    /// The length of segments that the entries lie in; 0 for none.
    interval_ms: i64,
}

impl Mark {
    fn new(schema: WindowSchema) -> Self {
        let interval_ms = match schema.layout {
            Layout::BySegment { interval_ms } => interval_ms,
            Layout::ByStart => 0,
        };
        Self { observed: Timestamp::NONE.as_millis(), seq: 0, logged_seq: 0, interval_ms }
    }

    fn to_bytes(self) -> Vec<u8> {
        let Self { observed, seq, logged_seq, interval_ms } = self;
        let (seq, logged_seq) = (seq.to_be_bytes(), logged_seq.to_be_bytes());
        [&observed.to_be_bytes()[..], &seq, &logged_seq, &interval_ms.to_be_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (observed, rest) = bytes.split_first_chunk()?;
        let (seq, rest) = rest.split_first_chunk()?;
        let (logged_seq, rest) = rest.split_first_chunk()?;
        let interval_ms = rest.first_chunk()?;
        Some(Self {
            observed: i64::from_be_bytes(*observed),
            seq: u32::from_be_bytes(*seq),
            logged_seq: u32::from_be_bytes(*logged_seq),
            interval_ms: i64::from_be_bytes(*interval_ms),
        })
    }
}

/// Marks a store before its first entry is restored. Removes entries without a mark, or in segments
/// of another length than `schema` asks for; whether there were such.
pub(crate) fn prepare(
    schema: WindowSchema,
    backend: &dyn Backend,
    store: StoreId,
    batch: &mut WriteBatch,
) -> Result<bool, StoreError> {
    let new = Mark::new(schema);
    let found = backend.get(store, MARK)?.and_then(|bytes| Mark::from_bytes(&bytes));
    let is_misfit = match found {
        Some(mark) => mark.interval_ms != new.interval_ms,
        None => last_entry(backend, store)?.is_some(),
    };
    if is_misfit {
        batch.delete_range(store, &FIRST, &BEHIND);
    }
    if is_misfit || found.is_none() {
        batch.put(store, MARK, &new.to_bytes());
    }
    Ok(is_misfit)
}

/// The leading number of the last entry.
fn last_entry(backend: &dyn Backend, store: StoreId) -> Result<Option<i64>, StoreError> {
    let range = KeyRange { from: Bound::Included(&FIRST), to: Bound::Unbounded };
    let mut last: Vec<(Bytes, Bytes)> = Vec::new();
    backend.scan(store, range, Order::Backward, 1, &mut last)?;
    let leading = last.first().and_then(|(key, _)| key.first_chunk());
    Ok(leading.map(|leading| leading_number(*leading)))
}

#[derive(Debug)]
pub(crate) struct WindowBytes {
    name: Arc<str>,
    pub(crate) schema: WindowSchema,
    staged: Staged,
    changelog: Changelog,
    /// `None` until the store is used, which is after it was restored.
    mark: Option<Mark>,
    /// The mark of the last commit.
    sealed: Mark,
    dropped: u64,
    key: Vec<u8>,
    logged_key: Vec<u8>,
}

impl WindowBytes {
    pub(crate) fn new(
        name: Arc<str>,
        schema: WindowSchema,
        staged: Staged,
        changelog: Changelog,
    ) -> Self {
        Self {
            name,
            schema,
            staged,
            changelog,
            mark: None,
            sealed: Mark::new(schema),
            dropped: 0,
            key: Vec::new(),
            logged_key: Vec::new(),
        }
    }

    /// The latest start the store has seen; Kafka's -1 for none.
    pub(crate) fn observed(&mut self) -> Result<i64, StoreError> {
        Ok(self.mark()?.observed)
    }

    /// The sequence number under which Java's stores on disk look for a single entry.
    pub(crate) fn last_seq(&self) -> u32 {
        self.mark.map_or(0, |mark| mark.seq)
    }

    fn mark(&mut self) -> Result<Mark, StoreError> {
        if let Some(mark) = self.mark {
            return Ok(mark);
        }
        let new = Mark::new(self.schema);
        let found = self.staged.get(MARK)?;
        let mut mark = found.and_then(|found| Mark::from_bytes(found.as_slice())).unwrap_or(new);
        if mark.interval_ms != new.interval_ms {
            return Err(StoreError::InvalidConfig {
                store: self.name.to_string(),
                what: format!(
                    "its files have segments of {} ms, the retention now asks for {} ms, and without a changelog it cannot be restored; set the old retention again, or delete the folder of the task and begin anew",
                    mark.interval_ms, new.interval_ms
                ),
            });
        }
        self.sealed = mark;
        if let Some(last) = last_entry(&**self.staged.backend(), self.staged.id())? {
            let restored_beyond = self.schema.leading(mark.observed) < last;
            if restored_beyond || mark == new {
                mark.observed = mark.observed.max(self.latest_start(last)?);
            }
        }
        self.mark = Some(mark);
        Ok(mark)
    }

    /// The latest start among the entries of a leading number.
    fn latest_start(&mut self, leading: i64) -> Result<i64, StoreError> {
        let from = leading_bytes(leading);
        let mut range = ScanRange::new(
            Bound::Included(from.to_vec()),
            leading
                .checked_add(1)
                .map_or(Bound::Unbounded, |next| Bound::Excluded(leading_bytes(next).to_vec())),
        );
        let (mut latest, mut rows, mut exhausted) = (i64::MIN, Vec::new(), false);
        while !exhausted {
            rows.clear();
            exhausted = self.staged.page(&mut range, Order::Backward, 1024, &mut rows)?;
            let keys = rows.iter().filter_map(|(key, _)| self.schema.decode(key));
            latest = keys.map(|key| key.start).fold(latest, i64::max);
        }
        Ok(latest)
    }

    /// Notes a write at `start`; whether it is not expired.
    fn observe(&mut self, start: i64) -> Result<bool, StoreError> {
        let mut mark = self.mark()?;
        mark.observed = mark.observed.max(start);
        self.mark = Some(mark);
        let lives = self.schema.leading(start) >= self.schema.first_kept(mark.observed);
        self.dropped += u64::from(!lives);
        Ok(lives)
    }

    /// Stores a duplicate under the next sequence number; there is nothing for a deletion to
    /// remove.
    fn put_duplicate(&mut self, key: LocalKey<'_>, value: Option<&[u8]>) -> Result<(), StoreError> {
        let mut mark = self.mark()?;
        mark.logged_seq = next_seq(mark.logged_seq);
        mark.seq = if value.is_some() { next_seq(mark.seq) } else { mark.seq };
        self.mark = Some(mark);
        changelog_key(LocalKey { seq: mark.logged_seq, ..key }, &mut self.logged_key);
        if value.is_some() && self.observe(key.start)? {
            self.key.clear();
            let encoded = self.schema.encode(key.start, mark.seq, &mut self.key, |out| {
                out.extend_from_slice(key.key);
                Ok::<_, StoreError>(())
            });
            encoded?;
            self.staged.put(&self.key, value);
        }
        Ok(())
    }

    fn put_single(
        &mut self,
        local: &[u8],
        key: LocalKey<'_>,
        value: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        changelog_key(key, &mut self.logged_key);
        if self.observe(key.start)? {
            self.staged.put(local, value);
        }
        Ok(())
    }
}

impl ByteStore for WindowBytes {
    fn get(&mut self, key: &[u8]) -> Result<Option<Found<'_>>, StoreError> {
        let Some(LocalKey { start, seq, .. }) = self.schema.decode(key) else { return Ok(None) };
        // A single duplicate cannot be asked for: on disk Java finds the last one stored, if it
        // is of that key, in memory none.
        let found = seq != 0 && self.schema.layout != Layout::ByStart;
        let observed = self.observed()?;
        if self.schema.retain_duplicates && !found || start < self.schema.first_live(observed) {
            return Ok(None);
        }
        self.staged.get(key)
    }

    /// An expired write does not reach the store; it is logged all the same, as in Java.
    fn put(
        &mut self,
        local: &[u8],
        value: Option<&[u8]>,
        prefix: usize,
        timestamp: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(key) = self.schema.decode(local) else {
            return Err(StoreError::Corrupted { what: format!("a key of store {}", self.name) });
        };
        match self.schema.retain_duplicates {
            true => self.put_duplicate(key, value)?,
            false => self.put_single(local, key, value)?,
        }
        let logged = value.map(|value| &value[prefix..]);
        self.changelog.append(&self.logged_key, logged, timestamp)
    }

    fn staged(&mut self) -> &mut Staged {
        &mut self.staged
    }

    fn staged_bytes(&self) -> usize {
        self.staged.staged_bytes()
    }

    fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Removes what has expired since the last commit with the writes since then.
    fn seal(&mut self, batch: &mut WriteBatch) {
        let Some(mark) = self.mark.filter(|mark| *mark != self.sealed) else {
            self.staged.seal(batch);
            return;
        };
        let kept = self.schema.first_kept(mark.observed);
        if kept > self.schema.first_kept(self.sealed.observed) {
            self.staged.delete_range(&FIRST, &leading_bytes(kept));
        }
        self.staged.put(MARK, Some(&mark.to_bytes()));
        self.sealed = mark;
        self.staged.seal(batch);
    }

    fn discard(&mut self) {
        self.staged.discard();
        self.mark = None;
    }
}
