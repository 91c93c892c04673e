//! OffsetCommit: where a group goes on, kept by its coordinator.

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
const NO_LEADER_EPOCH: i32 = -1;

/// Who commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committer {
    pub(crate) group_id: Arc<str>,
    /// Empty for whoever is no member: a tool, while the group has no members.
    pub(crate) member_id: Arc<str>,
    /// -1 for whoever is no member.
    pub(crate) member_epoch: i32,
}

/// Commits offsets.
pub(crate) fn request(
    committer: Committer,
    offsets: Arc<[(TopicPartition, CommittedOffset)]>,
) -> Request {
    Request::new(Api::OffsetCommit, VERSION, move |to| write(to, &committer, &offsets))
}

fn write(to: &mut BytesMut, by: &Committer, offsets: &[(TopicPartition, CommittedOffset)]) {
    to.string(&by.group_id);
    to.put_i32(by.member_epoch);
    to.string(&by.member_id);
    to.nullable_string(None);
    let mut topics: BTreeMap<&str, Vec<(i32, &CommittedOffset)>> = BTreeMap::new();
    for (partition, offset) in offsets {
        topics.entry(&partition.topic).or_default().push((partition.partition, offset));
    }
    to.array(topics.into_iter(), |to, (name, partitions)| {
        to.string(name);
        to.array(partitions.into_iter(), |to, (index, committed)| {
            to.put_i32(index);
            to.put_i64(committed.offset);
            to.put_i32(committed.leader_epoch.unwrap_or(NO_LEADER_EPOCH));
            to.nullable_string(Some(&committed.metadata));
            to.no_tagged_fields();
        });
        to.no_tagged_fields();
    });
    to.no_tagged_fields();
}

/// What became of each partition's offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) partitions: Vec<(TopicPartition, ErrorCode)>,
}

impl Response {
    pub(crate) fn read(body: Bytes) -> Result<Self> {
        let mut from = Reader::new(body);
        from.i32("the throttle time")?;
        let mut partitions = Vec::new();
        from.array("the topics", |from| {
            let topic: Arc<str> = from.string("a topic's name")?.into();
            from.array("a topic's partitions", |from| {
                let index = from.i32("a partition's index")?;
                let error_code = ErrorCode(from.i16("a partition's error")?);
                partitions.push((TopicPartition::new(Arc::clone(&topic), index), error_code));
                from.skip_tagged_fields()
            })?;
            from.skip_tagged_fields()
        })?;
        Ok(Self { partitions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tests::check_truncated;

    fn response(codes: &[(&str, i32, i16)]) -> Bytes {
        let mut to = BytesMut::new();
        to.put_i32(0);
        to.array(codes.iter(), |to, (topic, index, code)| {
            to.string(topic);
            to.array(std::iter::once((index, code)), |to, (index, code)| {
                to.put_i32(*index);
                to.put_i16(*code);
                to.no_tagged_fields();
            });
            to.no_tagged_fields();
        });
        to.freeze()
    }

    #[test]
    fn offsets_are_written_by_topic_with_epoch_and_metadata() {
        let committer = Committer { group_id: "g".into(), member_id: "m".into(), member_epoch: 5 };
        let known = CommittedOffset { offset: 7, leader_epoch: Some(2), metadata: "x".to_owned() };
        let offsets = [
            (TopicPartition::new("a", 1), known),
            (TopicPartition::new("a", 0), CommittedOffset::new(1)),
        ];
        let mut to = BytesMut::new();
        write(&mut to, &committer, &offsets);
        let mut expected = BytesMut::new();
        expected.put_slice(&[2, b'g', 0, 0, 0, 5, 2, b'm', 0, 2, 2, b'a', 3]);
        expected.put_i32(1);
        expected.put_i64(7);
        expected.put_i32(2);
        expected.put_slice(&[2, b'x', 0]);
        expected.put_i32(0);
        expected.put_i64(1);
        expected.put_i32(-1);
        expected.put_slice(&[1, 0, 0, 0]);
        assert_eq!(to, expected);
    }

    #[test]
    fn each_partitions_code_is_read() {
        let read = Response::read(response(&[("a", 0, 0), ("b", 3, 113)])).unwrap();
        assert_eq!(
            read.partitions,
            [
                (TopicPartition::new("a", 0), ErrorCode::NONE),
                (TopicPartition::new("b", 3), ErrorCode::STALE_MEMBER_EPOCH)
            ]
        );
    }

    #[test]
    fn a_response_that_is_cut_short_is_an_error() {
        check_truncated(&response(&[("a", 0, 0), ("b", 3, 113)]), Response::read);
    }
}
