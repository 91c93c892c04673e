//! What every backend has to do, as one suite: for the backends of this crate, and for yours.
//!
//! ```
//! use state_stores::contract::{self, Place};
//! use state_stores::{Backend, MemoryBackend, StoreError};
//! use std::sync::Arc;
//!
//! struct Memory;
//!
//! impl Place for Memory {
//!     fn create(&self, stores: usize) -> Result<Arc<dyn Backend>, StoreError> {
//!         Ok(Arc::new(MemoryBackend::new("task", stores)))
//!     }
//! }
//!
//! contract::check_backend(&Memory).unwrap();
//! ```
//!
//! The checks panic where the contract is broken.

use crate::backend::{Backend, KeyRange, Order, StoreId, Write, WriteBatch};
use crate::error::StoreError;
use crate::staged::{ScanRange, Staged};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Where backends are made for the suite.
pub trait Place {
    /// A new backend with `stores` empty stores.
    ///
    /// # Errors
    /// When there is none to be had.
    fn create(&self, stores: usize) -> Result<Arc<dyn Backend>, StoreError>;

    /// What would be found of the backend made last if the process died now; `None` where
    /// nothing outlives the process.
    ///
    /// # Errors
    /// When what is left cannot be opened.
    fn after_crash(&self) -> Result<Option<Arc<dyn Backend>>, StoreError> {
        Ok(None)
    }
}

/// A step of a random history, see [`check_history`].
#[derive(Clone, Debug)]
pub enum Step {
    /// Sets or removes a key.
    Put(Vec<u8>, Option<Vec<u8>>),
    /// Removes the keys from the first up to and without the second.
    DeleteRange(Vec<u8>, Vec<u8>),
    /// Commits what was written.
    Commit,
    /// Forgets what was not committed.
    Discard,
    /// Compares a scan with the model.
    Scan(Bound<Vec<u8>>, Bound<Vec<u8>>, bool),
}

const A: StoreId = StoreId(0);
const B: StoreId = StoreId(1);

type Entries = Vec<(Bytes, Bytes)>;

/// Checks what a backend must do whatever is written.
///
/// # Errors
/// Those of the backend.
///
/// # Panics
/// When the backend breaks the contract.
pub fn check_backend(place: &dyn Place) -> Result<(), StoreError> {
    writes_are_seen(&*place.create(2)?)?;
    scans_are_ordered_and_bounded(&*place.create(2)?)?;
    batches_apply_in_order(&*place.create(2)?)?;
    unknown_stores_are_refused(&*place.create(2)?)?;
    sorted_runs_replace(&*place.create(2)?)?;
    offsets_are_kept(&*place.create(2)?)?;
    a_crash_leaves_a_commit(place)?;
    a_closed_backend_refuses(&*place.create(2)?);
    Ok(())
}

fn write(
    backend: &dyn Backend,
    fill: impl FnOnce(&mut WriteBatch),
) -> Result<WriteBatch, StoreError> {
    let mut batch = WriteBatch::default();
    fill(&mut batch);
    backend.write(&mut batch)?;
    Ok(batch)
}

fn entries(backend: &dyn Backend, store: StoreId) -> Result<Entries, StoreError> {
    let mut found = Vec::new();
    backend.scan(store, KeyRange::ALL, Order::Forward, usize::MAX, &mut found)?;
    Ok(found)
}

fn entry(key: &[u8], value: &[u8]) -> (Bytes, Bytes) {
    (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value))
}

fn writes_are_seen(backend: &dyn Backend) -> Result<(), StoreError> {
    let left = write(backend, |batch| {
        batch.put(A, b"k", b"a");
        batch.put(B, b"k", b"");
        batch.put(A, b"", b"empty key");
    })?;
    assert!(left.is_empty(), "a written batch is empty");
    assert_eq!(backend.get(A, b"k")?.as_deref(), Some(&b"a"[..]));
    assert_eq!(backend.get(B, b"k")?.as_deref(), Some(&b""[..]), "an empty value is a value");
    assert_eq!(backend.get(A, b"")?.as_deref(), Some(&b"empty key"[..]));
    assert_eq!(backend.get(B, b"")?, None, "stores are apart");
    write(backend, |batch| batch.delete(A, b"k"))?;
    assert_eq!(backend.get(A, b"k")?, None);
    assert_eq!(backend.approximate_entries(B)?, 1);
    Ok(())
}

fn scans_are_ordered_and_bounded(backend: &dyn Backend) -> Result<(), StoreError> {
    let keys: [&[u8]; 5] = [b"", b"a", b"a\0", b"a\xff", b"b"];
    write(backend, |batch| keys.iter().rev().for_each(|key| batch.put(A, key, b"v")))?;
    let bounds = || {
        let of = |key: &'static [u8]| [Bound::Included(key), Bound::Excluded(key)];
        let ends = [&b"a"[..], b"a\0", b"a\x01", b"c"];
        ends.into_iter().flat_map(of).chain([Bound::Unbounded])
    };
    for (from, to) in bounds().flat_map(|from| bounds().map(move |to| (from, to))) {
        let range = KeyRange { from, to };
        let mut expected: Vec<_> = keys.iter().copied().filter(|key| range.contains(key)).collect();
        for order in [Order::Forward, Order::Backward] {
            for limit in [0, 1, 2, 9] {
                let mut found = vec![entry(b"kept", b"")];
                backend.scan(A, range, order, limit, &mut found)?;
                let found: Vec<_> = found[1..].iter().map(|(key, _)| &key[..]).collect();
                assert_eq!(found, expected[..limit.min(expected.len())], "{range:?} {order:?}");
            }
            expected.reverse();
        }
    }
    Ok(())
}

fn batches_apply_in_order(backend: &dyn Backend) -> Result<(), StoreError> {
    write(backend, |batch| [b"a", b"b", b"c"].iter().for_each(|key| batch.put(A, *key, b"1")))?;
    write(backend, |batch| {
        batch.put(A, b"b", b"lost");
        batch.delete_range(A, b"a", b"c");
        batch.put(A, b"a", b"2");
        batch.delete(A, b"absent");
        batch.delete_range(A, b"z", b"a");
    })?;
    assert_eq!(entries(backend, A)?, [entry(b"a", b"2"), entry(b"c", b"1")]);
    Ok(())
}

fn unknown_stores_are_refused(backend: &dyn Backend) -> Result<(), StoreError> {
    let mut batch = WriteBatch::default();
    batch.put(A, b"k", b"v");
    batch.put(StoreId(2), b"k", b"v");
    assert!(backend.write(&mut batch).is_err());
    assert_eq!(backend.get(A, b"k")?, None, "a batch is written whole or not at all");
    assert!(backend.get(StoreId(2), b"k").is_err());
    Ok(())
}

fn sorted_runs_replace(backend: &dyn Backend) -> Result<(), StoreError> {
    write(backend, |batch| [b"a", b"b", b"d"].iter().for_each(|key| batch.put(A, *key, b"1")))?;
    let run = [(&b"b"[..], None), (b"c", Some(&b"2"[..])), (b"d", Some(b"2"))];
    backend.ingest(A, &mut run.into_iter())?;
    backend.ingest(A, &mut std::iter::empty())?;
    backend.flush()?;
    let expected = [entry(b"a", b"1"), entry(b"c", b"2"), entry(b"d", b"2")];
    assert_eq!(entries(backend, A)?, expected);
    Ok(())
}

fn offsets_are_kept(backend: &dyn Backend) -> Result<(), StoreError> {
    assert_eq!(backend.offsets()?, []);
    write(backend, |batch| {
        batch.set_offset("t", 1, 5);
        batch.set_offset("t", 0, 7);
    })?;
    write(backend, |batch| batch.set_offset("t", 1, 6))?;
    backend.flush()?;
    let mut offsets = backend.offsets()?;
    offsets.sort();
    assert_eq!(offsets, [("t".to_owned(), 0, 7), ("t".to_owned(), 1, 6)]);
    Ok(())
}

fn a_crash_leaves_a_commit(place: &dyn Place) -> Result<(), StoreError> {
    const FLUSHED: i64 = 20;
    let backend = place.create(2)?;
    for commit in 0..30 {
        write(&*backend, |batch| {
            batch.put(A, &[commit], &[commit]);
            batch.put(B, b"last", &[commit]);
            batch.set_offset("t", 0, i64::from(commit));
        })?;
        if i64::from(commit) == FLUSHED {
            backend.flush()?;
        }
    }
    let Some(found) = place.after_crash()? else { return Ok(()) };
    let offsets = found.offsets()?;
    let offset = offsets.first().map_or(-1, |(_, _, offset)| *offset);
    assert!(offset >= FLUSHED, "what was flushed is there: {offset}");
    let keys = entries(&*found, A)?.len() as i64;
    assert_eq!(keys, offset + 1, "the offset is that of the data");
    let last = found.get(B, b"last")?;
    assert_eq!(last.as_deref(), Some(&[offset as u8][..]), "all stores stand at one commit");
    Ok(())
}

fn a_closed_backend_refuses(backend: &dyn Backend) {
    let closed = |error: StoreError| matches!(error, StoreError::Closed { .. });
    assert!(backend.close().is_ok() && backend.close().is_ok());
    assert!(backend.get(A, b"k").is_err_and(closed));
    assert!(backend.write(&mut WriteBatch::default()).is_err_and(closed));
    assert!(backend.offsets().is_err_and(closed));
    assert!(backend.flush().is_err_and(closed));
}

/// Runs a history on a store with staged writes, and compares what it shows, before and after
/// each commit, with an ordered map.
///
/// # Errors
/// Those of the backend.
///
/// # Panics
/// When they differ.
pub fn check_history(place: &dyn Place, steps: &[Step]) -> Result<(), StoreError> {
    let backend = place.create(1)?;
    let mut staged = Staged::new(A, Arc::clone(&backend));
    let (mut now, mut committed) = (BTreeMap::new(), BTreeMap::new());
    for step in steps {
        match step {
            Step::Put(key, value) => {
                staged.put(key, value.as_deref());
                match value {
                    Some(value) => now.insert(key.clone(), value.clone()),
                    None => now.remove(key),
                };
                let found = staged.get(key)?.map(|found| found.as_slice().to_vec());
                assert_eq!(found, *value);
            }
            Step::DeleteRange(from, to) => {
                staged.delete_range(from, to);
                now.retain(|key, _| !(from <= key && key < to));
                let found = staged.get(from)?.map(|found| found.as_slice().to_vec());
                assert_eq!(found, now.get(from).cloned());
            }
            Step::Commit => {
                let mut batch = WriteBatch::default();
                staged.seal(&mut batch);
                assert!(keys(&batch).is_sorted(), "a commit is written in the order of its keys");
                backend.write(&mut batch)?;
                committed.clone_from(&now);
            }
            Step::Discard => {
                staged.discard();
                now.clone_from(&committed);
            }
            Step::Scan(from, to, forward) => {
                let range = ScanRange::new(from.clone(), to.clone());
                compare(&mut staged, &now, range, *forward)?;
            }
        }
    }
    let all = ScanRange::new(Bound::Unbounded, Bound::Unbounded);
    compare(&mut staged, &now, all, true)
}

fn keys(batch: &WriteBatch) -> Vec<&[u8]> {
    let key = |write| match write {
        Write::Put { key, .. } | Write::Delete { key, .. } => Some(key),
        Write::DeleteRange { .. } => None,
    };
    batch.iter().filter_map(key).collect()
}

fn compare(
    staged: &mut Staged,
    model: &BTreeMap<Vec<u8>, Vec<u8>>,
    mut range: ScanRange,
    forward: bool,
) -> Result<(), StoreError> {
    let order = if forward { Order::Forward } else { Order::Backward };
    let inside = |(key, _): &(&Vec<u8>, &Vec<u8>)| range.as_key_range().contains(key);
    let mut expected: Entries =
        model.iter().filter(inside).map(|(key, value)| entry(key, value)).collect();
    if !forward {
        expected.reverse();
    }
    let (mut found, mut exhausted) = (Vec::new(), false);
    while !exhausted {
        let before = found.len();
        exhausted = staged.page(&mut range, order, 3, &mut found)?;
        assert!(exhausted || found.len() > before, "a page shows something or ends the scan");
    }
    assert_eq!(found, expected);
    Ok(())
}
