//! What is built once and shared: nodes, stores and topics, and how they fall into sub-topologies.

mod error;
mod node;
mod builder;
mod options;
mod checks;
mod java_order;
mod describe;
mod copartition;
mod spec;
mod wire;

use std::sync::Arc;

use state_stores::StateStore;

pub use {
    builder::TopologyBuilder,
    describe::{DescribedNode, DescribedSubtopology, NodeRole, TopologyDescription},
    error::TopologyError,
    node::{SourceTopics, StoreHandle},
    options::{OffsetReset, SinkOptions, SourceOptions},
    spec::{InternalTopicConfigs, InternalTopicKind, TaskStore},
};

use node::StoreDefinition;
pub(crate) use {
    java_order::partition_bucket,
    node::{NodeKind, NodeSpec},
};

/// A checked topology: what an application or a test driver runs.
///
/// Cheap to clone and shared by all tasks; each task wires its own chain from it.
#[derive(Clone, Debug)]
pub struct Topology {
    pub(crate) parts: Arc<Parts>,
}

/// The content of a [`Topology`].
#[derive(Debug)]
pub(crate) struct Parts {
    /// In the order in which they were added: parents before children.
    pub(crate) nodes: Vec<NodeSpec>,
    /// By [`StoreHandle::index`]; `None` was reserved and never needed.
    pub(crate) stores: Vec<Option<StoreDefinition>>,
    /// By node: its children in the order in which they were added.
    pub(crate) children: Vec<Vec<usize>>,
    pub(crate) subtopologies: Vec<Subtopology>,
    pub(crate) internal_topics: Vec<node::InternalTopic>,
    /// Sources, as indices into the nodes, whose topics are co-partitioned.
    pub(crate) copartitioned: Vec<Vec<usize>>,
}

/// Nodes that are connected by edges or by stores: they run as one task for each partition.
#[derive(Debug, Default)]
pub(crate) struct Subtopology {
    /// Indices into the nodes, ascending.
    pub(crate) nodes: Vec<usize>,
    /// Indices into the stores, in the order in which the nodes use them.
    pub(crate) stores: Vec<usize>,
}

impl Topology {
    /// Number of sub-topologies.
    pub fn subtopology_count(&self) -> usize {
        self.parts.subtopologies.len()
    }

    /// Names of the stores in the order in which they were added.
    pub fn store_names(&self) -> Vec<Arc<str>> {
        self.parts.stores.iter().flatten().map(|store| Arc::clone(&store.name)).collect()
    }

    /// The handle of the store named `name`, which is of type `S`: for queries of stores that the
    /// DSL made. `None` if no store has the name.
    pub fn store<S: StateStore>(&self, name: &str) -> Option<StoreHandle<S>> {
        let named = |store: &Option<StoreDefinition>| {
            store.as_ref().is_some_and(|store| *store.name == *name)
        };
        self.parts.stores.iter().position(named).map(StoreHandle::new)
    }
}
