//! How a stream is grouped.

use super::{Named, OfType, Said};

/// How [`group_by`](crate::KStream::group_by_with) and
/// [`group_by_key`](crate::KStream::group_by_key_with) group a stream.
#[derive(Clone, Debug)]
pub struct Grouped<KS = OfType, VS = OfType> {
    pub(crate) key: KS,
    pub(crate) value: VS,
    pub(crate) named: Named,
}

impl Default for Grouped {
    fn default() -> Self {
        Self::new()
    }
}

impl Grouped {
    /// The serdes of the types, generated names.
    pub fn new() -> Self {
        Self { key: OfType, value: OfType, named: Named::generated() }
    }

    /// A name for the repartition topic, `<name>-repartition`, if there is one.
    pub fn named(name: &str) -> Self {
        Self::new().name(name)
    }
}

impl<KS, VS> Grouped<Said<KS>, Said<VS>> {
    /// These serdes.
    pub fn with(key: KS, value: VS) -> Self {
        Grouped::new().key_serde(key).value_serde(value)
    }
}

impl<KS, VS> Grouped<KS, VS> {
    /// Names the repartition topic.
    #[must_use]
    pub fn name(mut self, named: impl Into<Named>) -> Self {
        self.named = named.into();
        self
    }

    /// Writes keys with this serde.
    pub fn key_serde<S>(self, serde: S) -> Grouped<Said<S>, VS> {
        Grouped { key: Said(serde), value: self.value, named: self.named }
    }

    /// Writes values with this serde.
    pub fn value_serde<S>(self, serde: S) -> Grouped<KS, Said<S>> {
        Grouped { key: self.key, value: Said(serde), named: self.named }
    }
}
