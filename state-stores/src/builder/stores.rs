//! Where the description of a store begins.

use super::{StoreBuilder, StoreKind};
use crate::key_value::{KeyValueStore, TimestampedKeyValueStore};
use crate::serde::{Data, SharedSerde, StreamData, serde_of};

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
}
