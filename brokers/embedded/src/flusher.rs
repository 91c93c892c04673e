//! The thread that syncs a log on disk, so that stream threads need not wait for the disk.
//!
//! Requests that come while a sync runs are served by the next one together: group commit.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use streams_core::broker::{TopicPartition, WakeUp};

use crate::partition::{Partition, lock};

/// Asks for syncs, and stops the thread when dropped.
#[derive(Debug)]
pub(crate) struct Flusher {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Queue {
    requests: Mutex<Requests>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Requests {
    partitions: BTreeMap<TopicPartition, (Arc<Partition>, Vec<WakeUp>)>,
    stop: bool,
}

impl Flusher {
    /// Starts the thread. It calls `tick` about once in each `interval`.
    pub(crate) fn start(
        interval: Duration,
        tick: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let theirs = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("embedded-log-flush".to_owned())
            .spawn(move || run(&theirs, interval, &tick))?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Syncs `partition` soon, then wakes `wake`.
    pub(crate) fn sync_soon(&self, partition: &Arc<Partition>, wake: &WakeUp) {
        let mut requests = lock(&self.queue.requests);
        let entry = requests.partitions.entry(partition.name.clone());
        let (_, wakes) = entry.or_insert_with(|| (Arc::clone(partition), Vec::new()));
        if !wakes.iter().any(|other| other.is_same(wake)) {
            wakes.push(wake.clone());
        }
        self.queue.arrived.notify_one();
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        lock(&self.queue.requests).stop = true;
        self.queue.arrived.notify_one();
        let Some(thread) = self.thread.take() else { return };
        // The thread itself drops the broker if it held the last reference: it cannot wait for itself.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!("the flush thread panicked");
        }
    }
}

fn run(queue: &Queue, interval: Duration, tick: &impl Fn()) {
    loop {
        let (work, stop, timed_out) = {
            let requests = lock(&queue.requests);
            let idle = |requests: &mut Requests| requests.partitions.is_empty() && !requests.stop;
            let waited = queue.arrived.wait_timeout_while(requests, interval, idle);
            let (mut requests, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut requests.partitions), requests.stop, timeout.timed_out())
        };
        for (partition, wakes) in work.into_values() {
            if let Err(error) = partition.sync() {
                tracing::error!(%error, partition = %partition.name, "a sync failed");
            }
            for wake in wakes {
                wake.wake();
            }
        }
        if stop {
            return;
        }
        if timed_out {
            tick();
        }
    }
}
