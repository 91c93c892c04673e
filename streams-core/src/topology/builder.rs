//! The low-level way to describe a topology, node by node; the DSL lowers to it.

use std::sync::Arc;

use state_stores::{Data, StateStore, StoreBuilder, StoreType, StreamData};

use super::{
    Topology, checks,
    error::TopologyError,
    node::{
        InternalTopic, Make, NodeKind, NodeSpec, SinkTopic, SourceTopics, StoreDefinition,
        StoreHandle, Types, with_application,
    },
    options::{SinkOptions, SourceOptions},
};
use crate::{
    error::Outcome,
    processor::{
        Context, FixedKey, FixedKeyProcessor, Processor, TopicChoice, wire_processor, wire_sink,
        wire_source, wire_step,
    },
};

/// Sources, processors, sinks and stores under names of one's own.
///
/// Mistakes are kept and reported by [`build`](Self::build), so that calls chain.
#[derive(Debug, Default)]
pub struct TopologyBuilder {
    pub(super) nodes: Vec<NodeSpec>,
    pub(super) stores: Vec<Option<StoreDefinition>>,
    pub(super) internal_topics: Vec<InternalTopic>,
    /// Names of sources whose topics are co-partitioned.
    pub(super) copartitioned: Vec<Vec<Arc<str>>>,
    pub(super) errors: Vec<TopologyError>,
}

impl TopologyBuilder {
    /// An empty topology.
    pub fn new() -> Self {
        Self::default()
    }

    /// A source of `topics`, with the serdes of the types.
    pub fn add_source<K: StreamData, V: StreamData>(
        &mut self,
        name: &str,
        topics: &[&str],
    ) -> &mut Self {
        self.add_source_with(name, topics.into(), SourceOptions::<K, V>::default())
    }

    /// A source of `topics`.
    pub fn add_source_with<K: Data, V: Data>(
        &mut self,
        name: &str,
        topics: SourceTopics,
        options: SourceOptions<K, V>,
    ) -> &mut Self {
        let SourceOptions { parts, reset } = options;
        self.add(NodeSpec {
            name: name.into(),
            kind: NodeKind::Source { topics, reset },
            parents: Vec::new(),
            input: None,
            output: Some(Types::of::<K, V>()),
            stores: Vec::new(),
            make: Box::new(move |wiring| wire_source(wiring, parts.clone())),
        })
    }

    /// A processor; `supplier` makes one for each task.
    pub fn add_processor<P, KIn, VIn, KOut, VOut>(
        &mut self,
        name: &str,
        supplier: impl Fn() -> P + Send + Sync + 'static,
        parents: &[&str],
    ) -> &mut Self
    where
        P: Processor<KIn, VIn, KOut, VOut>,
        KIn: Data,
        VIn: Data,
        KOut: Data,
        VOut: Data,
    {
        let make: Make =
            Box::new(move |wiring| wire_processor::<P, KIn, VIn, KOut, VOut>(wiring, supplier()));
        self.add_inner(name, parents, (Types::of::<KIn, VIn>(), Types::of::<KOut, VOut>()), make)
    }

    /// A processor that cannot change the key.
    pub fn add_fixed_key_processor<P, K, VIn, VOut>(
        &mut self,
        name: &str,
        supplier: impl Fn() -> P + Send + Sync + 'static,
        parents: &[&str],
    ) -> &mut Self
    where
        P: FixedKeyProcessor<K, VIn, VOut>,
        K: Data,
        VIn: Data,
        VOut: Data,
    {
        self.add_processor::<FixedKey<P>, K, VIn, K, VOut>(
            name,
            move || FixedKey(supplier()),
            parents,
        )
    }

    /// A stateless node: one closure, shared by all tasks.
    pub fn add_step<KIn, VIn, KOut, VOut, F>(
        &mut self,
        name: &str,
        run: F,
        parents: &[&str],
    ) -> &mut Self
    where
        KIn: Data,
        VIn: Data,
        KOut: Data,
        VOut: Data,
        F: Fn(KIn, VIn, &mut Context<'_, KOut, VOut>) -> Outcome + Send + Sync + 'static,
    {
        let run = Arc::new(run);
        let make: Make = Box::new(move |wiring| {
            let run = Arc::clone(&run);
            wire_step::<KIn, VIn, KOut, VOut, _>(wiring, move |key, value, ctx| {
                run(key, value, ctx)
            })
        });
        self.add_inner(name, parents, (Types::of::<KIn, VIn>(), Types::of::<KOut, VOut>()), make)
    }

    /// A sink to `topic`, with the serdes of the types.
    pub fn add_sink<K: StreamData, V: StreamData>(
        &mut self,
        name: &str,
        topic: &str,
        parents: &[&str],
    ) -> &mut Self {
        self.add_sink_with(name, SinkOptions::<K, V>::to(topic), parents)
    }

    /// A sink.
    pub fn add_sink_with<K: Data, V: Data>(
        &mut self,
        name: &str,
        options: SinkOptions<K, V>,
        parents: &[&str],
    ) -> &mut Self {
        let SinkOptions { parts, label } = options;
        let topic = match &parts.topic {
            TopicChoice::Fixed(topic) => SinkTopic::Fixed(Arc::clone(topic)),
            TopicChoice::PerRecord(_) => SinkTopic::PerRecord(label),
        };
        let is_internal = match &topic {
            SinkTopic::Fixed(topic) => self.is_internal(topic),
            SinkTopic::PerRecord(_) => false,
        };
        let make: Make = Box::new(move |wiring| {
            let mut parts = parts.clone();
            if let (true, TopicChoice::Fixed(topic)) = (is_internal, &parts.topic) {
                parts.topic = TopicChoice::Fixed(with_application(wiring.application_id, topic));
            }
            wire_sink(wiring, parts)
        });
        self.add(NodeSpec {
            name: name.into(),
            kind: NodeKind::Sink { topic },
            parents: parents.iter().map(|parent| Arc::from(*parent)).collect(),
            input: Some(Types::of::<K, V>()),
            output: None,
            stores: Vec::new(),
            make,
        })
    }

    /// A store; [`connect`](Self::connect) it to the processors that use it.
    pub fn add_state_store<S: StoreType>(&mut self, builder: StoreBuilder<S>) -> StoreHandle<S> {
        let handle = self.reserve_state_store();
        self.define_state_store(handle, builder);
        handle
    }

    /// A handle for a store that may be [defined](Self::define_state_store) later, or never.
    pub fn reserve_state_store<S: StateStore>(&mut self) -> StoreHandle<S> {
        self.stores.push(None);
        StoreHandle::new(self.stores.len() - 1)
    }

    /// Defines a reserved store.
    pub fn define_state_store<S: StoreType>(
        &mut self,
        handle: StoreHandle<S>,
        builder: StoreBuilder<S>,
    ) {
        let spec = builder.spec();
        if let Err(error) = builder.validate() {
            self.errors.push(TopologyError::InvalidStore(error));
        }
        if self.stores.iter().flatten().any(|store| *store.name == *spec.name) {
            self.errors.push(TopologyError::DuplicateStore(spec.name.to_string()));
            return;
        }
        checks::name("store", &spec.name, &mut self.errors);
        let restore = builder.restorer();
        self.stores[handle.index()] = Some(StoreDefinition {
            name: Arc::clone(&spec.name),
            spec,
            make: Box::new(move |env| Ok(Box::new(builder.build(env)?))),
            restore,
            cache_owner: None,
            source_changelog: None,
        });
    }

    /// Lets `processor` use `store`; processors that share a store form one sub-topology.
    pub fn connect<S: StateStore>(&mut self, processor: &str, store: StoreHandle<S>) -> &mut Self {
        self.connect_index(processor, store.index())
    }

    /// As [`connect`](Self::connect), by [`StoreHandle::index`].
    pub fn connect_index(&mut self, processor: &str, store: usize) -> &mut Self {
        let store_name = || match self.stores.get(store) {
            Some(Some(store)) => store.name.to_string(),
            _ => format!("number {store}"),
        };
        match self.nodes.iter().position(|node| *node.name == *processor) {
            None => {
                let error = TopologyError::UnknownProcessor {
                    store: store_name(),
                    processor: processor.to_owned(),
                };
                self.errors.push(error);
            }
            Some(at) if !matches!(self.nodes[at].kind, NodeKind::Processor) => {
                let error = TopologyError::StoreOnSourceOrSink {
                    store: store_name(),
                    node: processor.to_owned(),
                };
                self.errors.push(error);
            }
            Some(at) if self.nodes[at].stores.contains(&store) => {}
            Some(at) => self.nodes[at].stores.push(store),
        }
        self
    }

    /// Names the processor whose [`flush`](Processor::flush) forwards what the cache of `store`
    /// holds back; a store without one is flushed by the task.
    pub fn set_cache_owner<S: StateStore>(&mut self, store: StoreHandle<S>, processor: &str) {
        if let Some(Some(store)) = self.stores.get_mut(store.index()) {
            store.cache_owner = Some(processor.into());
        }
    }

    /// Restores `store` from `topic`, a source topic, in place of a changelog of its own.
    pub fn use_source_as_changelog<S: StateStore>(&mut self, store: StoreHandle<S>, topic: &str) {
        if let Some(Some(store)) = self.stores.get_mut(store.index()) {
            store.source_changelog = Some(topic.into());
        }
    }

    /// Declares a repartition topic: the application owns it, its full name begins with the
    /// application id. Declare it before the sink that writes to it.
    pub fn add_internal_topic(&mut self, name: &str, partitions: Option<i32>) -> &mut Self {
        checks::name("topic", name, &mut self.errors);
        if !self.is_internal(name) {
            self.internal_topics.push(InternalTopic { name: name.into(), partitions });
        }
        self
    }

    /// Requires that the topics of these sources have one number of partitions, because their
    /// records meet by key.
    pub fn copartition(&mut self, sources: &[&str]) -> &mut Self {
        self.copartitioned.push(sources.iter().map(|source| Arc::from(*source)).collect());
        self
    }

    /// Whether a node of this name was added.
    pub fn has_node(&self, name: &str) -> bool {
        self.nodes.iter().any(|node| *node.name == *name)
    }

    /// Keeps a mistake found outside, for [`build`](Self::build) to report.
    pub fn reject(&mut self, error: TopologyError) {
        self.errors.push(error);
    }

    /// Checks the whole and splits it into sub-topologies.
    ///
    /// # Errors
    /// The first mistake in the order in which they were made.
    pub fn build(self) -> Result<Topology, TopologyError> {
        checks::build(self)
    }

    fn is_internal(&self, topic: &str) -> bool {
        self.internal_topics.iter().any(|internal| *internal.name == *topic)
    }

    fn add_inner(
        &mut self,
        name: &str,
        parents: &[&str],
        (input, output): (Types, Types),
        make: Make,
    ) -> &mut Self {
        self.add(NodeSpec {
            name: name.into(),
            kind: NodeKind::Processor,
            parents: parents.iter().map(|parent| Arc::from(*parent)).collect(),
            input: Some(input),
            output: Some(output),
            stores: Vec::new(),
            make,
        })
    }

    fn add(&mut self, node: NodeSpec) -> &mut Self {
        checks::name("node", &node.name, &mut self.errors);
        if self.has_node(&node.name) {
            self.errors.push(TopologyError::DuplicateNode(node.name.to_string()));
            return self;
        }
        self.nodes.push(node);
        self
    }
}
