use std::time::Duration;

use state_stores::{MemoryLedger, MemoryPart};

use super::{StreamsConfig, keys, reserve_cache};
use crate::{
    error::{ErrorKind, StreamsError},
    topology::OffsetReset,
};

fn read(pairs: &[(&str, &str)]) -> Result<StreamsConfig, StreamsError> {
    let id = [("application.id", "app")];
    StreamsConfig::from_properties(id.into_iter().chain(pairs.iter().copied()))
}

fn refusal(key: &str, value: &str) -> String {
    let error = read(&[(key, value)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

#[test]
fn dotted_keys_set_what_the_builder_sets() {
    let config = read(&[
        ("num.stream.threads", "3"),
        ("commit.interval.ms", "100"),
        ("statestore.cache.max.bytes", "0"),
        ("topic.min.insync.replicas", "2"),
        ("producer.linger.ms", " 5 "),
        ("consumer.auto.offset.reset", "latest"),
        ("replication.factor", "3"),
        ("sasl.jaas.config", "secret"),
    ])
    .unwrap();
    assert_eq!(config.num_stream_threads, 3);
    assert_eq!(config.commit_interval, Duration::from_millis(100));
    assert_eq!(config.cache_max_bytes, 0);
    assert_eq!(config.internal_topics.overrides["min.insync.replicas"], "2");
    assert_eq!(config.producer.linger, Duration::from_millis(5));
    assert_eq!(config.consumer.auto_offset_reset, OffsetReset::Latest);
    assert_eq!(config.internal_topics.replication_factor, Some(3));
    assert!(!format!("{config:?}").contains("secret"));
}

#[test]
fn the_newer_name_of_the_cache_size_wins() {
    let both = [("statestore.cache.max.bytes", "7"), ("cache.max.bytes.buffering", "5")];
    assert_eq!(read(&both).unwrap().cache_max_bytes, 7);
    assert_eq!(read(&both[1..]).unwrap().cache_max_bytes, 5);
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    let known = [
        ("comit.interval.ms", "commit.interval.ms"),
        ("num.streams.threads", "num.stream.threads"),
        ("producer.lingerms", "producer.linger.ms"),
        ("main.consumer.auto.ofset.reset", "main.consumer.auto.offset.reset"),
    ];
    for (wrong, right) in known {
        let text = refusal(wrong, "1");
        assert_eq!(text, format!("config key {wrong} is unknown: did you mean {right}?"));
    }
}

#[test]
fn a_value_out_of_range_names_key_value_and_range() {
    let refused = [
        ("num.stream.threads", "0", "from 1 to 10000"),
        ("num.stream.threads", "two", "from 1 to 10000"),
        ("commit.interval.ms", "-1", "at least 0"),
        ("max.task.idle.ms", "-2", "at least -1"),
        ("replication.factor", "0", "at least 1"),
        ("acks", "2", "all, -1, 1, 0"),
        ("application.server", "host", "host:port"),
        ("auto.offset.reset", "by_duration:5", "by_duration:PnDTnHnMn.nS"),
    ];
    for (key, value, rule) in refused {
        let text = refusal(key, value);
        assert!(text.starts_with(&format!("{key} is {value:?}: ")), "{text}");
        assert!(text.contains(rule), "{text}");
    }
}

#[test]
fn keys_of_the_jvm_say_what_takes_their_place() {
    assert_eq!(
        refusal("default.key.serde", "Serdes$StringSerde"),
        "default.key.serde has no meaning here: serdes follow from the types of the topology"
    );
    assert!(refusal("metric.reporters", "x").contains("KafkaStreams::metrics"));
}

#[test]
fn what_is_not_supported_yet_is_refused_unless_it_is_the_default() {
    assert!(read(&[("topology.optimization", "none")]).is_ok());
    assert!(refusal("topology.optimization", "all").contains("only its default \"none\""));
    assert!(read(&[("processing.guarantee", "at_least_once")]).is_ok());
    assert!(refusal("processing.guarantee", "exactly_once_v2").contains("not supported yet"));
}

#[test]
fn handlers_are_named_as_in_java() {
    let class = "org.apache.kafka.streams.errors.LogAndContinueExceptionHandler";
    assert!(read(&[("deserialization.exception.handler", class)]).is_ok());
    let text = refusal("deserialization.exception.handler", "com.acme.Mine");
    assert!(text.contains("LogAndContinueExceptionHandler"), "{text}");
}

#[test]
fn a_duration_to_reset_by_is_read_as_java_does() {
    let config = read(&[("auto.offset.reset", "by_duration:P1DT1H1M1.5S")]).unwrap();
    let expected = Duration::from_millis(90_061_500);
    assert_eq!(config.consumer.auto_offset_reset, OffsetReset::ByDuration(expected));
}

#[test]
fn an_application_id_has_to_fit_into_names() {
    for id in ["a", "my-app_1.0"] {
        assert!(StreamsConfig::new(id).is_ok());
    }
    let long = "x".repeat(201);
    for id in ["", ".", "..", "a/b", "a\\b", "a b", "\u{e9}", long.as_str()] {
        let text = StreamsConfig::new(id).unwrap_err().to_string();
        assert!(text.starts_with(&format!("application.id {id:?} cannot be used: ")), "{text}");
    }
    let missing = StreamsConfig::from_properties([("state.dir", "/tmp")]).unwrap_err();
    assert!(missing.to_string().starts_with("application.id is missing"));
}

#[test]
fn a_heartbeat_that_does_not_fit_into_the_session_is_refused() {
    let text = refusal("heartbeat.interval.ms", "45000");
    assert!(text.contains("45000"), "{text}");
}

#[test]
fn keys_are_listed_once() {
    let mut keys = keys::all_keys();
    keys.sort_unstable();
    let count = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), count);
}

#[test]
fn memory_is_an_instance_s_own_or_of_a_ledger_that_others_share() {
    let own = read(&[("memory.bytes", "16777216")]).unwrap();
    let mut account = own.memory.ledger().account(MemoryPart::Staged);
    account.set(1);
    assert_eq!((own.memory.ledger().capacity(), own.memory.ledger().used()), (16 << 20, 0));
    let ledger = MemoryLedger::new(64 << 20);
    let shared = own.memory(&ledger);
    let mut account = shared.memory.ledger().account(MemoryPart::Staged);
    account.set(1);
    assert_eq!(ledger.used(), 1);
    assert!(shared.check().is_ok());
}

#[test]
fn too_little_memory_is_refused_wherever_it_is_said() {
    let text = "memory.bytes is 1000: it has to be at least 16777216";
    assert_eq!(refusal("memory.bytes", "1000"), text);
    let config = StreamsConfig::new("app").unwrap();
    let small = [config.clone().memory_bytes(1000), config.memory(&MemoryLedger::new(1000))];
    for config in small {
        assert_eq!(config.check().unwrap_err().to_string(), text);
    }
}

#[test]
fn a_cache_of_more_than_half_of_the_memory_is_refused_with_what_would_fit() {
    let ledger = MemoryLedger::new(100);
    let first = reserve_cache(&ledger, 40).unwrap();
    let error = reserve_cache(&ledger, 30).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "statestore.cache.max.bytes is 30 and memory.bytes is 100: record caches may have half of \
         the memory, of which other applications have reserved 40 for theirs; lower \
         statestore.cache.max.bytes to at most 10, or raise memory.bytes to at least 140"
    );
    drop(first);
    assert!(reserve_cache(&ledger, 30).is_ok());
    let text = reserve_cache(&ledger, 51).unwrap_err().to_string();
    assert!(text.contains("may have half of the memory; lower"), "{text}");
}
