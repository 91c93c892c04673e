//! The records of a key and window into a value of another type.

use std::{convert::Infallible, sync::Arc};

use streams_core::{
    ProcessorError,
    stores::{Data, StreamData, Windowed},
};

use super::{
    aggregate::{NAME, aggregate},
    fold::Initial,
};
use crate::{
    options::{Materialized, SerdeFor, SerdeOver},
    table::KTable,
    windowed::TimeWindowedKStream,
};

impl<K: Data, V: Data> TimeWindowedKStream<K, V> {
    /// Builds a value of any type for each key and window: `initializer` begins it,
    /// `aggregator(key, value, so far)` takes each record into it.
    ///
    /// The aggregate moves through the aggregator and back, without a copy. Its timestamp is the
    /// greatest of its records'. Each record updates its windows in the order of their starts;
    /// between two commits the updates of a window are told as one, as far as the cache goes. An
    /// aggregate that is null to its serde deletes the window: the next record begins anew.
    ///
    /// # Topics and stores
    /// A window store, which keeps windows for their size and grace or the
    /// [retention](Materialized::retention) said, with a changelog topic `<store>-changelog`.
    ///
    /// # Late and null records
    /// A record with a null key is dropped and counted; a null value reaches the aggregator. A
    /// record that is too late for a window is dropped from it and counted, once for each window.
    ///
    /// # Example: the sum of each hour
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, i64>("sales")
    ///     .group_by_key()
    ///     .windowed_by(Tumbling::of(Duration::from_secs(3600)).grace(Duration::from_secs(60)))
    ///     .aggregate(|| 0, |_, amount, sum| sum + amount)
    ///     .to_stream()
    ///     .map(|window, sum| (window.key, sum))
    ///     .to("sums");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let sales = driver.input::<String, i64>("sales");
    /// sales.pipe("shop", 5, 1_000)?;
    /// sales.pipe("shop", 7, 2_000)?;
    /// let sums = driver.output::<String, i64>("sums").read_key_values()?;
    /// assert_eq!(sums, [("shop".to_owned(), 5), ("shop".to_owned(), 12)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn aggregate<A: StreamData>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, A> {
        self.aggregate_with(initializer, aggregator, Materialized::new())
    }

    /// As [`aggregate`](Self::aggregate), with options.
    pub fn aggregate_with<A: Data, KS, VS>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<Windowed<K>, A>
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<A>,
    {
        let aggregator =
            move |key: &K, value, so_far| Ok::<_, Infallible>(aggregator(key, value, so_far));
        self.aggregated(initializer, aggregator, materialized)
    }

    /// As [`aggregate`](Self::aggregate), for code that can fail; the processing handler decides
    /// then.
    pub fn try_aggregate<A: StreamData, E: Into<ProcessorError>>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, A> {
        self.try_aggregate_with(initializer, aggregator, Materialized::new())
    }

    /// As [`try_aggregate`](Self::try_aggregate), with options.
    pub fn try_aggregate_with<A: Data, E: Into<ProcessorError>, KS, VS>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<Windowed<K>, A>
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<A>,
    {
        self.aggregated(initializer, aggregator, materialized.fallible())
    }

    fn aggregated<A: Data, E: Into<ProcessorError>, KS, VS>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<Windowed<K>, A>
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<A>,
    {
        let Materialized { key, value, processor, store } = materialized;
        let names = self.grouped.draw_names(NAME, &store, processor);
        let serdes = (key.settle_over(&self.grouped.key), value.settle(None));
        let initial: Initial<A> = Arc::new(initializer);
        let initializer = Arc::clone(&initial);
        self.fold(names, serdes, store, Some(initial), aggregate(move || initializer(), aggregator))
    }
}
