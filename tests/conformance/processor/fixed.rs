//! Processors that leave the key alone.

use super::{
    free::{changed, probe, resolve, shifted},
    spec::{Action, ProcessorSpec},
    store::{StoreKey, StoreRef, StoreRegistry, Stored},
};
use crate::value::Dyn;
use std::sync::Arc;
use streams_core::{FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, Outcome};

/// A fixed-key processor of the scenario language, for one task.
#[derive(Debug)]
pub struct FixedProcessor<K> {
    spec: Arc<ProcessorSpec>,
    stores: StoreRegistry,
    store: Option<StoreRef<K>>,
}

impl<K: StoreKey> FixedProcessor<K> {
    /// The processor that `spec` describes.
    pub fn new(spec: &Arc<ProcessorSpec>, stores: &StoreRegistry) -> Self {
        Self { spec: Arc::clone(spec), stores: stores.clone(), store: None }
    }
}

impl<K: StoreKey> FixedKeyProcessor<K, Dyn, Dyn> for FixedProcessor<K> {
    fn init(&mut self, _: &mut FixedKeyContext<'_, '_, K, Dyn>) -> Outcome {
        self.store = resolve(self.spec.store.as_deref(), &self.stores)?;
        Ok(())
    }

    fn process(
        &mut self,
        record: FixedKeyRecord<K, Dyn>,
        ctx: &mut FixedKeyContext<'_, '_, K, Dyn>,
    ) -> Outcome {
        let key = record.key().to_dyn();
        let at = record.timestamp();
        match (&self.spec.action, self.store) {
            (Action::Map { value, .. }, _) => {
                let value = value.eval(&key, record.value())?;
                ctx.forward(record.with_value(value))
            }
            (Action::Filter(pred), _) => {
                if pred.test(&key, record.value())? {
                    ctx.forward(record)
                } else {
                    Ok(())
                }
            }
            (Action::Duplicate, _) => {
                ctx.forward(record.clone())?;
                ctx.forward(record)
            }
            (Action::Headers { add, .. }, _) => {
                let headers = changed(record.headers().clone(), add, &[]);
                ctx.forward(record.with_headers(headers))
            }
            (Action::Timestamp(delta), _) => {
                let timestamp = shifted(at, *delta)?;
                ctx.forward(record.with_timestamp(timestamp))
            }
            (Action::Probe, _) => {
                let text = record.value().text().into_owned();
                let (stream_time, wall_clock) = (ctx.stream_time(), ctx.wall_clock());
                let value = probe(&text, stream_time, wall_clock, ctx.record_metadata());
                ctx.forward(record.with_value(value))
            }
            // What is left works on a store, by the key.
            (Action::Count | Action::Lookup, _) if key.is_null() => Ok(()),
            (Action::Count, Some(store)) => {
                let before = store.get(ctx, record.key())?.map_or(0, |it| it.value.number());
                let count = Dyn::Long(before.wrapping_add(1));
                store.put(ctx, record.key(), count.clone(), at)?;
                ctx.forward(record.with_value(count))
            }
            (Action::Lookup, Some(store)) => {
                let stored = Stored::text(store.get(ctx, record.key())?.as_ref());
                let value = format!("{}+{stored}", record.value().text());
                ctx.forward(record.with_value(value.into()))
            }
            (action, _) => Err(format!("no fixed-key processor does {action:?}").into()),
        }
    }
}
