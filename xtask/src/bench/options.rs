//! The arguments of `cargo xtask bench`.

use std::{env, path::PathBuf};

use crate::cargo;

/// Workloads that both sides have, in the order in which they run.
pub(super) const WORKLOADS: [&str; 5] =
    ["passthrough", "wordcount", "orders", "windowcount", "kvtable"];

/// Workloads with a latency: the driver knows which output answers which input.
pub(super) const WITH_LATENCY: [&str; 2] = ["passthrough", "wordcount"];

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(super) struct Options {
    /// All of them, unless some were named.
    pub(super) workloads: Vec<&'static str>,
    /// The folder of the Java side, if that takes part.
    pub(super) peer: Option<PathBuf>,
    /// Whether throughput is measured.
    pub(super) throughput: bool,
    /// Whether latency is measured.
    pub(super) latency: bool,
    /// How many records, where it is not each workload's own number.
    pub(super) records: Option<u64>,
    /// How many times each side runs, where it is not the usual number.
    pub(super) pairs: Option<u32>,
    /// How batches are compressed, one after the other.
    pub(super) codecs: Vec<String>,
    /// For how long latency is measured, after as long again to warm up.
    pub(super) seconds: u64,
    /// A broker that runs already.
    pub(super) bootstrap: Option<String>,
    /// Where the broker listens that is started otherwise.
    pub(super) port: u16,
}

impl Options {
    /// Reads the arguments after `bench`.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            workloads: Vec::new(),
            peer: None,
            throughput: true,
            latency: false,
            records: None,
            pairs: None,
            codecs: ["none", "lz4"].map(str::to_owned).to_vec(),
            seconds: 20,
            bootstrap: None,
            port: 19_492,
        };
        let (mut with_peer, mut peer_dir) = (false, None);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--peer" => match value()?.as_str() {
                    "java" => with_peer = true,
                    other => return Err(format!("there is no peer {other}; there is java")),
                },
                "--peer-dir" => peer_dir = Some(PathBuf::from(value()?)),
                "--latency" => options.latency = true,
                "--latency-only" => (options.latency, options.throughput) = (true, false),
                "--records" => options.records = Some(number(argument, value()?)?),
                "--pairs" => options.pairs = Some(number(argument, value()?)?),
                "--codecs" => {
                    options.codecs = value()?.split(',').map(str::to_owned).collect();
                }
                "--seconds" => options.seconds = number(argument, value()?)?,
                "--bootstrap" => options.bootstrap = Some(value()?.clone()),
                "--port" => options.port = number(argument, value()?)?,
                name => options.workloads.push(workload(name)?),
            }
        }
        if options.workloads.is_empty() {
            options.workloads = WORKLOADS.to_vec();
        }
        if with_peer {
            options.peer = Some(peer(peer_dir)?);
        }
        if options.latency && options.peer.is_none() {
            return Err(
                "the driver that measures latency is the peer's: add --peer java".to_owned()
            );
        }
        Ok(options)
    }
}

fn workload(name: &str) -> Result<&'static str, String> {
    let found = WORKLOADS.iter().find(|known| **known == name);
    found.copied().ok_or_else(|| {
        let known = WORKLOADS.join(", ");
        format!("there is no workload {name}; there are micro, {known}")
    })
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    let plain = text.replace('_', "");
    plain.parse().map_err(|_| format!("{name} is {text}: a number is expected"))
}

/// The folder of the Java side: the one said, that of the environment, or where it lies beside the
/// workspace.
fn peer(said: Option<PathBuf>) -> Result<PathBuf, String> {
    let from_environment = || env::var_os("STREAMS_PEER").map(PathBuf::from);
    let beside = || cargo::root().join("../shared/peer");
    let folder = said.or_else(from_environment).unwrap_or_else(beside);
    match folder.join("peer").is_file() {
        true => Ok(folder),
        false => Err(format!(
            "the Java side is no part of this repository, and {} has no program `peer`: say where \
             it is by --peer-dir DIR or by STREAMS_PEER, or leave --peer away to measure this side \
             alone",
            folder.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn all_workloads_run_unless_some_are_named() {
        assert_eq!(parse("").unwrap().workloads, WORKLOADS);
        let some = parse("orders kvtable --records 1_000 --pairs 2 --codecs lz4").unwrap();
        assert_eq!(some.workloads, ["orders", "kvtable"]);
        assert_eq!(
            (some.records, some.pairs, some.codecs),
            (Some(1_000), Some(2), vec!["lz4".to_owned()])
        );
    }

    #[test]
    fn a_mistake_is_told() {
        for (line, told) in [
            ("join", "there is no workload join; there are micro, passthrough, wordcount"),
            ("--pairs few", "--pairs is few: a number is expected"),
            ("--records", "--records needs a value"),
            ("--peer go", "there is no peer go; there is java"),
            ("--latency", "the driver that measures latency is the peer's: add --peer java"),
            (
                "--peer java --peer-dir nowhere",
                "the Java side is no part of this repository, and nowhere",
            ),
        ] {
            let refused = parse(line).unwrap_err();
            assert!(refused.starts_with(told), "{line}: {refused}");
        }
    }
}
