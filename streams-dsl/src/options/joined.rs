//! How a stream is joined with a table.

use super::{Named, OfType, Said};

/// How [`join`](crate::KStream::join_with) repartitions and names.
#[derive(Clone, Debug)]
pub struct Joined<KS = OfType, VS = OfType> {
    pub(crate) key: KS,
    pub(crate) value: VS,
    pub(crate) named: Named,
}

impl Default for Joined {
    fn default() -> Self {
        Self::new()
    }
}

impl Joined {
    /// The serdes of the types, generated names.
    pub fn new() -> Self {
        Self { key: OfType, value: OfType, named: Named::generated() }
    }

    /// A name for the join and for its repartition topic, `<name>-repartition`, if there is one.
    pub fn named(name: &str) -> Self {
        Self::new().name(name)
    }
}

impl<KS, VS> Joined<Said<KS>, Said<VS>> {
    /// These serdes of the stream's keys and values.
    pub fn with(key: KS, value: VS) -> Self {
        Joined::new().key_serde(key).value_serde(value)
    }
}

impl<KS, VS> Joined<KS, VS> {
    /// Names the join.
    #[must_use]
    pub fn name(mut self, named: impl Into<Named>) -> Self {
        self.named = named.into();
        self
    }

    /// Writes keys with this serde, where the stream is repartitioned.
    pub fn key_serde<S>(self, serde: S) -> Joined<Said<S>, VS> {
        Joined { key: Said(serde), value: self.value, named: self.named }
    }

    /// Writes the stream's values with this serde, where it is repartitioned.
    pub fn value_serde<S>(self, serde: S) -> Joined<KS, Said<S>> {
        Joined { key: self.key, value: Said(serde), named: self.named }
    }
}
