//! Slots in key order, for scans between writes: sorted runs of which each is at least twice as
//! long as the next, so that a new key costs a logarithm of moves, however often scans come.

use crate::backend::{KeyRange, Order};
use std::cmp::Ordering;
use std::ops::Bound;

#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: Vec<Vec<u32>>,
    /// Slots below this number are in a run.
    known: u32,
}

impl Runs {
    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.known = 0;
    }

    /// Takes the slots up to and without `end` that are not known yet.
    pub(super) fn extend<'a>(&mut self, end: u32, key: impl Fn(u32) -> &'a [u8]) {
        if self.known == end {
            return;
        }
        let mut run: Vec<u32> = (self.known..end).collect();
        run.sort_unstable_by(|&a, &b| key(a).cmp(key(b)));
        self.known = end;
        while let Some(older) = self.runs.pop_if(|older| older.len() < 2 * run.len()) {
            run = merge(&older, &run, &key);
        }
        self.runs.push(run);
    }

    /// The slots of the keys in `range`.
    pub(super) fn scan<'a, 'r, F>(
        &'r self,
        range: KeyRange<'_>,
        order: Order,
        key: F,
    ) -> impl Iterator<Item = u32> + use<'a, 'r, F>
    where
        F: Fn(u32) -> &'a [u8],
    {
        let mut heads: Vec<&'r [u32]> = self
            .runs
            .iter()
            .map(|run| cut(run, range, &key))
            .filter(|run| !run.is_empty())
            .collect();
        std::iter::from_fn(move || {
            let (at, _) = heads.iter().enumerate().min_by(|(_, a), (_, b)| match order {
                Order::Forward => key(a[0]).cmp(key(b[0])),
                Order::Backward => key(b[b.len() - 1]).cmp(key(a[a.len() - 1])),
            })?;
            let (slot, rest) = match order {
                Order::Forward => heads[at].split_first()?,
                Order::Backward => heads[at].split_last()?,
            };
            if rest.is_empty() {
                heads.swap_remove(at);
            } else {
                heads[at] = rest;
            }
            Some(*slot)
        })
    }
}

fn cut<'r, 'a>(run: &'r [u32], range: KeyRange<'_>, key: &impl Fn(u32) -> &'a [u8]) -> &'r [u32] {
    let start = match range.from {
        Bound::Included(from) => run.partition_point(|&slot| key(slot) < from),
        Bound::Excluded(from) => run.partition_point(|&slot| key(slot) <= from),
        Bound::Unbounded => 0,
    };
    let end = match range.to {
        Bound::Included(to) => run.partition_point(|&slot| key(slot) <= to),
        Bound::Excluded(to) => run.partition_point(|&slot| key(slot) < to),
        Bound::Unbounded => run.len(),
    };
    run.get(start..end).unwrap_or_default()
}

fn merge<'a>(older: &[u32], newer: &[u32], key: &impl Fn(u32) -> &'a [u8]) -> Vec<u32> {
    let mut merged = Vec::with_capacity(older.len() + newer.len());
    let (mut older, mut newer) = (older, newer);
    while let (Some((&a, rest_a)), Some((&b, rest_b))) = (older.split_first(), newer.split_first())
    {
        if key(a).cmp(key(b)) == Ordering::Less {
            merged.push(a);
            older = rest_a;
        } else {
            merged.push(b);
            newer = rest_b;
        }
    }
    merged.extend_from_slice(older);
    merged.extend_from_slice(newer);
    merged
}
