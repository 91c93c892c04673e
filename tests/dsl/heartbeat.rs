//! The topology that goes to the group coordinator, against the one that Kafka Streams 4.3.1 sends
//! for the same application. Brokers refuse members of a group whose topologies differ, order
//! included.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    time::Duration,
};

use broker_embedded::EmbeddedBroker;
use serde_json::{Value, json};
use streams_core::{
    KafkaStreams, StreamsConfig, Topology,
    broker::{
        Admin, Broker, BrokerError, CopartitionGroup, FetchOptions, Fetcher, GroupAdmin,
        GroupOptions, InternalTopicSpec, Membership, ProduceOptions, Producer, SubtopologySpec,
        TopologySpec, WakeUp,
    },
};
use streams_tests::{Scratch, topologies};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn topologies_are_sent_as_java_sends_them() {
    let mut different = Vec::new();
    for (name, describe) in topologies::BY_NAME {
        let java = recorded(name);
        let ours = wire_form(&sent(describe(), &java).await);
        if ours != java["topology"] {
            different.push(name);
            eprintln!("{name}: {}", difference(&java["topology"], &ours, "topology"));
        }
    }
    assert!(different.is_empty(), "topologies that Java sends otherwise: {different:?}");
}

#[test]
fn every_recorded_topology_has_its_twin() {
    let twins: Vec<String> =
        topologies::BY_NAME.iter().map(|(name, _)| format!("{name}.json")).collect();
    let recorded = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let alone: Vec<_> =
        recorded.filter(|file| !twins.iter().any(|twin| *twin == file.to_string_lossy())).collect();
    assert!(alone.is_empty(), "{alone:?}");
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/heartbeat"))
}

fn recorded(name: &str) -> Value {
    let path = folder().join(format!("{name}.json"));
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// What an application with the recorded settings hands to its membership.
async fn sent(topology: Topology, recorded: &Value) -> TopologySpec {
    let mut properties: BTreeMap<String, String> =
        serde_json::from_value(recorded["config"].clone()).unwrap();
    properties.insert("application.id".into(), recorded["applicationId"].as_str().unwrap().into());
    let scratch = Scratch::new();
    let config = StreamsConfig::from_properties(properties).unwrap().state_dir(scratch.path());
    let (sender, receiver) = channel();
    let broker = Recorder { log: EmbeddedBroker::in_memory(), sent: sender };
    let streams = KafkaStreams::new(topology, config, Arc::new(broker)).unwrap();
    streams.start().await.unwrap();
    let spec = receiver.recv_timeout(PATIENCE).unwrap();
    streams.close().await.unwrap_or_default();
    spec
}

/// A log that nobody joins: who tries is recorded.
#[derive(Debug)]
struct Recorder {
    log: EmbeddedBroker,
    sent: Sender<TopologySpec>,
}

impl Broker for Recorder {
    fn fetcher(&self, options: FetchOptions, wake: WakeUp) -> Box<dyn Fetcher> {
        self.log.fetcher(options, wake)
    }

    fn producer(&self, options: ProduceOptions, wake: WakeUp) -> Box<dyn Producer> {
        self.log.producer(options, wake)
    }

    fn membership(
        &self,
        _options: GroupOptions,
        topology: TopologySpec,
        _wake: WakeUp,
    ) -> Result<Box<dyn Membership>, BrokerError> {
        // Gone if it was recorded before.
        self.sent.send(topology).unwrap_or_default();
        Err(BrokerError::invalid_request("nothing more is wanted of this member"))
    }

    fn admin(&self) -> Arc<dyn Admin> {
        self.log.admin()
    }

    fn group_admin(&self) -> Arc<dyn GroupAdmin> {
        self.log.group_admin()
    }
}

/// As the protocol has it: sub-topologies by their numbers as text, co-partitioned topics as places
/// in the lists before.
fn wire_form(spec: &TopologySpec) -> Value {
    let mut subtopologies: Vec<(String, Value)> = spec
        .subtopologies
        .iter()
        .enumerate()
        .map(|(number, own)| (number.to_string(), subtopology(number, own)))
        .collect();
    subtopologies.sort_by(|(a, _), (b, _)| a.cmp(b));
    let subtopologies: Vec<Value> = subtopologies.into_iter().map(|(_, own)| own).collect();
    json!({ "epoch": spec.epoch, "subtopologies": subtopologies })
}

fn subtopology(number: usize, spec: &SubtopologySpec) -> Value {
    json!({
        "subtopologyId": number.to_string(),
        "sourceTopics": names(&spec.source_topics),
        "sourceTopicRegex": names(&spec.source_topic_patterns),
        "stateChangelogTopics": spec.changelog_topics.iter().map(topic_info).collect::<Value>(),
        "repartitionSinkTopics": names(&spec.repartition_sink_topics),
        "repartitionSourceTopics":
            spec.repartition_source_topics.iter().map(topic_info).collect::<Value>(),
        "copartitionGroups":
            spec.copartition_groups.iter().map(|group| places(group, spec)).collect::<Value>(),
    })
}

fn names(topics: &[Arc<str>]) -> Value {
    topics.iter().map(|topic| Value::from(&**topic)).collect()
}

fn topic_info(topic: &InternalTopicSpec) -> Value {
    let configs = topic.configs.iter();
    json!({
        "name": &*topic.name,
        "partitions": topic.partitions.unwrap_or(0),
        "replicationFactor": topic.replication_factor.unwrap_or(-1),
        "topicConfigs":
            configs.map(|(key, value)| json!({ "key": key, "value": value })).collect::<Value>(),
    })
}

fn places(group: &CopartitionGroup, spec: &SubtopologySpec) -> Value {
    let place = |name: &Arc<str>, mut all: Box<dyn Iterator<Item = &Arc<str>> + '_>| {
        all.position(|other| other == name).unwrap()
    };
    let repartition = || spec.repartition_source_topics.iter().map(|topic| &topic.name);
    let topics = group.source_topics.iter();
    let repartition_topics = group.repartition_source_topics.iter();
    json!({
        "sourceTopics":
            topics.map(|name| place(name, Box::new(spec.source_topics.iter()))).collect::<Value>(),
        "sourceTopicRegex": names(&group.source_topic_patterns),
        "repartitionSourceTopics":
            repartition_topics.map(|name| place(name, Box::new(repartition()))).collect::<Value>(),
    })
}

/// Where the first difference is, and what it is.
fn difference(java: &Value, ours: &Value, at: &str) -> String {
    match (java, ours) {
        (Value::Array(java), Value::Array(ours)) if java.len() == ours.len() => {
            let mut pairs = java.iter().zip(ours).enumerate();
            let (place, (java, ours)) = pairs.find(|(_, (java, ours))| java != ours).unwrap();
            difference(java, ours, &format!("{at}[{place}]"))
        }
        (Value::Object(java), Value::Object(ours)) if java.len() == ours.len() => {
            let (key, value) =
                java.iter().find(|(key, value)| ours.get(*key) != Some(value)).unwrap();
            difference(value, ours.get(key).unwrap_or(&Value::Null), &format!("{at}.{key}"))
        }
        _ => format!("{at}:\n    Java {java}\n    ours {ours}"),
    }
}
