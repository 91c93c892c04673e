//! Each record with the value that a table has for its key.

use std::{convert::Infallible, sync::Arc};

use streams_core::{
    Context, Outcome, ProcessorError,
    stores::{Data, SharedSerde, StreamData},
};

use crate::{
    options::{Joined, SerdeFor},
    plan::{Kind, Repartition, Repartitioning},
    stage::Stage,
    stream::KStream,
    table::{KTable, View},
};

impl<K: Data, V: Data> KStream<K, V> {
    /// Joins each record with the value that the table has for its key at this moment; a record
    /// without one is left out.
    ///
    /// Only records of the stream are answered, changes of the table are not. Key, timestamp and
    /// headers are those of the record, the value is the joiner's.
    ///
    /// # Topics and stores
    /// The table is kept in a store. Topics of stream and table have the same number of
    /// partitions; where the stream's key may have changed since the records were read, they come
    /// through a topic `<name>-repartition`, named after the join or else after the node before.
    ///
    /// # Late and null records
    /// Records with a null key or value are dropped and counted. The order of stream and table is
    /// that in which the task takes records: by timestamp, as far as they are there.
    ///
    /// # Example: orders with the price of this moment
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.table::<String, i64>("prices");
    /// let orders = builder.stream::<String, i64>("orders");
    /// orders.join(&prices, |pieces, price| pieces * price).to("amounts");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("prices").pipe("tea", 3, 0)?;
    /// let orders = driver.input::<String, i64>("orders");
    /// orders.pipe("tea", 2, 1)?;
    /// orders.pipe("wine", 1, 2)?; // has no price
    /// let amounts = driver.output::<String, i64>("amounts").read_key_values()?;
    /// assert_eq!(amounts, [("tea".to_owned(), 6)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn join<VT: Data, VR: Data>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, &VT) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        K: StreamData,
        V: StreamData,
    {
        self.join_with(table, joiner, Joined::new())
    }

    /// As [`join`](Self::join), with options.
    pub fn join_with<VT: Data, VR: Data, KS, VS>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, &VT) -> VR + Send + Sync + 'static,
        joined: Joined<KS, VS>,
    ) -> KStream<K, VR>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
    {
        let joiner = move |_: &K, value, row: &VT| Ok::<_, Infallible>(joiner(value, row));
        self.try_join_with_key_with(table, joiner, joined)
    }

    /// As [`join`](Self::join), for code that can fail; the processing handler decides then.
    pub fn try_join<VT: Data, VR: Data, E: Into<ProcessorError>>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, &VT) -> Result<VR, E> + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        K: StreamData,
        V: StreamData,
    {
        self.try_join_with(table, joiner, Joined::new())
    }

    /// As [`try_join`](Self::try_join), with options.
    pub fn try_join_with<VT: Data, VR: Data, E: Into<ProcessorError>, KS, VS>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, &VT) -> Result<VR, E> + Send + Sync + 'static,
        joined: Joined<KS, VS>,
    ) -> KStream<K, VR>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
    {
        let joiner = move |_: &K, value, row: &VT| joiner(value, row);
        self.try_join_with_key_with(table, joiner, joined)
    }

    /// As [`join`](Self::join), with a look at the key.
    pub fn join_with_key<VT: Data, VR: Data>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(&K, V, &VT) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        K: StreamData,
        V: StreamData,
    {
        let joiner = move |key: &K, value, row: &VT| Ok::<_, Infallible>(joiner(key, value, row));
        self.try_join_with_key_with(table, joiner, Joined::new())
    }

    /// As [`join_with_key`](Self::join_with_key), for code that can fail, with options; the
    /// processing handler decides then.
    pub fn try_join_with_key_with<VT: Data, VR: Data, E: Into<ProcessorError>, KS, VS>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(&K, V, &VT) -> Result<VR, E> + Send + Sync + 'static,
        joined: Joined<KS, VS>,
    ) -> KStream<K, VR>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
    {
        let join = move |key: &K, value, row: Option<VT>| match row {
            Some(row) => joiner(key, value, &row).map(Some).map_err(Into::into),
            None => Ok(None),
        };
        self.joined("KSTREAM-JOIN-", table, join, joined)
    }

    /// Joins each record with the value that the table has for its key at this moment, with `None`
    /// where it has none.
    ///
    /// Only records of the stream are answered, changes of the table are not. Key, timestamp and
    /// headers are those of the record, the value is the joiner's.
    ///
    /// # Topics and stores
    /// As of [`join`](Self::join).
    ///
    /// # Late and null records
    /// Records with a null value are dropped and counted; one with a null key is joined with
    /// `None`.
    ///
    /// # Example: orders of unknown customers too
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let names = builder.table::<i64, String>("customers");
    /// builder
    ///     .stream::<i64, String>("orders")
    ///     .left_join(&names, |order, name| format!("{order} for {}", name.map_or("?", |name| name)))
    ///     .to("labels");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<i64, String>("orders").pipe(17, "tea", 0)?;
    /// driver.input::<i64, String>("customers").pipe(17, "Ann", 1)?;
    /// driver.input::<i64, String>("orders").pipe(17, "cake", 2)?;
    /// let labels = driver.output::<i64, String>("labels").read_key_values()?;
    /// assert_eq!(labels, [(17, "tea for ?".to_owned()), (17, "cake for Ann".to_owned())]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn left_join<VT: Data, VR: Data>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, Option<&VT>) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        K: StreamData,
        V: StreamData,
    {
        self.left_join_with(table, joiner, Joined::new())
    }

    /// As [`left_join`](Self::left_join), with options.
    pub fn left_join_with<VT: Data, VR: Data, KS, VS>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, Option<&VT>) -> VR + Send + Sync + 'static,
        joined: Joined<KS, VS>,
    ) -> KStream<K, VR>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
    {
        let joiner = move |_: &K, value, row: Option<&VT>| Ok::<_, Infallible>(joiner(value, row));
        self.try_left_join_with_key_with(table, joiner, joined)
    }

    /// As [`left_join`](Self::left_join), for code that can fail; the processing handler decides
    /// then.
    pub fn try_left_join<VT: Data, VR: Data, E: Into<ProcessorError>>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, Option<&VT>) -> Result<VR, E> + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        K: StreamData,
        V: StreamData,
    {
        self.try_left_join_with(table, joiner, Joined::new())
    }

    /// As [`try_left_join`](Self::try_left_join), with options.
    pub fn try_left_join_with<VT: Data, VR: Data, E: Into<ProcessorError>, KS, VS>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, Option<&VT>) -> Result<VR, E> + Send + Sync + 'static,
        joined: Joined<KS, VS>,
    ) -> KStream<K, VR>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
    {
        let joiner = move |_: &K, value, row: Option<&VT>| joiner(value, row);
        self.try_left_join_with_key_with(table, joiner, joined)
    }

    /// As [`left_join`](Self::left_join), with a look at the key.
    pub fn left_join_with_key<VT: Data, VR: Data>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(&K, V, Option<&VT>) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        K: StreamData,
        V: StreamData,
    {
        let joiner =
            move |key: &K, value, row: Option<&VT>| Ok::<_, Infallible>(joiner(key, value, row));
        self.try_left_join_with_key_with(table, joiner, Joined::new())
    }

    /// As [`left_join_with_key`](Self::left_join_with_key), for code that can fail, with options;
    /// the processing handler decides then.
    pub fn try_left_join_with_key_with<VT: Data, VR: Data, E: Into<ProcessorError>, KS, VS>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(&K, V, Option<&VT>) -> Result<VR, E> + Send + Sync + 'static,
        joined: Joined<KS, VS>,
    ) -> KStream<K, VR>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
    {
        let join = move |key: &K, value, row: Option<VT>| {
            joiner(key, value, row.as_ref()).map(Some).map_err(Into::into)
        };
        self.joined(LEFT_JOIN, table, join, joined)
    }

    fn joined<VT: Data, VR: Data, KS, VS>(
        &self,
        prefix: &str,
        table: &KTable<K, VT>,
        join: impl Fn(&K, V, Option<VT>) -> Result<Option<VR>, ProcessorError> + Send + Sync + 'static,
        joined: Joined<KS, VS>,
    ) -> KStream<K, VR>
    where
        KS: SerdeFor<K>,
        VS: SerdeFor<V>,
    {
        let Joined { key, value, named } = joined;
        let key = key.settle(self.key_serde());
        let value = value.settle(self.value_serde());
        let from = self.repartition_for_join(named.name.as_ref(), &key, &value);
        let plan = &from.plan;
        let sources = from.sources_with(&table.at);
        plan.copartition(sources.clone());

        let name = plan.node_name(named, prefix);
        let content = table.look_up();
        let takes_null_keys = prefix == LEFT_JOIN;
        let lookup =
            Lookup { view: content.view, keys: Arc::clone(&key), values: value, takes_null_keys };
        let (node_name, stores) = (Arc::clone(&name), content.stores);
        let kind = if takes_null_keys { Kind::JoinOfNullKeys } else { Kind::Inner };
        let node = plan.add(&[from.node], &name, kind, move |place| {
            let run = move |key, value, ctx: &mut Context<'_, K, VR>| {
                lookup.answer(key, value, &join, ctx)
            };
            place.topology.add_step(&node_name, run, &place.parents);
            for store in stores {
                place.topology.connect_index(&node_name, store);
            }
        });
        KStream::new(Stage { sources, ..from.below(name, node) }, Some(key), None)
    }

    /// Where a join reads this stream: behind a repartitioning if its key changed. Joins without a
    /// name share one, although each draws its numbers.
    fn repartition_for_join(
        &self,
        name: Option<&Arc<str>>,
        key: &SharedSerde<K>,
        value: &SharedSerde<V>,
    ) -> Stage {
        if !self.at.is_rekeyed {
            return self.at.clone();
        }
        let plan = &self.at.plan;
        let prefix = name.unwrap_or(&self.at.name);
        let way = Repartitioning::named(plan, prefix);
        let shared = self.repartitioned.get().filter(|_| *prefix == self.at.name);
        let node =
            shared.unwrap_or_else(|| way.add(plan, self.at.node, Repartition::by_key(key, value)));
        self.repartitioned.set(Some(node));
        self.at.behind(&way, node)
    }
}

const LEFT_JOIN: &str = "KSTREAM-LEFTJOIN-";

/// Looks the rows of a table up.
struct Lookup<K, V, VT> {
    view: Arc<dyn View<K, VT>>,
    keys: SharedSerde<K>,
    values: SharedSerde<V>,
    takes_null_keys: bool,
}

impl<K: Data, V: Data, VT: Data> Lookup<K, V, VT> {
    fn answer<VR: Data>(
        &self,
        key: K,
        value: V,
        join: &impl Fn(&K, V, Option<VT>) -> Result<Option<VR>, ProcessorError>,
        ctx: &mut Context<'_, K, VR>,
    ) -> Outcome {
        let is_null_key = self.keys.is_null(&key);
        if (is_null_key && !self.takes_null_keys) || self.values.is_null(&value) {
            ctx.count_dropped();
            return Ok(());
        }
        let row = match is_null_key {
            true => None,
            false => self.view.get(&key, &mut ctx.without_children())?,
        };
        match join(&key, value, row)? {
            Some(joined) => ctx.pass(key, joined),
            None => Ok(()),
        }
    }
}
