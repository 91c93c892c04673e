//! Connections to a cluster: requests in, responses out, by node.
//!
//! A broker serves one request of a connection at a time, and a fetch may wait half a second: so
//! that nothing waits behind it, each user of the cluster has a [`Lane`], connections of its own.
//! What lanes share is what is known of the cluster: nodes, topics, leaders.
//!
//! The trait keeps the client library below it replaceable; [`krafka`] is the only file that
//! names it.

mod krafka;

use std::{fmt, fmt::Debug, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use streams_core::broker::{BrokerError, BrokerErrorKind, TopicPartition};

pub(crate) use self::krafka::{KrafkaTransport, from_krafka};

use crate::protocol::ErrorCode;

/// What a request is of; the values are the protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub(crate) enum Api {
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    InitProducerId = 22,
    StreamsGroupHeartbeat = 88,
    StreamsGroupDescribe = 89,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Node {
    /// The node of this id.
    Id(i32),
    /// Any node that answers.
    Any,
}

/// Writes the body of a request.
pub(crate) type Body = Box<dyn FnOnce(&mut BytesMut) + Send>;

/// A request. Each API is spoken in one version, the newest that Kafka 4.2 and later know and that
/// has what is needed here.
pub(crate) struct Request {
    pub(crate) api: Api,
    pub(crate) version: i16,
    /// How long the broker may hold the request before it answers, beyond the request time-out.
    pub(crate) wait: Duration,
    /// Whether the broker answers at all: it does not to a produce request with `acks=0`. Its
    /// response is then empty, and comes when it is handed to the connection.
    pub(crate) is_answered: bool,
    pub(crate) body: Body,
}

impl Request {
    pub(crate) fn new(
        api: Api,
        version: i16,
        body: impl FnOnce(&mut BytesMut) + Send + 'static,
    ) -> Self {
        Self { api, version, wait: Duration::ZERO, is_answered: true, body: Box::new(body) }
    }
}

impl Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} v{}", self.api, self.version)
    }
}

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) node: i32,
    /// Grows with each election; -1 where unknown.
    pub(crate) epoch: i32,
}

/// A cluster.
pub(crate) trait Transport: Debug + Send + Sync {
    /// Connections of their own, opened when first used. Brokers know them by `client_id`.
    fn lane(&self, client_id: &str) -> Arc<dyn Lane>;

    /// How many partitions a topic has, as far as it is known.
    fn partition_count(&self, topic: &str) -> Option<i32>;

    /// Who leads a partition, as far as it is known.
    fn leader(&self, partition: &TopicPartition) -> Option<Leader>;

    /// Why a topic is not known: what the last refresh that asked for it was answered.
    fn topic_error(&self, topic: &str) -> Option<ErrorCode>;

    /// Asks the cluster for these topics anew. Calls at one time share a request, and requests that
    /// follow each other closely wait a little (`retry.backoff.ms`).
    fn refresh(&self, topics: Vec<Arc<str>>) -> BoxFuture<'static, Result<(), TransportError>>;
}

/// Connections of one user of a cluster.
pub(crate) trait Lane: Debug + Send + Sync {
    /// Sends a request and waits for its response: the body, after the header.
    ///
    /// Requests to one node are answered in the order of their sending. A future that is dropped
    /// before its request is written takes it back; later the response is discarded.
    fn send(
        &self,
        node: Node,
        request: Request,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>>;
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransportErrorKind {
    /// Not connected, or the connection broke: the request may have been carried out or not.
    Network,
    /// No response in time: the request may have been carried out or not.
    TimedOut,
    /// TLS or SASL failed: a matter of configuration.
    Security,
    /// What came back is not Kafka's protocol.
    Protocol,
    /// The broker does not know the API in the version spoken here.
    Unsupported,
    /// A setting is wrong.
    Config,
}

/// A request without a response.
#[derive(Clone, Debug)]
pub(crate) struct TransportError {
    pub(crate) kind: TransportErrorKind,
    pub(crate) context: String,
    pub(crate) source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    /// Whether the request may have reached the broker. It did not if there was no connection.
    pub(crate) is_sent: bool,
}

impl TransportError {
    pub(crate) fn new(kind: TransportErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None, is_sent: true }
    }

    /// The same error of a request that did not leave this process.
    #[must_use]
    pub(crate) fn not_sent(mut self) -> Self {
        self.is_sent = false;
        self
    }

    /// Whether the same request may be answered later.
    pub(crate) fn is_retriable(&self) -> bool {
        matches!(self.kind, TransportErrorKind::Network | TransportErrorKind::TimedOut)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<TransportError> for BrokerError {
    fn from(error: TransportError) -> Self {
        let kind = match error.kind {
            TransportErrorKind::Network => BrokerErrorKind::Retriable,
            TransportErrorKind::TimedOut => BrokerErrorKind::TimedOut,
            TransportErrorKind::Security => BrokerErrorKind::Unauthorized,
            TransportErrorKind::Unsupported | TransportErrorKind::Config => {
                BrokerErrorKind::InvalidRequest
            }
            TransportErrorKind::Protocol => BrokerErrorKind::Fatal,
        };
        let broker_error = Self::new(kind, error.context);
        match error.source {
            Some(source) => broker_error.with_source(source),
            None => broker_error,
        }
    }
}
