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
        self.fold(names, serdes, store, reduce(reducer))
    }
}
