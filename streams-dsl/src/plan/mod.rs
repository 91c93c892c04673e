//! The logical plan: what the calls of the DSL describe, before it becomes a topology.
//!
//! Names and numbers are drawn at the call, nodes are written to the topology at the build, both
//! in the order of Kafka Streams, so that the names of topics and stores are the same and an
//! application can be replaced in place.

mod graph;
mod names;
mod repartition;
mod lower;

use std::{
    cell::{RefCell, RefMut},
    fmt,
    rc::Rc,
    sync::Arc,
};

use streams_core::{
    StoreHandle, TopologyBuilder, TopologyError,
    stores::{StateStore, StoreBuilder, StoreType},
};

pub(crate) use {
    graph::{Kind, NodeId, Place, ROOT},
    repartition::{Repartition, Repartitioning},
};

use crate::options::{Named, StoreOptions};
use graph::{Graph, Lower, Node};

/// The plan that all handles of one builder share.
#[derive(Clone, Default)]
pub(crate) struct Plan(Rc<RefCell<Graph>>);

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plan")
    }
}

impl Plan {
    /// Whether both are the plan of one builder.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Each method borrows for its own length alone: nothing here calls back into user code.
    fn graph(&self) -> RefMut<'_, Graph> {
        self.0.borrow_mut()
    }

    /// The given name, else the next generated one. A number is drawn in either case: the numbers
    /// behind depend on it, and topics are named by them.
    pub(crate) fn node_name(&self, named: Named, prefix: &str) -> Arc<str> {
        let generated = self.generated_name(prefix);
        named.name.unwrap_or(generated)
    }

    /// The given name, else the next generated one: where Kafka draws no number for a given name.
    pub(crate) fn undrawn_name(&self, named: Named, prefix: &str) -> Arc<str> {
        named.name.unwrap_or_else(|| self.generated_name(prefix))
    }

    /// The next generated name of a node.
    pub(crate) fn generated_name(&self, prefix: &str) -> Arc<str> {
        let number = self.graph().next_number();
        names::numbered(prefix, number)
    }

    /// The next generated name of a store.
    pub(crate) fn store_name(&self, prefix: &str) -> Arc<str> {
        self.generated_name(&format!("{prefix}{}", names::STATE_STORE))
    }

    /// Adds a node below `parents`.
    pub(crate) fn add(
        &self,
        parents: &[NodeId],
        name: &Arc<str>,
        kind: Kind,
        lower: impl FnOnce(&mut Place<'_>) + 'static,
    ) -> NodeId {
        let lower: Lower = Box::new(lower);
        self.graph().add(parents, Node::new(Arc::clone(name), kind, lower))
    }

    /// Adds a node that stands below `parent` already once more, which moves it to the end of the
    /// order of writing.
    pub(crate) fn add_again(&self, parent: NodeId, node: NodeId) {
        self.graph().add_again(parent, node);
    }

    /// A handle of a store that is defined when its node is written, if it is.
    pub(crate) fn reserve_store<S: StateStore>(&self) -> StoreHandle<S> {
        self.graph().topology.reserve_state_store()
    }

    /// A store that stands by itself.
    pub(crate) fn add_store<S: StoreType>(&self, builder: StoreBuilder<S>) -> StoreHandle<S> {
        let handle = self.reserve_store();
        let name = builder.spec().name;
        self.add(&[ROOT], &name, Kind::Inner, move |place| {
            place.topology.define_state_store(handle, builder);
        });
        handle
    }

    /// Keeps stores in memory where nothing else is said of them.
    pub(crate) fn keep_in_memory(&self) {
        self.graph().in_memory = true;
    }

    /// The options of a store of an operator, with the defaults of the plan.
    pub(crate) fn store_options(&self, options: StoreOptions) -> StoreOptions {
        options.or_in_memory(self.graph().in_memory)
    }

    /// Requires one number of partitions for the topics of these sources.
    pub(crate) fn copartition(&self, sources: Vec<Arc<str>>) {
        self.graph().copartitioned.push(sources);
    }

    /// Keeps a mistake for the build to report.
    pub(crate) fn reject(&self, error: TopologyError) {
        self.graph().topology.reject(error);
    }

    /// A contradiction in the options of `node`.
    pub(crate) fn reject_option(&self, node: &str, reason: String) {
        self.reject(TopologyError::InvalidOption { node: node.to_owned(), reason });
    }

    /// Writes the plan. Handles that are still around describe nothing any more.
    pub(crate) fn lower(&self) -> TopologyBuilder {
        let graph = std::mem::take(&mut *self.graph());
        lower::lower(graph)
    }
}
