//! The rows of a table, with other values.

use std::convert::Infallible;

use streams_core::{ProcessorError, stores::Data};

use super::table_derive::Rule;
use crate::{
    options::{Materialized, SerdeFor, SerdeOver},
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
    ///
    /// # Example: prices in cents
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder.table::<String, i64>("prices").map_values(|euro| euro * 100).to_stream().to("cents");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("prices").pipe("tea", 3, 0)?;
    /// let cents = driver.output::<String, i64>("cents").read_key_values()?;
    /// assert_eq!(cents, [("tea".to_owned(), 300)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map_values<V2: Data>(
        &self,
        mapper: impl Fn(V) -> V2 + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.derive(RULE, move |_: &K, value| Ok(Some(mapper(value))), None)
    }

    /// As [`map_values`](Self::map_values), with a look at the key, and options.
    pub fn map_values_with<V2: Data, KS, VS>(
        &self,
        mapper: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<K, V2>
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<V2>,
    {
        self.filter_map_values_with(move |key, value| Some(mapper(key, value)), materialized)
    }

    /// The table of those rows for which `mapper` has a value: a row for which it has none is
    /// deleted. Java's `mapValues` with a mapper that returns null.
    ///
    /// Key and timestamp of a row stay; deletions pass without asking `mapper`.
    ///
    /// # Topics and stores
    /// As [`map_values`](Self::map_values).
    pub fn filter_map_values<V2: Data>(
        &self,
        mapper: impl Fn(V) -> Option<V2> + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.derive(RULE, move |_: &K, value| Ok(mapper(value)), None)
    }

    /// As [`filter_map_values`](Self::filter_map_values), with a look at the key, and options.
    pub fn filter_map_values_with<V2: Data, KS, VS>(
        &self,
        mapper: impl Fn(&K, V) -> Option<V2> + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<K, V2>
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<V2>,
    {
        let mapper = move |key: &K, value| Ok::<_, Infallible>(mapper(key, value));
        self.try_filter_map_values_with(mapper, materialized)
    }

    /// As [`filter_map_values_with`](Self::filter_map_values_with), for code that can fail; the
    /// processing handler decides then.
    pub fn try_filter_map_values_with<V2: Data, E: Into<ProcessorError>, KS, VS>(
        &self,
        mapper: impl Fn(&K, V) -> Result<Option<V2>, E> + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<K, V2>
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<V2>,
    {
        let Materialized { key, value, processor, store } = materialized;
        let serdes = (key.settle_over(&self.key), Some(value.settle(None)));
        let derive = move |key: &K, value| mapper(key, value).map_err(Into::into);
        self.derive_with(RULE, derive, serdes, (processor, store))
    }
}
