//! The records of a key into one.

use std::convert::Infallible;

use streams_core::{ProcessorError, stores::Data};

use crate::{
    grouped::KGroupedStream,
    options::{Materialized, SerdeOver},
    table::KTable,
};

pub(super) const NAME: &str = "KSTREAM-REDUCE-";

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Combines the values of each key into one of the same type, `reducer(so far, value)`; the
    /// first value of a key is taken as it is.
    ///
    /// The timestamp of the result is the greatest of its records'. Between two commits the
    /// updates of a key are told as one, as far as the cache goes. A result that is null to its
    /// serde deletes the key: the next value begins anew.
    ///
    /// # Topics and stores
    /// A key-value store with a changelog topic `<store>-changelog`.
    ///
    /// # Late and null records
    /// Records with a null key or value are dropped and counted. There are no late records: an
    /// older one is combined as any other.
    ///
    /// # Example: the largest order of each customer
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, i64>("orders");
    /// orders.group_by_key().reduce(i64::max).to_stream().to("largest");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let orders = driver.input::<String, i64>("orders");
    /// orders.pipe("ann", 7, 0)?;
    /// orders.pipe("ann", 5, 1)?;
    /// let largest = driver.output::<String, i64>("largest").read_key_values()?;
    /// assert_eq!(largest, [("ann".to_owned(), 7), ("ann".to_owned(), 7)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reduce(&self, reducer: impl Fn(V, V) -> V + Send + Sync + 'static) -> KTable<K, V> {
        self.reduce_with(reducer, Materialized::new())
    }

    /// As [`reduce`](Self::reduce), with options.
    pub fn reduce_with<KS, VS>(
        &self,
        reducer: impl Fn(V, V) -> V + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<K, V>
    where
        KS: SerdeOver<K>,
        VS: SerdeOver<V>,
    {
        self.reduced(move |so_far, value| Ok::<_, Infallible>(reducer(so_far, value)), materialized)
    }

    /// As [`reduce`](Self::reduce), for code that can fail; the processing handler decides then.
    pub fn try_reduce<E: Into<ProcessorError>>(
        &self,
        reducer: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
    ) -> KTable<K, V> {
        self.try_reduce_with(reducer, Materialized::new())
    }

    /// As [`try_reduce`](Self::try_reduce), with options.
    pub fn try_reduce_with<E: Into<ProcessorError>, KS, VS>(
        &self,
        reducer: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<K, V>
    where
        KS: SerdeOver<K>,
        VS: SerdeOver<V>,
    {
        self.reduced(reducer, materialized.fallible())
    }

    fn reduced<E: Into<ProcessorError>, KS, VS>(
        &self,
        reducer: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<K, V>
    where
        KS: SerdeOver<K>,
        VS: SerdeOver<V>,
    {
        let Materialized { key, value, processor, store } = materialized;
        let names = self.draw_names(NAME, &store, processor);
        let serdes = (key.settle_over(&self.key), value.settle_over(&self.value));
        self.fold(names, serdes, store, None, reduce(reducer))
    }
}

/// A reducer as a fold: the first value is taken as it is.
pub(super) fn reduce<K, V, E: Into<ProcessorError>>(
    reducer: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
) -> impl Fn(&K, V, Option<V>) -> Result<V, ProcessorError> + Send + Sync + 'static {
    move |_, value, so_far| match so_far {
        Some(so_far) => reducer(so_far, value).map_err(Into::into),
        None => Ok(value),
    }
}
