//! Feeds the steps of a scenario to the driver and collects what comes out.

use super::{
    application::Application,
    config::{APPLICATION_ID, Config},
    contents, describe, millis,
};
use crate::{
    refusal::Refusal,
    render::{self, Sent, Topics},
    scenario::{Op, Scenario},
    types::Type,
    value::{Dyn, unhex},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, error::Error};
use streams_core::stores::{Headers, Timestamp};
use streams_test::{DriverOptions, SentRecord, TopologyTestDriver};

/// What a scenario's run leaves behind, as members of its result.
#[derive(Debug, Default)]
struct Report {
    outputs: Topics,
    internal: Topics,
    stores: Value,
    dropped: u64,
    error: Value,
}

/// Runs a built scenario; `result` gets all members but the name.
pub fn drive(
    scenario: &Scenario,
    config: &Config,
    application: &Application,
    result: &mut Map<String, Value>,
) {
    let topology = &application.topology;
    let description = topology.describe();
    result.insert("describe".to_owned(), description.to_string().into());
    result.insert("subtopologies".to_owned(), describe::subtopologies(&description));
    let mut report = Report { stores: json!({}), ..Report::default() };
    let options = with_topics(config.driver(), scenario);
    match TopologyTestDriver::with(topology, &options) {
        Ok(driver) => {
            result.insert("internalTopics".to_owned(), describe::internal_topics(topology, config));
            report.run(scenario, application, &driver);
            report.stores = contents::stores(topology, &driver);
            report.dropped = driver.dropped_records();
        }
        Err(error) => report.error = failed("init", -1, &error),
    }
    report.finish(result);
}

/// Declares the topics that are written to, for sources that read by pattern.
fn with_topics(options: DriverOptions, scenario: &Scenario) -> DriverOptions {
    let topics = scenario.input.iter().filter_map(|step| step.get("topic")?.as_str());
    let topics: BTreeSet<&str> = topics.collect();
    topics.into_iter().fold(options, |options, topic| options.partitions(topic, 1))
}

/// The member `error`.
pub fn failed(phase: &str, step: i64, error: &dyn Error) -> Value {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    json!({"phase": phase, "step": step, "message": message})
}

impl Report {
    fn run(&mut self, scenario: &Scenario, application: &Application, driver: &TopologyTestDriver) {
        self.drain(driver, application, -1);
        for (number, step) in (0..).zip(&scenario.input) {
            let outcome = take(&Op::new(step.clone()), application, driver);
            self.drain(driver, application, number);
            if let Err(error) = outcome {
                let phase = if error.is::<Refusal>() { "scenario" } else { "run" };
                self.error = failed(phase, number, &*error);
                return;
            }
        }
    }

    /// Takes what was sent in a step.
    fn drain(&mut self, driver: &TopologyTestDriver, application: &Application, step: i64) {
        for topic in driver.produced_topics() {
            let is_internal = topic.starts_with(&format!("{APPLICATION_ID}-"));
            for sent in driver.take_sent(&topic).iter().map(sent) {
                if is_internal {
                    self.internal.push(&topic, render::internal(&sent, step));
                } else {
                    let types = application.topics.output(&topic);
                    self.outputs.push(&topic, render::output(&sent, types, step));
                }
            }
        }
    }

    fn finish(self, result: &mut Map<String, Value>) {
        result.insert("outputs".to_owned(), self.outputs.into_json());
        result.insert("internal".to_owned(), self.internal.into_json());
        result.insert("stores".to_owned(), self.stores);
        result.insert("droppedRecords".to_owned(), self.dropped.into());
        result.insert("error".to_owned(), self.error);
    }
}

fn sent(record: &SentRecord) -> Sent {
    let header = |header: streams_core::stores::Header<'_>| {
        (header.key().into_owned(), header.value().map(<[u8]>::to_vec))
    };
    Sent {
        key: record.key.as_ref().map(|bytes| bytes.to_vec()),
        value: record.value.as_ref().map(|bytes| bytes.to_vec()),
        timestamp: record.timestamp.map(Timestamp::as_millis),
        headers: record.headers.iter().map(header).collect(),
    }
}

/// Takes one step.
fn take(
    step: &Op,
    application: &Application,
    driver: &TopologyTestDriver,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    if step.has("advanceWallClock") {
        return Ok(driver.advance_wall_clock(millis(step, "advanceWallClock")?)?);
    }
    let topic = step.text("topic")?;
    let types = application.topics.input(topic);
    let key = payload(step, "key", &types.0)?;
    let value = payload(step, "value", &types.1)?;
    let timestamp = Timestamp::from_millis(step.number_or("ts", 0));
    Ok(driver.pipe_bytes(topic, Some(0), (key, value), timestamp, headers(step))?)
}

/// The bytes of a member, or of its raw form with the suffix `Hex`.
fn payload(step: &Op, name: &str, ty: &Type) -> Result<Option<Bytes>, Refusal> {
    let raw = format!("{name}Hex");
    if step.has(&raw) {
        return step.optional(&raw).map(|text| unhex(text).map(Bytes::from)).transpose();
    }
    let value = Dyn::from_json(step.get(name), ty)?;
    Ok(value.encode(ty).map(Bytes::from))
}

fn headers(step: &Op) -> Headers {
    let list = step.get("headers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let pair = |pair: &Value| {
        let name = pair.get(0).and_then(Value::as_str).unwrap_or_default().to_owned();
        (name, pair.get(1).and_then(Value::as_str).map(str::to_owned))
    };
    list.iter().map(pair).collect()
}
