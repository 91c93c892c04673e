//! The bytes of topologies, against those that Kafka Streams 4.3.1 sent.

use std::{fs, sync::Arc};

use bytes::BytesMut;
use serde_json::Value;
use streams_core::broker::{CopartitionGroup, InternalTopicSpec, SubtopologySpec, TopologySpec};

use super::topology_of;

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/heartbeat");

#[test]
fn topologies_are_written_as_java_writes_them() {
    let mut count = 0;
    for entry in fs::read_dir(RECORDED).unwrap() {
        let path = entry.unwrap().path();
        let recorded: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let mut to = BytesMut::new();
        topology_of(&spec(&recorded["topology"])).unwrap().write(&mut to);
        let hex: String = to.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, recorded["bytes"], "{}", path.display());
        count += 1;
    }
    assert!(count > 20, "there are {count} recorded topologies alone");
}

/// The topology as this library says it: sub-topologies by number, groups by name.
fn spec(topology: &Value) -> TopologySpec {
    let mut subtopologies: Vec<(usize, SubtopologySpec)> = list(topology, "subtopologies")
        .map(|own| (own["subtopologyId"].as_str().unwrap().parse().unwrap(), subtopology(own)))
        .collect();
    subtopologies.sort_by_key(|(number, _)| *number);
    TopologySpec {
        epoch: topology["epoch"].as_i64().unwrap() as i32,
        subtopologies: subtopologies.into_iter().map(|(_, own)| own).collect(),
    }
}

fn subtopology(own: &Value) -> SubtopologySpec {
    let mut spec = SubtopologySpec {
        source_topics: list(own, "sourceTopics").map(name).collect(),
        source_topic_patterns: list(own, "sourceTopicRegex").map(name).collect(),
        repartition_sink_topics: list(own, "repartitionSinkTopics").map(name).collect(),
        repartition_source_topics: list(own, "repartitionSourceTopics").map(topic).collect(),
        changelog_topics: list(own, "stateChangelogTopics").map(topic).collect(),
        copartition_groups: Vec::new(),
    };
    let place = |place: &Value| place.as_u64().unwrap() as usize;
    let groups = list(own, "copartitionGroups").map(|group| CopartitionGroup {
        source_topics: list(group, "sourceTopics")
            .map(|at| Arc::clone(&spec.source_topics[place(at)]))
            .collect(),
        source_topic_patterns: Vec::new(),
        repartition_source_topics: list(group, "repartitionSourceTopics")
            .map(|at| Arc::clone(&spec.repartition_source_topics[place(at)].name))
            .collect(),
    });
    spec.copartition_groups = groups.collect();
    spec
}

fn topic(own: &Value) -> InternalTopicSpec {
    let configs = list(own, "topicConfigs").map(|pair| (text(&pair["key"]), text(&pair["value"])));
    InternalTopicSpec {
        name: name(&own["name"]),
        partitions: Some(own["partitions"].as_i64().unwrap() as i32).filter(|count| *count != 0),
        replication_factor: Some(own["replicationFactor"].as_i64().unwrap() as i16)
            .filter(|factor| *factor != -1),
        configs: configs.collect(),
    }
}

fn list<'a>(of: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    of[member].as_array().unwrap().iter()
}

fn name(value: &Value) -> Arc<str> {
    value.as_str().unwrap().into()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
