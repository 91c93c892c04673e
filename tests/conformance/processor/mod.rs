//! The processors of the scenario language.

mod spec;

pub use self::spec::{Action, ProcessorSpec, Route, Schedule};
