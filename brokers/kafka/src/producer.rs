//! Writes sealed batches to a cluster, each once and in order.
//!
//! * [`state`] holds the batches and does no I/O; [`plan`] is what it sends next and to whom,
//!   [`answer`] what an answer does to it.
//! * [`slot`] is a partition, [`identity`] the producer id, [`verdict`] what errors mean.
//! * [`driver`] carries plans out on the network's thread.
//! * [`partitions`] counts the partitions of topics.
//!
//! **Once and in order** (KIP-98, KIP-360): a partition has one batch on its way, and a batch that
//! was sent keeps its producer id, epoch and sequence number however often it is sent again, so
//! that its log knows it. Only when it is certain that the log does not have it, it gets others.
//! A batch that is given up and may have been written ends its epoch for that partition: what
//! comes of it late is refused.
//!
//! Transactions are to come above this: their batches carry another stamp, and their epoch is the
//! coordinator's.

mod verdict;
mod identity;
mod slot;
mod state;
mod plan;
mod answer;
mod driver;
mod partitions;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use streams_core::{
    batch::{BatchBuilder, SealOptions},
    broker::{
        Ack, Acks, BrokerError, BrokerErrorKind, ProduceOptions, Producer, SendTicket,
        TopicPartition, WakeUp,
    },
};
use tokio::task::AbortHandle;

use self::{
    driver::Shared,
    partitions::PartitionCounts,
    state::{Settings, State},
};
use crate::client::Client;

/// The producer of one stream thread.
///
/// Idempotence needs `acks=all`, as in Kafka's own client: with less it is off. It ends where the
/// broker forgets the producer: as a broker starts, it knows nothing of a producer whose last
/// records, by their timestamps, are older than `producer.id.expiration.ms` (a day), and what is
/// sent again then is written again.
///
/// A batch that a topic refuses as too large is written in parts; its acknowledgement is the offset
/// of the first, and the others follow it at once as long as nobody else writes to the partition.
#[derive(Debug)]
pub(crate) struct KafkaProducer {
    client: Client,
    shared: Arc<Shared>,
    options: ProduceOptions,
    counts: PartitionCounts,
    next_ticket: u64,
    in_flight: usize,
    driver: AbortHandle,
}

impl KafkaProducer {
    /// A producer that connects with its first batch. `wake` is woken when there is something to
    /// poll.
    pub(crate) fn start(client: &Client, options: ProduceOptions, wake: WakeUp) -> Self {
        let acks = match options.acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        };
        let state = State::new(Settings {
            acks,
            idempotent: options.idempotent && options.acks == Acks::All,
            delivery_timeout: options.delivery_timeout,
            // Shorter than the request's own: to be told that it takes long is better than to have
            // no answer.
            replica_timeout: client.config.request_timeout / 2,
        });
        let shared = Arc::new(Shared::new(state, wake));
        let lane = client.transport.lane(&options.client_id);
        let run = driver::run(Arc::clone(&shared), Arc::clone(&client.transport), lane);
        let driver = client.network().spawn(run).abort_handle();
        Self {
            client: client.clone(),
            shared,
            options,
            counts: PartitionCounts::default(),
            next_ticket: 0,
            in_flight: 0,
            driver,
        }
    }
}

impl Producer for KafkaProducer {
    fn send(
        &mut self,
        partition: &TopicPartition,
        batch: &mut BatchBuilder,
    ) -> Result<SendTicket, BrokerError> {
        let size = batch.estimated_size();
        let mut state = self.shared.lock();
        state.check()?;
        if !state.has_room(size) {
            let context = "the producer waits for the acknowledgement of what it has";
            return Err(BrokerError::new(BrokerErrorKind::Retriable, context));
        }
        // A little more, so that the builder's next batch fits that is about as large.
        let spare = state.spare().unwrap_or_else(|| Vec::with_capacity(size + size / 8));
        // Batches are compressed without the lock.
        drop(state);
        let mut seal = SealOptions::default();
        seal.compression = self.options.compression;
        let Some(taken) = batch.take(&seal, spare) else {
            let context = format!("there is no record to send to {partition}");
            return Err(BrokerError::invalid_request(context));
        };
        let ticket = SendTicket(self.next_ticket);
        self.next_ticket += 1;
        self.in_flight += 1;
        let now = self.shared.now();
        if self.shared.lock().push(now, ticket, partition, taken) {
            self.shared.kick();
        }
        Ok(ticket)
    }

    fn poll(&mut self, acks: &mut Vec<Ack>) -> Result<(), BrokerError> {
        if !self.shared.take_news() {
            return Ok(());
        }
        let before = acks.len();
        let mut state = self.shared.lock();
        state.take_acks(acks);
        self.in_flight = self.in_flight.saturating_sub(acks.len() - before);
        state.check().inspect_err(|_| self.shared.keep_news())
    }

    fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn partition_count(&mut self, topic: &str) -> Result<i32, BrokerError> {
        self.counts.of(&self.client, topic)
    }
}

/// What was not sent yet is dropped.
impl Drop for KafkaProducer {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
