//! A cluster whose answers get lost when a test says so.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use streams_core::broker::TopicPartition;

use crate::{
    protocol::ErrorCode,
    transport::{Api, Lane, Leader, Node, Request, Transport, TransportError, TransportErrorKind},
};

/// Passes requests on, and loses the answers to heartbeats.
#[derive(Clone, Debug)]
pub(super) struct Lossy {
    inner: Arc<dyn Transport>,
    /// How many answers will get lost.
    pub(super) losses: Arc<AtomicUsize>,
}

impl Lossy {
    pub(super) fn new(inner: Arc<dyn Transport>) -> Self {
        Self { inner, losses: Arc::default() }
    }
}

impl Transport for Lossy {
    fn lane(&self, client_id: &str) -> Arc<dyn Lane> {
        Arc::new(LossyLane { inner: self.inner.lane(client_id), losses: Arc::clone(&self.losses) })
    }

    fn partition_count(&self, topic: &str) -> Option<i32> {
        self.inner.partition_count(topic)
    }

    fn leader(&self, partition: &TopicPartition) -> Option<Leader> {
        self.inner.leader(partition)
    }

    fn topic_error(&self, topic: &str) -> Option<ErrorCode> {
        self.inner.topic_error(topic)
    }

    fn refresh(&self, topics: Vec<Arc<str>>) -> BoxFuture<'static, Result<(), TransportError>> {
        self.inner.refresh(topics)
    }
}

#[derive(Debug)]
struct LossyLane {
    inner: Arc<dyn Lane>,
    losses: Arc<AtomicUsize>,
}

impl Lane for LossyLane {
    fn send(
        &self,
        node: Node,
        request: Request,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        let is_heartbeat = request.api == Api::StreamsGroupHeartbeat;
        let (sent, losses) = (self.inner.send(node, request), Arc::clone(&self.losses));
        async move {
            let answer = sent.await;
            let take = |left: usize| left.checked_sub(1);
            let is_lost = is_heartbeat
                && losses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
            if is_lost {
                let what = "the answer got lost";
                return Err(TransportError::new(TransportErrorKind::Network, what));
            }
            answer
        }
        .boxed()
    }
}
