//! ListOffsets, version 6, of one partition.

use bytes::{BufMut, Bytes, BytesMut};
use streams_core::broker::TopicPartition;

use super::ErrorCode;
use crate::{
    transport::{Api, Request},
    wire::{Reader, Result, WireError, Writer},
};

const VERSION: i16 = 6;

/// Which offset is asked for; the values are the protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub(crate) enum Bound {
    /// The high watermark.
    Latest = -1,
    /// The first offset that still exists.
    Earliest = -2,
}

/// Asks for one end of a partition.
pub(crate) fn request(name: TopicPartition, leader_epoch: i32, bound: Bound) -> Request {
    Request::new(Api::ListOffsets, VERSION, move |to| write(&name, leader_epoch, bound, to))
}

fn write(name: &TopicPartition, leader_epoch: i32, bound: Bound, to: &mut BytesMut) {
    to.put_i32(-1); // replica id: a consumer
    to.put_i8(0); // isolation: read uncommitted
    to.array(std::iter::once(name), |to, name| {
        to.string(&name.topic);
        to.array(std::iter::once(name.partition), |to, partition| {
            to.put_i32(partition);
            to.put_i32(leader_epoch);
            to.put_i64(bound as i64);
            to.no_tagged_fields();
        });
        to.no_tagged_fields();
    });
    to.no_tagged_fields();
}

/// Reads the offset, or why there is none.
pub(crate) fn read(body: Bytes) -> Result<std::result::Result<i64, ErrorCode>> {
    let mut reader = Reader::new(body);
    reader.i32("throttle time")?;
    let mut found = None;
    reader.array("topics", |reader| {
        reader.string("a topic's name")?;
        reader.array("partitions", |reader| {
            reader.i32("a partition's number")?;
            let error = ErrorCode(reader.i16("a partition's error code")?);
            reader.i64("a timestamp")?;
            let offset = reader.i64("an offset")?;
            reader.i32("a leader's epoch")?;
            found = Some(if error.is_ok() { Ok(offset) } else { Err(error) });
            reader.skip_tagged_fields()
        })?;
        reader.skip_tagged_fields()
    })?;
    found.ok_or(WireError::new("the partition"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A response as a broker writes it.
    pub(crate) fn write_response(
        name: &TopicPartition,
        found: std::result::Result<i64, ErrorCode>,
    ) -> Bytes {
        let mut to = BytesMut::new();
        to.put_i32(0);
        to.array(std::iter::once(name), |to, name| {
            to.string(&name.topic);
            to.array(std::iter::once(name.partition), |to, partition| {
                to.put_i32(partition);
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

    fn orders() -> TopicPartition {
        TopicPartition::new("orders", 3)
    }

    #[test]
    fn a_request_is_written_as_the_protocol_wants_it() {
        let mut written = BytesMut::new();
        write(&orders(), 4, Bound::Earliest, &mut written);
        let mut expected = BytesMut::new();
        expected.put_slice(&[0xff, 0xff, 0xff, 0xff, 0, 2, 7]);
        expected.put_slice(b"orders");
        expected.put_slice(&[2, 0, 0, 0, 3, 0, 0, 0, 4]);
        expected.put_i64(-2);
        expected.put_slice(&[0, 0, 0]);
        assert_eq!(written, expected);
    }

    #[test]
    fn an_offset_and_an_error_are_read() {
        assert_eq!(read(write_response(&orders(), Ok(17))), Ok(Ok(17)));
        let refused = Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        assert_eq!(read(write_response(&orders(), refused)), Ok(refused));
    }

    #[test]
    fn a_response_cut_anywhere_is_an_error() {
        let whole = write_response(&orders(), Ok(17));
        // The tagged fields at the very end are not looked at.
        for length in 0..whole.len() - 1 {
            assert!(read(whole.slice(..length)).is_err(), "{length} bytes");
        }
        let nothing = Bytes::from_static(&[0, 0, 0, 0, 1, 0]);
        assert_eq!(read(nothing), Err(WireError::new("the partition")));
    }
}
