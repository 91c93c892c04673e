//! `KTable`: the latest value of each key.

use std::{cell::Cell, fmt, rc::Rc, sync::Arc};

use streams_core::{
    Context, Nothing, ProcessorError, StoreHandle,
    stores::{Data, SharedSerde, TimestampedKeyValueStore, TimestampedWindowStore, Windowed},
};

use crate::{stage::Stage, state::store_failed};

/// A table: a record is the new value of its key, a null value deletes the key.
///
/// A handle on a place in the topology, as [`KStream`](crate::KStream). Whether the table is kept
/// in a store depends on what is asked of it.
pub struct KTable<K, V> {
    pub(crate) at: Stage,
    pub(crate) key: SharedSerde<K>,
    pub(crate) value: Option<SharedSerde<V>>,
    pub(crate) content: Content<K, V>,
}

impl<K, V> Clone for KTable<K, V> {
    fn clone(&self) -> Self {
        Self {
            at: self.at.clone(),
            key: Arc::clone(&self.key),
            value: self.value.clone(),
            content: self.content.clone(),
        }
    }
}

impl<K, V> fmt::Debug for KTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KTable({})", self.at.name)
    }
}

impl<K: Data, V: Data> KTable<K, V> {
    /// Name of the node that forwards the changes of this table.
    pub fn name(&self) -> &str {
        &self.at.name
    }

    /// Has the table kept in a store, for somebody who looks values up.
    pub(crate) fn look_up(&self) -> Content<K, V> {
        self.content.demand.look_up();
        self.content.clone()
    }
}

/// Where the values of a table are found.
pub(crate) struct Content<K, V> {
    pub(crate) view: Arc<dyn View<K, V>>,
    /// Whoever looks values up is connected to these, by [`StoreHandle::index`].
    pub(crate) stores: Vec<usize>,
    pub(crate) demand: Rc<Demand>,
}

impl<K, V> Clone for Content<K, V> {
    fn clone(&self) -> Self {
        let (stores, demand) = (self.stores.clone(), Rc::clone(&self.demand));
        Self { view: Arc::clone(&self.view), stores, demand }
    }
}

/// What is asked of the node behind a table; settled when the plan is written.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    /// It keeps its values.
    pub(crate) store: Cell<bool>,
    /// It tells the value before with each change.
    pub(crate) old_values: Cell<bool>,
    /// Asked of the table before, where this one is made of it without a store of its own.
    before: Option<Rc<Demand>>,
}

impl Demand {
    /// Of a node that keeps its values in any case.
    pub(crate) fn stored() -> Rc<Self> {
        Rc::new(Self { store: Cell::new(true), ..Self::default() })
    }

    /// Of a node that makes its values of those of another.
    pub(crate) fn below(before: &Rc<Self>) -> Rc<Self> {
        Rc::new(Self { before: Some(Rc::clone(before)), ..Self::default() })
    }

    /// Has the values kept, here or where they come from.
    fn look_up(&self) {
        match &self.before {
            Some(before) => before.look_up(),
            None => self.store.set(true),
        }
    }

    /// Has the value before told with each change; false if that takes a store that nobody asked
    /// for yet, unless `force` asks for it now.
    pub(crate) fn tell_old_values(&self, force: bool) -> bool {
        let can_tell = match &self.before {
            Some(before) => before.tell_old_values(force),
            None => self.store.get() || force,
        };
        if can_tell {
            self.old_values.set(true);
            self.store.set(self.before.is_none());
        }
        self.old_values.get()
    }
}

/// Looks values up.
pub(crate) trait View<K, V>: Send + Sync {
    fn get(
        &self,
        key: &K,
        ctx: &mut Context<'_, Nothing, Nothing>,
    ) -> Result<Option<V>, ProcessorError>;
}

impl<K: Data, V: Data> View<K, V> for StoreHandle<TimestampedKeyValueStore<K, V>> {
    fn get(
        &self,
        key: &K,
        ctx: &mut Context<'_, Nothing, Nothing>,
    ) -> Result<Option<V>, ProcessorError> {
        let found = ctx.store(*self)?.get(key).map_err(store_failed)?;
        Ok(found.map(|found| found.value))
    }
}

impl<K: Data, V: Data> View<Windowed<K>, V> for StoreHandle<TimestampedWindowStore<K, V>> {
    fn get(
        &self,
        key: &Windowed<K>,
        ctx: &mut Context<'_, Nothing, Nothing>,
    ) -> Result<Option<V>, ProcessorError> {
        let found = ctx.store(*self)?.fetch(&key.key, key.start()).map_err(store_failed)?;
        Ok(found.map(|found| found.value))
    }
}
