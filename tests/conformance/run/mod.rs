//! Runs one scenario.

use crate::{refusal::Refusal, scenario::Scenario};
use serde_json::{Value, json};

/// How scenarios are run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Overrides the scenario's own kind of stores.
    pub stores: Option<Stores>,
    /// What the topology is typed with.
    pub types: Types,
}

/// Where DSL operators keep their state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stores {
    /// In memory.
    Memory,
    /// In RocksDB.
    RocksDb,
}

/// What the keys and values of the topology are in Rust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Types {
    /// One dynamic type that knows null.
    #[default]
    Dynamic,
    /// `Option<String>` and `Option<i64>`.
    Static,
}

/// The result of a scenario, in the oracle's format.
pub fn run(scenario: &Scenario, options: Options) -> Value {
    let refused = if options.types == Types::Static {
        Refusal::unsupported("--types static")
    } else {
        Refusal::unsupported("running scenarios")
    };
    match refused {
        Refusal::Unsupported(what) => json!({"name": scenario.name, "unsupported": what}),
        Refusal::Invalid(what) => json!({
            "name": scenario.name,
            "outputs": {}, "internal": {}, "stores": {}, "droppedRecords": 0,
            "error": {"phase": "scenario", "step": -1, "message": what},
        }),
    }
}
