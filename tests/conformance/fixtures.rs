//! Recorded answers of Kafka Streams 4.3.1 under `tests/fixtures/conformance`: every scenario there
//! is of what the library offers, and none may differ.

use crate::{
    compare::compare,
    run::{Stores, run},
    scenario::{Scenario, read_values},
};

fn no_difference(family: &str) {
    no_difference_on(Stores::Memory, family);
}

fn no_difference_on(stores: Stores, family: &str) {
    let file = format!("{}/fixtures/conformance/{family}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let expected = read_values(&file).unwrap();
    let results = expected.iter().cloned().map(Scenario::from_value);
    let results = results.map(|scenario| run(&scenario, stores)).collect();
    let count = expected.len();
    let found = compare(expected, results);
    assert_eq!((found.equal, found.unsupported), (count, 0), "{}", found.report);
}

#[test]
fn stateless_operators_answer_as_java() {
    no_difference("stateless");
}

#[test]
fn aggregations_answer_as_java() {
    no_difference("aggregate");
}

#[test]
fn time_windows_answer_as_java() {
    no_difference("timeWindow");
}

#[test]
fn timestamp_extractors_answer_as_java() {
    no_difference("time");
}

#[test]
fn processors_answer_as_java() {
    no_difference("papi");
}

#[test]
fn scenarios_written_by_hand_answer_as_java() {
    no_difference("handwritten");
}

#[test]
fn stores_on_disk_answer_as_java() {
    for family in ["aggregate", "timeWindow", "papi"] {
        no_difference_on(Stores::RocksDb, family);
    }
}
