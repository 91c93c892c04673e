//! Compares results with expected ones and names every difference.

use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write as _};

/// How many differences of one scenario are printed; the rest are counted.
const SHOWN: usize = 20;

/// What a comparison of two files found.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Scenarios whose results are equal.
    pub equal: usize,
    /// Scenarios whose results differ, or have no result.
    pub different: usize,
    /// Scenarios that use what the library does not offer yet.
    pub unsupported: usize,
    /// One line for each difference, and one for each kind of thing that is unsupported.
    pub report: String,
}

/// Compares `results` with `expected`: result lines, or `{"scenario", "result"}` pairs. Scenarios
/// are matched by their names; what is left over on either side is a difference.
pub fn compare(expected: Vec<Value>, results: Vec<Value>) -> Comparison {
    let mut results: BTreeMap<String, Value> =
        results.into_iter().map(result).map(|it| (name(&it), it)).collect();
    let mut comparison = Comparison::default();
    let mut missing: BTreeMap<String, usize> = BTreeMap::new();
    for expected in expected.into_iter().map(result) {
        let name = name(&expected);
        let Some(actual) = results.remove(&name) else {
            comparison.different += 1;
            comparison.line(&format!("{name}: no result"));
            continue;
        };
        if let Some(what) = actual.get("unsupported").and_then(Value::as_str) {
            comparison.unsupported += 1;
            *missing.entry(what.to_owned()).or_default() += 1;
            continue;
        }
        let differences = differences(&expected, &actual);
        if differences.is_empty() {
            comparison.equal += 1;
            continue;
        }
        comparison.different += 1;
        for difference in differences.iter().take(SHOWN) {
            comparison.line(&format!("{name}: {difference}"));
        }
        if differences.len() > SHOWN {
            comparison.line(&format!("{name}: and {} more", differences.len() - SHOWN));
        }
    }
    for name in results.into_keys() {
        comparison.different += 1;
        comparison.line(&format!("{name}: a result that is not expected"));
    }
    for (what, count) in missing {
        comparison.line(&format!("unsupported in {count}: {what}"));
    }
    comparison
}

impl Comparison {
    fn line(&mut self, text: &str) {
        self.report.push_str(text);
        self.report.push('\n');
    }
}

fn result(value: Value) -> Value {
    match value {
        Value::Object(mut members) if members.contains_key("scenario") => {
            members.remove("result").unwrap_or_default()
        }
        value => value,
    }
}

fn name(result: &Value) -> String {
    result.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Every difference between two results, in the order of the expected one. Of an error only phase
/// and step count, of an unreadable store only that it is one.
pub fn differences(expected: &Value, actual: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(&mut String::new(), expected, actual, &mut found);
    found
}

fn walk(path: &mut String, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(left), Value::Object(right)) => {
            let is_error = path == "error";
            for (name, value) in left {
                if is_error && name != "phase" && name != "step" {
                    continue;
                }
                enter(path, &format!(".{name}"), |path| match right.get(name) {
                    Some(_) if name == "unreadable" => {}
                    Some(other) => walk(path, value, other, found),
                    None => found.push(format!("{path}: missing, expected {}", short(value))),
                });
            }
            for (name, value) in right {
                if !left.contains_key(name) && !is_error {
                    enter(path, &format!(".{name}"), |path| {
                        found.push(format!("{path}: not expected: {}", short(value)));
                    });
                }
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for (at, (value, other)) in left.iter().zip(right).enumerate() {
                enter(path, &format!("[{at}]"), |path| walk(path, value, other, found));
            }
            let common = left.len().min(right.len());
            for (at, value) in left.iter().enumerate().skip(common) {
                found.push(format!("{path}[{at}]: missing, expected {}", short(value)));
            }
            for (at, value) in right.iter().enumerate().skip(common) {
                found.push(format!("{path}[{at}]: not expected: {}", short(value)));
            }
        }
        (left, right) if left == right => {}
        (Value::String(left), Value::String(right)) if left.contains('\n') => {
            found.push(format!("{path}: {}", first_line_apart(left, right)));
        }
        (left, right) => {
            found.push(format!("{path}: expected {}, got {}", short(left), short(right)));
        }
    }
}

/// Runs `visit` with `part` appended to the path.
fn enter(path: &mut String, part: &str, visit: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push_str(if path.is_empty() { part.trim_start_matches('.') } else { part });
    visit(path);
    path.truncate(length);
}

fn first_line_apart(expected: &str, actual: &str) -> String {
    let (mut left, mut right) = (expected.lines(), actual.lines());
    for number in 1.. {
        match (left.next(), right.next()) {
            (None, None) => break,
            (left, right) if left == right => {}
            (left, right) => {
                let (left, right) = (left.unwrap_or("the end"), right.unwrap_or("the end"));
                return format!("line {number}: expected `{left}`, got `{right}`");
            }
        }
    }
    "lines end differently".to_owned()
}

/// A value on one line, cut when it is long.
fn short(value: &Value) -> String {
    const LIMIT: usize = 200;
    let text = value.to_string();
    if text.chars().count() <= LIMIT {
        return text;
    }
    let mut cut: String = text.chars().take(LIMIT).collect();
    let _ = write!(cut, "... ({} characters)", text.chars().count());
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_compare_by_key_and_lists_in_order() {
        assert_eq!(differences(&json!({"a": 1, "b": 2}), &json!({"b": 2, "a": 1})), [""; 0]);
        assert_eq!(
            differences(&json!({"a": [1, 2, 3]}), &json!({"a": [2, 1]})),
            ["a[0]: expected 1, got 2", "a[1]: expected 2, got 1", "a[2]: missing, expected 3"]
        );
        assert_eq!(
            differences(&json!({"a": {"x": null}}), &json!({"a": {"y": 0}})),
            ["a.x: missing, expected null", "a.y: not expected: 0"]
        );
    }

    #[test]
    fn of_an_error_phase_and_step_count() {
        let expected = json!({"error": {"phase": "run", "step": 3, "class": "java.lang.X"}});
        let actual = json!({"error": {"phase": "run", "step": 3, "message": "ours"}});
        assert_eq!(differences(&expected, &actual), [""; 0]);
        let later = json!({"error": {"phase": "run", "step": 4}});
        assert_eq!(differences(&expected, &later), ["error.step: expected 3, got 4"]);
        assert_eq!(differences(&expected, &json!({"error": null})).len(), 1);
    }

    #[test]
    fn long_texts_name_the_first_line_apart() {
        assert_eq!(
            differences(&json!({"describe": "a\nb\nc"}), &json!({"describe": "a\nx\nc"})),
            ["describe: line 2: expected `b`, got `x`"]
        );
    }

    #[test]
    fn unsupported_is_counted_and_neither_equal_nor_different() {
        let expected = vec![
            json!({"scenario": {"name": "a"}, "result": {"name": "a", "error": null}}),
            json!({"name": "b", "error": null}),
            json!({"name": "c"}),
            json!({"name": "d"}),
        ];
        let results = vec![
            json!({"name": "a", "error": null}),
            json!({"name": "b", "unsupported": "op suppress"}),
            json!({"name": "c", "extra": 1}),
            json!({"name": "e"}),
        ];
        let found = compare(expected, results);
        assert_eq!((found.equal, found.different, found.unsupported), (1, 3, 1));
        assert_eq!(
            found.report,
            "c: extra: not expected: 1\nd: no result\ne: a result that is not expected\n\
             unsupported in 1: op suppress\n"
        );
    }
}
