//! The writes of a store since the last commit, over what its backend holds.

mod overlay;
mod runs;

use crate::backend::{Backend, KeyRange, Order, StoreId, WriteBatch};
use crate::error::StoreError;
use crate::merge::{Either, Step, merge_page};
use crate::serde::Payload;
use bytes::Bytes;
use overlay::Overlay;
use std::ops::Bound;
use std::sync::Arc;

/// A value found by [`Staged::get`].
#[derive(Debug)]
pub enum Found<'a> {
    /// Written since the last commit.
    Staged(&'a [u8]),
    /// Held by the backend.
    Stored(Bytes),
}

impl Found<'_> {
    /// The bytes from `skip` on, as a serde takes them.
    pub fn payload(&self, skip: usize) -> Payload<'_> {
        match self {
            Self::Staged(bytes) => Payload::from(&bytes[skip.min(bytes.len())..]),
            Self::Stored(bytes) => Payload::shared(bytes, &bytes[skip.min(bytes.len())..]),
        }
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Staged(bytes) => bytes,
            Self::Stored(bytes) => bytes,
        }
    }
}

/// One store of a backend together with its uncommitted writes.
///
/// Reads see the writes at once; the backend sees them when a commit takes them by
/// [`Staged::seal`], or never after [`Staged::discard`].
#[derive(Debug)]
pub struct Staged {
    id: StoreId,
    backend: Arc<dyn Backend>,
    overlay: Overlay,
    /// Ranges removed since the last commit; writes into them came later.
    removed: Vec<(Vec<u8>, Vec<u8>)>,
    below: Vec<(Bytes, Bytes)>,
}

impl Staged {
    /// The store `id` of `backend` without uncommitted writes.
    pub fn new(id: StoreId, backend: Arc<dyn Backend>) -> Self {
        Self { id, backend, overlay: Overlay::default(), removed: Vec::new(), below: Vec::new() }
    }

    /// The backend below.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// The store's number in the backend.
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn get(&self, key: &[u8]) -> Result<Option<Found<'_>>, StoreError> {
        if let Some(written) = self.overlay.get(key) {
            return Ok(written.map(Found::Staged));
        }
        if self.is_removed(key) {
            return Ok(None);
        }
        Ok(self.backend.get(self.id, key)?.map(Found::Stored))
    }

    /// Sets the value of `key`, or removes it.
    pub fn put(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.overlay.put(key, value);
    }

    /// Removes the keys from `from` up to and without `to`.
    pub fn delete_range(&mut self, from: &[u8], to: &[u8]) {
        self.overlay.forget_range(from, to);
        self.removed.retain(|(lower, upper)| **lower < *from || **upper > *to);
        self.removed.push((from.to_vec(), to.to_vec()));
    }

    /// Appends to `out` the next entries of `range` in `order`, at least one and at most `limit`,
    /// and moves the near end of `range` behind them. `true` says that `range` has no more.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn page(
        &mut self,
        range: &mut ScanRange,
        order: Order,
        limit: usize,
        out: &mut Vec<(Bytes, Bytes)>,
    ) -> Result<bool, StoreError> {
        let before = out.len();
        let mut below = std::mem::take(&mut self.below);
        let mut exhausted = range.as_key_range().is_empty();
        while !exhausted && out.len() == before {
            below.clear();
            self.backend.scan(self.id, range.as_key_range(), order, limit, &mut below)?;
            exhausted = if self.overlay.is_empty() && self.removed.is_empty() {
                if let Some((last, _)) = below.last() {
                    range.advance(order, last);
                }
                let all_seen = below.len() < limit;
                out.append(&mut below);
                all_seen
            } else {
                self.merge(&mut below, range, order, limit, out)
            };
        }
        self.below = below;
        Ok(exhausted)
    }

    fn merge(
        &mut self,
        below: &mut Vec<(Bytes, Bytes)>,
        range: &mut ScanRange,
        order: Order,
        limit: usize,
        out: &mut Vec<(Bytes, Bytes)>,
    ) -> bool {
        self.overlay.sort();
        let all_seen = below.len() < limit;
        let above = self.overlay.scan(range.as_key_range(), order);
        let removed = &self.removed;
        let rows = below.drain(..);
        let (last, exhausted) = merge_page(rows, all_seen, above, (order, limit), |entry| {
            match entry {
                Either::Below(key, _) if is_removed(removed, &key) => return Step::Skip,
                Either::Below(key, value) => out.push((key, value)),
                Either::Above(key, value) => {
                    out.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
                }
            }
            Step::Take
        });
        if let Some(last) = last {
            range.advance(order, &last);
        }
        exhausted
    }

    /// Moves the uncommitted writes into `batch`, in the order of their keys.
    pub fn seal(&mut self, batch: &mut WriteBatch) {
        for (from, to) in self.removed.drain(..) {
            batch.delete_range(self.id, &from, &to);
        }
        self.overlay.seal(self.id, batch);
    }

    /// Forgets the uncommitted writes.
    pub fn discard(&mut self) {
        self.removed.clear();
        self.overlay.clear();
    }

    /// The bytes of the uncommitted writes.
    pub fn staged_bytes(&self) -> usize {
        self.overlay.bytes()
    }

    /// About how many entries the store has: exact in memory; on disk the count of the database,
    /// more by the writes since the last commit, which may overwrite.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn approximate_entries(&self) -> Result<u64, StoreError> {
        let mut count = self.backend.approximate_entries(self.id)?;
        let persistent = self.backend.is_persistent();
        for (key, value) in self.overlay.iter() {
            let is_below = !persistent && self.backend.get(self.id, key)?.is_some();
            match (is_below, value) {
                (false, Some(_)) => count += 1,
                (true, None) => count = count.saturating_sub(1),
                _ => {}
            }
        }
        Ok(count)
    }

    fn is_removed(&self, key: &[u8]) -> bool {
        is_removed(&self.removed, key)
    }
}

fn is_removed(removed: &[(Vec<u8>, Vec<u8>)], key: &[u8]) -> bool {
    removed.iter().any(|(from, to)| from.as_slice() <= key && key < to.as_slice())
}

/// A range of keys that a scan works through: its near end moves.
#[derive(Clone, Debug)]
pub struct ScanRange {
    /// The lower end.
    pub from: Bound<Vec<u8>>,
    /// The upper end.
    pub to: Bound<Vec<u8>>,
}

impl ScanRange {
    /// A range that owns its ends.
    pub fn new(from: Bound<Vec<u8>>, to: Bound<Vec<u8>>) -> Self {
        Self { from, to }
    }

    /// The range, borrowed.
    pub fn as_key_range(&self) -> KeyRange<'_> {
        KeyRange {
            from: self.from.as_ref().map(Vec::as_slice),
            to: self.to.as_ref().map(Vec::as_slice),
        }
    }

    /// Leaves what lies behind `key` in `order`.
    pub(crate) fn advance(&mut self, order: Order, key: &[u8]) {
        let end = match order {
            Order::Forward => &mut self.from,
            Order::Backward => &mut self.to,
        };
        match std::mem::replace(end, Bound::Unbounded) {
            Bound::Included(mut bytes) | Bound::Excluded(mut bytes) => {
                bytes.clear();
                bytes.extend_from_slice(key);
                *end = Bound::Excluded(bytes);
            }
            Bound::Unbounded => *end = Bound::Excluded(key.to_vec()),
        }
    }

    /// Leaves what lies before `key` in `order`; `key` itself is kept if `inclusive`.
    pub(crate) fn seek(&mut self, order: Order, key: Vec<u8>, inclusive: bool) {
        let end = if inclusive { Bound::Included(key) } else { Bound::Excluded(key) };
        match order {
            Order::Forward => self.from = end,
            Order::Backward => self.to = end,
        }
    }
}
