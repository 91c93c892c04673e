//! A table as a stream of its changes.

use std::sync::Arc;

use streams_core::{
    Context,
    stores::{Change, Data, Nullable, OptionSerde, SharedSerde},
};

use crate::{options::Named, stream::KStream, table::KTable};

const NAME: &str = "KTABLE-TOSTREAM-";

impl<K: Data, V: Data> KTable<K, V> {
    /// The changes of the table as a stream: the new value of a key, `None` where it was deleted.
    ///
    /// Key and timestamp are those of the change. Deletions are `None`, so the value is an
    /// `Option`: [`non_null_values`](KStream::non_null_values) leaves them out,
    /// [`to_nullable_stream`](Self::to_nullable_stream) takes the null of a type that has one.
    ///
    /// # Topics and stores
    /// None.
    ///
    /// # Example: deletions are none
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let changes = builder.table::<String, i64>("prices").to_stream();
    /// changes.map_values(|price| price.map_or("gone".to_owned(), |price| price.to_string())).to("texts");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let prices = driver.input::<String, Option<i64>>("prices");
    /// prices.pipe("tea", 3, 0)?;
    /// prices.pipe("tea", None, 1)?;
    /// let texts = driver.output::<String, String>("texts").read_key_values()?;
    /// assert_eq!(texts, [("tea", "3"), ("tea", "gone")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    /// # Ok(())
    /// # }
    /// ```
    pub fn to_stream(&self) -> KStream<K, Option<V>> {
        self.to_stream_with(Named::generated())
    }

    /// As [`to_stream`](Self::to_stream), with a name.
    pub fn to_stream_with(&self, named: impl Into<Named>) -> KStream<K, Option<V>> {
        let run =
            |key, change: Change<V>, ctx: &mut Context<'_, K, Option<V>>| ctx.pass(key, change.new);
        let at = self.at.step(named, NAME, run);
        let value = self.value.as_ref().map(|serde| -> SharedSerde<Option<V>> {
            Arc::new(OptionSerde::new(Arc::clone(serde)))
        });
        KStream::new(at, Some(Arc::clone(&self.key)), value)
    }

    /// As [`to_stream`](Self::to_stream), for values that have a null of their own: a deletion is
    /// that null.
    ///
    /// Key and timestamp are those of the change.
    ///
    /// # Topics and stores
    /// None.
    pub fn to_nullable_stream(&self) -> KStream<K, V>
    where
        V: Nullable,
    {
        self.to_nullable_stream_with(Named::generated())
    }

    /// As [`to_nullable_stream`](Self::to_nullable_stream), with a name.
    pub fn to_nullable_stream_with(&self, named: impl Into<Named>) -> KStream<K, V>
    where
        V: Nullable,
    {
        let run = |key, change: Change<V>, ctx: &mut Context<'_, K, V>| {
            ctx.pass(key, change.new.unwrap_or_else(V::null))
        };
        let at = self.at.step(named, NAME, run);
        KStream::new(at, Some(Arc::clone(&self.key)), self.value.clone())
    }
}
