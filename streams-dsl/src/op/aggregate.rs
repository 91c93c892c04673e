//! The records of a key into a value of another type.

use std::{convert::Infallible, sync::Arc};

use streams_core::{
    ProcessorError,
    stores::{Data, StreamData},
};

use super::fold::Initial;
use crate::{
    grouped::KGroupedStream,
    options::{Materialized, SerdeFor, SerdeOver},
    table::KTable,
};

pub(super) const NAME: &str = "KSTREAM-AGGREGATE-";

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Builds a value of any type for each key: `initializer` begins it, `aggregator(key, value,
    /// so far)` takes each record into it.
    ///
    /// The aggregate moves through the aggregator and back, without a copy. Its timestamp is the
    /// greatest of its records'. Between two commits the updates of a key are told as one, as far
    /// as the cache goes. An aggregate that is null to its serde deletes the key: the next record
    /// begins anew.
    ///
    /// # Topics and stores
    /// A key-value store with a changelog topic `<store>-changelog`.
    ///
    /// # Late and null records
    /// Records with a null key or value are dropped and counted. There are no late records: an
    /// older one is aggregated as any other.
    ///
    /// # Example: the names in each team
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, String>("members")
    ///     .group_by_key()
    ///     .aggregate(String::new, |_, name, names| match names.is_empty() {
    ///         true => name,
    ///         false => names + ", " + &name,
    ///     })
    ///     .to_stream()
    ///     .to("teams");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let members = driver.input::<String, String>("members");
    /// members.pipe("red", "ann", 0)?;
    /// members.pipe("red", "bob", 1)?;
    /// let teams = driver.output::<String, String>("teams").read_all()?;
    /// assert_eq!(teams[1].value, "ann, bob");
    /// # Ok(())
    /// # }
    /// ```
    pub fn aggregate<A: StreamData>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> KTable<K, A> {
        self.aggregate_with(initializer, aggregator, Materialized::new())
    }

    /// As [`aggregate`](Self::aggregate), with options.
    pub fn aggregate_with<A: Data, KS, VS>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<K, A>
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
    ) -> KTable<K, A> {
        self.try_aggregate_with(initializer, aggregator, Materialized::new())
    }

    /// As [`try_aggregate`](Self::try_aggregate), with options.
    pub fn try_aggregate_with<A: Data, E: Into<ProcessorError>, KS, VS>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<KS, VS>,
    ) -> KTable<K, A>
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
    ) -> KTable<K, A>
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<A>,
    {
        let Materialized { key, value, processor, store } = materialized;
        let names = self.draw_names(NAME, &store, processor);
        let serdes = (key.settle_over(&self.key), value.settle(None));
        let initial: Initial<A> = Arc::new(initializer);
        let initializer = Arc::clone(&initial);
        self.fold(names, serdes, store, Some(initial), aggregate(move || initializer(), aggregator))
    }
}

/// Initializer and aggregator as a fold.
pub(super) fn aggregate<K, V, A, E: Into<ProcessorError>>(
    initializer: impl Fn() -> A + Send + Sync + 'static,
    aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
) -> impl Fn(&K, V, Option<A>) -> Result<A, ProcessorError> + Send + Sync + 'static {
    move |key, value, so_far| {
        aggregator(key, value, so_far.unwrap_or_else(&initializer)).map_err(Into::into)
    }
}
