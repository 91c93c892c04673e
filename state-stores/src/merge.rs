//! Reading two layers as one: a page of the layer below with the writes above it.

use crate::backend::Order;
use bytes::Bytes;
use std::cmp::Ordering;

/// An entry, by the layer it came from.
pub(crate) enum Either<'a, B, A> {
    /// The layer below.
    Below(Bytes, B),
    /// The writes above.
    Above(&'a [u8], A),
}

/// What became of an entry.
pub(crate) enum Step {
    /// It counts as one of the page.
    Take,
    /// It is passed over.
    Skip,
    /// The page ends with it.
    Stop,
}

/// Passes to `emit` what both layers hold, in order, what is above hiding what is below, until
/// `limit` entries were taken. `all_seen` says that the layer below has nothing behind its last
/// entry here; else the page ends with that entry.
///
/// Returns the last key looked at, and whether there is nothing behind it.
pub(crate) fn merge_page<'a, B, A>(
    below: impl Iterator<Item = (Bytes, B)>,
    all_seen: bool,
    above: impl Iterator<Item = (&'a [u8], Option<A>)>,
    (order, limit): (Order, usize),
    mut emit: impl FnMut(Either<'a, B, A>) -> Step,
) -> (Option<Bytes>, bool) {
    let (mut below, mut above) = (below.peekable(), above.peekable());
    let mut last = Last::Nothing;
    let mut taken = 0;
    while taken < limit {
        let first = match (below.peek(), above.peek()) {
            (None, _) if !all_seen => return (last.key(), false),
            (None, None) => return (last.key(), true),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((low, _)), Some((high, _))) => match order {
                Order::Forward => (**low).cmp(*high),
                Order::Backward => (**high).cmp(low),
            },
        };
        let lower = if first.is_le() { below.next() } else { None };
        let step = match (first, lower) {
            (Ordering::Less, Some((key, value))) => {
                last = Last::Below(key.clone());
                emit(Either::Below(key, value))
            }
            _ => match above.next() {
                Some((key, written)) => {
                    last = Last::Above(key);
                    written.map_or(Step::Skip, |value| emit(Either::Above(key, value)))
                }
                None => Step::Skip,
            },
        };
        match step {
            Step::Take => taken += 1,
            Step::Skip => {}
            Step::Stop => break,
        }
    }
    (last.key(), false)
}

/// Copied only at the end of a page.
enum Last<'a> {
    Nothing,
    Below(Bytes),
    Above(&'a [u8]),
}

impl Last<'_> {
    fn key(self) -> Option<Bytes> {
        match self {
            Self::Nothing => None,
            Self::Below(key) => Some(key),
            Self::Above(key) => Some(Bytes::copy_from_slice(key)),
        }
    }
}
