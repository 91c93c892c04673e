//! Writes a plan to a topology.

use std::{cmp::Reverse, collections::BinaryHeap};

use streams_core::{SourceTopics, TopologyBuilder, TopologyError};

use super::graph::{Graph, Kind, NodeId, Place, ROOT};

/// Writes nodes by priority, each once all its parents are written: Kafka's order, on which the
/// numbers of sub-topologies depend.
pub(super) fn lower(mut graph: Graph) -> TopologyBuilder {
    merge_sources(&mut graph);
    let takes_null_keys = null_keys_welcome(&graph);
    let mut written = vec![false; graph.nodes.len()];
    let mut queue = BinaryHeap::from([Reverse((0, ROOT))]);
    while let Some(Reverse((_, id))) = queue.pop() {
        // A node that waits for another parent is offered again by that parent.
        let ready = graph.nodes[id].parents.iter().all(|parent| written[*parent]);
        if written[id] || !ready {
            continue;
        }
        write(&mut graph, id, !takes_null_keys[id]);
        written[id] = true;
        for child in &graph.nodes[id].children {
            queue.push(Reverse((graph.nodes[*child].priority, *child)));
        }
    }
    copartition(&mut graph);
    graph.topology
}

/// As in Kafka, a source that another one took over, or that a join drew a name for but shares with
/// one before, requires nothing: its name is not in the topology.
fn copartition(graph: &mut Graph) {
    let topology = &mut graph.topology;
    for sources in &graph.copartitioned {
        let written = sources.iter().filter(|source| topology.has_node(source));
        let written: Vec<&str> = written.map(|source| &**source).collect();
        topology.copartition(&written);
    }
}

fn write(graph: &mut Graph, id: NodeId, drops_null_keys: bool) {
    let Some(lower) = graph.nodes[id].lower.take() else { return };
    let nodes = &graph.nodes;
    let parents = nodes[id].parents.iter().filter(|parent| **parent != ROOT);
    let parents = parents.map(|parent| &*nodes[*parent].name).collect();
    lower(&mut Place { topology: &mut graph.topology, parents, drops_null_keys });
}

/// Streams of the same topics share one source: a topic is read once.
fn merge_sources(graph: &mut Graph) {
    let mut kept: Vec<NodeId> = Vec::new();
    for id in graph.nodes[ROOT].children.clone() {
        let Kind::Source { topics, reset } = &graph.nodes[id].kind else { continue };
        let same = kept.iter().copied().find(|other| {
            matches!(&graph.nodes[*other].kind, Kind::Source { topics: others, .. }
                if same_topics(topics, others))
        });
        let Some(main) = same else {
            kept.push(id);
            continue;
        };
        if !matches!(&graph.nodes[main].kind, Kind::Source { reset: other, .. } if other == reset) {
            let reason = format!(
                "it reads the topics of {} but begins at another offset; \
                 give both the same offset reset",
                graph.nodes[main].name
            );
            let node = graph.nodes[id].name.to_string();
            graph.topology.reject(TopologyError::InvalidOption { node, reason });
        }
        for child in graph.nodes[id].children.clone() {
            graph.unlink(id, child);
            graph.link(main, child);
        }
        graph.unlink(ROOT, id);
    }
}

/// The order of topics does not matter, nor does naming one twice.
fn same_topics(a: &SourceTopics, b: &SourceTopics) -> bool {
    match (a, b) {
        (SourceTopics::Named(a), SourceTopics::Named(b)) => {
            a.iter().all(|topic| b.contains(topic)) && b.iter().all(|topic| a.contains(topic))
        }
        (SourceTopics::Pattern(a), SourceTopics::Pattern(b)) => a == b,
        _ => false,
    }
}

/// By node: whether a join below it gives null keys a result (KIP-962).
fn null_keys_welcome(graph: &Graph) -> Vec<bool> {
    let mut welcome = vec![false; graph.nodes.len()];
    // Children are made after their parents.
    for id in (0..graph.nodes.len()).rev() {
        welcome[id] = graph.nodes[id].children.iter().any(|child| {
            welcome[*child] || matches!(graph.nodes[*child].kind, Kind::JoinOfNullKeys)
        });
    }
    welcome
}
