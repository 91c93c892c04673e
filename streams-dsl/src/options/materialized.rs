//! How a table is kept.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use streams_core::stores::{StoreBuilder, StoreType};

use super::{Named, OfType, Said};

/// How the store of a table or an aggregation is named and kept.
#[derive(Clone, Debug)]
pub struct Materialized<KS = OfType, VS = OfType> {
    pub(crate) key: KS,
    pub(crate) value: VS,
    pub(crate) processor: Named,
    pub(crate) store: StoreOptions,
}

/// All but the serdes and the name of the node.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreOptions {
    pub(crate) name: Option<Arc<str>>,
    /// Whether anything was said besides the name of the node.
    pub(crate) is_said: bool,
    /// Whether a failed update has to leave the value it began with: the code that makes the new
    /// one can fail, and processing may go on.
    is_fallible: bool,
    in_memory: Option<bool>,
    uncached: bool,
    logging: Logging,
    pub(crate) retention: Option<Duration>,
}

#[derive(Clone, Debug, Default)]
enum Logging {
    #[default]
    Default,
    With(BTreeMap<String, String>),
    Off,
}

impl Default for Materialized {
    fn default() -> Self {
        Self::new()
    }
}

impl Materialized {
    /// A generated name, the application's kind of store, a changelog and a cache.
    pub fn new() -> Self {
        let (processor, store) = (Named::generated(), StoreOptions::default());
        Self { key: OfType, value: OfType, processor, store }
    }

    /// A store of this name, by which it can be queried; its changelog is `<name>-changelog`.
    pub fn named(name: &str) -> Self {
        Self::new().name(name)
    }
}

impl<KS, VS> Materialized<Said<KS>, Said<VS>> {
    /// These serdes.
    pub fn with(key: KS, value: VS) -> Self {
        Materialized::new().key_serde(key).value_serde(value)
    }
}

impl<KS, VS> Materialized<KS, VS> {
    fn said(mut self) -> Self {
        self.store.is_said = true;
        self
    }

    /// For an aggregation whose code can fail.
    pub(crate) fn fallible(mut self) -> Self {
        self.store.is_fallible = true;
        self
    }

    /// Names the store.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.store.name = Some(name.into());
        self.said()
    }

    /// Names the node that fills the store; Java's `Named`.
    #[must_use]
    pub fn processor(mut self, named: impl Into<Named>) -> Self {
        self.processor = named.into();
        self
    }

    /// Writes keys with this serde.
    pub fn key_serde<S>(self, serde: S) -> Materialized<Said<S>, VS> {
        let Self { value, processor, store, .. } = self.said();
        Materialized { key: Said(serde), value, processor, store }
    }

    /// Writes values with this serde.
    pub fn value_serde<S>(self, serde: S) -> Materialized<KS, Said<S>> {
        let Self { key, processor, store, .. } = self.said();
        Materialized { key, value: Said(serde), processor, store }
    }

    /// Keeps the store in memory; it is restored from its changelog at each start.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.store.in_memory = Some(true);
        self.said()
    }

    /// Keeps the store on disk.
    #[must_use]
    pub fn persistent(mut self) -> Self {
        self.store.in_memory = Some(false);
        self.said()
    }

    /// Whether updates of a key between two commits are told as one. On, unless turned off; the
    /// application's cache size of 0 turns it off everywhere.
    #[must_use]
    pub fn caching(mut self, caching: bool) -> Self {
        self.store.uncached = !caching;
        self.said()
    }

    /// Whether updates go to a changelog topic, from which the store is restored. On, unless
    /// turned off.
    #[must_use]
    pub fn logging(mut self, logging: bool) -> Self {
        self.store.logging = if logging { Logging::Default } else { Logging::Off };
        self.said()
    }

    /// Settings of the changelog topic besides the usual ones.
    #[must_use]
    pub fn logging_config(mut self, config: BTreeMap<String, String>) -> Self {
        self.store.logging = Logging::With(config);
        self.said()
    }

    /// How long windows are kept, counted from their start: by default their size and grace.
    /// Without effect on stores that have no windows.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.store.retention = Some(retention);
        self.said()
    }
}

impl StoreOptions {
    /// Where the store is kept, if nothing was said of that.
    pub(crate) fn or_in_memory(mut self, in_memory: bool) -> Self {
        self.in_memory.get_or_insert(in_memory);
        self
    }

    /// The options on a described store.
    pub(crate) fn apply<S: StoreType>(self, builder: StoreBuilder<S>) -> StoreBuilder<S> {
        let builder = builder.caching(!self.uncached).keep_on_error(self.is_fallible);
        let builder = match self.in_memory {
            Some(true) => builder.in_memory(),
            Some(false) => builder.persistent(),
            None => builder,
        };
        match self.logging {
            Logging::Default => builder,
            Logging::With(config) => builder.logging_config(config),
            Logging::Off => builder.logging(false),
        }
    }
}
