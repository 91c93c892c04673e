//! Reading two layers as one: a page of the layer below with the writes above it.

use crate::backend::Order;
use bytes::Bytes;
use std::cmp::Ordering;

/// The layer a value came from.
pub(crate) enum Either<B, A> {
    /// The layer below.
    Below(B),
    /// The writes above.
    Above(A),
}

/// Passes to `emit` what both layers hold, in order, what is above hiding what is below, until
/// `limit` entries were taken (`emit` returns whether it took one). `all_seen` says that the
/// layer below has nothing behind its last entry here; else the page ends with that entry.
///
/// Returns the last key looked at, and whether there is nothing behind it.
pub(crate) fn merge_page<'a, B, A>(
    below: impl Iterator<Item = (Bytes, B)>,
    all_seen: bool,
    above: impl Iterator<Item = (&'a [u8], Option<A>)>,
    (order, limit): (Order, usize),
    mut emit: impl FnMut(Bytes, Either<B, A>) -> bool,
) -> (Option<Bytes>, bool) {
    let (mut below, mut above) = (below.peekable(), above.peekable());
    let (mut last, mut taken) = (None, 0);
    while taken < limit {
        let first = match (below.peek(), above.peek()) {
            (None, _) if !all_seen => return (last, false),
            (None, None) => return (last, true),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((low, _)), Some((high, _))) => match order {
                Order::Forward => (**low).cmp(*high),
                Order::Backward => (**high).cmp(low),
            },
        };
        let hidden = if first.is_le() { below.next() } else { None };
        match hidden {
            Some((key, value)) if first.is_lt() => {
                last = Some(key.clone());
                taken += usize::from(emit(key, Either::Below(value)));
            }
            _ => {
                let Some((key, written)) = above.next() else { continue };
                let key = Bytes::copy_from_slice(key);
                last = Some(key.clone());
                if let Some(value) = written {
                    taken += usize::from(emit(key, Either::Above(value)));
                }
            }
        }
    }
    (last, false)
}
