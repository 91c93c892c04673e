//! Runs one scenario.

mod config;
mod application;
mod store;
mod papi;
mod dsl;
mod describe;
mod drive;
mod contents;

use crate::{
    refusal::Refusal,
    scenario::{Op, Scenario},
};
use application::{Application, Failure};
use config::Config;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Where state lies, whatever the scenario says of its stores: orders and expiry follow the
/// scenario on either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stores {
    /// In memory.
    #[default]
    Memory,
    /// In RocksDB.
    RocksDb,
}

/// The result of a scenario, in the oracle's format.
pub fn run(scenario: &Scenario, stores: Stores) -> Value {
    let mut result = Map::from_iter([("name".to_owned(), Value::from(scenario.name.as_str()))]);
    match attempt(scenario, stores, &mut result) {
        Ok(()) => Value::Object(result),
        Err(Failure::Refused(Refusal::Unsupported(what))) => {
            json!({"name": scenario.name, "unsupported": what})
        }
        Err(Failure::Refused(refusal)) => {
            not_run(scenario, drive::failed("scenario", -1, &refusal))
        }
        Err(Failure::Build(error)) => not_run(scenario, drive::failed("build", -1, &error)),
    }
}

fn attempt(
    scenario: &Scenario,
    stores: Stores,
    result: &mut Map<String, Value>,
) -> Result<(), Failure> {
    let config = Config::parse(scenario, stores)?;
    let application = Application::build(scenario, &config)?;
    drive::drive(scenario, &config, &application, result);
    Ok(())
}

fn not_run(scenario: &Scenario, error: Value) -> Value {
    json!({
        "name": scenario.name,
        "outputs": {}, "internal": {}, "stores": {}, "droppedRecords": 0,
        "error": error,
    })
}

/// A member in milliseconds. Negative ones never come from the scenario language.
fn millis(op: &Op, name: &str) -> Result<Duration, Refusal> {
    let number = op.number(name)?;
    u64::try_from(number)
        .map(Duration::from_millis)
        .map_err(|_| Refusal::unsupported(format!("negative {name}")))
}
