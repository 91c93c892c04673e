//! The beginning of a table: records become changes.

use std::{rc::Rc, sync::Arc};

use streams_core::{
    Context, Outcome, Processor, Record, SourceOptions, SourceTopics, StoreHandle,
    TimestampExtractor, TopologyBuilder,
    stores::{Change, Data, OptionSerde, SharedSerde, Stores, TimestampedKeyValueStore},
};

use crate::{
    options::{Consumed, Materialized, Named, SerdeFor, StoreOptions},
    plan::{Kind, Plan, ROOT},
    stage::Stage,
    state::{forward_dirty, forward_update, update_failed},
    table::{Content, Demand, KTable},
};

/// [`StreamsBuilder::table_with`](crate::StreamsBuilder::table_with).
pub(crate) fn read<K: Data, V: Data, KS, VS, T>(
    plan: &Plan,
    topic: &str,
    consumed: Consumed<KS, VS, T>,
    materialized: Materialized,
) -> KTable<K, V>
where
    KS: SerdeFor<K>,
    VS: SerdeFor<V>,
    T: TimestampExtractor<K, Option<V>>,
{
    let Consumed { key, value, extractor, reset, named } = consumed;
    let (key, value) = (key.settle(None), value.settle(None));
    // A null deletes, also where the type of the values has none.
    let nullable = Arc::new(OptionSerde::new(Arc::clone(&value)));
    let options = SourceOptions::<K, Option<V>>::with(Arc::clone(&key), nullable)
        .timestamp_extractor(Arc::new(extractor))
        .offset_reset(reset);
    let table = TableParts::new(plan, &format!("{topic}-"), materialized.store, (key, value));

    let source_name = named.name.as_ref().map(|name| Named::new(&format!("{name}-source")));
    let source = plan.node_name(source_name.unwrap_or_default(), "KSTREAM-SOURCE-");
    let name = plan.node_name(named, "KTABLE-SOURCE-");
    let topics = SourceTopics::from(topic);
    let sources = vec![Arc::clone(&source)];
    let (node_name, parts) = (Arc::clone(&name), table.clone());
    let node = plan.add(&[ROOT], &name, Kind::Inner, move |place| {
        place.topology.add_source_with(&source, topics, options);
        parts.write(&node_name, place.topology, &[&source], |value: Option<V>| value);
    });
    let plan = plan.clone();
    table.into_table(Stage { plan, node, name, sources, is_rekeyed: false })
}

/// A table that is made of the records of a topic or a stream.
pub(super) struct TableParts<K, V> {
    key: SharedSerde<K>,
    value: SharedSerde<V>,
    store: StoreHandle<TimestampedKeyValueStore<K, V>>,
    store_name: Arc<str>,
    options: StoreOptions,
    demand: Rc<Demand>,
}

impl<K, V> Clone for TableParts<K, V> {
    fn clone(&self) -> Self {
        Self {
            key: Arc::clone(&self.key),
            value: Arc::clone(&self.value),
            store: self.store,
            store_name: Arc::clone(&self.store_name),
            options: self.options.clone(),
            demand: Rc::clone(&self.demand),
        }
    }
}

impl<K: Data, V: Data> TableParts<K, V> {
    /// Draws the name of the store, which exists if it was named or somebody looks values up.
    pub(super) fn new(
        plan: &Plan,
        prefix: &str,
        options: StoreOptions,
        (key, value): (SharedSerde<K>, SharedSerde<V>),
    ) -> Self {
        let demand = Rc::new(Demand::default());
        demand.store.set(options.name.is_some());
        let options = plan.store_options(options);
        let store_name = options.name.clone().unwrap_or_else(|| plan.store_name(prefix));
        Self { key, value, store: plan.reserve_store(), store_name, options, demand }
    }

    /// Writes the node; `to_row` makes the value of a row of what the parents forward.
    pub(super) fn write<R: Data>(
        self,
        name: &str,
        topology: &mut TopologyBuilder,
        parents: &[&str],
        to_row: fn(R) -> Option<V>,
    ) {
        let Self { key, value, store, store_name, options, demand } = self;
        let keeps = (demand.store.get() || demand.old_values.get()).then_some(store);
        let (keys, values) = (Arc::clone(&key), Arc::clone(&value));
        let supplier = move || {
            let (keys, values) = (Arc::clone(&keys), Arc::clone(&values));
            TableSource { keys, values, keeps, to_row }
        };
        topology.add_processor(name, supplier, parents);
        if keeps.is_none() {
            return;
        }
        let builder = Stores::timestamped_key_value_with(&store_name, key, value);
        let builder = options.apply(builder).send_old_values(demand.old_values.get());
        topology.define_state_store(store, builder);
        topology.connect(name, store);
        topology.set_cache_owner(store, name);
    }

    /// The table, at its node.
    pub(super) fn into_table(self, at: Stage) -> KTable<K, V> {
        let Self { key, value, store, demand, .. } = self;
        let content = Content { view: Arc::new(store), stores: vec![store.index()], demand };
        KTable { at, key, value: Some(value), content }
    }
}

struct TableSource<K, V, R> {
    keys: SharedSerde<K>,
    values: SharedSerde<V>,
    /// The store, if the table is kept.
    keeps: Option<StoreHandle<TimestampedKeyValueStore<K, V>>>,
    to_row: fn(R) -> Option<V>,
}

impl<K: Data, V: Data, R: Data> Processor<K, R, K, Change<V>> for TableSource<K, V, R> {
    fn process(&mut self, record: Record<K, R>, ctx: &mut Context<'_, K, Change<V>>) -> Outcome {
        let Record { key, value, timestamp, .. } = record;
        if self.keys.is_null(&key) {
            ctx.count_dropped();
            return Ok(());
        }
        let new = (self.to_row)(value).filter(|value| !self.values.is_null(value));
        let Some(store) = self.keeps else {
            return ctx.pass(key, Change { old: None, new });
        };
        let update = ctx.store(store)?.update(&key, |_, _| Ok((new, timestamp)));
        forward_update(store, || key, update.map_err(update_failed)?, ctx)
    }

    fn flush(&mut self, ctx: &mut Context<'_, K, Change<V>>) -> Outcome {
        match self.keeps {
            Some(store) => forward_dirty(store, ctx),
            None => Ok(()),
        }
    }
}
