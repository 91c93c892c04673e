//! Wiring mistakes, found before anything runs.

use std::{error::Error, fmt};

use state_stores::StoreError;

/// A mistake in a topology; each names the nodes, stores or topics it concerns.
#[derive(Debug)]
#[non_exhaustive]
pub enum TopologyError {
    /// Two nodes have one name.
    DuplicateNode(String),
    /// Two stores have one name.
    DuplicateStore(String),
    /// A name is empty, too long or has a character that topics may not have.
    InvalidName {
        /// What is named: a node, a store, a topic.
        what: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A node names a parent that was not added before it.
    UnknownParent {
        /// The node.
        child: String,
        /// The parent it names.
        parent: String,
    },
    /// A node without parents that is not a source.
    NoParents(String),
    /// A node names a sink as its parent.
    SinkAsParent {
        /// The node.
        child: String,
        /// The sink.
        parent: String,
    },
    /// A node forwards other types than its child takes.
    TypeMismatch {
        /// The node that forwards.
        parent: String,
        /// The node that takes.
        child: String,
        /// What the child takes, as `<K, V>`.
        expected: String,
        /// What the parent forwards, as `<K, V>`.
        found: String,
    },
    /// A source without topics.
    NoTopics(String),
    /// Two sources read one topic.
    TopicReadTwice {
        /// The topic.
        topic: String,
        /// One source.
        first: String,
        /// The other.
        second: String,
    },
    /// A pattern is no regular expression.
    InvalidPattern {
        /// The source.
        node: String,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What is to be co-partitioned is no source.
    UnknownSource(String),
    /// A store is connected to a node that does not exist.
    UnknownProcessor {
        /// The store.
        store: String,
        /// The node it names.
        processor: String,
    },
    /// A store is connected to a source or a sink.
    StoreOnSourceOrSink {
        /// The store.
        store: String,
        /// The source or sink.
        node: String,
    },
    /// A store is used that was never added.
    UnknownStore {
        /// The node that uses it.
        node: String,
        /// The store.
        store: String,
    },
    /// The options of a store contradict each other.
    InvalidStore(StoreError),
    /// The options of an operator contradict each other, as window arithmetic.
    InvalidOption {
        /// The node or operator.
        node: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// Nothing reads a topic.
    Empty,
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateNode(name) => {
                write!(f, "two nodes are named {name}; give one of them another name")
            }
            Self::DuplicateStore(name) => {
                write!(f, "two stores are named {name}; give one of them another name")
            }
            Self::InvalidName { what, name, reason } => {
                write!(f, "{what} name {name:?} is not valid: {reason}")
            }
            Self::UnknownParent { child, parent } => {
                write!(f, "node {child} names parent {parent}, which was not added before it")
            }
            Self::NoParents(node) => {
                write!(f, "node {node} has no parents; name the nodes whose records it takes")
            }
            Self::SinkAsParent { child, parent } => {
                write!(f, "node {child} names sink {parent} as its parent; sinks forward nothing")
            }
            Self::TypeMismatch { parent, child, expected, found } => write!(
                f,
                "node {parent} forwards Record{found} but its child {child} takes Record{expected}"
            ),
            Self::NoTopics(node) => write!(f, "source {node} reads no topic; name at least one"),
            Self::TopicReadTwice { topic, first, second } => write!(
                f,
                "topic {topic} is read by source {first} and by source {second}; \
                 read it once and use the stream twice"
            ),
            Self::InvalidPattern { node, pattern, reason } => {
                write!(f, "pattern {pattern:?} of source {node} is not valid: {reason}")
            }
            Self::UnknownSource(node) => {
                write!(
                    f,
                    "node {node} is to be co-partitioned, but there is no source of this name"
                )
            }
            Self::UnknownProcessor { store, processor } => {
                write!(f, "store {store} is connected to node {processor}, which was not added")
            }
            Self::StoreOnSourceOrSink { store, node } => write!(
                f,
                "store {store} is connected to {node}, which is a source or a sink; \
                 only processors use stores"
            ),
            Self::UnknownStore { node, store } => {
                write!(f, "node {node} uses store {store}, which was not added")
            }
            Self::InvalidStore(error) => error.fmt(f),
            Self::InvalidOption { node, reason } => write!(f, "{node}: {reason}"),
            Self::Empty => f.write_str("the topology reads no topic; add a source"),
        }
    }
}

impl Error for TopologyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidStore(error) => error.source(),
            _ => None,
        }
    }
}
