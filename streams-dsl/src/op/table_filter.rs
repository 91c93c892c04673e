//! Some of the rows of a table.

use std::convert::Infallible;

use streams_core::{
    ProcessorError,
    stores::{Data, StreamData},
};

use super::table_derive::Rule;
use crate::{
    options::{Materialized, SerdeFor},
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
    pub fn filter(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self
    where
        K: StreamData,
        V: StreamData,
    {
        self.filter_with(predicate, Materialized::new())
    }

    /// As [`filter`](Self::filter), with options.
    pub fn filter_with<KS, VS>(
        &self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> Self
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
    {
        let predicate = move |key: &K, value: &V| Ok::<_, Infallible>(predicate(key, value));
        self.try_filter_with(predicate, materialized)
    }

    /// As [`filter`](Self::filter), for code that can fail; the processing handler decides then.
    pub fn try_filter<E: Into<ProcessorError>>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
    ) -> Self
    where
        K: StreamData,
        V: StreamData,
    {
        self.try_filter_with(predicate, Materialized::new())
    }

    /// As [`try_filter`](Self::try_filter), with options.
    pub fn try_filter_with<E: Into<ProcessorError>, KS, VS>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> Self
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
    {
        let derive = move |key: &K, value: V| match predicate(key, &value) {
            Ok(accepted) => Ok(accepted.then_some(value)),
            Err(error) => Err(error.into()),
        };
        self.derive(RULE, derive, self.value.as_ref(), materialized)
    }

    /// The table of those rows that `predicate` refuses; as [`filter`](Self::filter) otherwise.
    pub fn filter_not(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self
    where
        K: StreamData,
        V: StreamData,
    {
        self.filter_not_with(predicate, Materialized::new())
    }

    /// As [`filter_not`](Self::filter_not), with options.
    pub fn filter_not_with<KS, VS>(
        &self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> Self
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
    {
        self.filter_with(move |key, value| !predicate(key, value), materialized)
    }
}
