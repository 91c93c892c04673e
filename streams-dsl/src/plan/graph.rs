//! The nodes of a plan.

use std::sync::Arc;

use streams_core::{OffsetReset, SourceTopics, TopologyBuilder};

/// A place in the plan.
pub(crate) type NodeId = usize;

/// The node above all sources and free-standing stores; it writes nothing.
pub(crate) const ROOT: NodeId = 0;

/// Writes one node to the topology.
pub(super) type Lower = Box<dyn FnOnce(&mut Place<'_>)>;

/// Where a node is written.
pub(crate) struct Place<'a> {
    pub(crate) topology: &'a mut TopologyBuilder,
    /// Names of the nodes above.
    pub(crate) parents: Vec<&'a str>,
    /// Whether a repartitioning drops null keys: unless a join below takes them.
    pub(crate) drops_null_keys: bool,
}

/// What the build has to know of a node.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A source of streams: those with the same topics become one.
    Source { topics: SourceTopics, reset: Option<OffsetReset> },
    /// A join that gives records with a null key a result of their own.
    JoinOfNullKeys,
    /// Anything else.
    Inner,
}

pub(super) struct Node {
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    pub(super) parents: Vec<NodeId>,
    pub(super) children: Vec<NodeId>,
    /// Nodes are written in this order as far as their parents allow.
    pub(super) priority: usize,
    pub(super) lower: Option<Lower>,
}

impl Node {
    pub(super) fn new(name: Arc<str>, kind: Kind, lower: Lower) -> Self {
        let (parents, children) = (Vec::new(), Vec::new());
        Self { name, kind, parents, children, priority: 0, lower: Some(lower) }
    }
}

pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) topology: TopologyBuilder,
    /// Names of sources whose topics have one number of partitions.
    pub(super) copartitioned: Vec<Vec<Arc<str>>>,
    /// Whether stores are kept in memory where nothing else is said.
    pub(super) in_memory: bool,
    next_number: u32,
    next_priority: usize,
}

impl Default for Graph {
    fn default() -> Self {
        let root = Node::new("root".into(), Kind::Inner, Box::new(|_| {}));
        Self {
            nodes: vec![root],
            topology: TopologyBuilder::new(),
            copartitioned: Vec::new(),
            in_memory: false,
            next_number: 0,
            next_priority: 0,
        }
    }
}

impl Graph {
    pub(super) fn next_number(&mut self) -> u32 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    pub(super) fn add(&mut self, parents: &[NodeId], node: Node) -> NodeId {
        let id = self.nodes.len();
        self.nodes.push(node);
        for parent in parents {
            self.add_again(*parent, id);
        }
        id
    }

    pub(super) fn add_again(&mut self, parent: NodeId, child: NodeId) {
        self.link(parent, child);
        self.nodes[child].priority = self.next_priority;
        self.next_priority += 1;
    }

    pub(super) fn link(&mut self, parent: NodeId, child: NodeId) {
        insert(&mut self.nodes[parent].children, child);
        insert(&mut self.nodes[child].parents, parent);
    }

    pub(super) fn unlink(&mut self, parent: NodeId, child: NodeId) {
        self.nodes[parent].children.retain(|other| *other != child);
        self.nodes[child].parents.retain(|other| *other != parent);
    }
}

fn insert(relatives: &mut Vec<NodeId>, new: NodeId) {
    if !relatives.contains(&new) {
        relatives.push(new);
    }
}
