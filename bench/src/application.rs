//! The application of a workload on a broker.

use std::sync::Arc;

use streams_dsl::{Broker, KafkaStreams, State, StreamsConfig};

use crate::{
    Result,
    lag::{Lag, Row},
    options::Options,
    topics,
    workload::Work,
};

/// An application, from its topology to the end of its traces.
pub(crate) struct Application {
    broker: Arc<dyn Broker>,
    id: String,
    lag: Lag,
    streams: KafkaStreams,
}

impl Application {
    /// What the options ask for, not started.
    pub(crate) fn new(broker: &Arc<dyn Broker>, options: &Options) -> Result<Self> {
        let Work::Topology(topology) = options.workload.work else {
            return Err(format!("workload {} runs no topology", options.workload.name).into());
        };
        let topology = topology(&options.prefix)?;
        let id = options.application_id();
        let mut properties = vec![
            ("application.id".to_owned(), id.clone()),
            // The kernel shows 15 bytes of a thread's name: a short id leaves room for its kind.
            ("client.id".to_owned(), "bench".to_owned()),
            ("state.dir".to_owned(), options.state_dir.display().to_string()),
        ];
        properties.extend(options.settings.iter().cloned());
        let config = StreamsConfig::from_properties(properties)?;
        let lag = Lag::new(broker, &id, &topology);
        let streams = KafkaStreams::new(topology, config, Arc::clone(broker))?;
        Ok(Self { broker: Arc::clone(broker), id, lag, streams })
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Starts its threads.
    pub(crate) async fn start(&self) -> Result<()> {
        Ok(self.streams.start().await?)
    }

    /// Whether all its tasks run.
    ///
    /// # Errors
    /// What ended it.
    pub(crate) fn is_running(&self) -> Result<bool> {
        match self.streams.error() {
            Some(error) => Err(error.into()),
            None => Ok(self.streams.state() == State::Running),
        }
    }

    /// How many records it has processed.
    pub(crate) async fn processed(&self) -> u64 {
        self.streams.metrics().await.total().processed
    }

    /// How many changelog records it has read back of the tasks that do not run yet.
    pub(crate) fn restoring(&self) -> u64 {
        self.streams.restore_progress().values().map(|progress| progress.restored).sum()
    }

    /// How many changelog records it has read back in all.
    pub(crate) async fn restored(&self) -> u64 {
        self.streams.metrics().await.total().restored
    }

    /// What its group has committed, beside what its topics hold.
    pub(crate) fn lag(&self) -> Result<Vec<Row>> {
        self.lag.rows()
    }

    /// Commits and leaves the group.
    pub(crate) async fn close(&self) -> Result<()> {
        Ok(self.streams.close().await?)
    }

    /// After the close: takes group, internal topics and state away, where nobody will ask for
    /// them again.
    pub(crate) async fn forget(self, options: &Options) -> Result<()> {
        match options.is_temporary() {
            true => forget(&*self.broker, options).await,
            false => Ok(()),
        }
    }
}

/// Takes group, internal topics and state of a closed application away.
pub(crate) async fn forget(broker: &dyn Broker, options: &Options) -> Result<()> {
    remove_state(options)?;
    topics::forget(broker, &options.application_id()).await
}

/// Deletes the local state of a closed application.
pub(crate) fn remove_state(options: &Options) -> Result<()> {
    let folder = options.state_dir.join(options.application_id());
    match folder.exists() {
        true => Ok(std::fs::remove_dir_all(&folder)?),
        false => Ok(()),
    }
}
