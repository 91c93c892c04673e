//! The processors of the scenario language.

mod spec;
mod store;
mod free;
mod fixed;

pub use self::{
    fixed::FixedProcessor,
    free::FreeProcessor,
    spec::ProcessorSpec,
    store::{AnyStore, StoreKey, StoreRef, StoreRegistry, Stored},
};
