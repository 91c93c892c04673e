//! Which entries a scan of a window store shows, and where it goes on past those it does not.

use super::{Layout, Starts, WindowSchema, leading_bytes, leading_number};
use crate::backend::Order;
use crate::staged::ScanRange;
use std::ops::Bound;

/// The highest sequence number.
const SEQ_MAX: [u8; 4] = [0x7f, 0xff, 0xff, 0xff];

/// The serialized keys a scan asks for.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    /// One.
    One(Vec<u8>),
    /// Those from the first to the second, both included; `None` leaves an end open.
    Range(Option<Vec<u8>>, Option<Vec<u8>>),
}

/// What is done with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is shown.
    Take,
    /// It is passed over.
    Skip,
    /// What lies before this key is passed over; the key itself is kept if the flag is set.
    Seek(Vec<u8>, bool),
    /// Nothing behind it is shown.
    Done,
}

/// A scan over keys and starts, in either layout: for each leading number (a segment or a start)
/// the rest of the local key lies between two bounds, and inside them each entry is checked.
#[derive(Clone, Debug)]
pub(crate) struct WindowFilter {
    schema: WindowSchema,
    keys: Keys,
    starts: Starts,
    leading: (i64, i64),
    /// The least rest of a local key.
    lower: Vec<u8>,
    /// The greatest rest of a local key; `None` for no bound.
    upper: Option<Vec<u8>>,
}

impl WindowFilter {
    pub(crate) fn new(schema: WindowSchema, keys: Keys, starts: Starts) -> Self {
        let leading = (schema.leading(starts.from), schema.leading(starts.to));
        let (lower, upper) = bounds(schema, &keys, starts);
        Self { schema, keys, starts, leading, lower, upper }
    }

    /// The range of local keys that holds all entries shown.
    pub(crate) fn range(&self) -> ScanRange {
        if self.starts.from > self.starts.to {
            return ScanRange::new(Bound::Excluded(Vec::new()), Bound::Excluded(Vec::new()));
        }
        let from = Bound::Included(self.first_of(self.leading.0));
        let (key, inclusive) = self.last_of(self.leading.1);
        ScanRange::new(from, if inclusive { Bound::Included(key) } else { Bound::Excluded(key) })
    }

    fn first_of(&self, leading: i64) -> Vec<u8> {
        [&leading_bytes(leading)[..], &self.lower].concat()
    }

    fn last_of(&self, leading: i64) -> (Vec<u8>, bool) {
        match &self.upper {
            Some(upper) => ([&leading_bytes(leading)[..], upper].concat(), true),
            None => match leading.checked_add(1) {
                Some(next) => (leading_bytes(next).to_vec(), false),
                // No leading number is greater: a ninth byte of ones is behind all its entries.
                None => ([0xff; 9].to_vec(), true),
            },
        }
    }

    /// What is done with the entry of `local`.
    pub(crate) fn judge(&self, local: &[u8], order: Order) -> Verdict {
        let (Some((leading, rest)), Some(parts)) =
            (local.split_first_chunk::<8>(), self.schema.decode(local))
        else {
            return Verdict::Skip;
        };
        let leading = leading_number(*leading);
        let below = rest < self.lower.as_slice();
        let above = self.upper.as_deref().is_some_and(|upper| rest > upper);
        match order {
            Order::Forward if below => Verdict::Seek(self.first_of(leading), true),
            Order::Forward if above => match leading < self.leading.1 {
                true => Verdict::Seek(self.first_of(leading + 1), true),
                false => Verdict::Done,
            },
            Order::Backward if above => self.seek_last(leading),
            Order::Backward if below => match leading > self.leading.0 {
                true => self.seek_last(leading - 1),
                false => Verdict::Done,
            },
            _ if self.shows(parts.key, parts.start) => Verdict::Take,
            _ => Verdict::Skip,
        }
    }

    fn seek_last(&self, leading: i64) -> Verdict {
        let (key, inclusive) = self.last_of(leading);
        Verdict::Seek(key, inclusive)
    }

    fn shows(&self, key: &[u8], start: i64) -> bool {
        let of_keys = match &self.keys {
            Keys::One(one) => key == one,
            Keys::Range(from, to) => {
                from.as_deref().is_none_or(|from| from <= key)
                    && to.as_deref().is_none_or(|to| key <= to)
            }
        };
        of_keys && (self.starts.from..=self.starts.to).contains(&start)
    }
}

fn bounds(schema: WindowSchema, keys: &Keys, starts: Starts) -> (Vec<u8>, Option<Vec<u8>>) {
    match (keys, schema.layout) {
        (Keys::One(key), Layout::BySegment { .. }) => (
            [&key[..], &starts.from.max(0).to_be_bytes(), &[0; 4]].concat(),
            Some([&key[..], &starts.to.to_be_bytes(), &SEQ_MAX].concat()),
        ),
        (Keys::One(key), Layout::ByStart) if schema.retain_duplicates => {
            (key.clone(), Some([&key[..], &SEQ_MAX].concat()))
        }
        (Keys::One(key), Layout::ByStart) => (key.clone(), Some(key.clone())),
        (Keys::Range(from, to), layout) => {
            let tail = match layout {
                Layout::BySegment { .. } => [&starts.to.to_be_bytes()[..], &SEQ_MAX].concat(),
                Layout::ByStart if schema.retain_duplicates => SEQ_MAX.to_vec(),
                Layout::ByStart => Vec::new(),
            };
            (from.clone().unwrap_or_default(), to.as_deref().map(|to| greatest(to, &tail)))
        }
    }
}

/// The greatest bytes that a key up to `to` and a tail up to `tail` can make: the key may be
/// shorter than `to`, so that the tail begins earlier.
fn greatest(to: &[u8], tail: &[u8]) -> Vec<u8> {
    let made = (0..=to.len()).map(|length| [&to[..length], tail].concat());
    made.max().unwrap_or_default()
}
