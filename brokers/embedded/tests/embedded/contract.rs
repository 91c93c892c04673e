//! The embedded log keeps the broker contract, in memory and on disk.

use broker_embedded::{EmbeddedBroker, EmbeddedOptions};
use streams_core::broker::contract::check_all;

use crate::support::Folder;

#[test]
fn in_memory() {
    check_all(&EmbeddedBroker::in_memory());
}

#[test]
fn on_disk() {
    let folder = Folder::new("contract");
    check_all(&EmbeddedBroker::open(&folder, EmbeddedOptions::default()).unwrap());
}

#[test]
fn with_segments_of_a_few_batches() {
    let small = EmbeddedOptions::default().topic_default("segment.bytes", "200");
    check_all(&EmbeddedBroker::in_memory_with(small.clone()).unwrap());
    let folder = Folder::new("contract-small");
    check_all(&EmbeddedBroker::open(&folder, small).unwrap());
}
