//! The operations of the Processor API: nodes and stores under names of the scenario's own.

use super::{
    application::{Application, Failure, TopicTypes, Types},
    config::Config,
    store::{AddStore, DeclaredStores, index},
};
use crate::{
    flow::{DynSerde, Extractor},
    function::Expression,
    processor::{FreeProcessor, ProcessorSpec, StoreRegistry},
    refusal::Refusal,
    scenario::Op,
    types::Type,
    value::Dyn,
};
use std::{collections::BTreeMap, sync::Arc};
use streams_core::{
    OffsetReset, SinkOptions, SourceOptions, SourceTopics, StoreHandle, TopologyBuilder,
    TopologyError,
    stores::{StoreBuilder, StoreType},
};

/// Whether an operation is one of these.
pub fn has_op(op: &str) -> bool {
    matches!(
        op,
        "addSource"
            | "addProcessor"
            | "addSink"
            | "addStateStore"
            | "connectStores"
            | "addGlobalStore"
            | "addReadOnlyStateStore"
    )
}

/// Builds a topology of these operations alone.
pub fn build(ops: &[Op], config: &Config) -> Result<Application, Failure> {
    let mut build = Build {
        builder: TopologyBuilder::new(),
        topics: TopicTypes::default(),
        nodes: BTreeMap::new(),
        stores: DeclaredStores::default(),
        registry: StoreRegistry::default(),
        extractor: config.extractor,
    };
    for op in ops {
        build.apply(op)?;
    }
    Ok(Application { topology: build.builder.build()?, topics: build.topics })
}

struct Build {
    builder: TopologyBuilder,
    topics: TopicTypes,
    /// What each node forwards.
    nodes: BTreeMap<String, Types>,
    stores: DeclaredStores,
    registry: StoreRegistry,
    extractor: Extractor,
}

impl AddStore for TopologyBuilder {
    fn add_store<S: StoreType>(&mut self, store: StoreBuilder<S>) -> StoreHandle<S> {
        self.add_state_store(store)
    }
}

impl Build {
    fn apply(&mut self, op: &Op) -> Result<(), Failure> {
        match op.text("op")? {
            "addSource" => self.source(op)?,
            "addProcessor" => self.processor(op)?,
            "addSink" => self.sink(op)?,
            "addStateStore" => {
                let store = op
                    .object("store")
                    .ok_or_else(|| Refusal::invalid("addStateStore without a store"))?;
                let name = self.store(&store)?;
                for processor in op.texts("processors") {
                    self.connect(&processor, &name)?;
                }
            }
            "connectStores" => {
                for store in op.texts("stores") {
                    self.connect(op.text("processor")?, &store)?;
                }
            }
            other => return Err(Refusal::unsupported(format!("op {other}")).into()),
        }
        Ok(())
    }

    fn source(&mut self, op: &Op) -> Result<(), Refusal> {
        let types = (Type::parse(op.text("key")?)?, Type::parse(op.text("value")?)?);
        plain_keys(&types.0)?;
        self.topics.source(op, &types)?;
        let extractor = match op.optional("extractor") {
            Some(name) => Extractor::parse(name)?,
            None => self.extractor,
        };
        let options: SourceOptions<Dyn, Dyn> =
            SourceOptions::with(DynSerde::shared(&types.0), DynSerde::shared(&types.1))
                .timestamp_extractor(Arc::new(extractor))
                .offset_reset(offset_reset(op)?);
        self.builder.add_source_with(op.text("name")?, source_topics(op)?, options);
        self.nodes.insert(op.text("name")?.to_owned(), types);
        Ok(())
    }

    fn processor(&mut self, op: &Op) -> Result<(), Failure> {
        let name = op.text("name")?;
        let parents = op.texts("parents");
        let types = self.types_of(&parents)?;
        let proc = op.object("proc").ok_or_else(|| Refusal::invalid("addProcessor: no proc"))?;
        let spec = Arc::new(ProcessorSpec::parse(&proc, &types.0, &types.1)?);
        plain_keys(&spec.key)?;
        let made = (spec.key.clone(), spec.value.clone());
        let registry = self.registry.clone();
        self.builder.add_processor::<FreeProcessor<Dyn>, Dyn, Dyn, Dyn, Dyn>(
            name,
            move || FreeProcessor::new(&spec, &registry),
            &names(&parents),
        );
        for store in op.objects("attach") {
            let store = self.store(&store)?;
            self.connect(name, &store)?;
        }
        self.nodes.insert(name.to_owned(), made);
        Ok(())
    }

    fn sink(&mut self, op: &Op) -> Result<(), Refusal> {
        let parents = op.texts("parents");
        let types = self.types_of(&parents)?;
        let (key, value) = (DynSerde::shared(&types.0), DynSerde::shared(&types.1));
        let options: SinkOptions<Dyn, Dyn> = match op.optional("topicFn") {
            Some(text) => {
                let choose = Expression::parse(text, &types.0, &types.1)?;
                self.topics.dynamic_sink(&types)?;
                let label = format!("TopicFn({text})");
                SinkOptions::per_record(
                    &label,
                    move |key, value, _| topic(&choose, key, value),
                    key,
                    value,
                )
            }
            None => {
                self.topics.sink(op.text("topic")?, &types);
                SinkOptions::with(op.text("topic")?, key, value)
            }
        };
        self.builder.add_sink_with(op.text("name")?, options, &names(&parents));
        Ok(())
    }

    /// Declares a store; gives its name.
    fn store(&mut self, op: &Op) -> Result<String, Refusal> {
        let store = self.stores.declare(op, &mut self.builder)?;
        let name = op.text("name")?.to_owned();
        self.registry.insert(&name, store);
        Ok(name)
    }

    fn connect(&mut self, processor: &str, store: &str) -> Result<(), Failure> {
        let Some(found) = self.stores.get(store) else {
            let (node, store) = (processor.to_owned(), store.to_owned());
            return Err(TopologyError::UnknownStore { node, store }.into());
        };
        self.builder.connect_index(processor, index(found));
        Ok(())
    }

    /// What the parents forward. Unknown ones are left for the library to report.
    fn types_of(&self, parents: &[String]) -> Result<Types, Refusal> {
        let mut known = parents.iter().filter_map(|parent| self.nodes.get(parent));
        let Some(first) = known.next() else { return Ok((Type::Text, Type::Text)) };
        if known.any(|other| other != first) {
            return Err(Refusal::invalid("parents of different types"));
        }
        Ok(first.clone())
    }
}

/// The topic that a dynamic sink's expression gives.
pub fn topic(choose: &Expression, key: &Dyn, value: &Dyn) -> String {
    // A function that can throw is refused where sinks are made, and null is no name of a topic.
    choose.eval(key, value).map(|topic| topic.text().into_owned()).unwrap_or_default()
}

/// What a source reads.
pub fn source_topics(op: &Op) -> Result<SourceTopics, Refusal> {
    if let Some(pattern) = op.optional("pattern") {
        return Ok(SourceTopics::Pattern(pattern.into()));
    }
    let topics = op.texts("topics");
    if op.has("topics") {
        return Ok(SourceTopics::from(&*names(&topics)));
    }
    Ok(SourceTopics::from(op.text("topic")?))
}

/// Where a source begins.
pub fn offset_reset(op: &Op) -> Result<Option<OffsetReset>, Refusal> {
    match op.optional("reset") {
        None => Ok(None),
        Some("earliest") => Ok(Some(OffsetReset::Earliest)),
        Some("latest") => Ok(Some(OffsetReset::Latest)),
        Some("none") => Ok(Some(OffsetReset::None)),
        Some(other) => Err(Refusal::invalid(format!("reset {other}"))),
    }
}

fn names(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// The low-level scenarios know no windowed keys.
fn plain_keys(key: &Type) -> Result<(), Refusal> {
    if key.is_windowed() {
        return Err(Refusal::unsupported("windowed keys between nodes of the Processor API"));
    }
    Ok(())
}
