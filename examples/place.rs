//! Where an example runs: on an embedded log of its own, or on a cluster.

use std::{io::IsTerminal, path::PathBuf, sync::Arc, time::Duration};

use streams_dsl::{
    Broker, EmbeddedBroker, EmbeddedOptions, KafkaBroker, KafkaConfig, NewTopic, StreamsConfig,
    Topology,
    core::{Clock, SystemClock, broker::BrokerErrorKind},
};
use tracing_subscriber::EnvFilter;

use crate::{Application, Arguments, Result};

/// An embedded log in a temporary folder, or the cluster that `--bootstrap` names.
pub struct Place {
    pub(crate) broker: Arc<dyn Broker>,
    /// The cluster's address.
    pub(crate) bootstrap: Option<String>,
    pub(crate) application_id: String,
    /// What the names of the topics begin with.
    pub prefix: String,
    state_dir: Option<PathBuf>,
    folder: Option<Folder>,
    /// Nothing that is left on the cluster is of use to a later run.
    is_fresh: bool,
}

impl Place {
    /// For an example that shows something once. On a cluster each run has an application id and
    /// topics of its own, and deletes them at its end; with `--application-id` they stay, and
    /// their names begin with it.
    pub fn once(name: &str, arguments: &Arguments) -> Result<Self> {
        let mut place = Self::lasting(name, arguments)?;
        if arguments.bootstrap.is_some() {
            place.is_fresh = arguments.application_id.is_none();
            if place.is_fresh {
                place.application_id = format!("{name}-{:x}", SystemClock.now().as_millis());
                place.folder = Some(Folder::temporary(&place.application_id)?);
            }
            place.prefix = format!("{}-", place.application_id);
        }
        Ok(place)
    }

    /// For an example that goes on where it stopped, if it runs on a cluster.
    pub fn lasting(name: &str, arguments: &Arguments) -> Result<Self> {
        if arguments.bootstrap.is_some() {
            log_warnings();
        }
        let folder =
            if arguments.bootstrap.is_none() { Some(Folder::temporary(name)?) } else { None };
        let broker: Arc<dyn Broker> = match (&arguments.bootstrap, &folder) {
            (Some(bootstrap), _) => Arc::new(KafkaBroker::new(KafkaConfig::new(bootstrap)?)?),
            (None, folder) => {
                let log = folder.as_ref().map(|folder| folder.0.join("log")).unwrap_or_default();
                Arc::new(EmbeddedBroker::open(log, EmbeddedOptions::default())?)
            }
        };
        Ok(Self {
            broker,
            bootstrap: arguments.bootstrap.clone(),
            application_id: arguments.application_id.clone().unwrap_or_else(|| name.to_owned()),
            prefix: arguments.topic_prefix.clone().unwrap_or_default(),
            state_dir: arguments.state_dir.clone(),
            folder,
            is_fresh: false,
        })
    }

    /// Creates those of `topics` that are missing, with their numbers of partitions, and starts
    /// `topology`. Waits for a cluster that cannot be reached.
    pub async fn start(self, topology: Topology, topics: &[(&str, i32)]) -> Result<Application> {
        let mut tries = tokio::time::interval(Duration::from_secs(1));
        loop {
            tries.tick().await;
            match self.create(topics) {
                Err(error) if error.is_passing() => eprintln!("{error:?}; trying again"),
                created => break created?,
            }
        }
        Application::start(self, topology).await
    }

    fn create(&self, topics: &[(&str, i32)]) -> Result<()> {
        let admin = self.broker.admin();
        for (name, partitions) in topics {
            let name = self.topic(name);
            if admin.describe_topics(&[&name])?.iter().any(Option::is_some) {
                continue;
            }
            // Kept whatever the records' timestamps are: those of the examples are long past.
            let topic = NewTopic::new(name, *partitions).config("retention.ms", "-1");
            match admin.create_topics(&[topic]) {
                // Another instance was faster.
                Err(error) if error.kind() == BrokerErrorKind::AlreadyExists => {}
                created => created?,
            }
        }
        Ok(())
    }

    /// The full name of a topic.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What processes on this machine lock before they feed a topic of a cluster.
    pub(crate) fn lock_of(&self, topic: &str) -> Option<PathBuf> {
        let cluster = self.bootstrap.as_ref()?;
        let name = format!("streams-feed-{cluster}-{}.lock", self.topic(topic));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let name: String = name.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
        Some(std::env::temp_dir().join(name))
    }

    /// The same place for another application.
    pub(crate) fn beside(&self, id: &str) -> Result<Self> {
        Ok(Self {
            broker: Arc::clone(&self.broker),
            bootstrap: self.bootstrap.clone(),
            application_id: format!("{}{id}", self.prefix),
            prefix: self.prefix.clone(),
            state_dir: self.state_dir.clone(),
            folder: self.folder.as_ref().map(|_| Folder::temporary(id)).transpose()?,
            is_fresh: self.is_fresh,
        })
    }

    pub(crate) fn config(&self) -> Result<StreamsConfig> {
        let config = StreamsConfig::new(&self.application_id)?
            .num_stream_threads(2)
            .commit_interval(Duration::from_millis(100));
        let temporary = || self.folder.as_ref().map(|folder| folder.0.join("state"));
        Ok(match self.state_dir.clone().or_else(temporary) {
            Some(state) => config.state_dir(state),
            None => config,
        })
    }

    /// Deletes what no later run can use.
    pub(crate) fn leave(self) -> Result<()> {
        if self.is_fresh {
            let (admin, groups) = (self.broker.admin(), self.broker.group_admin());
            let topics = admin.list_topics()?;
            let prefix = format!("{}-", self.application_id);
            let ours: Vec<&str> = topics
                .iter()
                .map(|topic| &**topic)
                .filter(|topic| topic.starts_with(&prefix))
                .collect();
            admin.delete_topics(&ours)?;
            groups.delete_group(&self.application_id)?;
        }
        drop(self.broker);
        if let Some(folder) = self.folder {
            std::fs::remove_dir_all(&folder.0)?;
        }
        Ok(())
    }
}

/// Shows on standard error what the library warns of, such as brokers that cannot be reached;
/// `RUST_LOG` asks for more.
fn log_warnings() {
    let filter = EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("error,broker_kafka=warn"));
    let logging = tracing_subscriber::fmt().with_env_filter(filter);
    let logging = logging.with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    // Once is enough.
    logging.try_init().unwrap_or_default();
}

/// A folder of this process; a clean end deletes it.
struct Folder(PathBuf);

impl Folder {
    fn temporary(name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("streams-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}
