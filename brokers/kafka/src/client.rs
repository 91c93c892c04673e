//! What all parts of a broker share: the cluster and the runtime that moves their bytes.

use std::{future::Future, sync::Arc, time::Duration};

use streams_core::broker::BrokerError;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{
    blocking::wait_for,
    config::{KafkaConfig, config_error},
    transport::Transport,
};

/// Handed to each part; tasks on the runtime take clones of what they need of it, never the whole,
/// because the last to drop it ends the runtime.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) config: Arc<KafkaConfig>,
    network: Arc<Network>,
}

impl Client {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        config: KafkaConfig,
    ) -> Result<Self, BrokerError> {
        Ok(Self { transport, config: Arc::new(config), network: Arc::new(Network::start()?) })
    }

    /// Where the tasks of a part run.
    pub(crate) fn network(&self) -> &Handle {
        &self.network.handle
    }

    /// Runs a call on the network and waits for it, as long as an admin's call may take
    /// (`default.api.timeout.ms`).
    pub(crate) fn wait_for<T: Send + 'static>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, BrokerError>> + Send + 'static,
    ) -> Result<T, BrokerError> {
        self.wait_at_most(self.config.api_timeout, what, call)
    }

    /// As [`wait_for`](Self::wait_for), for at most `timeout`.
    pub(crate) fn wait_at_most<T: Send + 'static>(
        &self,
        timeout: Duration,
        what: &str,
        call: impl Future<Output = Result<T, BrokerError>> + Send + 'static,
    ) -> Result<T, BrokerError> {
        wait_for(self.network(), timeout, what, call)
    }
}

/// One worker moves the bytes of all sockets: the work is in the stream threads.
#[derive(Debug)]
struct Network {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Network {
    fn start() -> Result<Self, BrokerError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(2)
            .thread_name("kafka-network")
            .enable_all()
            .build()
            .map_err(|error| {
                config_error("no thread for the network could be started").with_source(error)
            })?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waits for nothing: it may be dropped on a runtime's own thread.
            runtime.shutdown_background();
        }
    }
}
