//! Apache Kafka keeps the contract of all brokers.

use std::{panic::AssertUnwindSafe, panic::catch_unwind};

use streams_core::broker::contract::CHECKS;

use crate::support::broker;

#[test]
fn a_cluster_keeps_the_contract() {
    let broker = broker();
    let mut broken = Vec::new();
    for (name, check) in CHECKS {
        if catch_unwind(AssertUnwindSafe(|| check(&broker))).is_err() {
            broken.push(*name);
        }
    }
    assert!(broken.is_empty(), "not kept: {broken:?}");
}
