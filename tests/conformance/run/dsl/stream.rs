//! Operations on streams.

use super::{
    Build,
    handle::{DslKey, misplaced},
    options::{named, sure},
};
use crate::{
    flow::DynSerde,
    function::{Expression, ListFunction, Predicate, Thrown},
    processor::{FixedProcessor, FreeProcessor, ProcessorSpec},
    refusal::Refusal,
    run::{
        application::{Failure, Types},
        papi::topic,
        store,
    },
    scenario::Op,
    value::Dyn,
};
use std::sync::Arc;
use streams_core::{TopologyError, stores::Windowed};
use streams_dsl::{Branched, Grouped, KStream, Processed, Produced, Repartitioned};

impl Build {
    pub(super) fn on_stream<K: DslKey>(
        &mut self,
        name: &str,
        op: &Op,
        stream: &KStream<K, Dyn>,
        types: &Types,
    ) -> Result<(), Failure> {
        let (key, value) = types;
        match name {
            "filter" | "filterNot" => {
                let filtered = filter(stream, op, name == "filterNot", types)?;
                self.put(op, K::stream(filtered), key, value)?;
            }
            "mapValues" => self.map_values(op, stream, types)?,
            "flatMapValues" => self.flat_map_values(op, stream, types)?,
            "selectKey" => {
                let selector = Expression::parse(op.text("fn")?, key, value)?;
                if selector.ty().is_windowed() {
                    self.select_key::<K, Windowed<Dyn>>(op, stream, selector, types)?;
                } else {
                    self.select_key::<K, Dyn>(op, stream, selector, types)?;
                }
            }
            "map" => {
                let mapper = Expression::parse(op.text("keyFn")?, key, value)?;
                if mapper.ty().is_windowed() {
                    self.map::<K, Windowed<Dyn>>(op, stream, mapper, types)?;
                } else {
                    self.map::<K, Dyn>(op, stream, mapper, types)?;
                }
            }
            "flatMap" => {
                let list = ListFunction::parse(op.text("list")?, key, value)?;
                let text = op.optional("keyFn").unwrap_or("k");
                let mapper = Expression::parse_with_element(text, key, value, list.element())?;
                if mapper.ty().is_windowed() {
                    self.flat_map::<K, Windowed<Dyn>>(op, stream, (list, mapper), types)?;
                } else {
                    self.flat_map::<K, Dyn>(op, stream, (list, mapper), types)?;
                }
            }
            "peek" => {
                let peeked = stream.peek_with(|_, _| {}, named(op));
                self.put(op, K::stream(peeked), key, value)?;
            }
            "foreach" => stream.for_each_with(|_, _| {}, named(op)),
            "split" => self.split(op, stream, types)?,
            "merge" => {
                let other = self.handle(op.text("with")?)?;
                let both = K::as_stream(&other.handle)
                    .filter(|_| (&other.key, &other.value) == (key, value))
                    .ok_or_else(|| Refusal::invalid("handles of different types"))?;
                let merged = stream.merge_with(both, named(op));
                self.put(op, K::stream(merged), key, value)?;
            }
            "repartition" => {
                let mut options =
                    Repartitioned::with(K::serde_of(key), DynSerde::of(value)).name(named(op));
                if op.has("partitions") {
                    let partitions = i32::try_from(op.number("partitions")?).unwrap_or(i32::MAX);
                    options = options.partitions(partitions);
                }
                let repartitioned = stream.repartition_with(options);
                self.put(op, K::stream(repartitioned), key, value)?;
            }
            "to" => self.to(op, stream, types)?,
            "groupByKey" | "groupBy" => self.group(name, op, stream, types)?,
            "toTable" => self.make_table(op, stream, types)?,
            "join" | "leftJoin" | "outerJoin" => self.join(name, op, stream, types)?,
            "process" | "processValues" => self.process(name, op, stream, types)?,
            _ => return Err(misplaced(name, "a stream").into()),
        }
        Ok(())
    }

    fn map_values<K: DslKey>(
        &mut self,
        op: &Op,
        stream: &KStream<K, Dyn>,
        (key, value): &Types,
    ) -> Result<(), Refusal> {
        let mapper = Expression::parse(op.text("fn")?, key, value)?;
        let made = mapper.ty().clone();
        let name = named(op);
        let mapped = match (mapper.can_throw(), mapper.uses_key()) {
            (true, true) => stream.try_map_values_with_key_with(
                move |key: &K, value: Dyn| mapper.eval(&key.to_dyn(), &value),
                name,
            ),
            (true, false) => {
                stream.try_map_values_with(move |value: Dyn| mapper.eval(&Dyn::Null, &value), name)
            }
            (false, true) => stream.map_values_with_key_with(
                move |key: &K, value: Dyn| sure(mapper.eval(&key.to_dyn(), &value)),
                name,
            ),
            (false, false) => {
                stream.map_values_with(move |value| sure(mapper.eval(&Dyn::Null, &value)), name)
            }
        };
        self.put(op, K::stream(mapped), key, &made)
    }

    fn flat_map_values<K: DslKey>(
        &mut self,
        op: &Op,
        stream: &KStream<K, Dyn>,
        (key, value): &Types,
    ) -> Result<(), Refusal> {
        let list = ListFunction::parse(op.text("list")?, key, value)?;
        let text = op.optional("valueFn").unwrap_or("e");
        let mapper = Expression::parse_with_element(text, key, value, list.element())?;
        let made = mapper.ty().clone();
        let can_throw = list.can_throw() || mapper.can_throw();
        let all = move |key: &K, value: Dyn| -> Result<Vec<Dyn>, Thrown> {
            let key = key.to_dyn();
            let elements = list.eval(&key, &value)?;
            elements.iter().map(|element| mapper.eval_element(&key, &value, element)).collect()
        };
        let mapped = if can_throw {
            stream.try_flat_map_values_with_key_with(all, named(op))
        } else {
            stream.flat_map_values_with_key_with(move |key, value| sure(all(key, value)), named(op))
        };
        self.put(op, K::stream(mapped), key, &made)
    }

    fn select_key<K: DslKey, K2: DslKey>(
        &mut self,
        op: &Op,
        stream: &KStream<K, Dyn>,
        selector: Expression,
        (_, value): &Types,
    ) -> Result<(), Refusal> {
        let made = selector.ty().clone();
        let selected = if selector.can_throw() {
            stream.try_select_key_with(
                move |key: &K, value: &Dyn| selector.eval(&key.to_dyn(), value).map(K2::from_dyn),
                named(op),
            )
        } else {
            stream.select_key_with(
                move |key, value| K2::from_dyn(sure(selector.eval(&key.to_dyn(), value))),
                named(op),
            )
        };
        self.put(op, K2::stream(selected), &made, value)
    }

    fn map<K: DslKey, K2: DslKey>(
        &mut self,
        op: &Op,
        stream: &KStream<K, Dyn>,
        keys: Expression,
        (key, value): &Types,
    ) -> Result<(), Refusal> {
        let values = Expression::parse(op.text("valueFn")?, key, value)?;
        let made = (keys.ty().clone(), values.ty().clone());
        let can_throw = keys.can_throw() || values.can_throw();
        let both = move |key: &K, value: &Dyn| -> Result<(Dyn, Dyn), Thrown> {
            let key = key.to_dyn();
            Ok((keys.eval(&key, value)?, values.eval(&key, value)?))
        };
        let mapped = if can_throw {
            stream.try_map_with(
                move |key: K, value: Dyn| {
                    both(&key, &value).map(|(key, value)| (K2::from_dyn(key), value))
                },
                named(op),
            )
        } else {
            stream.map_with(
                move |key, value| {
                    let (key, value) = sure(both(&key, &value));
                    (K2::from_dyn(key), value)
                },
                named(op),
            )
        };
        self.put(op, K2::stream(mapped), &made.0, &made.1)
    }

    fn flat_map<K: DslKey, K2: DslKey>(
        &mut self,
        op: &Op,
        stream: &KStream<K, Dyn>,
        (list, keys): (ListFunction, Expression),
        (key, value): &Types,
    ) -> Result<(), Refusal> {
        let text = op.optional("valueFn").unwrap_or("e");
        let values = Expression::parse_with_element(text, key, value, list.element())?;
        let made = (keys.ty().clone(), values.ty().clone());
        let can_throw = list.can_throw() || keys.can_throw() || values.can_throw();
        let all = move |key: K, value: Dyn| -> Result<Vec<(K2, Dyn)>, Thrown> {
            let key = key.to_dyn();
            let mut records = Vec::new();
            for element in list.eval(&key, &value)? {
                let new_key = keys.eval_element(&key, &value, &element)?;
                let new_value = values.eval_element(&key, &value, &element)?;
                records.push((K2::from_dyn(new_key), new_value));
            }
            Ok(records)
        };
        let mapped = if can_throw {
            stream.try_flat_map_with(all, named(op))
        } else {
            stream.flat_map_with(move |key, value| sure(all(key, value)), named(op))
        };
        self.put(op, K2::stream(mapped), &made.0, &made.1)
    }

    fn split<K: DslKey>(
        &mut self,
        op: &Op,
        stream: &KStream<K, Dyn>,
        (key, value): &Types,
    ) -> Result<(), Refusal> {
        let mut split = stream.split_many_with(named(op));
        let mut ids = Vec::new();
        for branch in op.objects("branches") {
            let pred = Predicate::parse(branch.text("pred")?, key, value)?;
            ids.push(branch.text("id")?.to_owned());
            split = if pred.can_throw() {
                split.try_branch_with(
                    move |key: &K, value: &Dyn| pred.test(&key.to_dyn(), value),
                    branched(&branch),
                )
            } else {
                split.branch_with(
                    move |key, value| sure(pred.test(&key.to_dyn(), value)),
                    branched(&branch),
                )
            };
        }
        let branches = if let Some(default) = op.object("default") {
            ids.push(default.text("id")?.to_owned());
            split.default_branch_with(branched(&default))
        } else {
            split.no_default_branch()
        };
        for (id, branch) in ids.iter().zip(branches) {
            self.put_as(id, K::stream(branch), key, value)?;
        }
        Ok(())
    }

    fn to<K: DslKey>(
        &mut self,
        op: &Op,
        stream: &KStream<K, Dyn>,
        types: &Types,
    ) -> Result<(), Refusal> {
        let (key, value) = types;
        let produced = Produced::with(K::serde_of(key), DynSerde::of(value)).name(named(op));
        let Some(text) = op.optional("topicFn") else {
            self.topics.sink(op.text("topic")?, types);
            stream.to_with(op.text("topic")?, produced);
            return Ok(());
        };
        let choose = Expression::parse(text, key, value)?;
        self.topics.dynamic_sink(types)?;
        stream.to_topic_by_with(
            move |key: &K, value: &Dyn, _: &_| topic(&choose, &key.to_dyn(), value),
            produced.label(&format!("TopicFn({text})")),
        );
        Ok(())
    }

    fn group<K: DslKey>(
        &mut self,
        name: &str,
        op: &Op,
        stream: &KStream<K, Dyn>,
        types: &Types,
    ) -> Result<(), Refusal> {
        let (key, value) = types;
        if name == "groupByKey" {
            let options = Grouped::with(K::serde_of(key), DynSerde::of(value)).name(named(op));
            let grouped = stream.group_by_key_with(options);
            return self.put(op, K::grouped(grouped), key, value);
        }
        let selector = Expression::parse(op.text("fn")?, key, value)?;
        if selector.ty().is_windowed() {
            self.group_by::<K, Windowed<Dyn>>(op, stream, selector, types)
        } else {
            self.group_by::<K, Dyn>(op, stream, selector, types)
        }
    }

    fn group_by<K: DslKey, K2: DslKey>(
        &mut self,
        op: &Op,
        stream: &KStream<K, Dyn>,
        selector: Expression,
        (_, value): &Types,
    ) -> Result<(), Refusal> {
        let made = selector.ty().clone();
        let options = Grouped::with(K2::serde_of(&made), DynSerde::of(value)).name(named(op));
        let grouped = if selector.can_throw() {
            stream.try_group_by_with(
                move |key: &K, value: &Dyn| selector.eval(&key.to_dyn(), value).map(K2::from_dyn),
                options,
            )
        } else {
            stream.group_by_with(
                move |key: &K, value: &Dyn| K2::from_dyn(sure(selector.eval(&key.to_dyn(), value))),
                options,
            )
        };
        self.put(op, K2::grouped(grouped), &made, value)
    }

    fn process<K: DslKey>(
        &mut self,
        name: &str,
        op: &Op,
        stream: &KStream<K, Dyn>,
        types: &Types,
    ) -> Result<(), Failure> {
        let (key, value) = types;
        let proc = op.object("proc").ok_or_else(|| Refusal::invalid("no proc"))?;
        let mut processed = Processed::new().name(named(op));
        for store in op.objects("attach") {
            let name = self.store(&store)?;
            processed = self.connected(processed, &name, op)?;
        }
        for store in op.texts("stores") {
            processed = self.connected(processed, &store, op)?;
        }
        let registry = self.registry.clone();
        if name == "processValues" {
            let spec = Arc::new(ProcessorSpec::parse_fixed(&proc, key, value)?);
            let made = spec.value.clone();
            let out = stream
                .process_values_with(move || FixedProcessor::<K>::new(&spec, &registry), processed);
            self.put(op, K::stream(out), key, &made)?;
            return Ok(());
        }
        let spec = Arc::new(ProcessorSpec::parse(&proc, key, value)?);
        if spec.key.is_windowed() {
            self.process_to::<K, Windowed<Dyn>>(op, stream, spec, processed)
        } else {
            self.process_to::<K, Dyn>(op, stream, spec, processed)
        }
    }

    fn process_to<K: DslKey, K2: DslKey>(
        &mut self,
        op: &Op,
        stream: &KStream<K, Dyn>,
        spec: Arc<ProcessorSpec>,
        processed: Processed,
    ) -> Result<(), Failure> {
        let registry = self.registry.clone();
        let (key, value) = (spec.key.clone(), spec.value.clone());
        let out: KStream<K2, Dyn> =
            stream.process_with(move || FreeProcessor::<K>::new(&spec, &registry), processed);
        if op.get("id").is_some() {
            self.put(op, K2::stream(out), &key, &value)?;
        }
        Ok(())
    }

    /// Connects a store, by the name it has in the topology.
    fn connected(&self, to: Processed, store: &str, op: &Op) -> Result<Processed, Failure> {
        match self.registry.get(store) {
            Some(found) => Ok(to.stores([store::index(found)])),
            None => {
                let node = op.optional("name").unwrap_or("a processor").to_owned();
                Err(TopologyError::UnknownStore { node, store: store.to_owned() }.into())
            }
        }
    }
}

fn filter<K: DslKey>(
    stream: &KStream<K, Dyn>,
    op: &Op,
    negated: bool,
    (key, value): &Types,
) -> Result<KStream<K, Dyn>, Refusal> {
    let pred = Predicate::parse(op.text("pred")?, key, value)?;
    let can_throw = pred.can_throw();
    let test = move |key: &K, value: &Dyn| pred.test(&key.to_dyn(), value);
    let name = named(op);
    Ok(match (can_throw, negated) {
        (true, false) => stream.try_filter_with(test, name),
        (true, true) => stream.try_filter_not_with(test, name),
        (false, false) => stream.filter_with(move |key, value| sure(test(key, value)), name),
        (false, true) => stream.filter_not_with(move |key, value| sure(test(key, value)), name),
    })
}

fn branched(op: &Op) -> Branched {
    op.optional("name").map_or_else(Branched::numbered, Branched::named)
}
