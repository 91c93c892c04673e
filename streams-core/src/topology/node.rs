//! Descriptions of nodes, stores and topics.

use std::{
    any::{TypeId, type_name},
    fmt,
    marker::PhantomData,
    sync::Arc,
};

use state_stores::{ChangelogRestore, StateStore, StoreEnv, StoreError, StoreSpec};

use super::options::OffsetReset;
use crate::processor::{Made, Wiring};

/// Key and value type of an edge.
#[derive(Clone, Copy)]
pub(crate) struct Types {
    id: TypeId,
    text: fn() -> String,
}

impl Types {
    pub(crate) fn of<K: 'static, V: 'static>() -> Self {
        Self {
            id: TypeId::of::<(K, V)>(),
            text: || format!("<{}, {}>", short(type_name::<K>()), short(type_name::<V>())),
        }
    }

    pub(crate) fn matches(self, other: Self) -> bool {
        self.id == other.id
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&(self.text)())
    }
}

impl fmt::Debug for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `alloc::string::String` becomes `String`, inside of generics too.
fn short(text: &str) -> String {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut out = String::new();
    for part in text.split_inclusive(|c: char| !is_path(c)) {
        out.push_str(part.rsplit("::").next().unwrap_or(part));
    }
    out
}

/// Names a store of a topology, typed; `Copy`, so that processors and closures keep it.
pub struct StoreHandle<S> {
    index: usize,
    store: PhantomData<fn() -> S>,
}

impl<S> StoreHandle<S> {
    pub(crate) const fn new(index: usize) -> Self {
        Self { index, store: PhantomData }
    }

    /// Place of the store in its topology.
    #[inline]
    pub const fn index(self) -> usize {
        self.index
    }
}

impl<S> Clone for StoreHandle<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for StoreHandle<S> {}

impl<S> fmt::Debug for StoreHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreHandle({})", self.index)
    }
}

/// What a source reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceTopics {
    /// These topics.
    Named(Vec<Arc<str>>),
    /// Every topic whose whole name matches this regular expression.
    Pattern(Arc<str>),
}

impl From<&str> for SourceTopics {
    fn from(topic: &str) -> Self {
        Self::Named(vec![topic.into()])
    }
}

impl From<&[&str]> for SourceTopics {
    fn from(topics: &[&str]) -> Self {
        Self::Named(topics.iter().map(|topic| Arc::from(*topic)).collect())
    }
}

impl<const N: usize> From<[&str; N]> for SourceTopics {
    fn from(topics: [&str; N]) -> Self {
        Self::from(&topics[..])
    }
}

impl SourceTopics {
    /// Every topic whose whole name matches this regular expression.
    pub fn pattern(pattern: &str) -> Self {
        Self::Pattern(pattern.into())
    }
}

/// What a sink writes to.
#[derive(Clone, Debug)]
pub(crate) enum SinkTopic {
    Fixed(Arc<str>),
    /// Chosen per record; the text stands in descriptions.
    PerRecord(Arc<str>),
}

#[derive(Debug)]
pub(crate) enum NodeKind {
    Source { topics: SourceTopics, reset: Option<OffsetReset> },
    Processor,
    Sink { topic: SinkTopic },
}

pub(crate) type Make = Box<dyn Fn(Wiring<'_>) -> Made + Send + Sync>;

/// One node: what it is, who feeds it, and how a task makes its own.
pub(crate) struct NodeSpec {
    pub(crate) name: Arc<str>,
    pub(crate) kind: NodeKind,
    pub(crate) parents: Vec<Arc<str>>,
    pub(crate) input: Option<Types>,
    pub(crate) output: Option<Types>,
    /// Stores in the order in which they were connected.
    pub(crate) stores: Vec<usize>,
    pub(crate) make: Make,
}

impl fmt::Debug for NodeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeSpec")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("parents", &self.parents)
            .finish_non_exhaustive()
    }
}

pub(crate) type MakeStore =
    Box<dyn Fn(StoreEnv) -> Result<Box<dyn StateStore>, StoreError> + Send + Sync>;

/// One store: its options, and how a task makes its own.
pub(crate) struct StoreDefinition {
    pub(crate) name: Arc<str>,
    pub(crate) spec: StoreSpec,
    pub(crate) make: MakeStore,
    pub(crate) restore: Arc<dyn ChangelogRestore>,
    /// The node that forwards what the store's cache holds back.
    pub(crate) cache_owner: Option<Arc<str>>,
    /// A source topic that serves as changelog, in place of one of its own.
    pub(crate) source_changelog: Option<Arc<str>>,
}

impl fmt::Debug for StoreDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreDefinition").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// A repartition topic that the topology owns, without the application id.
#[derive(Clone, Debug)]
pub(crate) struct InternalTopic {
    pub(crate) name: Arc<str>,
    pub(crate) partitions: Option<i32>,
}

/// Full name of an internal topic.
pub(crate) fn with_application(application_id: &str, topic: &str) -> Arc<str> {
    format!("{application_id}-{topic}").into()
}

#[cfg(test)]
mod tests {
    use super::Types;

    #[test]
    fn types_are_named_without_their_paths() {
        assert_eq!(
            Types::of::<Option<String>, Vec<i64>>().to_string(),
            "<Option<String>, Vec<i64>>"
        );
        assert_eq!(Types::of::<&'static str, u8>().to_string(), "<&str, u8>");
    }
}
