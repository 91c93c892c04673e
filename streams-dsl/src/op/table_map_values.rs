//! The rows of a table, with other values.

use streams_core::{
    ProcessorError,
    stores::{Data, StreamData},
};

use super::table_derive::Rule;
use crate::{
    options::{Materialized, SerdeFor},
    table::KTable,
};

const RULE: Rule = Rule { name: "KTABLE-MAPVALUES-", drops_empty: false };

impl<K: Data, V: Data> KTable<K, V> {
    /// The table of what `mapper` makes of each value.
    ///
    /// Key and timestamp of a row stay; deletions pass without asking `mapper`.
    ///
    /// # Topics and stores
    /// None: values are mapped anew when they are looked up. A [name](Materialized::named) keeps
    /// the table in a store of its own.
    pub fn map_values<V2: StreamData>(
        &self,
        mapper: impl Fn(V) -> V2 + Send + Sync + 'static,
    ) -> KTable<K, V2>
    where
        K: StreamData,
    {
        self.map_values_with(move |_, value| mapper(value), Materialized::new())
    }

    /// As [`map_values`](Self::map_values), with a look at the key, and options.
    pub fn map_values_with<V2: Data, KS, VS>(
        &self,
        mapper: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<K, V2>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V2>,
    {
        self.derive(RULE, move |key: &K, value| Ok(Some(mapper(key, value))), None, materialized)
    }

    /// The table of those rows for which `mapper` has a value: a row for which it has none is
    /// deleted. Java's `mapValues` with a mapper that returns null.
    ///
    /// Key and timestamp of a row stay; deletions pass without asking `mapper`.
    ///
    /// # Topics and stores
    /// As [`map_values`](Self::map_values).
    pub fn filter_map_values<V2: StreamData>(
        &self,
        mapper: impl Fn(V) -> Option<V2> + Send + Sync + 'static,
    ) -> KTable<K, V2>
    where
        K: StreamData,
    {
        self.filter_map_values_with(move |_, value| mapper(value), Materialized::new())
    }

    /// As [`filter_map_values`](Self::filter_map_values), with a look at the key, and options.
    pub fn filter_map_values_with<V2: Data, KS, VS>(
        &self,
        mapper: impl Fn(&K, V) -> Option<V2> + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<K, V2>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V2>,
    {
        self.derive(RULE, move |key: &K, value| Ok(mapper(key, value)), None, materialized)
    }

    /// As [`filter_map_values_with`](Self::filter_map_values_with), for code that can fail; the
    /// processing handler decides then.
    pub fn try_filter_map_values_with<V2: Data, E: Into<ProcessorError>, KS, VS>(
        &self,
        mapper: impl Fn(&K, V) -> Result<Option<V2>, E> + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<K, V2>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V2>,
    {
        self.derive(
            RULE,
            move |key: &K, value| mapper(key, value).map_err(Into::into),
            None,
            materialized,
        )
    }
}
