//! Reading a page of a store through its cache.

use super::{ByteStore, Core, ValueCodec};
use crate::backend::Order;
use crate::cache::Entry;
use crate::error::StoreError;
use crate::headers::Headers;
use crate::merge::{Either, Step, merge_page};
use crate::serde::Payload;
use crate::staged::ScanRange;
use crate::time::Timestamp;
use bytes::Bytes;

/// A row of a scan.
pub(crate) struct Row<V> {
    pub(crate) key: Bytes,
    pub(crate) value: V,
    pub(crate) timestamp: Timestamp,
}

impl<V: Clone + 'static, B: ByteStore> Core<V, B> {
    /// Appends to `out` the next rows of `range`, at most `limit`, whose keys `judge` takes, and
    /// moves the near end of `range` behind the last key looked at. `true` says that `range` has
    /// no more.
    pub(crate) fn page(
        &mut self,
        range: &mut ScanRange,
        (order, limit): (Order, usize),
        judge: impl FnMut(&[u8]) -> Step,
        out: &mut Vec<Row<V>>,
    ) -> Result<bool, StoreError> {
        self.check()?;
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        let all_seen = self.bytes.staged().page(&mut range.clone(), order, limit, &mut rows)?;
        let read = self.read_page(range, (order, limit, all_seen), judge, &mut rows, out);
        self.rows = rows;
        let (last, exhausted) = read?;
        if let Some(last) = last {
            range.advance(order, &last);
        }
        Ok(exhausted)
    }

    fn read_page(
        &mut self,
        range: &ScanRange,
        (order, limit, all_seen): (Order, usize, bool),
        mut judge: impl FnMut(&[u8]) -> Step,
        rows: &mut Vec<(Bytes, Bytes)>,
        out: &mut Vec<Row<V>>,
    ) -> Result<(Option<Bytes>, bool), StoreError> {
        let (codec, headers) = (&self.codec, &self.stamp.headers);
        let mut failed = None;
        let mut emit = |entry: Either<'_, Bytes, &Entry<V>>| {
            let step = match &entry {
                Either::Below(key, _) => judge(key),
                Either::Above(key, _) => judge(key),
            };
            if matches!(step, Step::Take) {
                match row(codec, headers, entry) {
                    Ok(row) => out.extend(row),
                    Err(error) => {
                        failed = Some(error);
                        return Step::Stop;
                    }
                }
            }
            step
        };
        let dirty = self.cache.as_mut().filter(|cache| cache.has_dirty());
        let rows = rows.drain(..);
        let seen = match dirty {
            Some(cache) => {
                let above = cache.scan_dirty(range.as_key_range(), order);
                let above = above.map(|(key, entry)| (key, entry.value.as_ref().map(|_| entry)));
                merge_page(rows, all_seen, above, (order, limit), &mut emit)
            }
            None => merge_page(rows, all_seen, std::iter::empty(), (order, limit), &mut emit),
        };
        match failed {
            Some(error) => Err(error),
            None => Ok(seen),
        }
    }
}

fn row<V: Clone + 'static>(
    codec: &ValueCodec<V>,
    headers: &Headers,
    entry: Either<'_, Bytes, &Entry<V>>,
) -> Result<Option<Row<V>>, StoreError> {
    match entry {
        Either::Below(key, bytes) => {
            let (value, timestamp) = codec.read(Payload::from(&bytes), headers)?;
            Ok(Some(Row { key, value, timestamp }))
        }
        Either::Above(key, entry) => Ok(entry.value.clone().map(|value| {
            let key = Bytes::copy_from_slice(key);
            Row { key, value, timestamp: entry.timestamp }
        })),
    }
}
