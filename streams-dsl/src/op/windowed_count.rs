//! How many records, by windows.

use std::sync::Arc;

use streams_core::stores::{Data, StreamData, Windowed};

use super::{
    count::{Counter, NAME},
    fold::Initial,
};
use crate::{
    options::{Materialized, SerdeFor, SerdeOver},
    table::KTable,
    windowed::TimeWindowedKStream,
};

impl<K: Data, V: Data> TimeWindowedKStream<K, V> {
    /// Counts the records of each key and window.
    ///
    /// The timestamp of a count is the greatest of its records'. Each record updates its windows
    /// in the order of their starts; between two commits the updates of a window are told as one,
    /// as far as the cache goes.
    ///
    /// # Topics and stores
    /// A window store, which keeps windows for their size and grace or the
    /// [retention](Materialized::retention) said, with a changelog topic `<store>-changelog`.
    ///
    /// # Late and null records
    /// A record with a null key is dropped and counted; one with a null value counts. A record
    /// that is too late for a window is dropped from it and counted, once for each window.
    ///
    /// # Example: clicks in each minute
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, i64>("clicks")
    ///     .group_by_key()
    ///     .windowed_by(Tumbling::of(Duration::from_secs(60)))
    ///     .count()
    ///     .to_stream()
    ///     .map(|window, count| (window.start().as_millis(), count))
    ///     .to("per-minute");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let clicks = driver.input::<String, i64>("clicks");
    /// clicks.pipe("ann", 1, 5_000)?;
    /// clicks.pipe("ann", 1, 59_999)?;
    /// clicks.pipe("ann", 1, 60_000)?;
    /// clicks.pipe("ann", 1, 59_000)?; // too late
    /// let counts = driver.output::<i64, i64>("per-minute").read_key_values()?;
    /// assert_eq!(counts, [(0, 1), (0, 2), (60_000, 1)]);
    /// assert_eq!(driver.dropped_records(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn count(&self) -> KTable<Windowed<K>, i64> {
        self.count_as()
    }

    /// As [`count`](Self::count), with options.
    pub fn count_with<KS, VS>(&self, materialized: Materialized<KS, VS>) -> KTable<Windowed<K>, i64>
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<i64>,
    {
        self.count_as_with(materialized)
    }

    /// As [`count`](Self::count), in another integer type.
    pub fn count_as<N: Counter + StreamData>(&self) -> KTable<Windowed<K>, N> {
        self.count_as_with(Materialized::new())
    }

    /// As [`count_as`](Self::count_as), with options.
    pub fn count_as_with<N: Counter, KS, VS>(
        &self,
        materialized: Materialized<KS, VS>,
    ) -> KTable<Windowed<K>, N>
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<N>,
    {
        let Materialized { key, value, processor, store } = materialized;
        self.grouped.burn_number(&store);
        let names = self.grouped.draw_names(NAME, &store, processor);
        let serdes = (key.settle_over(&self.grouped.key), value.settle(None));
        let initial: Initial<N> = Arc::new(N::zero);
        self.fold(names, serdes, store, Some(initial), |_, _, before: Option<N>| {
            Ok(before.unwrap_or_else(N::zero).next())
        })
    }
}
