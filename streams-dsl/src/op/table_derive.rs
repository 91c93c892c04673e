//! What filtering and mapping a table have in common: each change becomes a change of another
//! table, which may be kept in a store of its own.

use std::{marker::PhantomData, rc::Rc, sync::Arc};

use streams_core::{
    Context, Nothing, Outcome, Processor, ProcessorError, Record, StoreHandle,
    stores::{Change, Data, SharedSerde, Stores, TimestampedKeyValueStore},
};

use crate::{
    options::{Named, StoreOptions},
    plan::Kind,
    state::{forward_dirty, forward_update, store_failed, update_failed},
    table::{Content, Demand, KTable, View},
};

/// The value of a derived table; `None` where it has no such key.
pub(super) trait DeriveFn<K, V, V2>:
    Fn(&K, V) -> Result<Option<V2>, ProcessorError> + Send + Sync + 'static
{
}

impl<K, V, V2, F> DeriveFn<K, V, V2> for F where
    F: Fn(&K, V) -> Result<Option<V2>, ProcessorError> + Send + Sync + 'static
{
}

/// How one operator differs from another.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// Prefix of the generated name.
    pub(super) name: &'static str,
    /// Whether the node tells old values as soon as the table before can, and then holds back
    /// deletions of keys that were absent.
    pub(super) drops_empty: bool,
}

impl<K: Data, V: Data> KTable<K, V> {
    /// A table of what `derive` makes of the values of this one, made anew when looked up.
    pub(super) fn derive<V2: Data>(
        &self,
        rule: Rule,
        derive: impl DeriveFn<K, V, V2>,
        value: Option<SharedSerde<V2>>,
    ) -> KTable<K, V2> {
        let serdes = (Arc::clone(&self.key), value);
        self.derive_with(rule, derive, serdes, (Named::generated(), StoreOptions::default()))
    }

    /// As [`derive`](Self::derive), kept in a store if that has a name; it has a serde then.
    pub(super) fn derive_with<V2: Data>(
        &self,
        rule: Rule,
        derive: impl DeriveFn<K, V, V2>,
        (key, value): (SharedSerde<K>, Option<SharedSerde<V2>>),
        (processor, options): (Named, StoreOptions),
    ) -> KTable<K, V2> {
        let plan = &self.at.plan;
        // An unnamed store draws its number although there is none.
        if options.is_said && options.name.is_none() {
            plan.store_name(rule.name);
        }
        let name = plan.node_name(processor, rule.name);
        let derive = Arc::new(derive);
        let store: StoreHandle<TimestampedKeyValueStore<K, V2>> = plan.reserve_store();
        let content = match options.name {
            Some(_) => {
                let (view, stores) = (Arc::new(store), vec![store.index()]);
                Content { view, stores, demand: Demand::stored() }
            }
            None => Content {
                view: Arc::new(Derived {
                    before: Arc::clone(&self.content.view),
                    derive: Arc::clone(&derive),
                }),
                stores: self.content.stores.clone(),
                demand: Demand::below(&self.content.demand),
            },
        };
        if rule.drops_empty && self.content.demand.tell_old_values(false) {
            content.demand.old_values.set(true);
        }
        let (node_name, demand) = (Arc::clone(&name), Rc::clone(&content.demand));
        let (keys, values) = (Arc::clone(&key), value.clone());
        let options = plan.store_options(options);
        let node = plan.add(&[self.at.node], &name, Kind::Inner, {
            move |place| {
                let tells_old = demand.old_values.get();
                let keeps = options.name.clone().zip(values);
                let parts = Parts {
                    derive,
                    keeps: keeps.as_ref().map(|_| store),
                    tells_old,
                    drops_empty: rule.drops_empty && tells_old,
                };
                let supplier = move || Derive { parts: parts.clone(), takes: PhantomData };
                place.topology.add_processor(&node_name, supplier, &place.parents);
                let Some((store_name, values)) = keeps else { return };
                let builder = Stores::timestamped_key_value_with(&store_name, keys, values);
                let builder = options.apply(builder);
                place.topology.define_state_store(store, builder.send_old_values(tells_old));
                place.topology.connect(&node_name, store);
                place.topology.set_cache_owner(store, &node_name);
            }
        });
        KTable { at: self.at.below(name, node), key, value, content }
    }
}

/// Values made anew whenever they are looked up.
struct Derived<K, V, F> {
    before: Arc<dyn View<K, V>>,
    derive: Arc<F>,
}

impl<K, V, V2, F> View<K, V2> for Derived<K, V, F>
where
    F: DeriveFn<K, V, V2>,
{
    fn get(
        &self,
        key: &K,
        ctx: &mut Context<'_, Nothing, Nothing>,
    ) -> Result<Option<V2>, ProcessorError> {
        match self.before.get(key, ctx)? {
            Some(value) => (self.derive)(key, value),
            None => Ok(None),
        }
    }
}

struct Parts<K, V2, F> {
    derive: Arc<F>,
    keeps: Option<StoreHandle<TimestampedKeyValueStore<K, V2>>>,
    tells_old: bool,
    drops_empty: bool,
}

impl<K, V2, F> Clone for Parts<K, V2, F> {
    fn clone(&self) -> Self {
        let Self { derive, keeps, tells_old, drops_empty } = self;
        let (tells_old, drops_empty) = (*tells_old, *drops_empty);
        Self { derive: Arc::clone(derive), keeps: *keeps, tells_old, drops_empty }
    }
}

struct Derive<K, V, V2, F> {
    parts: Parts<K, V2, F>,
    takes: PhantomData<fn(V)>,
}

impl<K, V, V2, F> Derive<K, V, V2, F>
where
    F: DeriveFn<K, V, V2>,
{
    fn value(&self, key: &K, value: Option<V>) -> Result<Option<V2>, ProcessorError> {
        match value {
            Some(value) => (self.parts.derive)(key, value),
            None => Ok(None),
        }
    }
}

impl<K, V, V2, F> Processor<K, Change<V>, K, Change<V2>> for Derive<K, V, V2, F>
where
    K: Data,
    V: Data,
    V2: Data,
    F: DeriveFn<K, V, V2>,
{
    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        ctx: &mut Context<'_, K, Change<V2>>,
    ) -> Outcome {
        let Record { key, value: change, timestamp, .. } = record;
        let new = self.value(&key, change.new)?;
        let Some(store) = self.parts.keeps else {
            let old = if self.parts.tells_old { self.value(&key, change.old)? } else { None };
            if self.parts.drops_empty && old.is_none() && new.is_none() {
                return Ok(());
            }
            return ctx.pass(key, Change { old, new });
        };
        let kept = ctx.store(store)?;
        if self.parts.drops_empty
            && new.is_none()
            && kept.get(&key).map_err(store_failed)?.is_none()
        {
            return Ok(());
        }
        let update = kept.update(&key, |_, _| Ok((new, timestamp)));
        forward_update(store, || key, update.map_err(update_failed)?, ctx)
    }

    fn flush(&mut self, ctx: &mut Context<'_, K, Change<V2>>) -> Outcome {
        match self.parts.keeps {
            Some(store) => forward_dirty(store, ctx),
            None => Ok(()),
        }
    }
}
