//! The operations of the DSL.

mod handle;
mod optimization;
mod source;
mod stream;
mod grouped;
mod table;
mod options;

use super::{
    application::{Application, Failure, TopicTypes},
    config::Config,
    store::{AddStore, DeclaredStores},
};
use crate::{
    flow::Extractor, processor::StoreRegistry, refusal::Refusal, scenario::Op, types::Type,
};
use handle::{Handle, Typed, each_key};
use std::collections::BTreeMap;
use streams_core::{
    StoreHandle,
    stores::{StoreBuilder, StoreType},
};
use streams_dsl::StreamsBuilder;

/// Builds a topology of these operations alone.
pub fn build(ops: &[Op], config: &Config) -> Result<Application, Failure> {
    optimization::check(ops, config)?;
    let mut build = Build {
        builder: if config.in_memory {
            StreamsBuilder::new().in_memory_stores()
        } else {
            StreamsBuilder::new()
        },
        handles: BTreeMap::new(),
        topics: TopicTypes::default(),
        stores: DeclaredStores::default(),
        registry: StoreRegistry::default(),
        extractor: config.extractor,
        additional_retention: config.additional_retention,
    };
    for op in ops {
        build.apply(op)?;
    }
    Ok(Application { topology: build.builder.build()?, topics: build.topics })
}

/// A topology on its way.
struct Build {
    builder: StreamsBuilder,
    handles: BTreeMap<String, Typed>,
    topics: TopicTypes,
    stores: DeclaredStores,
    registry: StoreRegistry,
    extractor: Extractor,
    additional_retention: i64,
}

impl AddStore for StreamsBuilder {
    fn add_store<S: StoreType>(&mut self, store: StoreBuilder<S>) -> StoreHandle<S> {
        self.add_state_store(store)
    }
}

impl Build {
    fn apply(&mut self, op: &Op) -> Result<(), Failure> {
        let name = op.text("op")?;
        match name {
            "stream" => return self.stream(op),
            "table" => return self.table(op),
            "store" => return self.store(op).map(drop),
            "globalTable" | "globalStore" => {
                return Err(Refusal::unsupported(format!("op {name}")).into());
            }
            _ => {}
        }
        let from = self.handle(op.text("from")?)?;
        let types = (from.key, from.value);
        match from.handle {
            Handle::Stream(stream) => {
                each_key!(stream, it => self.on_stream(name, op, &it, &types))
            }
            Handle::Table(table) => each_key!(table, it => self.on_table(name, op, &it, &types)),
            Handle::Grouped(grouped) if name == "windowedBy" => {
                Ok(self.windowed_by(op, grouped, &types)?)
            }
            Handle::Grouped(grouped) => {
                each_key!(grouped, it => self.on_grouped(name, op, &it, &types))
            }
            Handle::Windowed(stream, windowing) => {
                self.on_windowed(name, op, (&stream, &windowing), &types)
            }
        }
    }

    fn handle(&self, id: &str) -> Result<Typed, Refusal> {
        self.handles
            .get(id)
            .cloned()
            .ok_or_else(|| Refusal::invalid(format!("unknown handle {id}")))
    }

    /// Keeps what an operation made under its `id`.
    fn put(&mut self, op: &Op, handle: Handle, key: &Type, value: &Type) -> Result<(), Refusal> {
        self.put_as(op.text("id")?, handle, key, value)
    }

    fn put_as(
        &mut self,
        id: &str,
        handle: Handle,
        key: &Type,
        value: &Type,
    ) -> Result<(), Refusal> {
        let typed = Typed { handle, key: key.clone(), value: value.clone() };
        if self.handles.insert(id.to_owned(), typed).is_some() {
            return Err(Refusal::invalid(format!("duplicate id {id}")));
        }
        Ok(())
    }

    /// Declares a store; gives its name.
    fn store(&mut self, op: &Op) -> Result<String, Failure> {
        let store = self.stores.declare(op, &mut self.builder)?;
        let name = op.text("name")?.to_owned();
        self.registry.insert(&name, store);
        Ok(name)
    }
}
