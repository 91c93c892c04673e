//! A cluster whose answers get lost when a test says so.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use streams_core::broker::TopicPartition;

use crate::{
    protocol::ErrorCode,
    transport::{Api, Lane, Leader, Node, Request, Transport, TransportError, TransportErrorKind},
};

/// Passes requests on, unless the cluster is away, and loses answers to heartbeats.
#[derive(Clone, Debug)]
pub(super) struct Lossy {
    inner: Arc<dyn Transport>,
    trouble: Arc<Trouble>,
}

/// What goes wrong.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// How many answers will get lost.
    losses: AtomicUsize,
    is_away: AtomicBool,
    /// How often a group was described.
    described: AtomicUsize,
}

impl Lossy {
    pub(super) fn new(inner: Arc<dyn Transport>, trouble: &Arc<Trouble>) -> Self {
        Self { inner, trouble: Arc::clone(trouble) }
    }
}

impl Trouble {
    pub(super) fn lose(&self, answers: usize) {
        self.losses.store(answers, Ordering::SeqCst);
    }

    pub(super) fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    pub(super) fn described(&self) -> usize {
        self.described.load(Ordering::SeqCst)
    }

    fn takes_answer(&self) -> bool {
        let take = |left: usize| left.checked_sub(1);
        self.losses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok()
    }

    fn check(&self) -> Result<(), TransportError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(TransportError::new(TransportErrorKind::Network, "the cluster is away"));
        }
        Ok(())
    }
}

impl Transport for Lossy {
    fn lane(&self, client_id: &str) -> Arc<dyn Lane> {
        let trouble = Arc::clone(&self.trouble);
        Arc::new(LossyLane { inner: self.inner.lane(client_id), trouble })
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
    trouble: Arc<Trouble>,
}

impl Lane for LossyLane {
    fn send(
        &self,
        node: Node,
        request: Request,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        let is_heartbeat = request.api == Api::StreamsGroupHeartbeat;
        if request.api == Api::StreamsGroupDescribe {
            self.trouble.described.fetch_add(1, Ordering::SeqCst);
        }
        let (sent, trouble) = (self.inner.send(node, request), Arc::clone(&self.trouble));
        async move {
            trouble.check()?;
            let answer = sent.await;
            if is_heartbeat && trouble.takes_answer() {
                let what = "the answer got lost";
                return Err(TransportError::new(TransportErrorKind::Network, what));
            }
            answer
        }
        .boxed()
    }
}
