//! A topology and its internal topics as data.

use super::config::{APPLICATION_ID, Config};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use streams_core::{
    DescribedNode, InternalTopicConfigs, NodeRole, SourceTopics, Topology, TopologyDescription,
    broker::InternalTopicSpec,
};

/// The member `subtopologies`.
pub fn subtopologies(description: &TopologyDescription) -> Value {
    let subtopologies = description.subtopologies.iter();
    subtopologies
        .map(|it| json!({"id": it.id, "nodes": it.nodes.iter().map(node).collect::<Value>()}))
        .collect()
}

fn node(node: &DescribedNode) -> Value {
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| {
        members.insert(name.to_owned(), value);
    };
    set("name", Value::from(&*node.name));
    match &node.role {
        NodeRole::Source(SourceTopics::Named(topics)) => {
            set("type", "source".into());
            set("topics", sorted(topics));
        }
        NodeRole::Source(SourceTopics::Pattern(pattern)) => {
            set("type", "source".into());
            set("pattern", Value::from(&**pattern));
        }
        NodeRole::Processor { stores } => {
            set("type", "processor".into());
            set("stores", sorted(stores));
        }
        NodeRole::Sink(topic) => {
            set("type", "sink".into());
            set("topic", Value::from(&**topic));
        }
        NodeRole::DynamicSink(_) => {
            set("type", "sink".into());
            set("topic", Value::Null);
        }
    }
    set("successors", sorted(&node.successors));
    Value::Object(members)
}

fn sorted(names: &[Arc<str>]) -> Value {
    let mut names: Vec<&str> = names.iter().map(|name| &**name).collect();
    names.sort_unstable();
    names.into_iter().map(Value::from).collect()
}

/// The member `internalTopics`.
pub fn internal_topics(topology: &Topology, config: &Config) -> Value {
    let retention = u64::try_from(config.additional_retention).unwrap_or(0);
    let configs = InternalTopicConfigs {
        window_changelog_additional_retention: Duration::from_millis(retention),
        ..InternalTopicConfigs::default()
    };
    let spec = topology.spec(APPLICATION_ID, &configs);
    let mut topics: BTreeMap<String, Value> = BTreeMap::new();
    for (number, subtopology) in spec.subtopologies.iter().enumerate() {
        // The oracle asks before patterns are resolved, and Kafka leaves out what reads no topic.
        if subtopology.source_topics.is_empty() && subtopology.repartition_source_topics.is_empty()
        {
            continue;
        }
        let mut add = |kind: &str, topic: &InternalTopicSpec| {
            topics.insert(topic.name.to_string(), self::topic(kind, number, topic));
        };
        subtopology.repartition_source_topics.iter().for_each(|topic| add("repartition", topic));
        subtopology.changelog_topics.iter().for_each(|topic| add("changelog", topic));
    }
    topics.into_iter().collect()
}

fn topic(kind: &str, subtopology: usize, topic: &InternalTopicSpec) -> Value {
    let mut members = Map::new();
    members.insert("kind".to_owned(), kind.into());
    members.insert("subtopology".to_owned(), subtopology.into());
    if let Some(partitions) = topic.partitions {
        members.insert("partitions".to_owned(), partitions.into());
    }
    members.insert("config".to_owned(), json!(topic.configs));
    Value::Object(members)
}
