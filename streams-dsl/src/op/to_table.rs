//! A stream as a table.

use std::sync::Arc;

use streams_core::stores::{Data, StreamData};

use super::table_source::TableParts;
use crate::{
    options::{Materialized, SerdeFor},
    plan::{Kind, Repartition},
    stream::KStream,
    table::KTable,
};

const NAME: &str = "KSTREAM-TOTABLE-";

impl<K: Data, V: Data> KStream<K, V> {
    /// Reads the stream as a table: a record is the new value of its key, a null value deletes it.
    ///
    /// Key, value and timestamp are the record's.
    ///
    /// # Topics and stores
    /// Where the key may have changed since the records were read, they come through a topic
    /// `<name>-repartition`. The table is kept in a store only where a join or a name asks for it;
    /// the store has a changelog topic.
    ///
    /// # Late and null records
    /// A record with a null key is dropped and counted. An update that is older than the value it
    /// replaces replaces it all the same.
    ///
    /// # Example: the latest position of each car
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let positions = builder.stream::<String, i64>("positions").to_table();
    /// builder.stream::<String, i64>("calls").join(&positions, |_, at| *at).to("found");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("positions").pipe("car", 7, 0)?;
    /// driver.input::<String, i64>("positions").pipe("car", 8, 1)?;
    /// driver.input::<String, i64>("calls").pipe("car", 0, 2)?;
    /// assert_eq!(driver.output::<String, i64>("found").read_key_values()?, [("car".to_owned(), 8)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn to_table(&self) -> KTable<K, V>
    where
        K: StreamData,
        V: StreamData,
    {
        self.to_table_with(Materialized::new())
    }

    /// As [`to_table`](Self::to_table), with options.
    pub fn to_table_with<KS, VS>(&self, materialized: Materialized<KS, VS>) -> KTable<K, V>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
    {
        let plan = &self.at.plan;
        let Materialized { key, value, processor, store } = materialized;
        let key = key.settle(self.key_serde());
        let value = value.settle(self.value_serde());
        let name = plan.node_name(processor, NAME);
        let repartition = Repartition::by_key(&key, &value);
        let table = TableParts::new(plan, NAME, store, (key, value));
        let from = match self.at.is_rekeyed {
            true => self.at.repartition(&name, repartition),
            false => self.at.clone(),
        };
        let (node_name, parts) = (Arc::clone(&name), table.clone());
        let node = plan.add(&[from.node], &name, Kind::Inner, move |place| {
            parts.write(&node_name, place.topology, &place.parents, Some);
        });
        table.into_table(from.below(name, node))
    }
}
