//! How much the record caches of a thread may hold.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes that the caches sharing it may hold, by Java's count of them (design: features of
/// `statestore.cache.max.bytes`), and those they do.
#[derive(Debug)]
pub struct CacheBudget {
    capacity: AtomicUsize,
    used: AtomicUsize,
}

// One thread changes a count at a time; relaxed atomics make it readable from others.
impl CacheBudget {
    /// A budget of `capacity` bytes; 0 is no cache at all.
    pub const fn new(capacity: usize) -> Self {
        Self { capacity: AtomicUsize::new(capacity), used: AtomicUsize::new(0) }
    }

    /// The bytes the caches may hold.
    pub fn capacity(&self) -> usize {
        self.capacity.load(Ordering::Relaxed)
    }

    /// Changes what the caches may hold: the number of threads has changed.
    pub fn set_capacity(&self, capacity: usize) {
        self.capacity.store(capacity, Ordering::Relaxed);
    }

    /// The bytes the caches hold.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn is_exceeded(&self) -> bool {
        self.used() > self.capacity()
    }

    pub(crate) fn replace(&self, before: usize, now: usize) {
        // Wraps to a subtraction where it shrinks.
        self.used.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }
}
