//! One ledger of the memory that the applications of a process use.
//!
//! A part of an application publishes what it holds in a [`MemoryAccount`], once per batch or pass,
//! and asks whether that is too much. What it does then is its own business: commit early, pause
//! partitions, wait for acknowledgements, write a run.

mod part;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

pub use part::{MemoryPart, MemoryUsage, PartUsage};

#[cfg(feature = "rocksdb")]
use crate::backend::RocksMemory;
#[cfg(feature = "rocksdb")]
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a holder may have in any case, so that many holders of little memory still get on.
const LEAST_BYTES: usize = 256 << 10;

/// The memory that buffers, caches and databases of one or more applications may use together
/// (`memory.bytes`). Clones are the same ledger.
///
/// Each [`MemoryPart`] has a share. A holder may use what the others of its part leave, and has to
/// give way only while the part is over its share *and* the holder has more than its fair part: so
/// nobody starves, and whoever is stopped has something to work off.
///
/// Counted is what grows with the flow of records. Stores that are kept in memory are not: they are
/// the application's state, of whatever size.
///
/// # Example: two holders share a part
/// ```
/// use state_stores::{MemoryLedger, MemoryPart};
///
/// let ledger = MemoryLedger::new(512 << 20);
/// let share = ledger.share(MemoryPart::Staged);
/// let (mut busy, mut calm) = (ledger.account(MemoryPart::Staged), ledger.account(MemoryPart::Staged));
/// busy.set(share);
/// assert!(!busy.is_over(), "it uses what the other leaves");
/// calm.set(1 << 20);
/// assert!(busy.is_over() && !calm.is_over());
/// ```
#[derive(Clone)]
pub struct MemoryLedger(Arc<Inner>);

struct Inner {
    capacity: usize,
    /// What record caches may hold; the shares are of the rest.
    caches: AtomicUsize,
    /// By [`MemoryPart::place`].
    totals: [Total; MemoryPart::ALL.len()],
    /// Made when the first database is opened.
    #[cfg(feature = "rocksdb")]
    rocks: Mutex<Option<RocksMemory>>,
}

// Counts are read while others change them: a mixture of old and new makes a holder give way a pass
// early or late.
#[derive(Default)]
struct Total {
    used: AtomicUsize,
    holders: AtomicUsize,
}

impl MemoryLedger {
    /// A ledger of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Inner {
            capacity: bytes,
            caches: AtomicUsize::new(0),
            totals: <[Total; MemoryPart::ALL.len()]>::default(),
            #[cfg(feature = "rocksdb")]
            rocks: Mutex::new(None),
        }))
    }

    /// The bytes that all may use together.
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// The bytes in use, as far as published.
    pub fn used(&self) -> usize {
        self.usage().used()
    }

    /// What each part uses and may use.
    pub fn usage(&self) -> MemoryUsage {
        let part = |part| PartUsage { part, used: self.part_used(part), share: self.share(part) };
        MemoryUsage { capacity: self.0.capacity, parts: MemoryPart::ALL.map(part).to_vec() }
    }

    /// The bytes that all holders of a part may have together. Record caches may hold what was
    /// [reserved](Self::reserve_cache) for them; the other shares are of what remains.
    pub fn share(&self, part: MemoryPart) -> usize {
        let caches = self.0.caches.load(Ordering::Relaxed);
        match part {
            MemoryPart::Cache => caches,
            part => part.of(self.0.capacity.saturating_sub(caches)),
        }
    }

    /// A new holder of a part, which has nothing yet.
    pub fn account(&self, part: MemoryPart) -> MemoryAccount {
        self.0.totals[part.place()].holders.fetch_add(1, Ordering::Relaxed);
        MemoryAccount { ledger: self.clone(), part, bytes: 0 }
    }

    /// Sets memory aside for the record caches of an application, until the reservation is dropped.
    /// `None` if all caches together would have more than [half](Self::cache_room) of the memory.
    pub fn reserve_cache(&self, bytes: usize) -> Option<CacheReservation> {
        let most = self.0.capacity / 2;
        let add = |caches: usize| caches.checked_add(bytes).filter(|caches| *caches <= most);
        self.0.caches.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        #[cfg(feature = "rocksdb")]
        self.resize_stores();
        Some(CacheReservation { ledger: self.clone(), bytes })
    }

    /// The most that can be reserved for one more cache.
    pub fn cache_room(&self) -> usize {
        (self.0.capacity / 2).saturating_sub(self.0.caches.load(Ordering::Relaxed))
    }

    /// The memory of the databases, within the share of [`MemoryPart::Stores`].
    #[cfg(feature = "rocksdb")]
    pub fn rocks(&self) -> RocksMemory {
        let mut rocks = self.lock_rocks();
        rocks.get_or_insert_with(|| RocksMemory::new(self.share(MemoryPart::Stores))).clone()
    }

    #[cfg(feature = "rocksdb")]
    fn lock_rocks(&self) -> MutexGuard<'_, Option<RocksMemory>> {
        self.0.rocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The share of the databases has changed.
    #[cfg(feature = "rocksdb")]
    fn resize_stores(&self) {
        if let Some(rocks) = &mut *self.lock_rocks() {
            rocks.set_capacity(self.share(MemoryPart::Stores));
        }
    }

    fn part_used(&self, part: MemoryPart) -> usize {
        let used = self.0.totals[part.place()].used.load(Ordering::Relaxed);
        #[cfg(feature = "rocksdb")]
        if part == MemoryPart::Stores {
            return used + self.lock_rocks().as_ref().map_or(0, RocksMemory::used);
        }
        used
    }
}

impl fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryLedger({} of {} bytes used)", self.used(), self.capacity())
    }
}

/// What one holder has of a part: a stream thread, a restore. Gives all back when dropped.
pub struct MemoryAccount {
    ledger: MemoryLedger,
    part: MemoryPart,
    bytes: usize,
}

impl MemoryAccount {
    /// Publishes what the holder has now.
    pub fn set(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.bytes, bytes);
        // Wraps to a subtraction where it shrinks.
        self.total().used.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
    }

    /// What the holder had when it said so last.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the holder may have, whatever the others do: an equal part of the share.
    pub fn fair_part(&self) -> usize {
        let holders = self.total().holders.load(Ordering::Relaxed);
        (self.ledger.share(self.part) / holders.max(1)).max(LEAST_BYTES)
    }

    /// Whether the holder has to give way: it has more than its [fair part](Self::fair_part), and
    /// all holders together more than the share.
    pub fn is_over(&self) -> bool {
        self.bytes > self.fair_part()
            && self.total().used.load(Ordering::Relaxed) > self.ledger.share(self.part)
    }

    fn total(&self) -> &Total {
        &self.ledger.0.totals[self.part.place()]
    }
}

impl Drop for MemoryAccount {
    fn drop(&mut self) {
        self.set(0);
        self.total().holders.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for MemoryAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryAccount({} bytes of {})", self.bytes, self.part)
    }
}

/// Memory set aside for the record caches of an application. Gives it back when dropped.
#[derive(Debug)]
pub struct CacheReservation {
    ledger: MemoryLedger,
    bytes: usize,
}

impl Drop for CacheReservation {
    fn drop(&mut self) {
        self.ledger.0.caches.fetch_sub(self.bytes, Ordering::Relaxed);
        #[cfg(feature = "rocksdb")]
        self.ledger.resize_stores();
    }
}
