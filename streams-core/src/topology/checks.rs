//! What `build` checks, and how nodes fall into sub-topologies.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Parts, Subtopology, Topology,
    builder::TopologyBuilder,
    error::TopologyError,
    node::{NodeKind, NodeSpec, SourceTopics},
};

/// Kafka's rule for topic names, which names of nodes and stores become part of.
pub(super) fn name(what: &'static str, name: &str, errors: &mut Vec<TopologyError>) {
    if let Err(reason) = check_name(name) {
        errors.push(TopologyError::InvalidName { what, name: name.to_owned(), reason });
    }
}

/// Whether `name` may be part of a topic name.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    const LENGTH_MAX: usize = 249;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        Err("it is empty")
    } else if name == "." || name == ".." {
        Err("it names a folder")
    } else if name.len() > LENGTH_MAX {
        Err("it is longer than 249 characters")
    } else if !name.chars().all(allowed) {
        Err("only ASCII letters and digits, '.', '_' and '-' are allowed")
    } else {
        Ok(())
    }
}

pub(super) fn build(builder: TopologyBuilder) -> Result<Topology, TopologyError> {
    let TopologyBuilder { nodes, stores, internal_topics, copartitioned, errors } = builder;
    if let Some(first) = errors.into_iter().next() {
        return Err(first);
    }
    if !nodes.iter().any(|node| matches!(node.kind, NodeKind::Source { .. })) {
        return Err(TopologyError::Empty);
    }
    let children = connect(&nodes)?;
    check_sources(&nodes)?;
    for node in &nodes {
        if let Some(missing) =
            node.stores.iter().find(|at| !matches!(stores.get(**at), Some(Some(_))))
        {
            let (node, store) = (node.name.to_string(), format!("number {missing}"));
            return Err(TopologyError::UnknownStore { node, store });
        }
    }
    let copartitioned = resolve(&copartitioned, &nodes)?;
    let subtopologies = split(&nodes, &children);
    Ok(Topology {
        parts: Arc::new(Parts {
            nodes,
            stores,
            children,
            subtopologies,
            internal_topics,
            copartitioned,
        }),
    })
}

/// The children of each node; parents stand before their children.
fn connect(nodes: &[NodeSpec]) -> Result<Vec<Vec<usize>>, TopologyError> {
    let mut children = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        if node.parents.is_empty() && !matches!(node.kind, NodeKind::Source { .. }) {
            return Err(TopologyError::NoParents(node.name.to_string()));
        }
        for parent in &node.parents {
            let Some(at) = nodes[..index].iter().position(|other| other.name == *parent) else {
                let (child, parent) = (node.name.to_string(), parent.to_string());
                return Err(TopologyError::UnknownParent { child, parent });
            };
            check_edge(&nodes[at], node)?;
            // A stream merged with itself passes each record once, as in Java.
            if !children[at].contains(&index) {
                children[at].push(index);
            }
        }
    }
    Ok(children)
}

fn check_edge(parent: &NodeSpec, child: &NodeSpec) -> Result<(), TopologyError> {
    let Some(output) = parent.output else {
        let (child, parent) = (child.name.to_string(), parent.name.to_string());
        return Err(TopologyError::SinkAsParent { child, parent });
    };
    match child.input {
        Some(input) if !input.matches(output) => Err(TopologyError::TypeMismatch {
            parent: parent.name.to_string(),
            child: child.name.to_string(),
            expected: input.to_string(),
            found: output.to_string(),
        }),
        _ => Ok(()),
    }
}

/// The sources that are to be co-partitioned.
fn resolve(groups: &[Vec<Arc<str>>], nodes: &[NodeSpec]) -> Result<Vec<Vec<usize>>, TopologyError> {
    let index = |name: &Arc<str>| {
        let is_source = |node: &NodeSpec| matches!(node.kind, NodeKind::Source { .. });
        let found = nodes.iter().position(|node| node.name == *name && is_source(node));
        found.ok_or_else(|| TopologyError::UnknownSource(name.to_string()))
    };
    groups.iter().map(|group| group.iter().map(index).collect()).collect()
}

/// Each topic has one reader.
fn check_sources(nodes: &[NodeSpec]) -> Result<(), TopologyError> {
    let mut readers: BTreeMap<&str, &str> = BTreeMap::new();
    let mut patterns = Vec::new();
    for node in nodes {
        let NodeKind::Source { topics, .. } = &node.kind else { continue };
        match topics {
            SourceTopics::Named(topics) if topics.is_empty() => {
                return Err(TopologyError::NoTopics(node.name.to_string()));
            }
            SourceTopics::Named(topics) => {
                for topic in topics {
                    if let Some(first) = readers.insert(topic, &node.name) {
                        return Err(read_twice(topic, first, &node.name));
                    }
                }
            }
            SourceTopics::Pattern(pattern) => {
                let compiled =
                    whole_name(pattern).map_err(|error| TopologyError::InvalidPattern {
                        node: node.name.to_string(),
                        pattern: pattern.to_string(),
                        reason: error.to_string(),
                    })?;
                patterns.push((node, compiled));
            }
        }
    }
    for (node, pattern) in &patterns {
        if let Some((topic, reader)) = readers.iter().find(|(topic, _)| pattern.is_match(topic)) {
            return Err(read_twice(topic, reader, &node.name));
        }
    }
    Ok(())
}

fn read_twice(topic: &str, first: &str, second: &str) -> TopologyError {
    TopologyError::TopicReadTwice {
        topic: topic.to_owned(),
        first: first.to_owned(),
        second: second.to_owned(),
    }
}

/// A topic pattern matches whole names, as Java's `Matcher.matches`.
pub(crate) fn whole_name(pattern: &str) -> Result<regex_lite::Regex, regex_lite::Error> {
    regex_lite::Regex::new(&format!("^(?:{pattern})$"))
}

/// Nodes connected by edges or stores form a sub-topology; they are numbered in the order in which
/// their first nodes were added, as Kafka numbers them.
fn split(nodes: &[NodeSpec], children: &[Vec<usize>]) -> Vec<Subtopology> {
    let mut groups = Groups::new(nodes.len());
    let mut first_user: BTreeMap<usize, usize> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for child in &children[index] {
            groups.unite(index, *child);
        }
        for store in &node.stores {
            let user = *first_user.entry(*store).or_insert(index);
            groups.unite(user, index);
        }
    }
    let mut number_of_root: BTreeMap<usize, usize> = BTreeMap::new();
    let mut subtopologies: Vec<Subtopology> = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let next = subtopologies.len();
        let number = *number_of_root.entry(groups.root(index)).or_insert(next);
        if number == next {
            subtopologies.push(Subtopology::default());
        }
        let subtopology = &mut subtopologies[number];
        subtopology.nodes.push(index);
        for store in &node.stores {
            if !subtopology.stores.contains(store) {
                subtopology.stores.push(*store);
            }
        }
    }
    subtopologies
}

/// Union-find over node indices.
struct Groups(Vec<usize>);

impl Groups {
    fn new(len: usize) -> Self {
        Self((0..len).collect())
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[b] = a;
    }
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_follow_kafkas_rule_for_topics() {
        assert!(check_name("word-count_2.x").is_ok());
        for bad in ["", ".", "..", "a/b", "a b", "\u{e9}", &"x".repeat(250)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
