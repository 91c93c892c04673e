//! `KGroupedStream`: records on their way into an aggregation.

use std::{cell::Cell, fmt, rc::Rc, sync::Arc};

use streams_core::stores::{Data, SharedSerde};

use crate::{
    options::{Named, StoreOptions},
    plan::{NodeId, Repartition, Repartitioning},
    stage::Stage,
    windowed::TimeWindowedKStream,
    windows::{TimeSpec, TimeWindows},
};

/// A stream whose records are grouped by key, to be counted, reduced or aggregated, over all time
/// or [by windows](Self::windowed_by).
///
/// Each aggregation of a stream whose key changed repartitions for itself, unless
/// [`Grouped`](crate::Grouped) names the repartition topic: then they share it.
pub struct KGroupedStream<K, V> {
    pub(crate) at: Stage,
    pub(crate) key: SharedSerde<K>,
    pub(crate) value: SharedSerde<V>,
    pub(crate) name: Option<Arc<str>>,
    /// The repartitioning that aggregations share where it has a name.
    pub(crate) repartitioned: Rc<Cell<Option<NodeId>>>,
}

impl<K, V> Clone for KGroupedStream<K, V> {
    fn clone(&self) -> Self {
        Self {
            at: self.at.clone(),
            key: Arc::clone(&self.key),
            value: Arc::clone(&self.value),
            name: self.name.clone(),
            repartitioned: Rc::clone(&self.repartitioned),
        }
    }
}

impl<K, V> fmt::Debug for KGroupedStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KGroupedStream({})", self.at.name)
    }
}

/// The names of an aggregation.
pub(crate) struct FoldNames {
    pub(crate) store: Arc<str>,
    pub(crate) node: Arc<str>,
}

impl<K: Data, V: Data> KGroupedStream<K, V> {
    pub(crate) fn new(at: Stage, key: SharedSerde<K>, value: SharedSerde<V>, named: Named) -> Self {
        Self { at, key, value, name: named.name, repartitioned: Rc::default() }
    }

    /// Groups by windows too: an aggregation has a result for each key and window.
    ///
    /// # Late and null records
    /// A window takes records until stream time, the greatest timestamp that the aggregation has
    /// seen, reaches its end and grace; later ones are dropped from it and counted.
    pub fn windowed_by(&self, windows: impl TimeWindows) -> TimeWindowedKStream<K, V> {
        TimeWindowedKStream { grouped: self.clone(), windows: TimeSpec::from_windows(windows) }
    }

    /// Draws the names of store and node, in this order.
    pub(crate) fn draw_names(
        &self,
        prefix: &str,
        store: &StoreOptions,
        processor: Named,
    ) -> FoldNames {
        let plan = &self.at.plan;
        let store = store.name.clone().unwrap_or_else(|| plan.store_name(prefix));
        FoldNames { store, node: plan.node_name(processor, prefix) }
    }

    /// The stage that an aggregation reads from: behind a repartitioning where the key changed.
    pub(crate) fn gather(&self, store: &str) -> Stage {
        if !self.at.is_rekeyed {
            return self.at.clone();
        }
        let plan = &self.at.plan;
        let way = Repartitioning::named(plan, self.name.as_deref().unwrap_or(store));
        let node = match self.repartitioned.get() {
            Some(shared) if self.name.is_some() => {
                plan.add_again(self.at.node, shared);
                shared
            }
            _ => way.add(plan, self.at.node, Repartition::by_key(&self.key, &self.value)),
        };
        self.repartitioned.set(Some(node));
        self.at.behind(&way, node)
    }
}
