//! Every key, and what becomes of its value.

use std::time::Duration;

use super::{Memory, StreamsConfig, Value, config_error, nearest::nearest};
use crate::{
    broker::{Acks, Isolation},
    error::StreamsError,
    handlers::{LogAndContinue, LogAndFail},
    topology::OffsetReset,
};

type Set = fn(&mut StreamsConfig, Value<'_>) -> Result<(), StreamsError>;

/// What a key means here.
enum Meaning {
    /// It sets something.
    Set(Set),
    /// It is for the broker's connection.
    Client,
    /// Only its default is served so far.
    Fixed(&'static str),
    /// It has no meaning here: why, and what takes its place.
    None(&'static str),
}

use Meaning::{Client, Fixed, None as NoMeaning, Set as Sets};

const NO_JVM: &str = "it configures a class of the JVM";
const SERDES: &str = "serdes follow from the types of the topology";
const COORDINATOR: &str = "the group coordinator decides it";

/// Kafka Streams' keys (features.md part 4) and our own.
const STREAMS: &[(&str, Meaning)] = &[
    ("acceptable.recovery.lag", NoMeaning(COORDINATOR)),
    ("allow.os.group.write.access", Fixed("false")),
    // Read before all others.
    ("application.id", Sets(|_, _| Ok(()))),
    ("application.server", Sets(application_server)),
    (
        "buffered.records.per.partition",
        Sets(|config, value| {
            value.int(1..=i64::from(i32::MAX)).map(|n| config.buffered_records_per_partition = n)
        }),
    ),
    ("built.in.metrics.version", Fixed("latest")),
    // The older name comes first in the order of keys, so that the newer one wins.
    (
        "cache.max.bytes.buffering",
        Sets(|config, value| value.bytes(0).map(|n| config.cache_max_bytes = n)),
    ),
    (
        "client.id",
        Sets(|config, value| {
            config.client_id = (!value.text.is_empty()).then(|| value.text.to_owned());
            Ok(())
        }),
    ),
    (
        "commit.interval.ms",
        Sets(|config, value| value.millis(0).map(|ms| config.commit_interval = ms)),
    ),
    ("config.providers", NoMeaning(NO_JVM)),
    ("default.client.supplier", NoMeaning("hand the broker to KafkaStreams::new")),
    ("default.deserialization.exception.handler", Sets(deserialization_handler)),
    (
        "default.dsl.store",
        NoMeaning("choose in_memory() or persistent() of Materialized or Stores"),
    ),
    ("default.key.serde", NoMeaning(SERDES)),
    ("default.list.key.serde.inner", NoMeaning(SERDES)),
    ("default.list.key.serde.type", NoMeaning(SERDES)),
    ("default.list.value.serde.inner", NoMeaning(SERDES)),
    ("default.list.value.serde.type", NoMeaning(SERDES)),
    ("default.production.exception.handler", Sets(production_handler)),
    ("default.timestamp.extractor", NoMeaning("set the timestamp extractor of each source")),
    ("default.value.serde", NoMeaning(SERDES)),
    ("deserialization.exception.handler", Sets(deserialization_handler)),
    ("dsl.store.format", Fixed("DEFAULT")),
    ("dsl.store.suppliers.class", NoMeaning(NO_JVM)),
    ("enable.metrics.push", NoMeaning("metrics are read by KafkaStreams::metrics")),
    ("ensure.explicit.internal.resource.naming", Fixed("false")),
    ("errors.dead.letter.queue.topic.name", Fixed("")),
    ("group.protocol", Sets(|_, value| value.choice(&[("streams", ()), ("classic", ())]))),
    (
        "log.summary.interval.ms",
        Sets(|config, value| {
            let ms: i64 = value.int(i64::MIN..=i64::MAX)?;
            let interval = u64::try_from(ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis);
            config.log_summary_interval = interval;
            Ok(())
        }),
    ),
    (
        "max.task.idle.ms",
        Sets(|config, value| value.int(-1..=i64::MAX).map(|ms| config.max_task_idle_ms = ms)),
    ),
    ("max.warmup.replicas", NoMeaning(COORDINATOR)),
    ("memory.bytes", Sets(|config, value| value.bytes(0).map(|n| config.memory = Memory::Own(n)))),
    ("metric.reporters", NoMeaning("metrics are read by KafkaStreams::metrics")),
    ("metrics.num.samples", NoMeaning("metrics are counters without samples")),
    ("metrics.recording.level", NoMeaning("all counters are kept")),
    ("metrics.sample.window.ms", NoMeaning("metrics are counters without samples")),
    ("num.standby.replicas", Fixed("0")),
    (
        "num.stream.threads",
        Sets(|config, value| value.int(1..=10_000).map(|n| config.num_stream_threads = n)),
    ),
    ("poll.ms", Sets(|config, value| value.millis(1).map(|ms| config.poll = ms))),
    ("probing.rebalance.interval.ms", NoMeaning(COORDINATOR)),
    ("processing.exception.handler", Sets(processing_handler)),
    ("processing.exception.handler.global.enabled", Fixed("false")),
    ("processing.guarantee", Sets(processing_guarantee)),
    ("processor.wrapper.class", NoMeaning(NO_JVM)),
    ("production.exception.handler", Sets(production_handler)),
    ("rack.aware.assignment.non_overlap_cost", NoMeaning(COORDINATOR)),
    ("rack.aware.assignment.strategy", Fixed("none")),
    ("rack.aware.assignment.tags", Fixed("")),
    ("rack.aware.assignment.traffic_cost", NoMeaning(COORDINATOR)),
    (
        "repartition.purge.interval.ms",
        Sets(|config, value| value.millis(0).map(|ms| config.repartition_purge_interval = ms)),
    ),
    (
        "replication.factor",
        Sets(|config, value| {
            let replicas: i16 = value.int(-1..=i64::from(i16::MAX))?;
            if replicas == 0 {
                return Err(value.refuse("-1 (the broker's default) or at least 1 is expected"));
            }
            config.internal_topics.replication_factor = (replicas > 0).then_some(replicas);
            Ok(())
        }),
    ),
    ("rocksdb.config.setter", NoMeaning("set memory.bytes, which RocksDB's part is taken from")),
    ("state.cleanup.delay.ms", Fixed("600000")),
    ("state.cleanup.dir.max.age.ms", Fixed("-1")),
    (
        "state.dir",
        Sets(|config, value| {
            if value.text.is_empty() {
                return Err(value.refuse("a folder is expected"));
            }
            config.state_dir = value.text.into();
            Ok(())
        }),
    ),
    (
        "statestore.cache.max.bytes",
        Sets(|config, value| value.bytes(0).map(|n| config.cache_max_bytes = n)),
    ),
    ("task.assignor.class", NoMeaning(COORDINATOR)),
    ("task.timeout.ms", Sets(|config, value| value.millis(0).map(|ms| config.task_timeout = ms))),
    ("topology.optimization", Fixed("none")),
    ("upgrade.from", NoMeaning("no version of this library needs it")),
    ("window.size.ms", NoMeaning(SERDES)),
    ("windowed.inner.class.serde", NoMeaning(SERDES)),
    (
        "windowstore.changelog.additional.retention.ms",
        Sets(|config, value| {
            let extra = value.millis(0)?;
            config.internal_topics.window_changelog_additional_retention = extra;
            Ok(())
        }),
    ),
];

/// Keys of the producer: plain, or behind `producer.`.
const PRODUCER: &[(&str, Meaning)] = &[
    (
        "acks",
        Sets(|config, value| {
            let choices =
                [("all", Acks::All), ("-1", Acks::All), ("1", Acks::Leader), ("0", Acks::None)];
            value.choice(&choices).map(|acks| config.producer.options.acks = acks)
        }),
    ),
    (
        "batch.size",
        Sets(|config, value| {
            value.int(1..=i64::from(i32::MAX)).map(|n| config.producer.batch_size = n)
        }),
    ),
    (
        "buffer.memory",
        Sets(|config, value| value.bytes(1).map(|n| config.producer.buffer_memory = n)),
    ),
    (
        "compression.type",
        Sets(|config, value| {
            let compression = value.text.parse();
            let compression = compression
                .map_err(|_| value.refuse("one of none, gzip, snappy, lz4, zstd is expected"))?;
            config.producer.options.compression = compression;
            Ok(())
        }),
    ),
    (
        "delivery.timeout.ms",
        Sets(|config, value| {
            value.millis(1).map(|ms| config.producer.options.delivery_timeout = ms)
        }),
    ),
    (
        "enable.idempotence",
        Sets(|config, value| value.bool().map(|on| config.producer.options.idempotent = on)),
    ),
    ("key.serializer", NoMeaning(SERDES)),
    ("linger.ms", Sets(|config, value| value.millis(0).map(|ms| config.producer.linger = ms))),
    ("max.block.ms", Client),
    ("max.in.flight.requests.per.connection", Client),
    ("max.request.size", Client),
    ("partitioner.class", NoMeaning("set the partitioner of the sink")),
    ("retries", Client),
    ("transaction.timeout.ms", Client),
    ("transactional.id", NoMeaning("the library chooses it")),
    ("value.serializer", NoMeaning(SERDES)),
];

/// Keys of the consumer: plain, or behind `consumer.`, `main.consumer.` or `restore.consumer.`.
const CONSUMER: &[(&str, Meaning)] = &[
    ("allow.auto.create.topics", Fixed("false")),
    ("auto.offset.reset", Sets(auto_offset_reset)),
    ("check.crcs", Fixed("true")),
    (
        "client.rack",
        Sets(|config, value| {
            config.consumer.rack = Some(value.text.to_owned());
            Ok(())
        }),
    ),
    ("enable.auto.commit", Fixed("false")),
    (
        "fetch.max.bytes",
        Sets(|config, value| value.bytes(1).map(|n| config.consumer.fetch.max_bytes = n)),
    ),
    ("fetch.max.wait.ms", Client),
    ("fetch.min.bytes", Client),
    ("group.id", NoMeaning("application.id names the group")),
    ("group.instance.id", NoMeaning("streams groups have no static members")),
    (
        "heartbeat.interval.ms",
        Sets(|config, value| value.millis(1).map(|ms| config.consumer.heartbeat_interval = ms)),
    ),
    (
        "isolation.level",
        Sets(|config, value| {
            let choices = [
                ("read_uncommitted", Isolation::ReadUncommitted),
                ("read_committed", Isolation::ReadCommitted),
            ];
            value.choice(&choices).map(|isolation| config.consumer.fetch.isolation = isolation)
        }),
    ),
    ("key.deserializer", NoMeaning(SERDES)),
    (
        "max.partition.fetch.bytes",
        Sets(|config, value| value.bytes(1).map(|n| config.consumer.fetch.max_partition_bytes = n)),
    ),
    (
        "max.poll.interval.ms",
        Sets(|config, value| value.millis(1).map(|ms| config.consumer.max_poll_interval = ms)),
    ),
    ("max.poll.records", NoMeaning("whole batches are fetched: set max.partition.fetch.bytes")),
    (
        "session.timeout.ms",
        Sets(|config, value| value.millis(1).map(|ms| config.consumer.session_timeout = ms)),
    ),
    ("value.deserializer", NoMeaning(SERDES)),
];

/// Keys that any client has; also those that begin with `ssl.` and `sasl.`.
const CLIENT: &[&str] = &[
    "bootstrap.deadline.ms",
    "bootstrap.servers",
    "client.dns.lookup",
    "connections.max.idle.ms",
    "default.api.timeout.ms",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "receive.buffer.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "security.protocol",
    "send.buffer.bytes",
    "socket.connection.setup.timeout.max.ms",
    "socket.connection.setup.timeout.ms",
];

/// The longest come first: `main.consumer.` ends with `consumer.`.
const CONSUMER_PREFIXES: &[&str] = &["main.consumer.", "restore.consumer.", "consumer."];

/// Takes one property over.
pub(super) fn apply(config: &mut StreamsConfig, key: &str, text: &str) -> Result<(), StreamsError> {
    let value = Value { key, text };
    if let Some(name) = key.strip_prefix("topic.") {
        config.internal_topics.overrides.insert(name.to_owned(), text.to_owned());
        return Ok(());
    }
    if let Some(tag) = key.strip_prefix("client.tag.") {
        return client_tag(config, tag, value);
    }
    if let Some(name) = key.strip_prefix("producer.") {
        return apply_from(&[PRODUCER], config, name, value);
    }
    if let Some(name) = CONSUMER_PREFIXES.iter().find_map(|prefix| key.strip_prefix(prefix)) {
        return apply_from(&[CONSUMER], config, name, value);
    }
    if let Some(name) = key.strip_prefix("admin.") {
        return apply_from(&[], config, name, value);
    }
    apply_from(&[STREAMS, CONSUMER, PRODUCER], config, key, value)
}

fn apply_from(
    tables: &[&[(&str, Meaning)]],
    config: &mut StreamsConfig,
    name: &str,
    value: Value<'_>,
) -> Result<(), StreamsError> {
    let mut rows = tables.iter().copied().flatten();
    let found = rows.find(|(known, _)| *known == name).map(|(_, meaning)| meaning);
    match found {
        Some(Sets(set)) => set(config, value),
        Some(Fixed(default)) if value.text == *default => Ok(()),
        Some(Fixed(default)) => {
            Err(value.refuse(&format!("only its default {default:?} is supported so far")))
        }
        Some(NoMeaning(why)) => {
            Err(config_error(format!("{} has no meaning here: {why}", value.key)))
        }
        Some(Client) => keep_for_client(config, value),
        None if is_client_key(name) => keep_for_client(config, value),
        None => Err(unknown(tables, name, value.key)),
    }
}

fn is_client_key(name: &str) -> bool {
    CLIENT.contains(&name) || name.starts_with("ssl.") || name.starts_with("sasl.")
}

fn keep_for_client(config: &mut StreamsConfig, value: Value<'_>) -> Result<(), StreamsError> {
    config.client_properties.insert(value.key.to_owned(), value.text.to_owned());
    Ok(())
}

fn unknown(tables: &[&[(&str, Meaning)]], name: &str, key: &str) -> StreamsError {
    let known = tables.iter().copied().flatten().map(|(known, _)| *known);
    let prefix = key.strip_suffix(name).unwrap_or("");
    let hint = nearest(name, known.chain(CLIENT.iter().copied()));
    let hint = hint.map_or(String::new(), |near| format!(": did you mean {prefix}{near}?"));
    config_error(format!("config key {key} is unknown{hint}"))
}

fn client_tag(config: &mut StreamsConfig, tag: &str, value: Value<'_>) -> Result<(), StreamsError> {
    if tag.is_empty() || tag.len() > 20 || value.text.len() > 30 {
        return Err(
            value.refuse("a tag has a name of at most 20 and a value of at most 30 characters")
        );
    }
    config.client_tags.insert(tag.to_owned(), value.text.to_owned());
    Ok(())
}

fn application_server(config: &mut StreamsConfig, value: Value<'_>) -> Result<(), StreamsError> {
    if value.text.is_empty() {
        config.application_server = None;
        return Ok(());
    }
    let endpoint = value.text.rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse::<u16>().ok()?;
        (!host.is_empty()).then(|| (host.to_owned(), port))
    });
    let endpoint = endpoint.ok_or_else(|| value.refuse("host:port is expected"))?;
    config.application_server = Some(endpoint);
    Ok(())
}

fn deserialization_handler(
    config: &mut StreamsConfig,
    value: Value<'_>,
) -> Result<(), StreamsError> {
    let resume = value.choice(&[
        ("LogAndFailExceptionHandler", false),
        ("LogAndContinueExceptionHandler", true),
    ])?;
    config.handlers.deserialization = match resume {
        true => std::sync::Arc::new(LogAndContinue),
        false => std::sync::Arc::new(LogAndFail),
    };
    Ok(())
}

fn processing_handler(config: &mut StreamsConfig, value: Value<'_>) -> Result<(), StreamsError> {
    let resume = value.choice(&[
        ("LogAndFailProcessingExceptionHandler", false),
        ("LogAndContinueProcessingExceptionHandler", true),
    ])?;
    config.handlers.processing = match resume {
        true => std::sync::Arc::new(LogAndContinue),
        false => std::sync::Arc::new(LogAndFail),
    };
    Ok(())
}

fn production_handler(_: &mut StreamsConfig, value: Value<'_>) -> Result<(), StreamsError> {
    value.choice(&[("DefaultProductionExceptionHandler", ())])
}

fn processing_guarantee(_: &mut StreamsConfig, value: Value<'_>) -> Result<(), StreamsError> {
    match value.text {
        "at_least_once" => Ok(()),
        "exactly_once_v2" => {
            Err(value.refuse("exactly-once is not supported yet, only at_least_once is"))
        }
        _ => Err(value.refuse("at_least_once is expected")),
    }
}

fn auto_offset_reset(config: &mut StreamsConfig, value: Value<'_>) -> Result<(), StreamsError> {
    config.consumer.auto_offset_reset = match value.text {
        "earliest" => OffsetReset::Earliest,
        "latest" => OffsetReset::Latest,
        "none" => OffsetReset::None,
        _ => {
            let duration = value.text.strip_prefix("by_duration:").and_then(iso_duration);
            let rule = "one of earliest, latest, none, by_duration:PnDTnHnMn.nS is expected";
            OffsetReset::ByDuration(duration.ok_or_else(|| value.refuse(rule))?)
        }
    };
    Ok(())
}

/// An ISO 8601 duration of days and less, as Java's `Duration.parse` reads it.
fn iso_duration(text: &str) -> Option<Duration> {
    let (mut total, mut number, mut in_time, mut parts) = (0.0_f64, String::new(), false, 0);
    for c in text.strip_prefix('P')?.chars() {
        let seconds = match c {
            '0'..='9' | '.' => {
                number.push(c);
                continue;
            }
            'T' if !in_time && number.is_empty() => {
                in_time = true;
                continue;
            }
            'D' if !in_time => 86_400.0,
            'H' if in_time => 3_600.0,
            'M' if in_time => 60.0,
            'S' if in_time => 1.0,
            _ => return None,
        };
        total += std::mem::take(&mut number).parse::<f64>().ok()? * seconds;
        parts += 1;
    }
    (parts > 0 && number.is_empty()).then(|| Duration::try_from_secs_f64(total).ok())?
}

#[cfg(test)]
pub(super) fn all_keys() -> Vec<&'static str> {
    let tables = [STREAMS, PRODUCER, CONSUMER].into_iter().flatten();
    tables.map(|(key, _)| *key).chain(CLIENT.iter().copied()).collect()
}
