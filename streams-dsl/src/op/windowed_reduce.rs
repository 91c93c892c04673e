//! The records of a key and window into one.

use std::convert::Infallible;

use streams_core::{
    ProcessorError,
    stores::{Data, Windowed},
};

use super::reduce::{NAME, reduce};
use crate::{
    options::{Materialized, SerdeOver},
    table::KTable,
    windowed::TimeWindowedKStream,
};

impl<K: Data, V: Data> TimeWindowedKStream<K, V> {
    /// Combines the values of each key and window into one of the same type, `reducer(so far,
    /// value)`; the first value of a window is taken as it is.
    ///
    /// The timestamp of the result is the greatest of its records'. Each record updates its
    /// windows in the order of their starts; between two commits the updates of a window are told
    /// as one, as far as the cache goes. A result that is null to its serde deletes the window:
    /// the next value begins anew.
    ///
    /// # Topics and stores
    /// A window store, which keeps windows for their size and grace or the
    /// [retention](Materialized::retention) said, with a changelog topic `<store>-changelog`.
    ///
    /// # Late and null records
    /// A record with a null key is dropped and counted; a null value reaches the reducer. A record
    /// that is too late for a window is dropped from it and counted, once for each window.
    ///
    /// # Example: the highest reading of the last ten seconds, each five
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let ten_seconds = Hopping::of(Duration::from_secs(10)).advance_by(Duration::from_secs(5));
    /// builder
    ///     .stream::<String, i64>("readings")
    ///     .group_by_key()
    ///     .windowed_by(ten_seconds)
    ///     .reduce(i64::max)
    ///     .to_stream()
    ///     .map(|window, highest| (window.start().as_millis(), highest))
    ///     .to("highest");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let readings = driver.input::<String, i64>("readings");
    /// readings.pipe("oven", 180, 7_000)?;
    /// readings.pipe("oven", 170, 12_000)?;
    /// let highest = driver.output::<i64, i64>("highest").read_key_values()?;
    /// assert_eq!(highest, [(0, 180), (5_000, 180), (5_000, 180), (10_000, 170)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reduce(
        &self,
        reducer: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, V> {
        self.reduce_with(reducer, Materialized::new())
    }

    /// As [`reduce`](Self::reduce), with options.
    pub fn reduce_with<KS, VS>(
        &self,
        reducer: impl Fn(V, V) -> V + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<Windowed<K>, V>
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
    ) -> KTable<Windowed<K>, V> {
        self.try_reduce_with(reducer, Materialized::new())
    }

    /// As [`try_reduce`](Self::try_reduce), with options.
    pub fn try_reduce_with<E: Into<ProcessorError>, KS, VS>(
        &self,
        reducer: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<Windowed<K>, V>
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
    ) -> KTable<Windowed<K>, V>
    where
        KS: SerdeOver<K>,
        VS: SerdeOver<V>,
    {
        let Materialized { key, value, processor, store } = materialized;
        let grouped = &self.grouped;
        let names = grouped.draw_names(NAME, &store, processor);
        let serdes = (key.settle_over(&grouped.key), value.settle_over(&grouped.value));
        self.fold(names, serdes, store, None, reduce(reducer))
    }
}
