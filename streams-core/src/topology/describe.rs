//! A topology as text and as data, in the words of `Topology.describe()`.

use std::{cmp::Ordering, collections::BTreeMap, fmt, sync::Arc};

use super::{
    Parts, Subtopology, Topology,
    java_order::{TreeSet, sort_as_hash_set},
    node::{NodeKind, SinkTopic, SourceTopics},
};

/// What a topology looks like; `Display` is the text of Kafka's `TopologyDescription`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyDescription {
    /// By number.
    pub subtopologies: Vec<DescribedSubtopology>,
}

/// One sub-topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedSubtopology {
    /// Its number.
    pub id: usize,
    /// Its nodes, those with the largest subtree first.
    pub nodes: Vec<DescribedNode>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedNode {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it reads, processes or writes, and what.
    pub role: NodeRole,
    /// Names of its parents.
    pub predecessors: Vec<Arc<str>>,
    /// Names of its children.
    pub successors: Vec<Arc<str>>,
}

/// What a node does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeRole {
    /// Reads topics, internal ones without the application id.
    Source(SourceTopics),
    /// Processes, with the names of its stores.
    Processor {
        /// Names of the stores connected to it.
        stores: Vec<Arc<str>>,
    },
    /// Writes to one topic, internal ones without the application id.
    Sink(Arc<str>),
    /// Writes to a topic chosen per record; the text says how.
    DynamicSink(Arc<str>),
}

impl Topology {
    /// Describes nodes, stores and topics; internal topics stand without the application id.
    pub fn describe(&self) -> TopologyDescription {
        let subtopologies = self.parts.subtopologies.iter().enumerate();
        TopologyDescription {
            subtopologies: subtopologies
                .map(|(id, subtopology)| describe(&self.parts, id, subtopology))
                .collect(),
        }
    }
}

/// A node while its relations are being collected.
struct Sketch {
    name: Arc<str>,
    /// Nodes below it, itself included, counted once for each path.
    size: u64,
    predecessors: TreeSet<usize>,
    successors: TreeSet<usize>,
}

/// Kafka keeps relatives in trees ordered by size, and sizes grow while the trees are filled, so
/// the order in which nodes are visited shows: this repeats the visit.
fn describe(parts: &Parts, id: usize, subtopology: &Subtopology) -> DescribedSubtopology {
    let mut visited: Vec<(usize, &str)> =
        subtopology.nodes.iter().map(|at| (*at, &*parts.nodes[*at].name)).collect();
    let mut names: Vec<&str> = visited.iter().map(|(_, name)| *name).collect();
    sort_as_hash_set(&mut names);
    visited.sort_by_key(|(_, name)| names.iter().position(|other| other == name));

    let mut sketches: BTreeMap<usize, Sketch> = visited
        .iter()
        .map(|(at, name)| {
            let sketch = Sketch {
                name: Arc::from(*name),
                size: 1,
                predecessors: TreeSet::default(),
                successors: TreeSet::default(),
            };
            (*at, sketch)
        })
        .collect();
    for (at, _) in &visited {
        for parent in &parts.nodes[*at].parents {
            let Some(parent) = position(parts, parent) else { continue };
            relate(&mut sketches, parent, *at);
        }
    }
    let mut order: Vec<usize> = sketches.keys().copied().collect();
    order.sort_by(|a, b| larger_first(&sketches[a], &sketches[b]));
    let nodes = order.iter().map(|at| finish(parts, &sketches, *at)).collect();
    DescribedSubtopology { id, nodes }
}

fn position(parts: &Parts, name: &str) -> Option<usize> {
    parts.nodes.iter().position(|node| *node.name == *name)
}

fn larger_first(a: &Sketch, b: &Sketch) -> Ordering {
    b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name))
}

fn relate(sketches: &mut BTreeMap<usize, Sketch>, parent: usize, child: usize) {
    insert(sketches, child, parent, |sketch| &mut sketch.predecessors);
    insert(sketches, parent, child, |sketch| &mut sketch.successors);
    let growth = sketches[&child].size;
    grow(sketches, parent, growth);
}

/// Inserts `new` among the relatives of `of`, by the sizes as they stand.
fn insert(
    sketches: &mut BTreeMap<usize, Sketch>,
    of: usize,
    new: usize,
    relatives: impl Fn(&mut Sketch) -> &mut TreeSet<usize>,
) {
    let Some(sketch) = sketches.get_mut(&of) else { return };
    let mut tree = std::mem::take(relatives(sketch));
    tree.insert(new, |a, b| larger_first(&sketches[a], &sketches[b]));
    if let Some(sketch) = sketches.get_mut(&of) {
        *relatives(sketch) = tree;
    }
}

fn grow(sketches: &mut BTreeMap<usize, Sketch>, at: usize, growth: u64) {
    let Some(sketch) = sketches.get_mut(&at) else { return };
    sketch.size += growth;
    let predecessors: Vec<usize> = sketch.predecessors.iter().copied().collect();
    for parent in predecessors {
        grow(sketches, parent, growth);
    }
}

fn finish(parts: &Parts, sketches: &BTreeMap<usize, Sketch>, at: usize) -> DescribedNode {
    let node = &parts.nodes[at];
    let role = match &node.kind {
        NodeKind::Source { topics, .. } => NodeRole::Source(described_topics(topics)),
        NodeKind::Processor => {
            NodeRole::Processor { stores: described_stores(parts, &node.stores) }
        }
        NodeKind::Sink { topic: SinkTopic::Fixed(topic) } => NodeRole::Sink(Arc::clone(topic)),
        NodeKind::Sink { topic: SinkTopic::PerRecord(label) } => {
            NodeRole::DynamicSink(Arc::clone(label))
        }
    };
    let names = |relatives: &TreeSet<usize>| {
        relatives.iter().map(|at| Arc::clone(&sketches[at].name)).collect()
    };
    DescribedNode {
        name: Arc::clone(&node.name),
        role,
        predecessors: names(&sketches[&at].predecessors),
        successors: names(&sketches[&at].successors),
    }
}

fn described_topics(topics: &SourceTopics) -> SourceTopics {
    let mut topics = topics.clone();
    if let SourceTopics::Named(names) = &mut topics {
        sort_as_hash_set(names);
    }
    topics
}

fn described_stores(parts: &Parts, stores: &[usize]) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = stores
        .iter()
        .filter_map(|at| parts.stores[*at].as_ref().map(|store| Arc::clone(&store.name)))
        .collect();
    sort_as_hash_set(&mut names);
    names
}

impl fmt::Display for TopologyDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Topologies:\n ")?;
        for subtopology in &self.subtopologies {
            writeln!(f, "  Sub-topology: {}", subtopology.id)?;
            for node in &subtopology.nodes {
                writeln!(f, "    {node}")?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }
}

impl fmt::Display for DescribedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.role {
            NodeRole::Source(SourceTopics::Named(topics)) => {
                write!(f, "Source: {name} (topics: [{}])", topics.join(", "))?;
            }
            NodeRole::Source(SourceTopics::Pattern(pattern)) => {
                write!(f, "Source: {name} (topics: {pattern})")?;
            }
            NodeRole::Processor { stores } => {
                write!(f, "Processor: {name} (stores: [{}])", stores.join(", "))?;
            }
            NodeRole::Sink(topic) => write!(f, "Sink: {name} (topic: {topic})")?,
            NodeRole::DynamicSink(label) => write!(f, "Sink: {name} (extractor class: {label})")?,
        }
        if !matches!(self.role, NodeRole::Sink(_) | NodeRole::DynamicSink(_)) {
            write!(f, "\n      --> {}", names(&self.successors))?;
        }
        if !matches!(self.role, NodeRole::Source(_)) {
            write!(f, "\n      <-- {}", names(&self.predecessors))?;
        }
        Ok(())
    }
}

fn names(names: &[Arc<str>]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
