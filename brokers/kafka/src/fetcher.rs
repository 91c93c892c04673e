//! Reads the assigned partitions from their leaders, ahead of the caller.
//!
//! ```text
//!   assign, resume, poll                          answers, leaders
//!          |                                             |
//!          v                                             v
//!       [state]  --- plan: fetches, look-ups, refresh -> [driver] -> lanes
//!          |                                             |
//!          '---- batches ready, partition failed ---- WakeUp
//! ```
//!
//! `state` is a state machine without I/O, `driver` the task around it. What was fetched and waits
//! for a poll is bounded by [`FetchOptions::max_bytes`], half of it before a new request is sent and
//! half for what is on its way. Of the first half, paused partitions keep at most a half: what they
//! hold beyond that is dropped and fetched again after the pause.

mod answer;
mod outages;
mod partition;
mod state;
mod plan;
mod driver;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use streams_core::broker::{BrokerError, FetchOptions, Fetched, Fetcher, TopicPartition, WakeUp};
use tokio::task::JoinHandle;

use self::{
    driver::{Driver, Shared},
    state::{Limits, State},
};
use crate::client::Client;

/// A fetcher of a cluster; ends its task when dropped.
pub(crate) struct KafkaFetcher {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    client_id: String,
    /// Keeps the network's runtime alive.
    _client: Client,
}

impl KafkaFetcher {
    /// A fetcher without partitions, which connects when it has some.
    pub(crate) fn start(client: &Client, options: FetchOptions, wake: WakeUp) -> Self {
        let limits = Limits::new(&options, client.config.fetch_wait);
        let shared = Arc::new(Shared::new(State::new(limits, &options.client_id), wake));
        let driver = Driver {
            shared: Arc::clone(&shared),
            transport: Arc::clone(&client.transport),
            patient: client.transport.lane(&options.client_id),
            prompt: client.transport.lane(&options.client_id),
        };
        let task = client.network().spawn(driver.run());
        Self { shared, task, client_id: options.client_id, _client: client.clone() }
    }
}

impl Fetcher for KafkaFetcher {
    fn assign(&mut self, partition: &TopicPartition, position: i64) {
        self.shared.state().assign(partition, position);
        self.shared.changed.notify_one();
    }

    fn unassign(&mut self, partition: &TopicPartition) {
        self.shared.state().unassign(partition);
    }

    fn pause(&mut self, partition: &TopicPartition) {
        self.shared.state().pause(partition);
    }

    fn resume(&mut self, partition: &TopicPartition) {
        let has_news = {
            let mut state = self.shared.state();
            state.resume(partition);
            state.has_news()
        };
        self.shared.changed.notify_one();
        if has_news {
            self.shared.wake.wake();
        }
    }

    fn poll(&mut self, out: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        let polled = self.shared.state().poll(out);
        match polled {
            Ok(has_room) => {
                if has_room {
                    self.shared.changed.notify_one();
                }
                Ok(())
            }
            Err(failure) => {
                // What is ready is for the next poll.
                self.shared.wake.wake();
                Err(failure)
            }
        }
    }
}

impl Drop for KafkaFetcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for KafkaFetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaFetcher").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
