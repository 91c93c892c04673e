//! Cursors over the entries of a store.

use crate::backend::Order;
use crate::error::StoreError;
use crate::staged::ScanRange;
use crate::window_schema::WindowFilter;
use std::collections::VecDeque;
use std::fmt;

/// Entries read at once; a scan begins with fewer, for those that stop early.
const PAGE: usize = 256;
const FIRST_PAGE: usize = 16;

/// A cursor over part of a store, which borrows nothing: between two steps the store may be
/// read and written and records may be forwarded.
///
/// ```
/// # use state_stores::{Stores, StoreEnv, StoreError};
/// # fn main() -> Result<(), StoreError> {
/// let mut store = Stores::key_value::<String, i64>("counts").in_memory().build(StoreEnv::detached(1))?;
/// store.put(&"a".to_owned(), Some(1))?;
/// let mut scan = store.all()?;
/// while let Some((key, count)) = scan.next(&mut store)? {
///     store.put(&key, Some(count + 1))?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// Entries come in pages: a write is seen by a running scan if it lies behind the page at hand.
pub struct Scan<K, V> {
    pub(crate) range: ScanRange,
    pub(crate) order: Order,
    pub(crate) filter: Option<WindowFilter>,
    pub(crate) rows: VecDeque<(K, V)>,
    pub(crate) page: usize,
    pub(crate) exhausted: bool,
}

/// A store that [`Scan`] reads on from.
pub trait ScanSource<K, V>: sealed::Sealed {
    /// Reads the next entries of the scan.
    ///
    /// # Errors
    /// When the store cannot be read, or holds bytes that are no key or value.
    fn fill(&mut self, scan: &mut Scan<K, V>) -> Result<(), StoreError>;
}

pub(crate) mod sealed {
    /// Scans know the insides of their stores.
    pub trait Sealed {}
}

impl<K, V> Scan<K, V> {
    pub(crate) fn new(range: ScanRange, order: Order, filter: Option<WindowFilter>) -> Self {
        let exhausted = range.as_key_range().is_empty();
        Self { range, order, filter, rows: VecDeque::new(), page: FIRST_PAGE, exhausted }
    }

    /// The next entry, read from the store the scan was opened on.
    ///
    /// # Errors
    /// When the store cannot be read, or holds bytes that are no key or value.
    pub fn next<S: ScanSource<K, V>>(
        &mut self,
        store: &mut S,
    ) -> Result<Option<(K, V)>, StoreError> {
        while self.rows.is_empty() && !self.exhausted {
            store.fill(self)?;
            self.page = (self.page * 4).min(PAGE);
        }
        Ok(self.rows.pop_front())
    }

    /// The entries that are left.
    ///
    /// # Errors
    /// When the store cannot be read, or holds bytes that are no key or value.
    pub fn collect<S: ScanSource<K, V>>(
        mut self,
        store: &mut S,
    ) -> Result<Vec<(K, V)>, StoreError> {
        let mut all = Vec::new();
        while let Some(entry) = self.next(store)? {
            all.push(entry);
        }
        Ok(all)
    }
}

impl<K, V> fmt::Debug for Scan<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scan({:?}, {} entries at hand)", self.order, self.rows.len())
    }
}
