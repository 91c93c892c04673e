//! How many records.

use std::sync::Arc;

use streams_core::stores::{Data, StreamData};

use super::fold::Initial;
use crate::{
    grouped::KGroupedStream,
    options::{Materialized, SerdeFor, SerdeOver, StoreOptions},
    table::KTable,
};

pub(super) const NAME: &str = "KSTREAM-AGGREGATE-";

/// A type that can count: the integers, and `Option` of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot count",
    note = "count into an integer type, or implement `Counter for {Self}`"
)]
pub trait Counter: Data {
    /// No record yet.
    fn zero() -> Self;

    /// One more; a counter that is full begins anew, as Java's does.
    #[must_use]
    fn next(self) -> Self;
}

macro_rules! counters {
    ($($integer:ident)*) => { $(
        impl Counter for $integer {
            fn zero() -> Self {
                0
            }

            #[inline]
            fn next(self) -> Self {
                self.wrapping_add(1)
            }
        }
    )* };
}

counters!(i64 i32 i16 u64 u32);

impl<C: Counter> Counter for Option<C> {
    fn zero() -> Self {
        Some(C::zero())
    }

    #[inline]
    fn next(self) -> Self {
        Some(self.unwrap_or_else(C::zero).next())
    }
}

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Counts the records of each key.
    ///
    /// The timestamp of a count is the greatest of its records'. Between two commits the updates
    /// of a key are told as one, as far as the cache goes.
    ///
    /// # Topics and stores
    /// A key-value store with a changelog topic `<store>-changelog`.
    ///
    /// # Late and null records
    /// Records with a null key or value are dropped and counted. There are no late records: an
    /// older one counts as any other.
    ///
    /// # Example: words
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<Ignored, String>("words")
    ///     .group_by(|_, word| word.clone())
    ///     .count()
    ///     .to_stream()
    ///     .to("counts");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let words = driver.input::<Ignored, String>("words");
    /// words.pipe(Ignored, "to", 0)?;
    /// words.pipe(Ignored, "be", 1)?;
    /// words.pipe(Ignored, "to", 2)?;
    /// let counts = driver.output::<String, i64>("counts").read_key_values()?;
    /// assert_eq!(counts, [("to".to_owned(), 1), ("be".to_owned(), 1), ("to".to_owned(), 2)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn count(&self) -> KTable<K, i64> {
        self.count_as()
    }

    /// As [`count`](Self::count), with options.
    pub fn count_with<KS, VS>(&self, materialized: Materialized<KS, VS>) -> KTable<K, i64>
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<i64>,
    {
        self.count_as_with(materialized)
    }

    /// As [`count`](Self::count), in another integer type.
    pub fn count_as<N: Counter + StreamData>(&self) -> KTable<K, N> {
        self.count_as_with(Materialized::new())
    }

    /// As [`count_as`](Self::count_as), with options.
    pub fn count_as_with<N: Counter, KS, VS>(
        &self,
        materialized: Materialized<KS, VS>,
    ) -> KTable<K, N>
    where
        KS: SerdeOver<K>,
        VS: SerdeFor<N>,
    {
        let Materialized { key, value, processor, store } = materialized;
        self.burn_number(&store);
        let names = self.draw_names(NAME, &store, processor);
        let serdes = (key.settle_over(&self.key), value.settle(None));
        let initial: Initial<N> = Arc::new(N::zero);
        self.fold(names, serdes, store, Some(initial), |_, _, before: Option<N>| {
            Ok(before.unwrap_or_else(N::zero).next())
        })
    }

    /// Java draws one number more for a count whose store is described but has no name; the
    /// numbers behind it depend on it.
    pub(super) fn burn_number(&self, store: &StoreOptions) {
        if store.is_said && store.name.is_none() {
            self.at.plan.store_name(NAME);
        }
    }
}
