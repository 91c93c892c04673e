//! What a partition holds, fetched.

use bytes::{BufMut, Bytes};
use streams_core::{
    batch::RecordBatches,
    broker::{OffsetSpec, TopicPartition},
};

use super::*;
use crate::{
    transport::{Api, Node, Request},
    wire::{Reader, Writer},
};

/// Fetch, version 12: the last one with topic names.
const VERSION: i16 = 12;

/// The values of all records.
pub(super) fn read(kafka: &Kafka, from: &TopicPartition) -> Vec<String> {
    batches(kafka, from).into_iter().flat_map(|batch| cluster::values(batch.into_bytes())).collect()
}

/// All batches, up to the end at the time of the call.
pub(super) fn batches(kafka: &Kafka, from: &TopicPartition) -> Vec<RecordBatch> {
    let at = |spec| kafka.admin.list_offsets(&[(from.clone(), spec)]).unwrap()[0];
    let (mut position, end) = (at(OffsetSpec::Earliest), at(OffsetSpec::Latest));
    let mut batches = Vec::new();
    while position < end {
        let fetched = RecordBatches::new(fetch(kafka, from, position));
        let fetched: Vec<RecordBatch> = fetched.map(Result::unwrap).collect();
        position = fetched.last().expect("there is more").next_offset();
        batches.extend(fetched);
    }
    batches
}

fn fetch(kafka: &Kafka, from: &TopicPartition, position: i64) -> Bytes {
    let (topic, partition) = (from.topic.to_string(), from.partition);
    let request = Request::new(Api::Fetch, VERSION, move |to| {
        to.put_i32(-1);
        // Waits for nothing, 16 MiB, uncommitted records too, no session.
        [0, 0, 16 << 20].into_iter().for_each(|number| to.put_i32(number));
        to.put_i8(0);
        [0, -1].into_iter().for_each(|number| to.put_i32(number));
        to.array([topic].into_iter(), |to, topic| {
            to.string(&topic);
            to.array([partition].into_iter(), |to, partition| {
                to.put_i32(partition);
                to.put_i32(-1);
                to.put_i64(position);
                to.put_i32(-1);
                to.put_i64(-1);
                to.put_i32(16 << 20);
                to.no_tagged_fields();
            });
            to.no_tagged_fields();
        });
        to.compact_length(0);
        to.string("");
        to.no_tagged_fields();
    });
    let node = kafka.client.transport.leader(from).expect("it has a leader").node;
    let answer = kafka.client.transport.lane("test-fetch").send(Node::Id(node), request);
    let answered = async move { answer.await.map_err(Into::into) };
    let body = kafka.client.wait_for("a fetch", answered).unwrap();
    records(body)
}

fn records(body: Bytes) -> Bytes {
    let mut from = Reader::new(body);
    let mut records = Bytes::new();
    from.i32("throttle").unwrap();
    assert_eq!(from.i16("error").unwrap(), 0);
    from.i32("session").unwrap();
    from.array("topics", |from| {
        from.string("topic")?;
        from.array("partitions", |from| {
            from.i32("partition")?;
            assert_eq!(from.i16("error")?, 0);
            for what in ["high watermark", "last stable offset", "log start"] {
                from.i64(what)?;
            }
            from.array("aborted transactions", |_| Ok(()))?;
            from.i32("preferred replica")?;
            records = from.bytes("records")?.unwrap_or_default();
            from.skip_tagged_fields()
        })?;
        from.skip_tagged_fields()
    })
    .unwrap();
    records
}
