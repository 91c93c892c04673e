//! What counting, reducing and aggregating have in common: a value for each key, made anew with
//! each record.

use std::sync::Arc;

use streams_core::{
    Context, Outcome, Processor, ProcessorError, Record, StoreHandle,
    stores::{Change, Data, SharedSerde, Stores, TimestampedKeyValueStore, Update},
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

/// Makes what an aggregation starts from.
pub(crate) type Initial<A> = Arc<dyn Fn() -> A + Send + Sync>;

/// The value told as the one before the first of a key, where changes are told with both: Kafka
/// tells the initial value, so that a filter below deletes a row that was never there.
pub(super) struct FirstOld<A> {
    initial: Initial<A>,
    values: SharedSerde<A>,
}

impl<A> Clone for FirstOld<A> {
    fn clone(&self) -> Self {
        Self { initial: Arc::clone(&self.initial), values: Arc::clone(&self.values) }
    }
}

impl<A: Data> FirstOld<A> {
    /// Of an aggregation that has an initial value, if `tells_old`.
    pub(super) fn new(
        initial: Option<Initial<A>>,
        values: SharedSerde<A>,
        tells_old: bool,
    ) -> Option<Self> {
        initial.filter(|_| tells_old).map(|initial| Self { initial, values })
    }

    /// Completes what was told by a store.
    pub(super) fn complete(first: Option<&Self>, update: Update<A>) -> Update<A> {
        match (first, update) {
            (Some(first), Update::Change(Change { old: None, new }, timestamp)) => {
                let old = Some((first.initial)()).filter(|old| !first.values.is_null(old));
                Update::Change(Change { old, new }, timestamp)
            }
            (_, update) => update,
        }
    }
}

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Adds the aggregation, with the repartitioning before it where there has to be one.
    pub(crate) fn fold<A: Data>(
        &self,
        names: FoldNames,
        (key, value): (SharedSerde<K>, SharedSerde<A>),
        options: StoreOptions,
        initial: Option<Initial<A>>,
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
        let (node_name, values) = (Arc::clone(&name), Arc::clone(&value));
        let node = plan.add(&[from.node], &name, Kind::Inner, move |place| {
            let tells_old = demand.old_values.get();
            let builder = builder.send_old_values(tells_old);
            let first_old = FirstOld::new(initial, values, tells_old);
            let supplier = move || Fold {
                store,
                is_null: is_null.clone(),
                first_old: first_old.clone(),
                fold: Arc::clone(&fold),
            };
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
    first_old: Option<FirstOld<A>>,
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
        let update = FirstOld::complete(self.first_old.as_ref(), update.map_err(update_failed)?);
        forward_update(self.store, || key, update, ctx)
    }

    fn flush(&mut self, ctx: &mut Context<'_, K, Change<A>>) -> Outcome {
        forward_dirty(self.store, ctx)
    }
}
