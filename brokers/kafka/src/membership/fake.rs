//! A cluster of one group that answers as a test says.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::{BufMut, Bytes, BytesMut};
use futures::{FutureExt, future::BoxFuture};
use streams_core::broker::TopicPartition;

use crate::{
    protocol::ErrorCode,
    transport::{Api, Lane, Leader, Node, Request, Transport, TransportError, TransportErrorKind},
    wire::{Reader, Writer},
};

/// What a test makes of a request.
pub(crate) type Handler = Box<dyn FnMut(Node, Api, Bytes) -> Result<Bytes, TransportError> + Send>;

/// One object is cluster and lane.
#[derive(Clone)]
pub(crate) struct Fake(Arc<Mutex<Inner>>);

struct Inner {
    handler: Handler,
    counts: BTreeMap<String, i32>,
    errors: BTreeMap<String, ErrorCode>,
    refreshes: usize,
}

impl Fake {
    pub(crate) fn new(
        handler: impl FnMut(Node, Api, Bytes) -> Result<Bytes, TransportError> + Send + 'static,
    ) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            handler: Box::new(handler),
            counts: BTreeMap::new(),
            errors: BTreeMap::new(),
            refreshes: 0,
        })))
    }

    /// The topic has so many partitions.
    pub(crate) fn topic(self, name: &str, partitions: i32) -> Self {
        self.inner().counts.insert(name.to_owned(), partitions);
        self
    }

    /// The topic is answered with an error.
    pub(crate) fn topic_error(&self, name: &str, code: ErrorCode) {
        self.inner().errors.insert(name.to_owned(), code);
    }

    pub(crate) fn refreshes(&self) -> usize {
        self.inner().refreshes
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fake")
    }
}

impl Lane for Fake {
    fn send(
        &self,
        node: Node,
        request: Request,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        let mut body = BytesMut::new();
        (request.body)(&mut body);
        let answer = (self.inner().handler)(node, request.api, body.freeze());
        async move { answer }.boxed()
    }
}

impl Transport for Fake {
    fn lane(&self, _client_id: &str) -> Arc<dyn Lane> {
        Arc::new(self.clone())
    }

    fn partition_count(&self, topic: &str) -> Option<i32> {
        self.inner().counts.get(topic).copied()
    }

    fn leader(&self, _partition: &TopicPartition) -> Option<Leader> {
        None
    }

    fn topic_error(&self, topic: &str) -> Option<ErrorCode> {
        self.inner().errors.get(topic).copied()
    }

    fn refresh(&self, _topics: Vec<Arc<str>>) -> BoxFuture<'static, Result<(), TransportError>> {
        self.inner().refreshes += 1;
        async { Ok(()) }.boxed()
    }
}

/// The connection broke.
pub(crate) fn broken() -> TransportError {
    TransportError::new(TransportErrorKind::Network, "node 1 at kafka:9092 cannot be reached")
}

/// The coordinator is this node; or an error.
pub(crate) fn found(node: i32, code: ErrorCode) -> Bytes {
    let mut to = BytesMut::new();
    to.put_i32(0);
    to.array(std::iter::once(()), |to, ()| {
        to.string("group");
        to.put_i32(node);
        to.string("kafka");
        to.put_i32(9092);
        to.put_i16(code.0);
        to.nullable_string(None);
        to.no_tagged_fields();
    });
    to.freeze()
}

/// An answer to an OffsetCommit of one partition.
pub(crate) fn committed(partition: &TopicPartition, code: ErrorCode) -> Bytes {
    let mut to = BytesMut::new();
    to.put_i32(0);
    to.array(std::iter::once(partition), |to, partition| {
        to.string(&partition.topic);
        to.array(std::iter::once(partition.partition), |to, index| {
            to.put_i32(index);
            to.put_i16(code.0);
            to.no_tagged_fields();
        });
        to.no_tagged_fields();
    });
    to.freeze()
}

/// An answer to a heartbeat; with the active partitions of sub-topology 0, if they changed.
pub(crate) fn heartbeat(epoch: i32, active: Option<&[i32]>, code: ErrorCode) -> Bytes {
    let mut to = BytesMut::new();
    to.put_i32(0);
    to.put_i16(code.0);
    to.nullable_string(None);
    to.string("m1");
    to.put_i32(epoch);
    to.put_i32(20);
    to.put_i32(0);
    to.put_i32(0);
    to.array(std::iter::empty::<()>(), |_, ()| {});
    let Some(active) = active else {
        (0..3).for_each(|_| to.null_array());
        to.put_i32(0);
        return to.freeze();
    };
    to.array(std::iter::once(active), |to, active| {
        to.string("0");
        to.array(active.iter().copied(), BufMut::put_i32);
        to.no_tagged_fields();
    });
    (0..2).for_each(|_| to.array(std::iter::empty::<()>(), |_, ()| {}));
    to.put_i32(0);
    to.freeze()
}

/// An answer to an OffsetFetch of one partition.
pub(crate) fn fetched(
    partition: &TopicPartition,
    offset: i64,
    of_partition: ErrorCode,
    of_group: ErrorCode,
) -> Bytes {
    let mut to = BytesMut::new();
    to.put_i32(0);
    to.array(std::iter::once(()), |to, ()| {
        to.string("group");
        to.array(std::iter::once(partition), |to, partition| {
            to.string(&partition.topic);
            to.array(std::iter::once(partition.partition), |to, index| {
                to.put_i32(index);
                to.put_i64(offset);
                to.put_i32(-1);
                to.nullable_string(None);
                to.put_i16(of_partition.0);
                to.no_tagged_fields();
            });
            to.no_tagged_fields();
        });
        to.put_i16(of_group.0);
        to.no_tagged_fields();
    });
    to.freeze()
}

/// What a request names: group `group`, then the epoch. For OffsetCommit.
pub(crate) fn committed_epoch(body: &Bytes) -> i32 {
    let mut from = Reader::new(body.clone());
    from.string("the group").unwrap();
    from.i32("the epoch").unwrap()
}

/// The member's epoch in a heartbeat.
pub(crate) fn heartbeat_epoch(body: &Bytes) -> i32 {
    let mut from = Reader::new(body.clone());
    from.string("the group").unwrap();
    from.string("the member").unwrap();
    from.i32("the epoch").unwrap()
}
