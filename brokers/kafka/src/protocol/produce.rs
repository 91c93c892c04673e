//! Produce, version 12: sealed batches, one a partition, and where they were written.
//!
//! ```text
//!  request:  transactional id (nullable) | acks (2) | time-out ms (4)
//!            | topics: name | partitions: index (4) | records (a batch)
//!  response: topics: name
//!                | partitions: index (4) | error (2) | base offset (8) | log append time (8)
//!                              | log start offset (8)
//!                              | record errors: index in the batch (4) | message (nullable)
//!                              | message (nullable) | tag 0: leader id (4) | leader epoch (4)
//!            | throttle ms (4) | tag 0: addresses of these leaders
//! ```
//! Version 12 is the last one with topic names; it is also the first that transactions of version
//! 2 may use.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use streams_core::{
    batch::{ProducerStamp, UnstampedBatch},
    broker::TopicPartition,
};

use super::ErrorCode;
use crate::{
    transport::Leader,
    wire::{Reader, Result, Writer},
};

pub(crate) const VERSION: i16 = 12;

/// What a partition's part of a request takes besides its batch and its topic's name, at most.
const PARTITION_OVERHEAD: usize = 32;

/// A batch on its way.
#[derive(Debug, Clone)]
pub(crate) struct PartitionBatch {
    pub(crate) partition: TopicPartition,
    /// Shared with the queue, which keeps it until it is acknowledged.
    pub(crate) batch: Arc<UnstampedBatch>,
    pub(crate) stamp: ProducerStamp,
}

#[derive(Debug)]
pub(crate) struct ProduceRequest {
    /// -1 all in-sync replicas, 1 the leader, 0 nobody.
    pub(crate) acks: i16,
    pub(crate) timeout_ms: i32,
    /// Ordered by topic.
    pub(crate) batches: Vec<PartitionBatch>,
}

impl ProduceRequest {
    /// Copies and stamps the batches, once.
    pub(crate) fn write(&self, to: &mut BytesMut) {
        to.reserve(self.batches.iter().map(PartitionBatch::size).sum::<usize>());
        to.nullable_string(None);
        to.put_i16(self.acks);
        to.put_i32(self.timeout_ms);
        let topics = || self.batches.chunk_by(|a, b| a.partition.topic == b.partition.topic);
        to.compact_length(topics().count());
        for topic in topics() {
            to.string(&topic[0].partition.topic);
            to.array(topic.iter(), |to, part| {
                to.put_i32(part.partition.partition);
                to.compact_length(part.batch.size());
                part.batch.write(&part.stamp, to);
                to.no_tagged_fields();
            });
            to.no_tagged_fields();
        }
        to.no_tagged_fields();
    }
}

impl PartitionBatch {
    fn size(&self) -> usize {
        self.batch.size() + self.partition.topic.len() + PARTITION_OVERHEAD
    }
}

/// The answer about one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionProduced {
    /// The topic's name.
    pub(crate) topic: Bytes,
    pub(crate) index: i32,
    pub(crate) error: ErrorCode,
    pub(crate) base_offset: i64,
    /// Why, in the broker's words.
    pub(crate) message: Option<String>,
    /// Who leads the partition, if the node that answers does not.
    pub(crate) leader: Option<Leader>,
}

/// The answers of a response.
pub(crate) fn read(body: Bytes) -> Result<Vec<PartitionProduced>> {
    let mut from = Reader::new(body);
    let mut answers = Vec::new();
    from.array("topics", |from| {
        let topic = from.bytes("a topic's name")?.unwrap_or_default();
        from.array("partitions", |from| {
            answers.push(read_partition(from, &topic)?);
            Ok(())
        })?;
        from.skip_tagged_fields()
    })?;
    from.i32("the throttle time")?;
    from.skip_tagged_fields()?;
    Ok(answers)
}

fn read_partition(from: &mut Reader, topic: &Bytes) -> Result<PartitionProduced> {
    let index = from.i32("a partition")?;
    let error = ErrorCode(from.i16("the error of a partition")?);
    let base_offset = from.i64("a base offset")?;
    from.i64("a log append time")?;
    from.i64("a log start offset")?;
    let mut of_records = from.array("the errors of records", |from| {
        from.i32("the index of a record")?;
        let message = from.nullable_string("the error of a record")?;
        from.skip_tagged_fields()?;
        Ok(message)
    })?;
    let of_batch = from.nullable_string("the error of a batch")?;
    let mut leader = None;
    from.tagged_fields(|tag, from| {
        if tag == 0 {
            let node = from.i32("a leader")?;
            let epoch = from.i32("a leader epoch")?;
            leader = Some(Leader { node, epoch }).filter(|leader| leader.node >= 0);
        }
        Ok(())
    })?;
    // What is wrong with the first record says more than that something is.
    let message = of_records.drain(..).flatten().next().or(of_batch);
    Ok(PartitionProduced { topic: topic.clone(), index, error, base_offset, message, leader })
}

#[cfg(test)]
mod tests {
    use streams_core::batch::{BatchBuilder, RecordBatch, SealOptions, Timestamp};

    use super::*;

    fn batch(value: &[u8]) -> Arc<UnstampedBatch> {
        let mut builder = BatchBuilder::new();
        builder.append(Timestamp::from_millis(5), None, Some(value), &[]).unwrap();
        Arc::new(builder.take(&SealOptions::default(), Vec::new()).unwrap())
    }

    fn part(topic: &str, partition: i32, base_sequence: i32) -> PartitionBatch {
        PartitionBatch {
            partition: TopicPartition::new(topic, partition),
            batch: batch(&[b'v'; 200]),
            stamp: ProducerStamp { producer_id: 7, producer_epoch: 1, base_sequence },
        }
    }

    #[test]
    fn a_request_has_each_topic_once_and_its_batches_stamped() {
        let batches = vec![part("a", 0, 10), part("a", 3, 20), part("b", 1, 30)];
        let request = ProduceRequest { acks: -1, timeout_ms: 30_000, batches };
        let mut written = BytesMut::new();
        request.write(&mut written);
        let mut from = Reader::new(written.freeze());
        assert_eq!(from.nullable_string("id").unwrap(), None);
        assert_eq!((from.i16("acks").unwrap(), from.i32("time-out").unwrap()), (-1, 30_000));
        let mut found = Vec::new();
        from.array("topics", |from| {
            let topic = from.string("topic")?;
            from.array("partitions", |from| {
                let partition = from.i32("partition")?;
                let batch = RecordBatch::parse(from.bytes("batch")?.unwrap()).unwrap();
                batch.check().unwrap();
                assert_eq!((batch.producer_id(), batch.producer_epoch()), (7, 1));
                found.push((topic.clone(), partition, batch.base_sequence()));
                from.skip_tagged_fields()
            })?;
            from.skip_tagged_fields()
        })
        .unwrap();
        from.skip_tagged_fields().unwrap();
        assert!(from.i8("more").is_err(), "nothing follows");
        assert_eq!(found, [("a".into(), 0, 10), ("a".into(), 3, 20), ("b".into(), 1, 30)]);
    }

    #[test]
    fn the_memory_of_a_request_is_reserved_at_once() {
        let batches: Vec<_> = (0..50).map(|partition| part("topic", partition, 0)).collect();
        let reserved: usize = batches.iter().map(PartitionBatch::size).sum();
        let mut written = BytesMut::new();
        ProduceRequest { acks: -1, timeout_ms: 1, batches }.write(&mut written);
        assert!(written.len() <= reserved, "{} bytes, {reserved} reserved", written.len());
    }

    /// Topic "t": partition 0 written at 42, partition 1 not led here, partition 2 refused.
    fn response() -> Bytes {
        let mut to = BytesMut::new();
        to.compact_length(1);
        to.string("t");
        to.compact_length(3);
        let partition = |to: &mut BytesMut, index: i32, error: i16, base: i64| {
            to.put_i32(index);
            to.put_i16(error);
            to.put_i64(base);
            to.put_i64(-1);
            to.put_i64(0);
        };
        partition(&mut to, 0, 0, 42);
        to.compact_length(0);
        to.nullable_string(None);
        to.no_tagged_fields();
        partition(&mut to, 1, 6, -1);
        to.compact_length(0);
        to.nullable_string(None);
        to.put_slice(&[1, 0, 9]);
        to.put_i32(3);
        to.put_i32(12);
        to.no_tagged_fields();
        partition(&mut to, 2, 87, -1);
        to.compact_length(1);
        to.put_i32(4);
        to.nullable_string(Some("no key"));
        to.no_tagged_fields();
        to.nullable_string(Some("one or more records"));
        to.no_tagged_fields();
        to.no_tagged_fields();
        to.put_i32(0);
        to.no_tagged_fields();
        to.freeze()
    }

    #[test]
    fn a_response_is_read() {
        let answers = read(response()).unwrap();
        assert!(answers.iter().all(|answer| answer.topic == "t"));
        let indexes: Vec<_> = answers.iter().map(|answer| answer.index).collect();
        assert_eq!(indexes, [0, 1, 2]);
        assert_eq!((answers[0].error, answers[0].base_offset), (ErrorCode::NONE, 42));
        assert_eq!(answers[0].leader, None);
        assert_eq!(answers[1].error, ErrorCode::NOT_LEADER_OR_FOLLOWER);
        assert_eq!(answers[1].leader, Some(Leader { node: 3, epoch: 12 }));
        assert_eq!(answers[2].error, ErrorCode::INVALID_RECORD);
        assert_eq!(answers[2].message.as_deref(), Some("no key"));
    }

    #[test]
    fn a_response_that_is_cut_short_is_an_error() {
        let whole = response();
        for length in 0..whole.len() {
            assert!(read(whole.slice(..length)).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_response_that_lies_is_no_panic() {
        let whole = response();
        for at in 0..whole.len() {
            let mut lying = BytesMut::from(&whole[..]);
            lying[at] = 0xff;
            // Some lies are possible answers; none may end the process.
            if let Ok(answers) = read(lying.freeze()) {
                assert!(answers.len() <= whole.len());
            }
        }
    }
}
