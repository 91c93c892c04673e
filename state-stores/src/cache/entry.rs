//! One entry of the record cache.

use crate::headers::Headers;
use crate::time::Timestamp;

/// A key of up to 22 bytes lies in the entry itself: a look-up then touches two lines of memory.
pub(super) enum SmallKey {
    Inline(u8, [u8; 22]),
    Heap(Box<[u8]>),
}

impl SmallKey {
    pub(super) fn new(key: &[u8]) -> Self {
        let mut bytes = [0; 22];
        match bytes.get_mut(..key.len()) {
            Some(inline) => {
                inline.copy_from_slice(key);
                Self::Inline(key.len() as u8, bytes)
            }
            None => Self::Heap(key.into()),
        }
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Inline(length, bytes) => &bytes[..usize::from(*length)],
            Self::Heap(bytes) => bytes,
        }
    }
}

/// What the store below holds for a dirty entry: the value flushed last.
#[derive(Debug)]
pub(crate) enum Old<V> {
    /// Not known: it was overwritten without being read.
    Unknown,
    /// Nothing.
    Null,
    /// A value that nobody needs to see.
    Some,
    /// This value.
    Value(V),
}

/// A value in the cache, with the context of the record that wrote it last.
pub(crate) struct Entry<V> {
    pub(super) key: SmallKey,
    /// The count of the latest use; 0 for a free slot.
    pub(super) used: u64,
    /// The count of the latest write; 0 for a clean entry.
    pub(super) written: u64,
    pub(crate) value: Option<V>,
    /// The timestamp of the value; of the record that deleted it.
    pub(crate) timestamp: Timestamp,
    pub(super) size: u32,
    pub(crate) old: Old<V>,
    pub(crate) headers: Option<Box<Headers>>,
    pub(crate) context: u64,
}

/// What leaves the cache at a flush; the value stays in it.
#[derive(Debug)]
pub(crate) struct Flushable<V> {
    pub(crate) old: Old<V>,
    pub(crate) headers: Headers,
    pub(crate) timestamp: Timestamp,
    pub(crate) context: u64,
}

impl<V> Entry<V> {
    pub(super) fn clean(key: SmallKey, used: u64) -> Self {
        Self {
            key,
            used,
            written: 0,
            value: None,
            timestamp: Timestamp::NONE,
            size: 0,
            old: Old::Unknown,
            headers: None,
            context: 0,
        }
    }

    pub(crate) fn key(&self) -> &[u8] {
        self.key.as_slice()
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.written != 0
    }

    /// Keeps the context of the record that writes the entry.
    pub(crate) fn stamp(&mut self, headers: &Headers, context: u64) {
        self.context = context;
        if self.headers.is_some() || !headers.is_empty() {
            self.headers = (!headers.is_empty()).then(|| Box::new(headers.clone()));
        }
    }

    pub(super) fn take_flushable(&mut self) -> Flushable<V> {
        self.written = 0;
        Flushable {
            old: std::mem::replace(&mut self.old, Old::Unknown),
            headers: self.headers.take().map(|headers| *headers).unwrap_or_default(),
            timestamp: self.timestamp,
            context: self.context,
        }
    }

    pub(super) fn vacate(&mut self) {
        *self = Self::clean(SmallKey::new(&[]), 0);
    }
}

impl<V> std::fmt::Debug for Entry<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({} bytes, dirty: {})", self.size, self.is_dirty())
    }
}
