//! How a stream is repartitioned.

use super::{ByKey, ChosenBy, Named, OfType, Said};

/// How [`repartition`](crate::KStream::repartition_with) writes to its topic.
#[derive(Clone, Debug)]
pub struct Repartitioned<KS = OfType, VS = OfType, P = ByKey> {
    pub(crate) key: KS,
    pub(crate) value: VS,
    pub(crate) partitioner: P,
    pub(crate) partitions: Option<i32>,
    pub(crate) named: Named,
}

impl Default for Repartitioned {
    fn default() -> Self {
        Self::new()
    }
}

impl Repartitioned {
    /// The serdes of the stream, as many partitions as the topics before it have.
    pub fn new() -> Self {
        let named = Named::generated();
        Self { key: OfType, value: OfType, partitioner: ByKey, partitions: None, named }
    }

    /// A name for the topic, `<name>-repartition`, and its nodes.
    pub fn named(name: &str) -> Self {
        Self::new().name(name)
    }
}

impl<KS, VS> Repartitioned<Said<KS>, Said<VS>> {
    /// These serdes.
    pub fn with(key: KS, value: VS) -> Self {
        Repartitioned::new().key_serde(key).value_serde(value)
    }
}

impl<KS, VS, P> Repartitioned<KS, VS, P> {
    /// Names the topic and its nodes.
    #[must_use]
    pub fn name(mut self, named: impl Into<Named>) -> Self {
        self.named = named.into();
        self
    }

    /// Writes keys with this serde.
    pub fn key_serde<S>(self, serde: S) -> Repartitioned<Said<S>, VS, P> {
        let Self { value, partitioner, partitions, named, .. } = self;
        Repartitioned { key: Said(serde), value, partitioner, partitions, named }
    }

    /// Writes values with this serde.
    pub fn value_serde<S>(self, serde: S) -> Repartitioned<KS, Said<S>, P> {
        let Self { key, partitioner, partitions, named, .. } = self;
        Repartitioned { key, value: Said(serde), partitioner, partitions, named }
    }

    /// Chooses the partition of each record.
    ///
    /// A closure names its types: `|topic: &str, key: &String, order: &Order, count: i32|`.
    pub fn partitioner<C>(self, partitioner: C) -> Repartitioned<KS, VS, ChosenBy<C>> {
        let Self { key, value, partitions, named, .. } = self;
        Repartitioned { key, value, partitioner: ChosenBy(partitioner), partitions, named }
    }

    /// Gives the topic this many partitions.
    #[must_use]
    pub fn partitions(mut self, partitions: i32) -> Self {
        self.partitions = Some(partitions);
        self
    }
}
