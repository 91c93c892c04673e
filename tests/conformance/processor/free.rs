//! Processors that may change the key.

use super::{
    spec::{Action, ProcessorSpec, Schedule},
    store::{StoreKey, StoreRef, StoreRegistry, Stored},
};
use crate::{flow::Key, value::Dyn};
use std::{sync::Arc, time::Duration};
use streams_core::{
    Context, Outcome, Processor, ProcessorError, Punctuation, PunctuationKind, Record,
    RecordMetadata, ScheduleId,
    stores::{Headers, Timestamp},
};

/// A processor of the scenario language, for one task.
#[derive(Debug)]
pub struct FreeProcessor<K> {
    spec: Arc<ProcessorSpec>,
    stores: StoreRegistry,
    store: Option<StoreRef<K>>,
    schedule: Option<ScheduleId>,
    held: Vec<Record<K, Dyn>>,
    ticks: i64,
}

impl<K: StoreKey> FreeProcessor<K> {
    /// The processor that `spec` describes.
    pub fn new(spec: &Arc<ProcessorSpec>, stores: &StoreRegistry) -> Self {
        Self {
            spec: Arc::clone(spec),
            stores: stores.clone(),
            store: None,
            schedule: None,
            held: Vec::new(),
            ticks: 0,
        }
    }

    fn store(&self) -> Result<StoreRef<K>, ProcessorError> {
        self.store.ok_or_else(|| "the processor has no store of its type of keys".into())
    }
}

/// Finds the store that a processor names.
pub fn resolve<K: StoreKey>(
    name: Option<&str>,
    stores: &StoreRegistry,
) -> Result<Option<StoreRef<K>>, ProcessorError> {
    let Some(name) = name else { return Ok(None) };
    match stores.get(name).map(K::pick) {
        Some(Some(store)) => Ok(Some(store)),
        Some(None) => Err(format!("store {name} has keys of another kind").into()),
        None => Err(format!("there is no store {name}").into()),
    }
}

/// A time that a record may have.
pub fn shifted(timestamp: Timestamp, delta: i64) -> Result<Timestamp, ProcessorError> {
    let shifted = timestamp.as_millis().wrapping_add(delta);
    // Java's records refuse a negative timestamp when they are made.
    let valid = (shifted >= 0).then_some(Timestamp::from_millis(shifted));
    valid.ok_or_else(|| format!("the timestamp of a record may not be {shifted}").into())
}

/// `TEXT|st=STREAMTIME|wt=WALLCLOCK|TOPIC/PARTITION/OFFSET`.
pub fn probe(
    text: &str,
    stream_time: Timestamp,
    wall_clock: Timestamp,
    metadata: Option<RecordMetadata<'_>>,
) -> Dyn {
    // Outside of records Java's driver has metadata of no topic.
    let metadata = metadata.map_or_else(
        || "null/-1/-1".to_owned(),
        |it| format!("{}/{}/{}", it.topic, it.partition, it.offset),
    );
    format!("{text}|st={stream_time}|wt={wall_clock}|{metadata}").into()
}

/// Headers with some added in order, then all of some names removed.
pub fn changed(headers: Headers, add: &[(String, String)], remove: &[String]) -> Headers {
    let headers = add
        .iter()
        .fold(headers, |headers, (name, value)| headers.with(name, Some(value.as_bytes())));
    remove.iter().fold(headers, |headers, name| headers.without(name))
}

impl<K: StoreKey, K2: Key> Processor<K, Dyn, K2, Dyn> for FreeProcessor<K> {
    fn init(&mut self, ctx: &mut Context<'_, K2, Dyn>) -> Outcome {
        self.store = resolve(self.spec.store.as_deref(), &self.stores)?;
        self.schedule = match &self.spec.schedule {
            Some(schedule) => Some(start(schedule, ctx)?),
            None => None,
        };
        Ok(())
    }

    fn process(&mut self, record: Record<K, Dyn>, ctx: &mut Context<'_, K2, Dyn>) -> Outcome {
        let spec = Arc::clone(&self.spec);
        let key = record.key.to_dyn();
        match &spec.action {
            Action::Map { key: new_key, value: new_value } => {
                let mapped = new_key.eval(&key, &record.value)?;
                let value = new_value.eval(&key, &record.value)?;
                ctx.forward(record.with_key(K2::from_dyn(mapped)).with_value(value))
            }
            Action::Filter(pred) => {
                if pred.test(&key, &record.value)? {
                    ctx.forward(kept(record))
                } else {
                    Ok(())
                }
            }
            Action::Probe => {
                let text = record.value.text().into_owned();
                let (stream_time, wall_clock) = (ctx.stream_time(), ctx.wall_clock());
                let value = probe(&text, stream_time, wall_clock, ctx.record_metadata());
                ctx.forward(kept(record.with_value(value)))
            }
            Action::Headers { add, remove } => {
                let headers = changed(record.headers.clone(), add, remove);
                ctx.forward(kept(record.with_headers(headers)))
            }
            Action::Timestamp(delta) => {
                let timestamp = shifted(record.timestamp, *delta)?;
                ctx.forward(kept(record.with_timestamp(timestamp)))
            }
            Action::Route(routes) => {
                for route in routes {
                    if route.pred.test(&key, &record.value)? {
                        ctx.forward_to(&route.child, kept(record.clone()))?;
                    }
                }
                Ok(())
            }
            Action::Duplicate => {
                ctx.forward(kept(record.clone()))?;
                ctx.forward(kept(record))
            }
            Action::Delay => {
                self.held.push(record);
                Ok(())
            }
            Action::Sink | Action::Tick { .. } => Ok(()),
            // What is left works on a store, by the key.
            _ if key.is_null() => Ok(()),
            action => self.process_keyed(action, record, ctx),
        }
    }

    fn punctuate(&mut self, due: Punctuation, ctx: &mut Context<'_, K2, Dyn>) -> Outcome {
        let spec = Arc::clone(&self.spec);
        match &spec.action {
            Action::CountEmit { clear } => self.emit_counts(*clear, due.at, ctx),
            Action::TimeToLive(ttl) => self.expire(due.at.as_millis() - ttl, due.at, ctx),
            Action::Delay => {
                let held = std::mem::take(&mut self.held);
                held.into_iter().try_for_each(|record| ctx.forward(kept(record)))
            }
            Action::Tick { limit } => {
                let (stream_time, wall_clock) = (ctx.stream_time(), ctx.wall_clock());
                let text = due.at.to_string();
                let value = probe(&text, stream_time, wall_clock, ctx.record_metadata());
                ctx.forward(Record::new(K2::from_dyn("tick".into()), value, due.at))?;
                self.ticks += 1;
                if let (Some(limit), Some(schedule)) = (limit, self.schedule)
                    && self.ticks >= *limit
                {
                    ctx.cancel(schedule);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl<K: StoreKey> FreeProcessor<K> {
    /// The actions that need a store and a key.
    fn process_keyed<K2: Key>(
        &mut self,
        action: &Action,
        record: Record<K, Dyn>,
        ctx: &mut Context<'_, K2, Dyn>,
    ) -> Outcome {
        let store = self.store()?;
        let at = record.timestamp;
        match action {
            Action::Put => {
                store.put(ctx, &record.key, record.value.clone(), at)?;
                ctx.forward(kept(record))
            }
            Action::Dedup => {
                if store.get(ctx, &record.key)?.is_some() {
                    return Ok(());
                }
                store.put(ctx, &record.key, Dyn::Long(at.as_millis()), at)?;
                ctx.forward(kept(record))
            }
            Action::Count | Action::CountEmit { .. } => {
                let before = store.get(ctx, &record.key)?.map_or(0, |it| it.value.number());
                let count = Dyn::Long(before.wrapping_add(1));
                store.put(ctx, &record.key, count.clone(), at)?;
                if matches!(action, Action::CountEmit { .. }) {
                    return Ok(());
                }
                ctx.forward(kept(record.with_value(count)))
            }
            Action::TimeToLive(_) => {
                store.put(ctx, &record.key, Dyn::Long(at.as_millis()), at)?;
                ctx.forward(kept(record))
            }
            Action::Lookup => {
                let stored = Stored::text(store.get(ctx, &record.key)?.as_ref());
                let value = format!("{}+{stored}", record.value.text());
                ctx.forward(kept(record.with_value(value.into())))
            }
            Action::TimestampedPut => {
                let before = Stored::text(store.get(ctx, &record.key)?.as_ref());
                store.put(ctx, &record.key, record.value.clone(), at)?;
                let after = Stored::text(store.get(ctx, &record.key)?.as_ref());
                ctx.forward(kept(record.with_value(format!("{before}>{after}").into())))
            }
            Action::WindowDedup(_) if record.value.is_null() => Ok(()),
            Action::WindowDedup(window) => {
                let near =
                    |delta: i64| Timestamp::from_millis(at.as_millis().saturating_add(delta));
                let seen = store.any_between(ctx, &record.key, (near(-window), near(*window)))?;
                store.put_at(ctx, &record.key, record.value.clone(), (at, at))?;
                if seen { Ok(()) } else { ctx.forward(kept(record)) }
            }
            Action::WindowCount(size) => {
                let start = at.as_millis() - at.as_millis().rem_euclid(*size);
                let start = Timestamp::from_millis(start);
                let before = store.fetch(ctx, &record.key, start)?;
                let count = before.map_or(0, |it| it.value.number()).wrapping_add(1);
                store.put_at(ctx, &record.key, Dyn::Long(count), (at, start))?;
                ctx.forward(kept(record.with_value(Dyn::Long(count))))
            }
            _ => Ok(()),
        }
    }

    fn emit_counts<K2: Key>(
        &mut self,
        clear: bool,
        now: Timestamp,
        ctx: &mut Context<'_, K2, Dyn>,
    ) -> Outcome {
        let store = self.store()?;
        for (key, stored) in store.all(ctx)? {
            ctx.forward(kept(Record::new(key.clone(), stored.value, now)))?;
            if clear {
                store.delete(ctx, &key)?;
            }
        }
        Ok(())
    }

    /// Deletes what was stored at `horizon` or before, and forwards a null for each key.
    fn expire<K2: Key>(
        &mut self,
        horizon: i64,
        now: Timestamp,
        ctx: &mut Context<'_, K2, Dyn>,
    ) -> Outcome {
        let store = self.store()?;
        let mut dead = store.all(ctx)?;
        dead.retain(|(_, stored)| stored.value.number() <= horizon);
        for (key, _) in dead {
            store.delete(ctx, &key)?;
            ctx.forward(kept(Record::new(key, Dyn::Null, now)))?;
        }
        Ok(())
    }
}

/// The record with its key as the output's kind, which it has already.
fn kept<K: Key, K2: Key>(record: Record<K, Dyn>) -> Record<K2, Dyn> {
    let key = K2::from_dyn(record.key.to_dyn());
    record.with_key(key)
}

fn start<K: Key>(
    schedule: &Schedule,
    ctx: &mut Context<'_, K, Dyn>,
) -> Result<ScheduleId, ProcessorError> {
    let every = Duration::from_millis(u64::try_from(schedule.every)?);
    let kind = if schedule.by_stream_time {
        PunctuationKind::StreamTime
    } else {
        PunctuationKind::WallClock
    };
    match schedule.start {
        Some(start) => ctx.schedule_from(Timestamp::from_millis(start), every, kind),
        None => ctx.schedule(every, kind),
    }
}
