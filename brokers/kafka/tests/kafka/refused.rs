//! What a cluster refuses an application, or cannot give it.

use std::sync::Arc;

use krafka::{
    Kafka,
    consumer::{Consumer, GroupProtocol},
};
use streams_core::{
    OffsetReset,
    broker::{Broker, TopicPartition},
};
use tokio::runtime::Runtime;

use crate::{
    app::{self, App, copy, settings},
    logs,
    support::{bootstrap, broker, shared, topic, unique, until},
};

fn cluster() -> Arc<dyn Broker> {
    shared(&broker())
}

#[test]
fn a_source_topic_that_is_missing_is_named() {
    let broker = cluster();
    let (missing, output) = (unique("missing"), topic(&*broker, "out", 1));
    let told = App::start(broker, copy(&missing, &output)).ends();
    println!("missing source: {told}");
    assert!(told.contains(&missing), "{told}");
}

#[test]
fn a_sink_topic_that_is_missing_is_named() {
    let broker = cluster();
    let (input, missing) = (topic(&*broker, "in", 1), unique("missing"));
    app::write(&*broker, &input, ["one".to_owned()]);
    let told = App::start(broker, copy(&input, &missing)).ends();
    println!("missing sink: {told}");
    assert!(told.contains(&format!("topic {missing}")), "{told}");
}

#[test]
fn a_source_topic_that_is_deleted_is_named() {
    let broker = cluster();
    let (input, output) = (topic(&*broker, "in", 1), topic(&*broker, "out", 1));
    let app = App::start(Arc::clone(&broker), copy(&input, &output));
    app.is_running();
    broker.admin().delete_topics(&[&input]).unwrap();
    let told = app.ends();
    println!("deleted source: {told}");
    assert!(told.contains(&input), "{told}");
}

#[test]
fn a_sink_topic_that_is_deleted_is_named() {
    let broker = cluster();
    let (input, output) = (topic(&*broker, "in", 1), topic(&*broker, "out", 1));
    let app = App::start(Arc::clone(&broker), copy(&input, &output));
    app::write(&*broker, &input, ["one".to_owned()]);
    until("a copy", || app::written(&*broker, &output, 1).filter(|written| *written == 1));
    broker.admin().delete_topics(&[&output]).unwrap();
    app::write(&*broker, &input, ["two".to_owned()]);
    let told = app.ends();
    println!("deleted sink: {told}");
    assert!(told.contains(&output), "{told}");
}

/// An application has committed offset 3; the records from there up to 5 are gone, 6 follows.
struct Gap {
    broker: Arc<dyn Broker>,
    id: String,
    input: String,
    output: String,
}

impl Gap {
    fn new() -> Self {
        let broker = cluster();
        let (input, output) = (topic(&*broker, "in", 1), topic(&*broker, "out", 1));
        let gap = Self { broker, id: unique("app"), input, output };
        let app = gap.application(OffsetReset::Earliest);
        gap.write(["0", "1", "2"]);
        gap.are_copied(&["0", "1", "2"]);
        app.close();
        gap.write(["3", "4", "5", "6"]);
        let partition = TopicPartition::new(&*gap.input, 0);
        gap.broker.admin().delete_records(&[(partition, 6)]).unwrap();
        gap
    }

    fn application(&self, reset: OffsetReset) -> App {
        let config = settings(&self.id).auto_offset_reset(reset);
        App::start_as(Arc::clone(&self.broker), copy(&self.input, &self.output), config)
    }

    fn write<const N: usize>(&self, values: [&str; N]) {
        app::write(&*self.broker, &self.input, values.map(str::to_owned));
    }

    fn are_copied(&self, values: &[&str]) {
        let written = || app::written(&*self.broker, &self.output, 1);
        let count = values.len() as i64;
        until("the copies", || written().filter(|written| *written >= count));
        assert_eq!(app::values(&*self.broker, &self.output), values);
    }
}

#[test]
fn records_that_are_gone_are_passed_over_as_the_reset_policy_says() {
    logs::keep();
    let gap = Gap::new();
    let app = gap.application(OffsetReset::Earliest);
    gap.are_copied(&["0", "1", "2", "6"]);
    app.close();

    let gap = Gap::new();
    let app = gap.application(OffsetReset::Latest);
    let is_reset = || {
        let parts = ["WARN", &gap.input, "offset 3 of", "going on by the offset reset policy"];
        logs::contain(&parts)
    };
    until("the reset", || is_reset().then_some(()));
    app.is_running();
    // The end is looked up after the warning: what is written before may be passed over as well.
    until("a copy", || {
        gap.write(["7"]);
        app::written(&*gap.broker, &gap.output, 1).filter(|written| *written > 3)
    });
    app.close();
    assert!(!app::values(&*gap.broker, &gap.output).contains(&"6".to_owned()));
}

#[test]
fn records_that_are_gone_end_an_application_without_a_reset_policy() {
    let gap = Gap::new();
    let told = gap.application(OffsetReset::None).ends();
    println!("out of range: {told}");
    assert!(told.contains(&format!("offset 3 of {}-0", gap.input)), "{told}");
    assert!(told.contains("reset policy is none"), "{told}");
    let id = unique("app");
    let topology = copy(&gap.input, &gap.output);
    let config = settings(&id).auto_offset_reset(OffsetReset::None);
    let told = App::start_as(Arc::clone(&gap.broker), topology, config).ends();
    println!("no offset: {told}");
    assert!(told.contains("has committed no offset") && told.contains(&gap.input), "{told}");
}

#[test]
fn another_topology_is_refused_with_the_difference() {
    let broker = cluster();
    let (input, output) = (topic(&*broker, "in", 1), topic(&*broker, "out", 1));
    let other = topic(&*broker, "other", 1);
    let id = unique("app");
    let app = App::start_as(Arc::clone(&broker), copy(&input, &output), settings(&id));
    app.is_running();
    app.close();
    let told = App::start_as(broker, copy(&other, &output), settings(&id)).ends();
    println!("other topology: {told}");
    for part in [&input, &other, &format!("streams group replace {id}")] {
        assert!(told.contains(part), "{told}");
    }
}

/// A consumer of the group, which stays until it is dropped.
fn join(runtime: &Runtime, group: &str, topic: &str, protocol: GroupProtocol) -> Consumer {
    runtime.block_on(async {
        let kafka = Kafka::builder(bootstrap()).connect().await.unwrap();
        let consumer = kafka.consumer(group).group_protocol(protocol).build().await.unwrap();
        consumer.subscribe([topic]).await.unwrap();
        let mut assigned = consumer.assignment().await;
        while assigned.is_empty() {
            consumer.poll(std::time::Duration::from_millis(100)).await.unwrap();
            assigned = consumer.assignment().await;
        }
        consumer
    })
}

#[test]
fn a_group_of_another_type_is_named() {
    let broker = cluster();
    let (input, output) = (topic(&*broker, "in", 1), topic(&*broker, "out", 1));
    let runtime = Runtime::new().unwrap();
    for protocol in [GroupProtocol::Classic, GroupProtocol::Consumer] {
        let group = unique("group");
        let consumer = join(&runtime, &group, &input, protocol);
        let app = App::start_as(Arc::clone(&broker), copy(&input, &output), settings(&group));
        let told = app.ends();
        println!("{protocol:?} group: {told}");
        assert!(told.contains(&format!("group {group} is no streams group")), "{told}");
        runtime.block_on(consumer.close()).unwrap();
    }
}
