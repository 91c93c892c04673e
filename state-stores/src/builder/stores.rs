//! Where the description of a store begins.

use super::{StoreBuilder, StoreKind};
use crate::key_value::{KeyValueStore, TimestampedKeyValueStore};
use crate::serde::{Data, SharedSerde, StreamData, serde_of};
use crate::window::{TimestampedWindowStore, WindowStore};
use std::time::Duration;

/// Describes stores, each by its kind and name; options follow on the [`StoreBuilder`].
///
/// Stores lie on disk, log their changes and have no cache unless told otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Stores;

impl Stores {
    /// A store of one value a key.
    pub fn key_value<K: StreamData, V: StreamData>(
        name: &str,
    ) -> StoreBuilder<KeyValueStore<K, V>> {
        Self::key_value_with(name, serde_of::<K>(), serde_of::<V>())
    }

    /// A store of one value a key, of types without a serde of their own.
    pub fn key_value_with<K: Data, V: Data>(
        name: &str,
        keys: SharedSerde<K>,
        values: SharedSerde<V>,
    ) -> StoreBuilder<KeyValueStore<K, V>> {
        StoreBuilder::new(name, StoreKind::KeyValue, false, (keys, values))
    }

    /// A store of one value with its timestamp a key.
    pub fn timestamped_key_value<K: StreamData, V: StreamData>(
        name: &str,
    ) -> StoreBuilder<TimestampedKeyValueStore<K, V>> {
        Self::timestamped_key_value_with(name, serde_of::<K>(), serde_of::<V>())
    }

    /// A store of one value with its timestamp a key, of types without a serde of their own.
    pub fn timestamped_key_value_with<K: Data, V: Data>(
        name: &str,
        keys: SharedSerde<K>,
        values: SharedSerde<V>,
    ) -> StoreBuilder<TimestampedKeyValueStore<K, V>> {
        StoreBuilder::new(name, StoreKind::KeyValue, true, (keys, values))
    }

    /// A store of one value a key and window of `window_size`, kept for `retention`.
    pub fn window<K: StreamData, V: StreamData>(
        name: &str,
        retention: Duration,
        window_size: Duration,
    ) -> StoreBuilder<WindowStore<K, V>> {
        Self::window_with(name, retention, window_size, (serde_of::<K>(), serde_of::<V>()))
    }

    /// A store of one value a key and window, of types without a serde of their own.
    pub fn window_with<K: Data, V: Data>(
        name: &str,
        retention: Duration,
        window_size: Duration,
        serdes: (SharedSerde<K>, SharedSerde<V>),
    ) -> StoreBuilder<WindowStore<K, V>> {
        StoreBuilder::new(name, window_kind(retention, window_size), false, serdes)
    }

    /// A store of one value with its timestamp a key and window of `window_size`, kept for
    /// `retention`.
    pub fn timestamped_window<K: StreamData, V: StreamData>(
        name: &str,
        retention: Duration,
        window_size: Duration,
    ) -> StoreBuilder<TimestampedWindowStore<K, V>> {
        let serdes = (serde_of::<K>(), serde_of::<V>());
        Self::timestamped_window_with(name, retention, window_size, serdes)
    }

    /// A store of one value with its timestamp a key and window, of types without a serde of
    /// their own.
    pub fn timestamped_window_with<K: Data, V: Data>(
        name: &str,
        retention: Duration,
        window_size: Duration,
        serdes: (SharedSerde<K>, SharedSerde<V>),
    ) -> StoreBuilder<TimestampedWindowStore<K, V>> {
        StoreBuilder::new(name, window_kind(retention, window_size), true, serdes)
    }
}

fn window_kind(retention: Duration, window_size: Duration) -> StoreKind {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    StoreKind::Window {
        retention_ms: millis(retention),
        window_size_ms: millis(window_size),
        retain_duplicates: false,
    }
}
