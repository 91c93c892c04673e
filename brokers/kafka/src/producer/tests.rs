//! The producer against scripted clusters, a model of a broker, and a real one.

mod cluster;
mod sending;
mod errors;
mod sequences;
mod simulation;
mod driver;
mod real_broker;

use std::{sync::Arc, time::Duration};

use streams_core::{
    batch::{BatchBuilder, ProducerStamp, SealOptions, Timestamp, UnstampedBatch},
    broker::{Ack, BrokerError, BrokerErrorKind, SendTicket, TopicPartition},
};

use self::cluster::FakeCluster;
use super::{
    plan::{Outgoing, Plan, Sent},
    state::{Settings, State},
};
use crate::{
    protocol::{ErrorCode, init_producer_id::InitProducerIdResponse, produce::PartitionProduced},
    transport::{Leader, TransportError, TransportErrorKind},
};

const DELIVERY: Duration = Duration::from_secs(120);

fn settings() -> Settings {
    Settings {
        acks: -1,
        idempotent: true,
        delivery_timeout: DELIVERY,
        replica_timeout: Duration::from_secs(15),
    }
}

/// Partition `number` of topic "t".
fn t(number: i32) -> TopicPartition {
    TopicPartition::new("t", number)
}

fn batch(values: &[&str]) -> UnstampedBatch {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.append(Timestamp::from_millis(1), None, Some(value.as_bytes()), &[]).unwrap();
    }
    builder.take(&SealOptions::default(), Vec::new()).unwrap()
}

fn stamp(producer_epoch: i16, base_sequence: i32) -> ProducerStamp {
    ProducerStamp { producer_id: 7, producer_epoch, base_sequence }
}

fn network() -> TransportError {
    TransportError::new(TransportErrorKind::Network, "node 1 at a:1 cannot be reached")
}

/// An answer about partition `index` of topic "t".
fn answer(index: i32, error: ErrorCode, base_offset: i64) -> PartitionProduced {
    let topic = bytes::Bytes::from_static(b"t");
    PartitionProduced { topic, index, error, base_offset, message: None, leader: None }
}

/// A state in a cluster where node 1 leads partitions 0 to 3 of topic "t".
struct Bench {
    state: State,
    cluster: FakeCluster,
    now: Duration,
    tickets: u64,
}

impl Bench {
    /// A producer that has its id, 7.
    fn new() -> Self {
        let mut bench = Self::with(settings());
        bench.identify(0);
        bench
    }

    fn with(settings: Settings) -> Self {
        let cluster = FakeCluster::default();
        cluster.lead("t", 4, Leader { node: 1, epoch: 5 });
        Self { state: State::new(settings), cluster, now: Duration::from_secs(1), tickets: 0 }
    }

    fn identify(&mut self, producer_epoch: i16) {
        let error = ErrorCode::NONE;
        let response = InitProducerIdResponse { error, producer_id: 7, producer_epoch };
        self.state.identified(self.now, Ok(response));
    }

    fn push(&mut self, partition: i32, values: &[&str]) -> SendTicket {
        self.push_to(&t(partition), batch(values))
    }

    fn push_to(&mut self, partition: &TopicPartition, batch: UnstampedBatch) -> SendTicket {
        self.tickets += 1;
        let ticket = SendTicket(self.tickets);
        self.state.push(self.now, ticket, partition, batch);
        ticket
    }

    fn plan(&mut self) -> Plan {
        self.state.plan(self.now, &self.cluster)
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// The one request that is due.
    fn request(&mut self) -> Outgoing {
        let mut requests = self.plan().requests;
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.pop().unwrap()
    }

    /// The one batch that is due, by its stamp.
    fn sent(&mut self) -> (Sent, ProducerStamp) {
        let request = self.request();
        assert_eq!(request.request.batches.len(), 1);
        (request.sent, request.request.batches[0].stamp)
    }

    fn answer(&mut self, sent: &Sent, answers: Vec<PartitionProduced>) {
        self.state.answered(self.now, sent, Ok(answers));
    }

    /// The answer about partition 0 of topic "t".
    fn answer_0(&mut self, sent: &Sent, error: ErrorCode, base_offset: i64) {
        self.answer(sent, vec![answer(0, error, base_offset)]);
    }

    fn fail(&mut self, sent: &Sent, error: TransportError) {
        self.state.answered(self.now, sent, Err(error));
    }

    fn acks(&mut self) -> Vec<Ack> {
        let mut acks = Vec::new();
        self.state.take_acks(&mut acks);
        acks
    }

    /// Tickets and offsets of what was acknowledged, all of it written.
    fn written(&mut self) -> Vec<(u64, i64)> {
        self.acks().into_iter().map(|ack| (ack.ticket.0, ack.result.unwrap())).collect()
    }

    /// The error of the one acknowledgement.
    fn error(&mut self) -> BrokerError {
        let mut acks = self.acks();
        assert_eq!(acks.len(), 1, "{acks:?}");
        acks.pop().unwrap().result.unwrap_err()
    }

    /// Plans and, one pause of a second after the other, waits until a request is due.
    fn next_request(&mut self) -> Outgoing {
        for _ in 0..3 {
            let mut requests = self.plan().requests;
            if let Some(request) = requests.pop() {
                assert!(requests.is_empty());
                return request;
            }
            self.pass(Duration::from_secs(1));
        }
        unreachable!("nothing is sent again within two seconds")
    }
}

/// The values of a batch that is on its way.
fn values(outgoing: &Outgoing, place: usize) -> Vec<String> {
    let part = &outgoing.request.batches[place];
    let mut bytes = bytes::BytesMut::new();
    part.batch.write(&part.stamp, &mut bytes);
    cluster::values(bytes.freeze())
}

fn assert_kind(error: &BrokerError, kind: BrokerErrorKind, named: &str) {
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(named), "{error}");
}

fn arc(text: &str) -> Arc<str> {
    Arc::from(text)
}
