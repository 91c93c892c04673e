//! The processors of the scenario language.

mod spec;
mod store;
mod free;
mod fixed;

pub use self::{
    fixed::FixedProcessor,
    free::FreeProcessor,
    spec::{Action, ProcessorSpec, Route, Schedule},
    store::{AnyStore, StoreKey, StoreRef, StoreRegistry, Stored},
};
