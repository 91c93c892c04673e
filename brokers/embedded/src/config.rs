//! The topic configs that the embedded log honours.

use std::collections::BTreeMap;
use std::time::Duration;

use streams_core::broker::BrokerError;

/// Topic configs of Kafka 4.3. All of them are kept and described; those without meaning in a log
/// of one process (replication, remote storage) change nothing.
const KNOWN: &[&str] = &[
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
];

/// What a log does with its records, from its topic's configs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicConfig {
    /// Segments whose newest record is older are deleted; `None` keeps them. `retention.ms`.
    pub(crate) retention: Option<Duration>,
    /// The oldest segments are deleted while the rest is at least so large. `retention.bytes`.
    pub(crate) retention_bytes: Option<u64>,
    /// A segment takes no batch that would make it larger. `segment.bytes`.
    pub(crate) segment_bytes: u64,
    /// A segment takes no batch once it is so old. `segment.ms`.
    pub(crate) segment_age: Duration,
    /// Whether the log stamps records. `message.timestamp.type`.
    pub(crate) log_append_time: bool,
    /// The largest batch. `max.message.bytes`.
    pub(crate) max_message_bytes: usize,
    /// Whether retention applies. `cleanup.policy`.
    pub(crate) delete: bool,
}

impl TopicConfig {
    /// The meaning of `configs`, with `defaults` below them.
    ///
    /// # Errors
    /// An unknown config or an impossible value, with its name.
    pub(crate) fn parse(
        configs: &BTreeMap<String, String>,
        defaults: &BTreeMap<String, String>,
    ) -> Result<Self, BrokerError> {
        if let Some(name) = configs.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(BrokerError::invalid_request(format!("{name} is no topic config")));
        }
        let source = Source { configs, defaults };
        let policy = source.text("cleanup.policy").unwrap_or("delete");
        let known = ["delete", "compact"];
        if policy.split(',').any(|part| !known.contains(&part.trim())) {
            return Err(impossible("cleanup.policy", policy, "delete, compact or both"));
        }
        let stamped = source.text("message.timestamp.type").unwrap_or("CreateTime");
        if !["CreateTime", "LogAppendTime"].contains(&stamped) {
            let expected = "CreateTime or LogAppendTime";
            return Err(impossible("message.timestamp.type", stamped, expected));
        }
        Ok(Self {
            retention: source.unless_unlimited("retention.ms")?.map(Duration::from_millis),
            retention_bytes: source.unless_unlimited("retention.bytes")?,
            segment_bytes: source.number("segment.bytes", 128 << 20, 14, i32::MAX as u64)?,
            segment_age: Duration::from_millis(source.number(
                "segment.ms",
                7 * 24 * 3600 * 1000,
                1,
                i64::MAX as u64,
            )?),
            log_append_time: stamped == "LogAppendTime",
            max_message_bytes: source.number("max.message.bytes", 1_048_588, 0, i32::MAX as u64)?
                as usize,
            delete: policy.contains("delete"),
        })
    }
}

struct Source<'a> {
    configs: &'a BTreeMap<String, String>,
    defaults: &'a BTreeMap<String, String>,
}

impl<'a> Source<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.configs.get(name).or_else(|| self.defaults.get(name)).map(String::as_str)
    }

    fn number(&self, name: &str, default: u64, min: u64, max: u64) -> Result<u64, BrokerError> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (min..=max).contains(number));
        number.ok_or_else(|| impossible(name, text, &format!("a number from {min} to {max}")))
    }

    /// -1 is no limit.
    fn unless_unlimited(&self, name: &str) -> Result<Option<u64>, BrokerError> {
        match self.text(name) {
            None | Some("-1") => Ok(None),
            Some(_) => self.number(name, 0, 0, i64::MAX as u64).map(Some),
        }
    }
}

fn impossible(name: &str, value: &str, expected: &str) -> BrokerError {
    BrokerError::invalid_request(format!("{name} cannot be {value:?}: expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(configs: &[(&str, &str)]) -> Result<TopicConfig, String> {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let defaults = map(&[("retention.ms", "1000")]);
        TopicConfig::parse(&map(configs), &defaults).map_err(|error| error.to_string())
    }

    #[test]
    fn minus_one_keeps_records_for_ever() {
        assert_eq!(parse(&[("retention.ms", "-1")]).unwrap().retention, None);
        assert_eq!(parse(&[]).unwrap().retention, Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_compacted_topic_is_not_under_retention() {
        assert!(!parse(&[("cleanup.policy", "compact")]).unwrap().delete);
        assert!(parse(&[("cleanup.policy", "compact,delete")]).unwrap().delete);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(parse(&[("retention", "1")]).unwrap_err(), "retention is no topic config");
        let refused = parse(&[("segment.bytes", "1")]).unwrap_err();
        assert_eq!(
            refused,
            "segment.bytes cannot be \"1\": expected a number from 14 to 2147483647"
        );
        assert!(parse(&[("retention.ms", "-2")]).is_err());
        assert!(parse(&[("cleanup.policy", "compress")]).is_err());
        assert!(parse(&[("message.timestamp.type", "createtime")]).is_err());
    }
}
