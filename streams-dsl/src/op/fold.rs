//! What counting, reducing and aggregating have in common: a value for each key, made anew with
//! each record.

use std::sync::Arc;

use streams_core::{
    Context, Outcome, Processor, ProcessorError, Record, StoreHandle,
    stores::{Change, Data, SharedSerde, Stores, TimestampedKeyValueStore},
};

use crate::{
    grouped::{FoldNames, KGroupedStream},
    options::StoreOptions,
    plan::Kind,
    state::{forward_dirty, forward_update, update_failed},
    table::{Content, Demand, KTable},
};

/// Makes the next aggregate of key, value and the one before.
pub(crate) trait FoldFn<K, V, A>:
    Fn(&K, V, Option<A>) -> Result<A, ProcessorError> + Send + Sync + 'static
{
}

impl<K, V, A, F> FoldFn<K, V, A> for F where
    F: Fn(&K, V, Option<A>) -> Result<A, ProcessorError> + Send + Sync + 'static
{
}

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Adds the aggregation, with the repartitioning before it where there has to be one.
    pub(crate) fn fold<A: Data>(
        &self,
        names: FoldNames,
        (key, value): (SharedSerde<K>, SharedSerde<A>),
        options: StoreOptions,
        fold: impl FoldFn<K, V, A>,
    ) -> KTable<K, A> {
        let FoldNames { store: store_name, node: name } = names;
        let from = self.gather(&store_name);
        let plan = &from.plan;
        let store: StoreHandle<TimestampedKeyValueStore<K, A>> = plan.reserve_store();
        let demand = Demand::stored();
        let content =
            Content { view: Arc::new(store), stores: vec![store.index()], demand: demand.clone() };
        let builder =
            Stores::timestamped_key_value_with(&store_name, Arc::clone(&key), Arc::clone(&value));
        let builder = plan.store_options(options).apply(builder);

        let is_null = NullRules { key: Arc::clone(&self.key), value: Arc::clone(&self.value) };
        let fold = Arc::new(fold);
        let supplier = move || Fold { store, is_null: is_null.clone(), fold: Arc::clone(&fold) };
        let node_name = Arc::clone(&name);
        let node = plan.add(&[from.node], &name, Kind::Inner, move |place| {
            let builder = builder.send_old_values(demand.old_values.get());
            place.topology.add_processor(&node_name, supplier, &place.parents);
            place.topology.define_state_store(store, builder);
            place.topology.connect(&node_name, store);
            place.topology.set_cache_owner(store, &node_name);
        });
        KTable { at: from.below(name, node), key, value: Some(value), content }
    }
}

/// Which records an aggregation drops: those with a null key or value.
struct NullRules<K, V> {
    key: SharedSerde<K>,
    value: SharedSerde<V>,
}

impl<K, V> Clone for NullRules<K, V> {
    fn clone(&self) -> Self {
        Self { key: Arc::clone(&self.key), value: Arc::clone(&self.value) }
    }
}

struct Fold<K, V, A, F> {
    store: StoreHandle<TimestampedKeyValueStore<K, A>>,
    is_null: NullRules<K, V>,
    fold: Arc<F>,
}

impl<K, V, A, F> Processor<K, V, K, Change<A>> for Fold<K, V, A, F>
where
    K: Data,
    V: Data,
    A: Data,
    F: FoldFn<K, V, A>,
{
    fn process(&mut self, record: Record<K, V>, ctx: &mut Context<'_, K, Change<A>>) -> Outcome {
        let Record { key, value, timestamp, .. } = record;
        if self.is_null.key.is_null(&key) || self.is_null.value.is_null(&value) {
            ctx.count_dropped();
            return Ok(());
        }
        let update = ctx.store(self.store)?.update(&key, |before, at| {
            let aggregate = (self.fold)(&key, value, before)?;
            Ok((Some(aggregate), at.map_or(timestamp, |at| at.max(timestamp))))
        });
        forward_update(self.store, || key, update.map_err(update_failed)?, ctx)
    }

    fn flush(&mut self, ctx: &mut Context<'_, K, Change<A>>) -> Outcome {
        forward_dirty(self.store, ctx)
    }
}
