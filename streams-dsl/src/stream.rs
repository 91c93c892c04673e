//! `KStream`: records that each stand for themselves.

use std::{cell::Cell, fmt, rc::Rc};

use streams_core::stores::{Data, SharedSerde};

use crate::{plan::NodeId, stage::Stage};

/// A stream of records: each is a fact of its own, whatever came before under its key.
///
/// A handle on a place in the topology: each operator adds a node and returns the handle behind
/// it. Handles are used as often as needed; each use adds a child, and a record goes to the
/// children in that order. Operators cannot fail: what contradicts itself is reported by
/// [`StreamsBuilder::build`](crate::StreamsBuilder::build).
///
/// Closures take by value what they transform and by reference what they look at, as those of
/// [`Iterator`]. They are shared by all tasks, so they are `Fn + Send + Sync`; state belongs in a
/// store. Each operator that runs a closure has a `try_` twin for code that can fail, and a
/// `_with` form that takes options.
pub struct KStream<K, V> {
    pub(crate) at: Stage,
    /// The serdes as far as they are known; an operator that changes a type forgets its serde.
    pub(crate) key: Option<SharedSerde<K>>,
    pub(crate) value: Option<SharedSerde<V>>,
    /// The repartitioning that joins of this very stream share.
    pub(crate) repartitioned: Rc<Cell<Option<NodeId>>>,
}

impl<K, V> Clone for KStream<K, V> {
    fn clone(&self) -> Self {
        Self {
            at: self.at.clone(),
            key: self.key.clone(),
            value: self.value.clone(),
            repartitioned: Rc::clone(&self.repartitioned),
        }
    }
}

impl<K, V> fmt::Debug for KStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KStream({})", self.at.name)
    }
}

impl<K: Data, V: Data> KStream<K, V> {
    pub(crate) fn new(
        at: Stage,
        key: Option<SharedSerde<K>>,
        value: Option<SharedSerde<V>>,
    ) -> Self {
        Self { at, key, value, repartitioned: Rc::default() }
    }

    /// Name of the node that forwards these records.
    pub fn name(&self) -> &str {
        &self.at.name
    }

    /// The same records at another place.
    pub(crate) fn at(&self, at: Stage) -> Self {
        Self::new(at, self.key.clone(), self.value.clone())
    }

    /// Other values under the same keys.
    pub(crate) fn with_values<V2: Data>(&self, at: Stage) -> KStream<K, V2> {
        KStream::new(at, self.key.clone(), None)
    }

    /// The same values under other keys.
    pub(crate) fn with_keys<K2: Data>(&self, at: Stage) -> KStream<K2, V> {
        KStream::new(at.rekeyed(), None, self.value.clone())
    }

    /// The serde of the keys, if it is known.
    pub(crate) fn key_serde(&self) -> Option<&SharedSerde<K>> {
        self.key.as_ref()
    }

    /// The serde of the values, if it is known.
    pub(crate) fn value_serde(&self) -> Option<&SharedSerde<V>> {
        self.value.as_ref()
    }
}
