//! The memory that an application is given.

use std::fmt;

use state_stores::{CacheReservation, MemoryLedger};

use super::config_error;
use crate::error::StreamsError;

/// With less than this, batches of usual sizes would hardly fit.
const LEAST_BYTES: usize = 16 << 20;

/// `memory.bytes`, or a ledger that says it.
#[derive(Clone)]
pub(crate) enum Memory {
    Own(usize),
    Shared(MemoryLedger),
}

impl Memory {
    fn capacity(&self) -> usize {
        match self {
            Self::Own(bytes) => *bytes,
            Self::Shared(ledger) => ledger.capacity(),
        }
    }

    /// The ledger of an instance.
    pub(crate) fn ledger(&self) -> MemoryLedger {
        match self {
            Self::Own(bytes) => MemoryLedger::new(*bytes),
            Self::Shared(ledger) => ledger.clone(),
        }
    }

    pub(super) fn check(&self) -> Result<(), StreamsError> {
        let capacity = self.capacity();
        if capacity < LEAST_BYTES {
            return Err(config_error(format!(
                "memory.bytes is {capacity}: it has to be at least {LEAST_BYTES}"
            )));
        }
        Ok(())
    }
}

/// Sets the memory of the record caches of an instance aside.
///
/// # Errors
/// If little would be left for everything else.
pub(crate) fn reserve_cache(
    ledger: &MemoryLedger,
    cache_bytes: usize,
) -> Result<CacheReservation, StreamsError> {
    ledger.reserve_cache(cache_bytes).ok_or_else(|| {
        let (room, capacity) = (ledger.cache_room(), ledger.capacity());
        let others = (capacity / 2).saturating_sub(room);
        let wanted = cache_bytes.saturating_add(others).saturating_mul(2);
        let whose = match others {
            0 => String::new(),
            others => format!(", of which other applications have reserved {others} for theirs"),
        };
        config_error(format!(
            "statestore.cache.max.bytes is {cache_bytes} and memory.bytes is {capacity}: record \
             caches may have half of the memory{whose}; lower statestore.cache.max.bytes to at \
             most {room}, or raise memory.bytes to at least {wanted}"
        ))
    })
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(bytes) => write!(f, "{bytes}"),
            Self::Shared(ledger) => ledger.fmt(f),
        }
    }
}
