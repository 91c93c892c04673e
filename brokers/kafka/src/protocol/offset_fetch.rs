//! OffsetFetch: where a group goes on, as its coordinator knows it.

use std::{collections::BTreeMap, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};
use streams_core::broker::{CommittedOffset, TopicPartition};

use super::ErrorCode;
use crate::{
    transport::{Api, Request},
    wire::{Reader, Result, Writer},
};

/// The last version that names topics; version 10 has their ids.
const VERSION: i16 = 9;
const NO_OFFSET: i64 = -1;

/// Who asks: a member with its epoch, or anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) group_id: Arc<str>,
    pub(crate) member: Option<(Arc<str>, i32)>,
}

/// Asks for the offsets of partitions; `None` asks for all that the group has.
///
/// Offsets that an open transaction is about to replace are answered by
/// `UNSTABLE_OFFSET_COMMIT`: who reads the older ones would process records twice.
pub(crate) fn request(by: Reading, partitions: Option<Arc<[TopicPartition]>>) -> Request {
    Request::new(Api::OffsetFetch, VERSION, move |to| write(to, &by, partitions.as_deref()))
}

fn write(to: &mut BytesMut, by: &Reading, partitions: Option<&[TopicPartition]>) {
    to.array(std::iter::once(by), |to, by| {
        to.string(&by.group_id);
        to.nullable_string(by.member.as_ref().map(|(id, _)| &**id));
        to.put_i32(by.member.as_ref().map_or(-1, |(_, epoch)| *epoch));
        match partitions {
            Some(partitions) => write_topics(to, partitions),
            None => to.null_array(),
        }
        to.no_tagged_fields();
    });
    to.put_u8(1);
    to.no_tagged_fields();
}

fn write_topics(to: &mut BytesMut, partitions: &[TopicPartition]) {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition);
    }
    to.array(topics.into_iter(), |to, (name, indexes)| {
        to.string(name);
        to.array(indexes.into_iter(), BufMut::put_i32);
        to.no_tagged_fields();
    });
}

/// The offsets of the one group that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// What concerns the group as a whole.
    pub(crate) error_code: ErrorCode,
    pub(crate) partitions: Vec<FetchedOffset>,
}

/// A partition's offset; `None` where none is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchedOffset {
    pub(crate) partition: TopicPartition,
    pub(crate) committed: Option<CommittedOffset>,
    pub(crate) error_code: ErrorCode,
}

impl Response {
    pub(crate) fn read(body: Bytes) -> Result<Self> {
        super::read_only(body, "the groups", Self::read_group)
    }

    fn read_group(from: &mut Reader) -> Result<Self> {
        from.string("a group's id")?;
        let mut partitions = Vec::new();
        from.array("a group's topics", |from| {
            let topic: Arc<str> = from.string("a topic's name")?.into();
            from.array("a topic's partitions", |from| {
                partitions.push(FetchedOffset::read(from, &topic)?);
                Ok(())
            })?;
            from.skip_tagged_fields()
        })?;
        let error_code = ErrorCode(from.i16("a group's error")?);
        from.skip_tagged_fields()?;
        Ok(Self { error_code, partitions })
    }
}

impl FetchedOffset {
    fn read(from: &mut Reader, topic: &Arc<str>) -> Result<Self> {
        let partition = TopicPartition::new(Arc::clone(topic), from.i32("a partition's index")?);
        let offset = from.i64("a partition's offset")?;
        let leader_epoch = from.i32("a partition's leader epoch")?;
        let metadata = from.string("a partition's metadata")?;
        let error_code = ErrorCode(from.i16("a partition's error")?);
        from.skip_tagged_fields()?;
        let committed = (offset > NO_OFFSET).then(|| CommittedOffset {
            offset,
            leader_epoch: (leader_epoch >= 0).then_some(leader_epoch),
            metadata,
        });
        Ok(Self { partition, committed, error_code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tests::check_truncated;

    struct Row(&'static str, i32, i64, i32, Option<&'static str>, i16);

    fn response(rows: &[Row], error_code: i16) -> Bytes {
        let mut to = BytesMut::new();
        to.put_i32(0);
        to.array(std::iter::once(rows), |to, rows| {
            to.string("g");
            to.array(rows.iter(), |to, Row(topic, index, offset, epoch, metadata, code)| {
                to.string(topic);
                to.array(std::iter::once(()), |to, ()| {
                    to.put_i32(*index);
                    to.put_i64(*offset);
                    to.put_i32(*epoch);
                    to.nullable_string(*metadata);
                    to.put_i16(*code);
                    to.no_tagged_fields();
                });
                to.no_tagged_fields();
            });
            to.put_i16(error_code);
            to.no_tagged_fields();
        });
        to.freeze()
    }

    #[test]
    fn a_member_names_itself_and_asks_for_stable_offsets() {
        let by = Reading { group_id: "g".into(), member: Some(("m".into(), 3)) };
        let mut to = BytesMut::new();
        write(&mut to, &by, Some(&[TopicPartition::new("a", 1), TopicPartition::new("a", 2)]));
        let expected = [
            &[2, 2, b'g', 2, b'm', 0, 0, 0, 3, 2, 2, b'a', 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0][..],
            &[1, 0],
        ];
        assert_eq!(to[..], expected.concat());
    }

    #[test]
    fn whoever_is_no_member_asks_for_all() {
        let mut to = BytesMut::new();
        write(&mut to, &Reading { group_id: "g".into(), member: None }, None);
        assert_eq!(to[..], [2, 2, b'g', 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0]);
    }

    #[test]
    fn offsets_are_read_with_epoch_and_metadata_where_there_are_any() {
        let rows = [Row("a", 0, 7, 2, Some("x"), 0), Row("b", 1, -1, -1, None, 88)];
        let read = Response::read(response(&rows, 0)).unwrap();
        let full = CommittedOffset { offset: 7, leader_epoch: Some(2), metadata: "x".to_owned() };
        let expected = [
            FetchedOffset {
                partition: TopicPartition::new("a", 0),
                committed: Some(full),
                error_code: ErrorCode::NONE,
            },
            FetchedOffset {
                partition: TopicPartition::new("b", 1),
                committed: None,
                error_code: ErrorCode::UNSTABLE_OFFSET_COMMIT,
            },
        ];
        assert_eq!(read.partitions, expected);
        assert_eq!(Response::read(response(&[], 25)).unwrap().error_code.0, 25);
    }

    #[test]
    fn a_response_that_is_cut_short_is_an_error() {
        check_truncated(&response(&[Row("a", 0, 7, 2, Some("x"), 0)], 0), Response::read);
    }
}
