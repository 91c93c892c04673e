//! What the answers of brokers do to the batches they are about.

use std::time::Duration;

use streams_core::broker::{BrokerError, BrokerErrorKind};

use super::{
    identity::ProducerId,
    plan::Sent,
    slot::{Flight, Lasting, PATIENCE},
    state::State,
    verdict::Verdict,
};
use crate::{
    protocol::{ErrorCode, init_producer_id::InitProducerIdResponse, produce::PartitionProduced},
    transport::TransportError,
};

/// Acknowledged without an offset: with `acks=0`, or because the broker has forgotten it.
const NO_OFFSET: i64 = -1;

impl State {
    /// A node answered a request, or did not.
    pub(super) fn answered(
        &mut self,
        now: Duration,
        sent: &Sent,
        result: Result<Vec<PartitionProduced>, TransportError>,
    ) {
        self.request_ended(now, sent.node, result.is_ok());
        match result {
            Ok(answers) => {
                for answer in &answers {
                    if let Some(id) = self.find(sent, answer) {
                        self.partition_answered(now, id, answer);
                    }
                }
                for id in &sent.slots {
                    if self.slots[*id].flight != Flight::Nothing {
                        self.left_out(now, *id);
                    }
                }
            }
            Err(error) => {
                self.warn(now, || error.to_string());
                for id in &sent.slots {
                    self.unanswered(now, *id, &error);
                }
            }
        }
    }

    /// With `acks=0`: a request went to its node, which does not answer.
    pub(super) fn handed_over(&mut self, now: Duration, sent: &Sent) {
        self.request_ended(now, sent.node, true);
        for id in &sent.slots {
            if std::mem::replace(&mut self.slots[*id].flight, Flight::Nothing) == Flight::Head {
                self.written(now, *id, NO_OFFSET);
            }
        }
    }

    /// The cluster was asked for topics.
    pub(super) fn refreshed(&mut self, now: Duration, result: Result<(), TransportError>) {
        self.refresh.is_running = false;
        self.refresh.retry.failed(now);
        self.refresh.error = result.err();
        if let Some(error) = self.refresh.error.as_ref().map(ToString::to_string) {
            self.warn(now, || error);
        }
    }

    /// The cluster was asked for a producer id.
    pub(super) fn identified(
        &mut self,
        now: Duration,
        result: Result<InitProducerIdResponse, TransportError>,
    ) {
        let what = "the cluster gave no producer id, which enable.idempotence needs";
        match result {
            Ok(InitProducerIdResponse { error: ErrorCode::NONE, producer_id, producer_epoch }) => {
                self.identity.found(ProducerId { id: producer_id, epoch: producer_epoch });
            }
            Ok(InitProducerIdResponse { error, .. }) => {
                self.identity.failed(now, format!("{what}: {error}"));
                if error.is_retriable() {
                    self.warn(now, || format!("{what}: {error}"));
                } else if error == ErrorCode::CLUSTER_AUTHORIZATION_FAILED {
                    let what = format!("{what} and this client the operation WRITE on a topic for");
                    self.fail_unstamped(|| error.error(&what));
                } else {
                    self.fail_unstamped(|| error.error(what));
                }
            }
            Err(error) => {
                self.identity.failed(now, error.to_string());
                self.warn(now, || error.to_string());
                if error.is_retriable() {
                    self.identity.refused_since = None;
                } else if now >= *self.identity.refused_since.get_or_insert(now) + PATIENCE {
                    self.identity.refused_since = None;
                    self.fail_unstamped(|| error.clone().into());
                }
            }
        }
        // The next batch without a stamp wants it again.
        self.identity.is_wanted = false;
    }

    fn request_ended(&mut self, now: Duration, node: i32, is_ok: bool) {
        let state = self.nodes.entry(node).or_default();
        state.requests = state.requests.saturating_sub(1);
        if is_ok {
            state.retry.reset();
        } else if state.retry.is_due(now) {
            // Several requests that fail together are one failure.
            state.retry.failed(now);
        }
    }

    /// The slot, of those that were asked about, that an answer is about.
    fn find(&self, sent: &Sent, answer: &PartitionProduced) -> Option<usize> {
        let place = sent.slots.binary_search_by(|id| {
            let partition = &self.slots[*id].partition;
            let topic = partition.topic.as_bytes().cmp(&answer.topic);
            topic.then(partition.partition.cmp(&answer.index))
        });
        let id = *sent.slots.get(place.ok()?)?;
        // A node that answers twice about a partition is heard once.
        (self.slots[id].flight != Flight::Nothing).then_some(id)
    }

    fn partition_answered(&mut self, now: Duration, id: usize, answer: &PartitionProduced) {
        self.slots[id].lasting = None;
        let verdict = Verdict::of(answer.error);
        match std::mem::replace(&mut self.slots[id].flight, Flight::Nothing) {
            Flight::Nothing => {}
            Flight::GivenUp { next_sequence, maybe_written } => match verdict {
                Verdict::Written => self.slots[id].next_sequence = next_sequence,
                Verdict::NotWritten | Verdict::TooLarge | Verdict::Refused if !maybe_written => {}
                _ => self.leave_sequence(id),
            },
            Flight::Head => match verdict {
                Verdict::Written => self.written(now, id, answer.base_offset),
                Verdict::NotWritten => self.try_again(now, id, answer, false),
                Verdict::Unknown => self.try_again(now, id, answer, true),
                Verdict::Restart => self.restart(now, id, answer),
                Verdict::TooLarge => self.too_large(id, answer),
                Verdict::Refused => self.refused(id, answer),
                Verdict::Fenced => {}
            },
        }
        if verdict == Verdict::Fenced {
            let partition = &self.slots[id].partition;
            self.end(format!(
                "another producer has taken this one's place, as {partition} tells: {}",
                told(answer)
            ));
        }
    }

    fn written(&mut self, now: Duration, id: usize, base: i64) {
        let slot = &mut self.slots[id];
        if let Some((stamp, records)) =
            slot.queue.front().and_then(|head| Some((head.stamp?, head.records)))
        {
            slot.next_sequence = stamp.next_sequence(records);
        }
        self.written_head(id, base);
        if let Some(outage) = self.outage.end(now) {
            tracing::info!(seconds = outage.as_secs_f32(), "the producer can write again");
        }
    }

    fn try_again(
        &mut self,
        now: Duration,
        id: usize,
        answer: &PartitionProduced,
        maybe_written: bool,
    ) {
        let slot = &mut self.slots[id];
        if let Some(head) = slot.queue.front_mut() {
            head.maybe_written |= maybe_written;
        }
        slot.error = Some(told(answer));
        if answer.error.is_stale_metadata() {
            self.refresh.want(&slot.partition.topic);
        }
        match answer.leader.filter(|leader| leader.epoch > slot.leader_epoch) {
            // Epochs grow, so that nodes that name each other are not asked in circles.
            Some(leader) => slot.hint = Some(leader),
            None => {
                slot.retry.failed(now);
                self.warn_about(now, id, answer);
            }
        }
    }

    fn restart(&mut self, now: Duration, id: usize, answer: &PartitionProduced) {
        tracing::warn!(
            partition = %self.slots[id].partition,
            error = %answer.error,
            "the broker does not know what this producer wrote last: records that it had \
             acknowledged may be lost (compare unclean.leader.election.enable)"
        );
        let slot = &mut self.slots[id];
        let Some(head) = slot.queue.front_mut().filter(|head| head.stamp.is_some()) else {
            return self.refused(id, answer);
        };
        if head.maybe_written {
            return self.in_doubt(id, answer);
        }
        head.stamp = None;
        slot.error = Some(told(answer));
        slot.retry.failed(now);
        self.leave_sequence(id);
    }

    /// A batch that cannot be sent again as it is, after an attempt of which nobody knows: what
    /// would be sent instead could be a double.
    fn in_doubt(&mut self, id: usize, answer: &PartitionProduced) {
        let context = format!(
            "a batch for {} was refused after an attempt that may have been written: {}",
            self.slots[id].partition,
            told(answer)
        );
        self.fail_head(id, BrokerError::new(BrokerErrorKind::TimedOut, context));
    }

    fn too_large(&mut self, id: usize, answer: &PartitionProduced) {
        let slot = &self.slots[id];
        let Some(head) = slot.queue.front() else { return };
        if head.maybe_written {
            return self.in_doubt(id, answer);
        }
        match head.batch.split() {
            Ok(Some(parts)) => self.replace_head(id, parts),
            Ok(None) => {
                let context = format!(
                    "a record for {}, a batch of {} bytes by itself, is larger than the topic \
                     takes (max.message.bytes): {}",
                    slot.partition,
                    head.batch.size(),
                    told(answer)
                );
                self.fail_head(id, BrokerError::invalid_request(context));
            }
            Err(error) => {
                let context = format!("a batch for {} cannot be split", slot.partition);
                let error = BrokerError::new(BrokerErrorKind::Fatal, context).with_source(error);
                self.fail_head(id, error);
            }
        }
    }

    fn refused(&mut self, id: usize, answer: &PartitionProduced) {
        let partition = &self.slots[id].partition;
        let told = told(answer);
        let error = if answer.error.kind() == BrokerErrorKind::Unauthorized {
            let topic = &partition.topic;
            let context = format!(
                "topic {topic} may not be written to by this client, which needs the operation \
                 WRITE on it: {told}"
            );
            BrokerError::new(BrokerErrorKind::Unauthorized, context)
        } else {
            let context = format!("a batch for {partition} was refused: {told}");
            BrokerError::new(answer.error.kind(), context)
        };
        self.fail_head(id, error);
    }

    /// A response that says nothing about a partition it should be about.
    fn left_out(&mut self, now: Duration, id: usize) {
        let flight = std::mem::replace(&mut self.slots[id].flight, Flight::Nothing);
        if let Flight::GivenUp { .. } = flight {
            return self.leave_sequence(id);
        }
        let slot = &mut self.slots[id];
        if let Some(head) = slot.queue.front_mut() {
            head.maybe_written = true;
        }
        slot.error = Some("a broker's response left it out".to_owned());
        slot.retry.failed(now);
    }

    fn unanswered(&mut self, now: Duration, id: usize, error: &TransportError) {
        let flight = std::mem::replace(&mut self.slots[id].flight, Flight::Nothing);
        if let Flight::GivenUp { maybe_written, .. } = flight {
            if maybe_written || error.is_sent {
                self.leave_sequence(id);
            }
            return;
        }
        let slot = &mut self.slots[id];
        if let Some(head) = slot.queue.front_mut() {
            head.maybe_written |= error.is_sent;
        }
        slot.error = Some(error.to_string());
        // The leader may have moved on without telling.
        self.refresh.want(&slot.partition.topic);
        if error.is_retriable() {
            slot.lasting = None;
        } else if slot.lasts(Lasting::Connection, now) {
            self.fail_queue(id, || error.clone().into());
        }
    }

    fn warn_about(&mut self, now: Duration, id: usize, answer: &PartitionProduced) {
        if self.outage.is_to_be_told(now) {
            let partition = &self.slots[id].partition;
            tracing::warn!(%partition, error = told(answer), "a batch is sent again");
        }
    }

    fn warn(&mut self, now: Duration, what: impl FnOnce() -> String) {
        if self.outage.is_to_be_told(now) {
            tracing::warn!(error = what(), "the producer cannot write, and tries again");
        }
    }
}

/// Kafka's name of the error, and what the broker says to it.
fn told(answer: &PartitionProduced) -> String {
    match &answer.message {
        Some(message) => format!("{}: {message}", answer.error),
        None => answer.error.to_string(),
    }
}
