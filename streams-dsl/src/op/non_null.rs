//! From nullable keys and values to those that cannot be null.

use streams_core::{Context, stores::Data};

use crate::{options::Named, stream::KStream};

const NAME: &str = "KSTREAM-FILTER-";

impl<K: Data, V: Data> KStream<Option<K>, V> {
    /// Drops records with a null key, and counts them.
    ///
    /// Key, value, timestamp and headers of the others stay what they are; the type of the key
    /// says from here on that it is never null.
    ///
    /// # Topics and stores
    /// None; the records stay in their partition.
    ///
    /// # Example: records without a key are left out
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<Option<String>, i64>("in").non_null_keys().to("out");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let input = driver.input::<Option<String>, i64>("in");
    /// input.pipe(None, 1, 0)?;
    /// input.pipe("a".to_owned(), 2, 1)?;
    /// assert_eq!(driver.output::<String, i64>("out").read_key_values()?, [("a".to_owned(), 2)]);
    /// assert_eq!(driver.dropped_records(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn non_null_keys(&self) -> KStream<K, V> {
        self.non_null_keys_with(Named::generated())
    }

    /// As [`non_null_keys`](Self::non_null_keys), with a name.
    pub fn non_null_keys_with(&self, named: impl Into<Named>) -> KStream<K, V> {
        let run = |key: Option<K>, value: V, ctx: &mut Context<'_, K, V>| match key {
            Some(key) => ctx.pass(key, value),
            None => {
                ctx.count_dropped();
                Ok(())
            }
        };
        KStream::new(self.at.step(named, NAME, run), None, self.value.clone())
    }
}

impl<K: Data, V: Data> KStream<K, Option<V>> {
    /// Drops records with a null value, and counts them.
    ///
    /// Key, value, timestamp and headers of the others stay what they are; the type of the value
    /// says from here on that it is never null.
    ///
    /// # Topics and stores
    /// None; the records stay in their partition.
    ///
    /// # Example: updates of a table without its deletions
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// builder.table::<String, i64>("prices").to_stream().non_null_values().to("updates");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let prices = driver.input::<String, Option<i64>>("prices");
    /// prices.pipe("tea", 3, 0)?;
    /// prices.pipe("tea", None, 1)?;
    /// assert_eq!(driver.output::<String, i64>("updates").read_key_values()?, [("tea".to_owned(), 3)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn non_null_values(&self) -> KStream<K, V> {
        self.non_null_values_with(Named::generated())
    }

    /// As [`non_null_values`](Self::non_null_values), with a name.
    pub fn non_null_values_with(&self, named: impl Into<Named>) -> KStream<K, V> {
        let run = |key: K, value: Option<V>, ctx: &mut Context<'_, K, V>| match value {
            Some(value) => ctx.pass(key, value),
            None => {
                ctx.count_dropped();
                Ok(())
            }
        };
        self.with_values(self.at.step(named, NAME, run))
    }
}
