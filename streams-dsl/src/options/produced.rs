//! How a topic is written.

use std::sync::Arc;

use super::{ByKey, ChosenBy, Named, OfType, Said};

/// How [`to`](crate::KStream::to_with) writes to its topic.
#[derive(Clone, Debug)]
pub struct Produced<KS = OfType, VS = OfType, P = ByKey> {
    pub(crate) key: KS,
    pub(crate) value: VS,
    pub(crate) partitioner: P,
    pub(crate) named: Named,
    pub(crate) label: Arc<str>,
}

impl Default for Produced {
    fn default() -> Self {
        Self::new()
    }
}

impl Produced {
    /// The serdes of the stream, the partition by the hash of the key.
    pub fn new() -> Self {
        Self {
            key: OfType,
            value: OfType,
            partitioner: ByKey,
            named: Named::generated(),
            label: "chosen per record".into(),
        }
    }

    /// A name for the sink.
    pub fn named(name: &str) -> Self {
        Self::new().name(name)
    }
}

impl<KS, VS> Produced<Said<KS>, Said<VS>> {
    /// These serdes.
    pub fn with(key: KS, value: VS) -> Self {
        Produced::new().key_serde(key).value_serde(value)
    }
}

impl<KS, VS, P> Produced<KS, VS, P> {
    /// Names the sink.
    #[must_use]
    pub fn name(mut self, named: impl Into<Named>) -> Self {
        self.named = named.into();
        self
    }

    /// Writes keys with this serde.
    pub fn key_serde<S>(self, serde: S) -> Produced<Said<S>, VS, P> {
        let Self { value, partitioner, named, label, .. } = self;
        Produced { key: Said(serde), value, partitioner, named, label }
    }

    /// Writes values with this serde.
    pub fn value_serde<S>(self, serde: S) -> Produced<KS, Said<S>, P> {
        let Self { key, partitioner, named, label, .. } = self;
        Produced { key, value: Said(serde), partitioner, named, label }
    }

    /// Chooses the partition of each record.
    ///
    /// A closure names its types: `|topic: &str, key: &String, order: &Order, count: i32|`.
    pub fn partitioner<C>(self, partitioner: C) -> Produced<KS, VS, ChosenBy<C>> {
        let Self { key, value, named, label, .. } = self;
        Produced { key, value, partitioner: ChosenBy(partitioner), named, label }
    }

    /// What stands in descriptions in place of a topic that is
    /// [chosen per record](crate::KStream::to_topic_by).
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.label = label.into();
        self
    }
}
