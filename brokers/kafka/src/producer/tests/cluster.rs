//! A cluster that answers as it is told.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use bytes::{Bytes, BytesMut};
use futures::{FutureExt, future::BoxFuture};
use streams_core::{
    batch::{DecodeOptions, RecordBatch},
    broker::TopicPartition,
};

use crate::{
    protocol::ErrorCode,
    transport::{Api, Lane, Leader, Node, Request, Transport, TransportError},
};

/// What a node answers to the body of a request.
pub(super) type Script = dyn Fn(Node, Api, Bytes) -> Answer + Send + Sync;

pub(super) type Answer = BoxFuture<'static, Result<Bytes, TransportError>>;

#[derive(Clone, Default)]
pub(super) struct FakeCluster {
    known: Arc<Mutex<Known>>,
    script: Option<Arc<Script>>,
}

#[derive(Debug, Default)]
struct Known {
    leaders: BTreeMap<TopicPartition, Leader>,
    counts: BTreeMap<String, i32>,
    errors: BTreeMap<String, ErrorCode>,
    refreshes: usize,
}

impl FakeCluster {
    pub(super) fn scripted(
        script: impl Fn(Node, Api, Bytes) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self { known: Arc::default(), script: Some(Arc::new(script)) }
    }

    /// Makes a topic with this leader, or moves it there.
    pub(super) fn lead(&self, topic: &str, partitions: i32, leader: Leader) {
        let mut known = self.known.lock().unwrap();
        known.counts.insert(topic.to_owned(), partitions);
        known.errors.remove(topic);
        for partition in 0..partitions {
            known.leaders.insert(TopicPartition::new(topic, partition), leader);
        }
    }

    /// From now on a refresh tells this error of the topic.
    pub(super) fn refuse(&self, topic: &str, error: ErrorCode) {
        let mut known = self.known.lock().unwrap();
        known.counts.remove(topic);
        known.leaders.retain(|partition, _| &*partition.topic != topic);
        known.errors.insert(topic.to_owned(), error);
    }

    /// The partitions of a topic have no leader.
    pub(super) fn orphan(&self, topic: &str) {
        let mut known = self.known.lock().unwrap();
        known.leaders.retain(|partition, _| &*partition.topic != topic);
    }

    pub(super) fn refreshes(&self) -> usize {
        self.known.lock().unwrap().refreshes
    }
}

impl fmt::Debug for FakeCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeCluster").finish_non_exhaustive()
    }
}

impl Transport for FakeCluster {
    fn lane(&self, _: &str) -> Arc<dyn Lane> {
        Arc::new(self.clone())
    }

    fn partition_count(&self, topic: &str) -> Option<i32> {
        self.known.lock().unwrap().counts.get(topic).copied()
    }

    fn leader(&self, partition: &TopicPartition) -> Option<Leader> {
        self.known.lock().unwrap().leaders.get(partition).copied()
    }

    fn topic_error(&self, topic: &str) -> Option<ErrorCode> {
        self.known.lock().unwrap().errors.get(topic).copied()
    }

    fn refresh(&self, _: Vec<Arc<str>>) -> BoxFuture<'static, Result<(), TransportError>> {
        self.known.lock().unwrap().refreshes += 1;
        async { Ok(()) }.boxed()
    }
}

impl Lane for FakeCluster {
    fn send(&self, node: Node, request: Request) -> Answer {
        let mut body = BytesMut::new();
        (request.body)(&mut body);
        let script = self.script.as_ref().expect("a test that sends has a script");
        script(node, request.api, body.freeze())
    }
}

/// The values of a batch, after a check of its checksum.
pub(super) fn values(batch: Bytes) -> Vec<String> {
    let decoded = RecordBatch::parse(batch).unwrap().decode(&DecodeOptions::default()).unwrap();
    let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
    decoded.records().map(|record| text(record.unwrap().value)).collect()
}
