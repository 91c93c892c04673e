//! Where in the plan a stream or a table stands.

use std::sync::Arc;

use streams_core::{
    Context, Outcome,
    stores::{Data, SharedSerde},
};

use crate::{
    options::Named,
    plan::{Kind, NodeId, Plan, Repartition, Repartitioning},
};

/// The node that a handle stands for, and what the next one has to know of it.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) plan: Plan,
    pub(crate) node: NodeId,
    pub(crate) name: Arc<str>,
    /// The source nodes that bring the records here, back to the last repartitioning.
    pub(crate) sources: Vec<Arc<str>>,
    /// Whether the key changed since, so that equal keys may be in different partitions.
    pub(crate) is_rekeyed: bool,
}

impl Stage {
    /// A node below this one, which stays in the partition.
    pub(crate) fn below(&self, name: Arc<str>, node: NodeId) -> Self {
        let Self { plan, sources, is_rekeyed, .. } = self.clone();
        Self { plan, node, name, sources, is_rekeyed }
    }

    /// The same place, with a key that changed.
    pub(crate) fn rekeyed(self) -> Self {
        Self { is_rekeyed: true, ..self }
    }

    /// A stateless node below this one.
    pub(crate) fn step<KIn, VIn, KOut, VOut, F>(
        &self,
        named: impl Into<Named>,
        prefix: &str,
        run: F,
    ) -> Self
    where
        KIn: Data,
        VIn: Data,
        KOut: Data,
        VOut: Data,
        F: Fn(KIn, VIn, &mut Context<'_, KOut, VOut>) -> Outcome + Send + Sync + 'static,
    {
        let name = self.plan.node_name(named.into(), prefix);
        let node_name = Arc::clone(&name);
        let node = self.plan.add(&[self.node], &name, Kind::Inner, move |place| {
            place.topology.add_step(&node_name, run, &place.parents);
        });
        self.below(name, node)
    }

    /// Behind a repartition topic named after `prefix`.
    pub(crate) fn repartition<K: Data, V: Data>(
        &self,
        prefix: &str,
        options: Repartition<K, V>,
    ) -> Self {
        let way = Repartitioning::named(&self.plan, prefix);
        let node = way.add(&self.plan, self.node, options);
        self.behind(&way, node)
    }

    /// Behind a repartition topic whose nodes stand at `node`.
    pub(crate) fn behind(&self, way: &Repartitioning, node: NodeId) -> Self {
        Self {
            plan: self.plan.clone(),
            node,
            name: Arc::clone(way.source()),
            sources: vec![Arc::clone(way.source())],
            is_rekeyed: false,
        }
    }

    /// The source nodes of this stage and of `other`.
    pub(crate) fn sources_with(&self, other: &Self) -> Vec<Arc<str>> {
        let mut sources = self.sources.clone();
        let new = other.sources.iter().filter(|source| !self.sources.contains(source));
        sources.extend(new.cloned());
        sources
    }
}

impl<K, V> Repartition<K, V> {
    /// As many partitions as the topics before have, chosen by the hash of the key.
    pub(crate) fn by_key(key: &SharedSerde<K>, value: &SharedSerde<V>) -> Self {
        let (key, value) = (Arc::clone(key), Arc::clone(value));
        Self { key, value, partitions: None, partitioner: None }
    }
}
