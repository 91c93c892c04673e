//! Waiting for the network from a thread that has nothing else to do.

use std::{future::Future, sync::mpsc, time::Duration};

use streams_core::broker::{BrokerError, BrokerErrorKind};
use tokio::runtime::Handle;

/// Runs `call` on the network's runtime and waits for it, at most `timeout`. The caller may be on
/// a runtime of its own.
///
/// # Errors
/// The call's, or that `what` was not answered in time.
pub(crate) fn wait_for<T: Send + 'static>(
    network: &Handle,
    timeout: Duration,
    what: &str,
    call: impl Future<Output = Result<T, BrokerError>> + Send + 'static,
) -> Result<T, BrokerError> {
    let (answer, answered) = mpsc::sync_channel(1);
    network.spawn(async move {
        let timed = tokio::time::timeout(timeout, call).await;
        // Whoever asked waits below.
        answer.send(timed).unwrap_or_default();
    });
    match answered.recv() {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(BrokerError::new(
            BrokerErrorKind::TimedOut,
            format!("{what} was not answered within {} ms", timeout.as_millis()),
        )),
        Err(_) => Err(BrokerError::new(
            BrokerErrorKind::Fatal,
            format!("{what} was not answered: the client is closed"),
        )),
    }
}
