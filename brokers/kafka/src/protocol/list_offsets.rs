//! ListOffsets, version 6: offsets of partitions, by a time or at their ends.

use std::{collections::BTreeMap, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};
use streams_core::broker::{Isolation, TopicPartition};

use super::ErrorCode;
use crate::{
    transport::{Api, Request},
    wire::{Reader, Result, Writer},
};

const VERSION: i16 = 6;

/// In place of a timestamp: the high watermark, or the last stable offset for readers of committed
/// records.
pub(crate) const LATEST: i64 = -1;
/// In place of a timestamp: the first offset that still exists.
pub(crate) const EARLIEST: i64 = -2;

/// Which offset of which partition; a request asks for each partition once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) partition: TopicPartition,
    /// The leader's epoch by what is known; -1 where unknown.
    pub(crate) leader_epoch: i32,
    /// Milliseconds since the epoch, [`LATEST`] or [`EARLIEST`].
    pub(crate) timestamp: i64,
}

/// Asks for offsets.
pub(crate) fn request(isolation: Isolation, questions: Vec<Question>) -> Request {
    Request::new(Api::ListOffsets, VERSION, move |to| write(isolation, &questions, to))
}

fn write(isolation: Isolation, questions: &[Question], to: &mut BytesMut) {
    to.put_i32(-1); // replica id: a consumer
    to.put_i8(i8::from(isolation == Isolation::ReadCommitted));
    let mut topics: BTreeMap<&str, Vec<&Question>> = BTreeMap::new();
    for question in questions {
        topics.entry(&question.partition.topic).or_default().push(question);
    }
    to.array(topics.into_iter(), |to, (topic, questions)| {
        to.string(topic);
        to.array(questions.into_iter(), |to, question| {
            to.put_i32(question.partition.partition);
            to.put_i32(question.leader_epoch);
            to.put_i64(question.timestamp);
            to.no_tagged_fields();
        });
        to.no_tagged_fields();
    });
    to.no_tagged_fields();
}

/// The offset of one partition, or why there is none; -1 where no record is as late as asked.
pub(crate) type Answer = (TopicPartition, std::result::Result<i64, ErrorCode>);

/// Reads the answers.
pub(crate) fn read(body: Bytes) -> Result<Vec<Answer>> {
    let mut reader = Reader::new(body);
    reader.i32("throttle time")?;
    let mut answers = Vec::new();
    reader.array("topics", |reader| {
        let topic: Arc<str> = reader.string("a topic's name")?.into();
        reader.array("partitions", |reader| {
            let number = reader.i32("a partition's number")?;
            let error = ErrorCode(reader.i16("a partition's error code")?);
            reader.i64("a timestamp")?;
            let offset = reader.i64("an offset")?;
            reader.i32("a leader's epoch")?;
            let found = if error.is_ok() { Ok(offset) } else { Err(error) };
            answers.push((TopicPartition::new(Arc::clone(&topic), number), found));
            reader.skip_tagged_fields()
        })?;
        reader.skip_tagged_fields()
    })?;
    Ok(answers)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A response as a broker writes it.
    pub(crate) fn write_response(answers: &[Answer]) -> Bytes {
        let mut to = BytesMut::new();
        to.put_i32(0);
        to.array(answers.iter(), |to, (partition, found)| {
            to.string(&partition.topic);
            to.array(std::iter::once(partition.partition), |to, number| {
                to.put_i32(number);
                to.put_i16(found.err().unwrap_or(ErrorCode::NONE).0);
                to.put_i64(-1);
                to.put_i64(found.unwrap_or(-1));
                to.put_i32(4);
                to.no_tagged_fields();
            });
            to.no_tagged_fields();
        });
        to.no_tagged_fields();
        to.freeze()
    }

    fn orders(number: i32) -> TopicPartition {
        TopicPartition::new("orders", number)
    }

    #[test]
    fn a_request_is_written_as_the_protocol_wants_it() {
        let question =
            |number, timestamp| Question { partition: orders(number), leader_epoch: 4, timestamp };
        let mut written = BytesMut::new();
        write(Isolation::ReadCommitted, &[question(3, EARLIEST), question(1, 77)], &mut written);
        let mut expected = BytesMut::new();
        expected.put_slice(&[0xff, 0xff, 0xff, 0xff, 1, 2, 7]);
        expected.put_slice(b"orders");
        expected.put_slice(&[3, 0, 0, 0, 3, 0, 0, 0, 4]);
        expected.put_i64(-2);
        expected.put_slice(&[0, 0, 0, 0, 1, 0, 0, 0, 4]);
        expected.put_i64(77);
        expected.put_slice(&[0, 0, 0]);
        assert_eq!(written, expected);
    }

    #[test]
    fn offsets_and_errors_are_read() {
        let answers = [(orders(3), Ok(17)), (orders(0), Err(ErrorCode::NOT_LEADER_OR_FOLLOWER))];
        assert_eq!(read(write_response(&answers)), Ok(answers.to_vec()));
    }

    #[test]
    fn a_response_cut_anywhere_is_an_error() {
        let whole = write_response(&[(orders(3), Ok(17))]);
        // The tagged fields at the very end are not looked at.
        for length in 0..whole.len() - 1 {
            assert!(read(whole.slice(..length)).is_err(), "{length} bytes");
        }
    }
}
