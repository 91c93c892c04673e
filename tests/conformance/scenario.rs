//! Scenarios as they stand in a file: JSON objects one after the other, each on one line or spread
//! over many.

use crate::refusal::Refusal;
use serde_json::{Map, Value};
use std::{
    fs::File,
    io::{self, BufReader, Read, stdin},
};

/// One scenario, its parts not yet understood.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The name, empty if the scenario has none.
    pub name: String,
    /// What the application is configured with; values are strings or numbers.
    pub config: Map<String, Value>,
    /// The operations, applied in order.
    pub topology: Vec<Op>,
    /// What happens, step by step, numbered from 0.
    pub input: Vec<Value>,
}

/// One operation: a JSON object with checked access to its members.
#[derive(Clone, Debug)]
pub struct Op(Value);

/// Reads every JSON value of a file, or of the standard input when `path` is `-`.
///
/// # Errors
/// The file cannot be read, or holds something that is not JSON.
pub fn read_values(path: &str) -> io::Result<Vec<Value>> {
    let source: Box<dyn Read> =
        if path == "-" { Box::new(stdin()) } else { Box::new(File::open(path)?) };
    serde_json::Deserializer::from_reader(BufReader::new(source))
        .into_iter::<Value>()
        .map(|value| value.map_err(io::Error::from))
        .collect()
}

impl Scenario {
    /// Takes a scenario apart; a pair `{"scenario", "result"}` counts as its scenario.
    pub fn from_value(value: Value) -> Self {
        let mut members = match value {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        if let Some(Value::Object(scenario)) = members.remove("scenario") {
            members = scenario;
        }
        let mut list = |name| match members.remove(name) {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        };
        let topology = list("topology").into_iter().map(Op).collect();
        let input = list("input");
        Self {
            name: members.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            config: match members.remove("config") {
                Some(Value::Object(config)) => config,
                _ => Map::new(),
            },
            topology,
            input,
        }
    }
}

impl Op {
    /// Wraps a nested object (a processor, a store) for the same checked access.
    pub fn new(value: Value) -> Self {
        Self(value)
    }

    /// A member that is there and not null.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Whether the member is there, null or not.
    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    /// A text that must be there.
    pub fn text(&self, name: &str) -> Result<&str, Refusal> {
        self.optional(name)
            .ok_or_else(|| Refusal::invalid(format!("missing text field `{name}` in {}", self.0)))
    }

    /// A text that may be missing.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A number that must be there, most often milliseconds.
    pub fn number(&self, name: &str) -> Result<i64, Refusal> {
        self.get(name)
            .and_then(Value::as_i64)
            .ok_or_else(|| Refusal::invalid(format!("missing `{name}` in {}", self.0)))
    }

    /// A number that may be missing.
    pub fn number_or(&self, name: &str, default: i64) -> i64 {
        self.get(name).and_then(Value::as_i64).unwrap_or(default)
    }

    /// A yes or no that may be missing.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    /// A list of texts, empty if missing.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let list = self.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// A nested object.
    pub fn object(&self, name: &str) -> Option<Self> {
        self.get(name).cloned().map(Self)
    }

    /// A list of nested objects, empty if missing.
    pub fn objects(&self, name: &str) -> Vec<Self> {
        let list = self.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().cloned().map(Self).collect()
    }

    /// The members of a nested object in order, numbers and flags as texts.
    pub fn settings(&self, name: &str) -> Vec<(String, String)> {
        let members = self.get(name).and_then(Value::as_object);
        members.into_iter().flatten().map(|(key, value)| (key.clone(), plain(value))).collect()
    }
}

/// A string without its quotes, everything else as JSON writes it.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pair_counts_as_its_scenario_and_missing_parts_are_empty() {
        let scenario = json!({"name": "a", "topology": [{"op": "stream"}]});
        let pair = json!({"scenario": scenario, "result": {}});
        for value in [scenario, pair] {
            let scenario = Scenario::from_value(value);
            assert_eq!((scenario.name.as_str(), scenario.topology.len()), ("a", 1));
            assert!(scenario.input.is_empty() && scenario.config.is_empty());
        }
    }

    #[test]
    fn members_are_checked() {
        let op = Op::new(json!({"op": "to", "n": 3, "no": null, "l": ["a", "b"], "c": {"x": 1}}));
        assert_eq!(op.text("op").unwrap(), "to");
        assert!(op.text("n").is_err() && op.text("missing").is_err());
        assert_eq!((op.number("n").unwrap(), op.number_or("missing", 7)), (3, 7));
        assert!(op.has("no") && op.get("no").is_none());
        assert_eq!(op.texts("l"), ["a", "b"]);
        assert_eq!(op.settings("c"), [("x".to_owned(), "1".to_owned())]);
    }
}
