//! The command line: `--name value` pairs and switches.

use std::{path::PathBuf, time::Duration};

use crate::{
    Result,
    workload::{self, Workload},
};

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The workload.
    pub(crate) workload: &'static Workload,
    /// Where the cluster is, `host:port`.
    pub(crate) bootstrap: String,
    /// How many records it has.
    pub(crate) records: u64,
    /// What the names of input and output topics begin with.
    pub(crate) prefix: String,
    /// The application, where it is not to be one of this run alone.
    pub(crate) application_id: Option<String>,
    /// The folder of all applications' state.
    pub(crate) state_dir: PathBuf,
    /// How the result line calls this run.
    pub(crate) label: String,
    /// Settings of the application, by Kafka's dotted keys.
    pub(crate) settings: Vec<(String, String)>,
    /// Processes whose CPU time is told as the broker's.
    pub(crate) broker_pids: Vec<String>,
    /// How long a run may take.
    pub(crate) timeout: Duration,
    /// Load although the topics hold as many records already.
    pub(crate) force: bool,
    /// Empty the input topics too.
    pub(crate) inputs: bool,
    /// Keep group, internal topics and state of an application of this run alone.
    pub(crate) keep: bool,
}

/// What the application is told by options of their own, and under which keys.
const SETTINGS: &[(&str, &str)] = &[
    ("--guarantee", "processing.guarantee"),
    ("--threads", "num.stream.threads"),
    ("--cache", "statestore.cache.max.bytes"),
    ("--commit-ms", "commit.interval.ms"),
    ("--linger-ms", "producer.linger.ms"),
    ("--compression", "producer.compression.type"),
];

impl Options {
    /// Reads the arguments after the command's name.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut arguments = arguments.into_iter();
        let mut workload = None;
        let mut records = None;
        let mut options = Self {
            workload: workload::ALL[0],
            bootstrap: String::new(),
            records: 0,
            prefix: String::new(),
            application_id: None,
            state_dir: std::env::temp_dir().join("streams-bench"),
            label: String::new(),
            settings: Vec::new(),
            broker_pids: Vec::new(),
            timeout: Duration::from_secs(900),
            force: false,
            inputs: false,
            keep: false,
        };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--force" => options.force = true,
                "--inputs" => options.inputs = true,
                "--keep" => options.keep = true,
                "--workload" => workload = Some(workload::find(&value()?)?),
                "--bootstrap" => options.bootstrap = value()?,
                "--records" => records = Some(number(&name, &value()?)?),
                "--topic-prefix" => options.prefix = value()?,
                "--app-id" => options.application_id = Some(value()?),
                "--state-dir" => options.state_dir = value()?.into(),
                "--label" => options.label = value()?,
                "--timeout" => options.timeout = Duration::from_secs(number(&name, &value()?)?),
                "--broker-pids" => {
                    let pids = value()?;
                    let pids = pids.split(',').filter(|pid| !pid.is_empty());
                    options.broker_pids = pids.map(str::to_owned).collect();
                }
                "--set" => {
                    let pair = value()?;
                    let (key, value) = pair.split_once('=').ok_or("--set needs key=value")?;
                    options.settings.push((key.to_owned(), value.to_owned()));
                }
                other => match SETTINGS.iter().find(|(option, _)| *option == other) {
                    Some((_, key)) => options.settings.push(((*key).to_owned(), value()?)),
                    None => return Err(format!("there is no option {other}").into()),
                },
            }
        }
        options.workload = workload.ok_or("--workload is missing")?;
        options.records = records.unwrap_or(options.workload.records);
        if options.bootstrap.is_empty() {
            return Err("--bootstrap is missing: it says where the cluster is, as host:port".into());
        }
        Ok(options)
    }

    /// What the application was told for `key`.
    pub(crate) fn setting(&self, key: &str) -> Option<&str> {
        let told = self.settings.iter().rev().find(|(other, _)| other == key);
        told.map(|(_, value)| value.as_str())
    }

    /// The full name of one of the workload's topics.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The application's id, unless told one of this process alone.
    pub(crate) fn application_id(&self) -> String {
        let name = self.workload.name;
        let own = || format!("bench-{}{name}-{}", self.prefix, std::process::id());
        self.application_id.clone().unwrap_or_else(own)
    }

    /// Whether nobody will ask for the application again.
    pub(crate) fn is_temporary(&self) -> bool {
        self.application_id.is_none() && !self.keep
    }
}

fn number(name: &str, text: &str) -> Result<u64> {
    let plain = text.replace('_', "");
    plain.parse().map_err(|_| format!("{name} is {text}: a number is expected").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn settings_go_to_the_application_by_their_keys() {
        let parsed = parse(
            "--workload wordcount --bootstrap kafka:9092 --records 1_000 --threads 2 --cache 0 \
             --set poll.ms=5 --topic-prefix rate-",
        );
        let parsed = parsed.unwrap();
        assert_eq!((parsed.workload.name, parsed.records), ("wordcount", 1_000));
        assert_eq!(parsed.setting("num.stream.threads"), Some("2"));
        assert_eq!(parsed.setting("statestore.cache.max.bytes"), Some("0"));
        assert_eq!(parsed.setting("poll.ms"), Some("5"));
        assert_eq!(parsed.setting("commit.interval.ms"), None);
        assert_eq!(parsed.topic("wc-in"), "rate-wc-in");
        assert!(
            parsed.is_temporary() && parsed.application_id().starts_with("bench-rate-wordcount-")
        );
    }

    #[test]
    fn a_mistake_is_named() {
        for (line, told) in [
            ("--bootstrap a:1", "--workload is missing"),
            (
                "--workload orders",
                "--bootstrap is missing: it says where the cluster is, as host:port",
            ),
            ("--workload orders --bootstrap", "--bootstrap needs a value"),
            ("--workload orders --recrods 3", "there is no option --recrods"),
            ("--workload orders --records many", "--records is many: a number is expected"),
            ("--set a", "--set needs key=value"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), told);
        }
    }
}
