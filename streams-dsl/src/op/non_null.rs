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
