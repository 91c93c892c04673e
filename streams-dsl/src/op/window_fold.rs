//! What windowed counting, reducing and aggregating have in common: a value for each key and
//! window, made anew with each record.

use std::{sync::Arc, time::Duration};

use streams_core::{
    Context, Outcome, Processor, Record, StoreHandle,
    stores::{
        Change, Data, SharedSerde, Stores, Timestamp, TimestampedWindowStore, Windowed,
        WindowedSerde,
    },
};

use super::fold::{FirstOld, FoldFn, Initial};
use crate::{
    grouped::FoldNames,
    options::StoreOptions,
    plan::Kind,
    state::{forward_dirty, forward_update, update_failed},
    table::{Content, Demand, KTable},
    windowed::TimeWindowedKStream,
    windows::{TimeSpec, millis},
};

impl<K: Data, V: Data> TimeWindowedKStream<K, V> {
    /// Adds the aggregation, with the repartitioning before it where there has to be one.
    pub(crate) fn fold<A: Data>(
        &self,
        names: FoldNames,
        (key, value): (SharedSerde<K>, SharedSerde<A>),
        options: StoreOptions,
        initial: Option<Initial<A>>,
        fold: impl FoldFn<K, V, A>,
    ) -> KTable<Windowed<K>, A> {
        let windows = self.windows;
        let FoldNames { store: store_name, node: name } = names;
        let from = self.grouped.gather(&store_name);
        let plan = &from.plan;
        let retention = options.retention.map_or(windows.retention(), millis);
        if let Err(reason) = windows.check(retention) {
            plan.reject_option(&name, reason);
        }
        let store: StoreHandle<TimestampedWindowStore<K, A>> = plan.reserve_store();
        let demand = Demand::stored();
        let content =
            Content { view: Arc::new(store), stores: vec![store.index()], demand: demand.clone() };
        let builder = plan.store_options(options).apply(Stores::timestamped_window_with(
            &store_name,
            duration(retention),
            duration(windows.size),
            (Arc::clone(&key), Arc::clone(&value)),
        ));

        let (keys, fold) = (Arc::clone(&self.grouped.key), Arc::new(fold));
        let (node_name, values) = (Arc::clone(&name), Arc::clone(&value));
        let node = plan.add(&[from.node], &name, Kind::Inner, move |place| {
            let tells_old = demand.old_values.get();
            let builder = builder.send_old_values(tells_old);
            let first_old = FirstOld::new(initial, values, tells_old);
            let supplier = move || WindowFold {
                store,
                windows,
                keys: Arc::clone(&keys),
                first_old: first_old.clone(),
                fold: Arc::clone(&fold),
                stream_time: Timestamp::NONE,
            };
            place.topology.add_processor(&node_name, supplier, &place.parents);
            place.topology.define_state_store(store, builder);
            place.topology.connect(&node_name, store);
            place.topology.set_cache_owner(store, &node_name);
        });
        let key: SharedSerde<Windowed<K>> = Arc::new(WindowedSerde::new(key, windows.size));
        KTable { at: from.below(name, node), key, value: Some(value), content }
    }
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

struct WindowFold<K, A, F> {
    store: StoreHandle<TimestampedWindowStore<K, A>>,
    windows: TimeSpec,
    keys: SharedSerde<K>,
    first_old: Option<FirstOld<A>>,
    fold: Arc<F>,
    /// The greatest timestamp that this processor has seen: that of the task is further, where
    /// records come through a repartition topic, and would make them late.
    stream_time: Timestamp,
}

impl<K, V, A, F> Processor<K, V, Windowed<K>, Change<A>> for WindowFold<K, A, F>
where
    K: Data,
    V: Data,
    A: Data,
    F: FoldFn<K, V, A>,
{
    fn process(
        &mut self,
        record: Record<K, V>,
        ctx: &mut Context<'_, Windowed<K>, Change<A>>,
    ) -> Outcome {
        let Record { key, value, timestamp, .. } = record;
        if self.keys.is_null(&key) {
            ctx.count_dropped();
            return Ok(());
        }
        self.stream_time = self.stream_time.max(timestamp);
        let mut starts = self.windows.starts(timestamp).peekable();
        // Windows end in the order of their starts: the closed ones come first.
        while starts.next_if(|start| self.windows.is_closed(*start, self.stream_time)).is_some() {
            ctx.count_dropped();
        }
        let Some(mut last) = starts.next() else { return Ok(()) };
        for start in starts {
            let start = std::mem::replace(&mut last, start);
            self.update(&key, value.clone(), timestamp, start, ctx)?;
        }
        self.update(&key, value, timestamp, last, ctx)
    }

    fn flush(&mut self, ctx: &mut Context<'_, Windowed<K>, Change<A>>) -> Outcome {
        forward_dirty(self.store, ctx)
    }
}

impl<K: Data, A: Data, F> WindowFold<K, A, F> {
    fn update<V>(
        &self,
        key: &K,
        value: V,
        timestamp: Timestamp,
        start: Timestamp,
        ctx: &mut Context<'_, Windowed<K>, Change<A>>,
    ) -> Outcome
    where
        F: FoldFn<K, V, A>,
    {
        let update = ctx.store(self.store)?.update(key, start, |before, at| {
            let aggregate = (self.fold)(key, value, before)?;
            Ok((Some(aggregate), at.map_or(timestamp, |at| at.max(timestamp))))
        });
        let windowed = || Windowed::new(key.clone(), self.windows.window(start));
        let update = FirstOld::complete(self.first_old.as_ref(), update.map_err(update_failed)?);
        forward_update(self.store, windowed, update, ctx)
    }
}
