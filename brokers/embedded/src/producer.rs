//! Appends sealed batches to their partitions' logs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use streams_core::batch::{BatchBuilder, SealOptions};
use streams_core::broker::{
    Ack, Acks, BrokerError, ProduceOptions, Producer, SendTicket, TopicPartition, WakeUp,
};

use crate::broker::Shared;
use crate::partition::Partition;

#[derive(Debug)]
pub(crate) struct EmbeddedProducer {
    shared: Arc<Shared>,
    options: ProduceOptions,
    wake: WakeUp,
    partitions: BTreeMap<TopicPartition, Arc<Partition>>,
    sent: VecDeque<Sent>,
    next_ticket: u64,
}

/// A batch whose acknowledgement was not polled yet.
#[derive(Debug)]
struct Sent {
    ticket: SendTicket,
    partition: TopicPartition,
    /// Where it was written, and where it ends: durable once the partition is durable up to there.
    result: Result<(i64, Arc<Partition>, i64), BrokerError>,
}

impl EmbeddedProducer {
    pub(crate) fn new(shared: Arc<Shared>, options: ProduceOptions, wake: WakeUp) -> Self {
        Self {
            shared,
            options,
            wake,
            partitions: BTreeMap::new(),
            sent: VecDeque::new(),
            next_ticket: 0,
        }
    }

    fn partition(&mut self, name: &TopicPartition) -> Result<Arc<Partition>, BrokerError> {
        if let Some(known) = self.partitions.get(name).filter(|known| !known.is_deleted()) {
            return Ok(Arc::clone(known));
        }
        let found = self.shared.topics.partition(name)?;
        self.partitions.insert(name.clone(), Arc::clone(&found));
        Ok(found)
    }

    fn append(
        &mut self,
        name: &TopicPartition,
        batch: &mut BatchBuilder,
    ) -> Result<(i64, Arc<Partition>, i64), BrokerError> {
        // Sealed first, so that the builder is empty whatever comes of it.
        let mut seal = SealOptions::default();
        seal.compression = self.options.compression;
        let sealed = batch.seal_in_place(&seal);
        let mut sealed =
            sealed.ok_or_else(|| BrokerError::invalid_request("there is no record to send"))?;
        let partition = self.partition(name)?;
        let base_offset = partition.append(&mut sealed, self.shared.clock.now())?;
        let end = base_offset + sealed.offset_count();
        Ok((base_offset, partition, end))
    }
}

impl Producer for EmbeddedProducer {
    fn send(
        &mut self,
        partition: &TopicPartition,
        batch: &mut BatchBuilder,
    ) -> Result<SendTicket, BrokerError> {
        if batch.is_empty() {
            return Err(BrokerError::invalid_request(format!(
                "there is no record to send to {partition}"
            )));
        }
        let result = self.append(partition, batch);
        match (&result, self.options.acks) {
            (Ok((_, written, _)), Acks::All) => self.shared.sync_soon(written, &self.wake),
            _ => self.wake.wake(),
        }
        let ticket = SendTicket(self.next_ticket);
        self.next_ticket += 1;
        self.sent.push_back(Sent { ticket, partition: partition.clone(), result });
        Ok(ticket)
    }

    fn poll(&mut self, acks: &mut Vec<Ack>) -> Result<(), BrokerError> {
        // One partition's sync may be slower than another's, but a partition's own acknowledgements
        // come in order: so does each pass over all of them.
        let wanted = self.options.acks;
        let mut waiting = VecDeque::new();
        for sent in self.sent.drain(..) {
            let durable = match &sent.result {
                Ok((_, written, end)) if wanted == Acks::All => {
                    written.durable() >= *end || written.check().is_err()
                }
                _ => true,
            };
            if durable {
                acks.push(sent.into_ack(wanted));
            } else {
                waiting.push_back(sent);
            }
        }
        self.sent = waiting;
        Ok(())
    }

    fn in_flight(&self) -> usize {
        self.sent.len()
    }

    fn partition_count(&mut self, topic: &str) -> Result<i32, BrokerError> {
        let found = self.shared.topics.partition_count(topic);
        found.ok_or_else(|| BrokerError::unknown_topic(topic))
    }
}

impl Sent {
    fn into_ack(self, wanted: Acks) -> Ack {
        let result = self.result.and_then(|(base_offset, written, end)| {
            if wanted == Acks::All && written.durable() < end {
                written.check()?;
            }
            Ok(base_offset)
        });
        Ack { ticket: self.ticket, partition: self.partition, result }
    }
}
