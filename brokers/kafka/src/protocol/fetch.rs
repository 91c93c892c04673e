//! Fetch, version 12: topics by name, every request complete (no fetch sessions).

use std::{sync::Arc, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use streams_core::broker::{Isolation, TopicPartition};

use super::ErrorCode;
use crate::{
    transport::{Api, Leader, Request},
    wire::{Reader, Result, Writer},
};

const VERSION: i16 = 12;

/// The replica id of a client that is no broker.
const CONSUMER: i32 = -1;

/// The session epoch of a request that belongs to no session.
const NO_SESSION: i32 = -1;

/// A question for records.
#[derive(Debug)]
pub(crate) struct FetchRequest {
    /// How long the broker holds the request while there is not a byte to read.
    pub(crate) max_wait: Duration,
    /// About how many bytes the response may have; a first batch comes whole.
    pub(crate) max_bytes: usize,
    /// The same for each partition.
    pub(crate) partition_max_bytes: usize,
    pub(crate) isolation: Isolation,
    /// In the order in which the broker fills the response.
    pub(crate) partitions: Vec<FetchPartition>,
}

#[derive(Debug)]
pub(crate) struct FetchPartition {
    pub(crate) name: TopicPartition,
    /// Lets a broker refuse that leads no longer, or not yet; -1 for none.
    pub(crate) current_leader_epoch: i32,
    pub(crate) fetch_offset: i64,
}

impl FetchRequest {
    /// The request, which the broker may hold as long as it says.
    pub(crate) fn request(self: &Arc<Self>) -> Request {
        let this = Arc::clone(self);
        let mut request = Request::new(Api::Fetch, VERSION, move |to| this.write(to));
        request.wait = self.max_wait;
        request
    }

    fn write(&self, to: &mut BytesMut) {
        to.put_i32(CONSUMER);
        to.put_i32(i32::try_from(self.max_wait.as_millis()).unwrap_or(i32::MAX));
        to.put_i32(1); // min bytes: whatever there is
        to.put_i32(clamp(self.max_bytes));
        to.put_i8(match self.isolation {
            Isolation::ReadUncommitted => 0,
            Isolation::ReadCommitted => 1,
        });
        to.put_i32(0); // session id
        to.put_i32(NO_SESSION);
        // A topic may come more than once: the order of the partitions is worth more than the bytes.
        let same_topic =
            |one: &FetchPartition, next: &FetchPartition| one.name.topic == next.name.topic;
        let topics: Vec<_> = self.partitions.chunk_by(same_topic).collect();
        to.array(topics.into_iter(), |to, partitions| {
            to.string(partitions.first().map_or("", |first| &first.name.topic));
            to.array(partitions.iter(), |to, partition| self.write_partition(partition, to));
            to.no_tagged_fields();
        });
        to.compact_length(0); // forgotten topics
        to.string(""); // rack
        to.no_tagged_fields();
    }

    fn write_partition(&self, partition: &FetchPartition, to: &mut BytesMut) {
        to.put_i32(partition.name.partition);
        to.put_i32(partition.current_leader_epoch);
        to.put_i64(partition.fetch_offset);
        to.put_i32(-1); // last fetched epoch: the broker looks for no divergence
        to.put_i64(-1); // log start offset: followers' alone
        to.put_i32(clamp(self.partition_max_bytes));
        to.no_tagged_fields();
    }
}

fn clamp(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

/// The answer.
#[derive(Debug)]
pub(crate) struct FetchResponse {
    /// Why nothing was read.
    pub(crate) error: ErrorCode,
    pub(crate) partitions: Vec<PartitionData>,
}

#[derive(Debug)]
pub(crate) struct PartitionData {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) error: ErrorCode,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable_offset: i64,
    pub(crate) log_start_offset: i64,
    /// Who leads, where the broker knows better.
    pub(crate) current_leader: Option<Leader>,
    /// The aborted transactions with records at or after the fetched offset.
    pub(crate) aborted_transactions: Vec<AbortedTransaction>,
    /// Batches one after the other, the last perhaps cut; a slice of the response.
    pub(crate) records: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AbortedTransaction {
    pub(crate) producer_id: i64,
    pub(crate) first_offset: i64,
}

impl FetchResponse {
    pub(crate) fn read(body: Bytes) -> Result<Self> {
        let mut reader = Reader::new(body);
        reader.i32("throttle time")?;
        let error = ErrorCode(reader.i16("error code")?);
        reader.i32("session id")?;
        let mut partitions = Vec::new();
        reader.array("topics", |reader| {
            let topic: Arc<str> = reader.string("a topic's name")?.into();
            reader.array("partitions", |reader| {
                partitions.push(PartitionData::read(Arc::clone(&topic), reader)?);
                Ok(())
            })?;
            reader.skip_tagged_fields()
        })?;
        Ok(Self { error, partitions })
    }
}

impl PartitionData {
    fn read(topic: Arc<str>, reader: &mut Reader) -> Result<Self> {
        let mut data = Self {
            topic,
            partition: reader.i32("a partition's number")?,
            error: ErrorCode(reader.i16("a partition's error code")?),
            high_watermark: reader.i64("a high watermark")?,
            last_stable_offset: reader.i64("a last stable offset")?,
            log_start_offset: reader.i64("a log start offset")?,
            current_leader: None,
            aborted_transactions: reader.array("aborted transactions", |reader| {
                let aborted = AbortedTransaction {
                    producer_id: reader.i64("a producer id")?,
                    first_offset: reader.i64("a transaction's first offset")?,
                };
                reader.skip_tagged_fields()?;
                Ok(aborted)
            })?,
            records: {
                reader.i32("a preferred read replica")?;
                reader.bytes("records")?.unwrap_or_default()
            },
        };
        reader.tagged_fields(|tag, field| {
            if tag == 1 {
                let (node, epoch) = (field.i32("a leader's id")?, field.i32("a leader's epoch")?);
                data.current_leader = (node >= 0).then_some(Leader { node, epoch });
            }
            Ok(())
        })?;
        Ok(data)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A response as a broker writes it.
    pub(crate) fn write_response(error: ErrorCode, partitions: &[PartitionData]) -> Bytes {
        let mut to = BytesMut::new();
        to.put_i32(0);
        to.put_i16(error.0);
        to.put_i32(0);
        to.array(partitions.iter(), |to, data| {
            to.string(&data.topic);
            to.array(std::iter::once(data), write_partition);
            to.no_tagged_fields();
        });
        to.no_tagged_fields();
        to.freeze()
    }

    fn write_partition(to: &mut BytesMut, data: &PartitionData) {
        to.put_i32(data.partition);
        to.put_i16(data.error.0);
        to.put_i64(data.high_watermark);
        to.put_i64(data.last_stable_offset);
        to.put_i64(data.log_start_offset);
        to.array(data.aborted_transactions.iter(), |to, aborted| {
            to.put_i64(aborted.producer_id);
            to.put_i64(aborted.first_offset);
            to.no_tagged_fields();
        });
        to.put_i32(-1);
        to.compact_length(data.records.len());
        to.put_slice(&data.records);
        match data.current_leader {
            None => to.no_tagged_fields(),
            Some(leader) => {
                // One field: tag 1, nine bytes.
                to.put_slice(&[1, 1, 9]);
                to.put_i32(leader.node);
                to.put_i32(leader.epoch);
                to.no_tagged_fields();
            }
        }
    }

    /// A partition with nothing to read in a log of `end` records.
    pub(crate) fn partition_data(name: &TopicPartition, end: i64) -> PartitionData {
        PartitionData {
            topic: Arc::clone(&name.topic),
            partition: name.partition,
            error: ErrorCode::NONE,
            high_watermark: end,
            last_stable_offset: end,
            log_start_offset: 0,
            current_leader: None,
            aborted_transactions: Vec::new(),
            records: Bytes::new(),
        }
    }

    fn response() -> Bytes {
        let mut data = partition_data(&TopicPartition::new("orders", 3), 12);
        data.error = ErrorCode::NOT_LEADER_OR_FOLLOWER;
        data.current_leader = Some(Leader { node: 2, epoch: 7 });
        data.aborted_transactions = vec![AbortedTransaction { producer_id: 1000, first_offset: 4 }];
        data.records = Bytes::from_static(b"records");
        write_response(ErrorCode::NONE, &[data])
    }

    #[test]
    fn a_request_is_written_as_the_protocol_wants_it() {
        let partition = |topic: &str, number| FetchPartition {
            name: TopicPartition::new(topic, number),
            current_leader_epoch: 5,
            fetch_offset: 9,
        };
        let request = FetchRequest {
            max_wait: Duration::from_millis(500),
            max_bytes: 0x1000,
            partition_max_bytes: usize::MAX,
            isolation: Isolation::ReadCommitted,
            partitions: vec![partition("a", 0), partition("a", 1), partition("b", 0)],
        };
        let mut written = BytesMut::new();
        request.write(&mut written);
        let mut reader = Reader::new(written.freeze());
        let head: Vec<_> = (0..4).map(|_| reader.i32("head").unwrap()).collect();
        assert_eq!(head, [-1, 500, 1, 0x1000]);
        assert_eq!(reader.i8("isolation"), Ok(1));
        assert_eq!((reader.i32("session"), reader.i32("epoch")), (Ok(0), Ok(-1)));
        let topics = reader.array("topics", |reader| {
            let topic = reader.string("topic")?;
            let partitions = reader.array("partitions", |reader| {
                let number = reader.i32("number")?;
                assert_eq!((reader.i32("epoch")?, reader.i64("offset")?), (5, 9));
                assert_eq!((reader.i32("fetched epoch")?, reader.i64("start")?), (-1, -1));
                assert_eq!(reader.i32("bytes")?, i32::MAX);
                reader.skip_tagged_fields()?;
                Ok(number)
            })?;
            reader.skip_tagged_fields()?;
            Ok((topic, partitions))
        });
        assert_eq!(topics, Ok(vec![("a".to_owned(), vec![0, 1]), ("b".to_owned(), vec![0])]));
        assert_eq!(reader.array("forgotten", |reader| reader.i8("one")), Ok(vec![]));
        assert_eq!(reader.string("rack"), Ok(String::new()));
        assert_eq!(reader.skip_tagged_fields(), Ok(()));
        assert!(reader.i8("more").is_err());
    }

    #[test]
    fn a_response_is_read_with_what_it_says_of_the_leader() {
        let read = FetchResponse::read(response()).unwrap();
        assert!(read.error.is_ok());
        let [data] = &read.partitions[..] else { unreachable!("one partition") };
        assert_eq!((&*data.topic, data.partition), ("orders", 3));
        assert_eq!(data.error, ErrorCode::NOT_LEADER_OR_FOLLOWER);
        assert_eq!((data.high_watermark, data.last_stable_offset), (12, 12));
        assert_eq!(data.log_start_offset, 0);
        assert_eq!(data.current_leader, Some(Leader { node: 2, epoch: 7 }));
        assert_eq!(
            data.aborted_transactions,
            [AbortedTransaction { producer_id: 1000, first_offset: 4 }]
        );
        assert_eq!(&data.records[..], b"records");
    }

    #[test]
    fn records_are_a_slice_of_the_response() {
        let body = response();
        let read = FetchResponse::read(body.clone()).unwrap();
        assert!(body.as_ptr_range().contains(&read.partitions[0].records.as_ptr()));
    }

    #[test]
    fn a_response_cut_anywhere_is_an_error() {
        let whole = response();
        // The tagged fields at the very end are not looked at.
        for length in 0..whole.len() - 1 {
            assert!(FetchResponse::read(whole.slice(..length)).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn no_byte_of_a_response_makes_it_panic() {
        let whole = response();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut lies = BytesMut::from(&whole[..]);
                lies[at] = value;
                // Read or refused: either is right, as long as it returns.
                drop(FetchResponse::read(lies.freeze()));
            }
        }
    }
}
