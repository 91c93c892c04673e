//! Some of the rows of a table.

use std::convert::Infallible;

use streams_core::{ProcessorError, stores::Data};

use super::table_derive::Rule;
use crate::{
    options::{Materialized, SerdeFor, SerdeOver},
    table::KTable,
};

const RULE: Rule = Rule { name: "KTABLE-FILTER-", drops_empty: true };

impl<K: Data, V: Data> KTable<K, V> {
    /// The table of those rows that `predicate` accepts; a row that it no longer accepts is
    /// deleted.
    ///
    /// Key, value and timestamp of a row stay what they are.
    ///
    /// # Topics and stores
    /// None: rows are filtered anew when they are looked up. A [name](Materialized::named) keeps
    /// the table in a store of its own.
    ///
    /// # Late and null records
    /// A deletion is passed on without asking `predicate`, also of a key that was not in the table,
    /// unless the table before is kept in a store, which then knows.
    ///
    /// # Example: what is in stock
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder.table::<String, i64>("stock").filter(|_, pieces| *pieces > 0).to_stream().to("in-stock");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let stock = driver.input::<String, i64>("stock");
    /// stock.pipe("tea", 3, 0)?;
    /// stock.pipe("tea", 0, 1)?;
    /// let in_stock = driver.output::<String, Option<i64>>("in-stock").read_key_values()?;
    /// assert_eq!(in_stock, [("tea".to_owned(), Some(3)), ("tea".to_owned(), None)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn filter(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.try_filter(move |key, value| Ok::<_, Infallible>(predicate(key, value)))
    }

    /// As [`filter`](Self::filter), with options.
    pub fn filter_with<KS, VS>(
        &self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> Self
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<V>,
    {
        let predicate = move |key: &K, value: &V| Ok::<_, Infallible>(predicate(key, value));
        self.try_filter_with(predicate, materialized)
    }

    /// As [`filter`](Self::filter), for code that can fail; the processing handler decides then.
    pub fn try_filter<E: Into<ProcessorError>>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
    ) -> Self {
        self.derive(RULE, accept(predicate), self.value.clone())
    }

    /// As [`try_filter`](Self::try_filter), with options.
    pub fn try_filter_with<E: Into<ProcessorError>, KS, VS>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> Self
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<V>,
    {
        let Materialized { key, value, processor, store } = materialized;
        let serdes = (key.settle_over(&self.key), Some(value.settle(self.value.as_ref())));
        self.derive_with(RULE, accept(predicate), serdes, (processor, store))
    }

    /// The table of those rows that `predicate` refuses; as [`filter`](Self::filter) otherwise.
    pub fn filter_not(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.filter(move |key, value| !predicate(key, value))
    }

    /// As [`filter_not`](Self::filter_not), with options.
    pub fn filter_not_with<KS, VS>(
        &self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> Self
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<V>,
    {
        self.filter_with(move |key, value| !predicate(key, value), materialized)
    }
}

/// The row itself, if the predicate accepts it.
fn accept<K, V, E: Into<ProcessorError>>(
    predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
) -> impl Fn(&K, V) -> Result<Option<V>, ProcessorError> + Send + Sync + 'static {
    move |key, value| match predicate(key, &value) {
        Ok(accepted) => Ok(accepted.then_some(value)),
        Err(error) => Err(error.into()),
    }
}
