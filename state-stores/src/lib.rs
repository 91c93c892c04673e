//! State stores for stream processing: bytes in, bytes out, and the typed stores over them.
//!
//! A task's stores share one [`Backend`], in memory or on disk. Above it lie, written once for
//! all backends and kinds of store,
//!
//! * [`Staged`]: the writes since the last commit, read through by every get and scan,
//! * the changelog, which sees each write once ([`ChangelogSink`]),
//! * the record cache of native values ([`CacheBudget`]),
//! * serdes ([`Serde`]), and the typed stores: [`KeyValueStore`], [`TimestampedKeyValueStore`],
//!   [`WindowStore`], [`TimestampedWindowStore`], described by [`Stores`].
//!
//! Semantics, orders and all bytes that leave the process are those of Kafka Streams 4.3; the
//! local format is this library's own. The crate knows no topics' partitions, tasks or threads.
//!
//! ```
//! use state_stores::{StoreEnv, StoreError, Stores};
//!
//! # fn main() -> Result<(), StoreError> {
//! let counts = Stores::key_value::<String, i64>("counts").in_memory();
//! let mut store = counts.build(StoreEnv::detached(1))?;
//! store.put(&"b".to_owned(), Some(2))?;
//! store.put(&"a".to_owned(), Some(1))?;
//! let all = store.all()?;
//! assert_eq!(store.collect(all)?, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
//! # Ok(())
//! # }
//! ```

mod error;
mod time;
mod headers;
mod serde;

// From the disk up.
mod backend;
mod memory;
mod hash;
mod key_order;
mod merge;
mod staged;
mod changelog;
mod cache;

// The stores.
mod store;
mod core;
mod scan;
mod key_value;
mod window_schema;
mod window;
mod builder;

#[cfg(feature = "testing")]
pub mod contract;

#[cfg(feature = "rocksdb")]
pub use backend::{ROCKS_FORMAT_VERSION, RocksBackend, RocksMemory};
#[cfg(feature = "bincode")]
pub use serde::{BINCODE_LIMIT, Bincode, BincodeSerde};
pub use {
    backend::{
        Backend, KeyRange, MemoryBackend, Offset, Order, SortedRun, StoreId, Write, WriteBatch,
    },
    builder::{StoreBuilder, StoreEnv, StoreKind, StoreSpec, StoreType, Stores},
    cache::CacheBudget,
    changelog::{ChangelogRestore, ChangelogSink},
    error::{SerdeError, StoreError},
    headers::{Header, HeaderIter, Headers},
    key_order::KeyOrder,
    key_value::{KeyValueStore, TimestampedKeyValueStore},
    memory::{CacheReservation, MemoryAccount, MemoryLedger, MemoryPart, MemoryUsage, PartUsage},
    scan::{Scan, ScanSource},
    serde::{
        BoolSerde, BytesSerde, Data, F32Serde, F64Serde, I16Serde, I32Serde, I64Serde, Ignored,
        IgnoredSerde, Nullable, OptionSerde, Payload, Presence, Serde, SerdeContext,
        SessionWindowedSerde, SharedSerde, StreamData, StringSerde, U32Serde, U64Serde, UuidSerde,
        VecSerde, WindowedSerde, serde_of,
    },
    staged::{Found, ScanRange, Staged},
    store::{Change, Flushed, StateStore, Update, UpdateError, ValueAndTimestamp},
    time::{Timestamp, TimestampOutOfRange, Window, Windowed},
    window::{TimestampedWindowStore, WindowStore},
};
