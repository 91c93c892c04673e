//! StreamsGroupDescribe: a streams group as its coordinator sees it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{BufMut, Bytes, BytesMut};
use streams_core::broker::OwnedTasks;

use super::{ErrorCode, streams_group_heartbeat::read_tasks};
use crate::{
    transport::{Api, Request},
    wire::{Reader, Result, Writer},
};

const VERSION: i16 = 0;

/// Asks for one group.
pub(crate) fn request(group_id: &str) -> Request {
    let group_id = group_id.to_owned();
    Request::new(Api::StreamsGroupDescribe, VERSION, move |to| write(to, &group_id))
}

fn write(to: &mut BytesMut, group_id: &str) {
    to.array(std::iter::once(group_id), BytesMut::string);
    // Nor which operations are allowed.
    to.put_u8(0);
    to.no_tagged_fields();
}

/// The one group that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) error_code: ErrorCode,
    pub(crate) error_message: Option<String>,
    pub(crate) group_state: String,
    pub(crate) group_epoch: i32,
    /// By sub-topology id. Empty while the group's topics are missing.
    pub(crate) topology: BTreeMap<String, DescribedSubtopology>,
    pub(crate) members: Vec<DescribedMember>,
}

/// The names of a sub-topology's topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DescribedSubtopology {
    pub(crate) source_topics: BTreeSet<String>,
    pub(crate) repartition_sink_topics: BTreeSet<String>,
    pub(crate) state_changelog_topics: BTreeMap<String, DescribedTopic>,
    pub(crate) repartition_source_topics: BTreeMap<String, DescribedTopic>,
}

/// An internal topic as the group has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DescribedTopic {
    /// As many as the coordinator has worked out.
    pub(crate) partitions: i32,
    pub(crate) topic_configs: BTreeMap<String, String>,
}

/// A member as the coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DescribedMember {
    pub(crate) member_id: String,
    pub(crate) member_epoch: i32,
    pub(crate) process_id: String,
    /// What it is to own now.
    pub(crate) assignment: OwnedTasks,
    /// What it is to own in the end.
    pub(crate) target_assignment: OwnedTasks,
}

impl Response {
    pub(crate) fn read(body: Bytes) -> Result<Self> {
        super::read_only(body, "the groups", Self::read_group)
    }

    fn read_group(from: &mut Reader) -> Result<Self> {
        let error_code = ErrorCode(from.i16("a group's error")?);
        let error_message = from.nullable_string("a group's error message")?;
        from.string("a group's id")?;
        let group_state = from.string("a group's state")?;
        let group_epoch = from.i32("a group's epoch")?;
        from.i32("a group's assignment epoch")?;
        let topology = read_topology(from)?;
        let members = from.array("a group's members", DescribedMember::read)?;
        from.i32("a group's operations")?;
        from.skip_tagged_fields()?;
        Ok(Self { error_code, error_message, group_state, group_epoch, topology, members })
    }
}

fn read_topology(from: &mut Reader) -> Result<BTreeMap<String, DescribedSubtopology>> {
    if from.i8("a topology")? < 0 {
        return Ok(BTreeMap::new());
    }
    from.i32("a topology's epoch")?;
    let subtopologies = from.array("the sub-topologies", DescribedSubtopology::read)?;
    from.skip_tagged_fields()?;
    Ok(subtopologies.into_iter().collect())
}

impl DescribedSubtopology {
    fn read(from: &mut Reader) -> Result<(String, Self)> {
        let id = from.string("a sub-topology's id")?;
        let source_topics = read_names(from)?;
        let repartition_sink_topics = read_names(from)?;
        let state_changelog_topics = read_topics(from)?;
        let repartition_source_topics = read_topics(from)?;
        from.skip_tagged_fields()?;
        let read = Self {
            source_topics,
            repartition_sink_topics,
            state_changelog_topics,
            repartition_source_topics,
        };
        Ok((id, read))
    }
}

fn read_names(from: &mut Reader) -> Result<BTreeSet<String>> {
    let names = from.array("a sub-topology's topics", |from| from.string("a topic's name"))?;
    Ok(names.into_iter().collect())
}

fn read_topics(from: &mut Reader) -> Result<BTreeMap<String, DescribedTopic>> {
    let topics = from.array("a sub-topology's internal topics", |from| {
        let name = from.string("a topic's name")?;
        let partitions = from.i32("a topic's partitions")?;
        from.i16("a topic's replication factor")?;
        let topic_configs = read_key_values(from)?;
        from.skip_tagged_fields()?;
        Ok((name, DescribedTopic { partitions, topic_configs }))
    })?;
    Ok(topics.into_iter().collect())
}

fn read_key_values(from: &mut Reader) -> Result<BTreeMap<String, String>> {
    let pairs = from.array("keys and values", |from| {
        let pair = (from.string("a key")?, from.string("a value")?);
        from.skip_tagged_fields()?;
        Ok(pair)
    })?;
    Ok(pairs.into_iter().collect())
}

impl DescribedMember {
    fn read(from: &mut Reader) -> Result<Self> {
        let member_id = from.string("a member's id")?;
        let member_epoch = from.i32("a member's epoch")?;
        from.nullable_string("a member's instance id")?;
        from.nullable_string("a member's rack")?;
        from.string("a member's client id")?;
        from.string("a member's host")?;
        from.i32("a member's topology epoch")?;
        let process_id = from.string("a member's process")?;
        skip_endpoint(from)?;
        read_key_values(from)?;
        skip_task_offsets(from)?;
        skip_task_offsets(from)?;
        let assignment = read_assignment(from)?;
        let target_assignment = read_assignment(from)?;
        from.i8("whether a member is classic")?;
        from.skip_tagged_fields()?;
        Ok(Self { member_id, member_epoch, process_id, assignment, target_assignment })
    }
}

fn skip_endpoint(from: &mut Reader) -> Result<()> {
    if from.i8("a member's endpoint")? < 0 {
        return Ok(());
    }
    from.string("an endpoint's host")?;
    from.i16("an endpoint's port")?;
    from.skip_tagged_fields()
}

fn skip_task_offsets(from: &mut Reader) -> Result<()> {
    from.array("a member's task offsets", |from| {
        from.string("a task's sub-topology")?;
        from.i32("a task's partition")?;
        from.i64("a task's offset")?;
        from.skip_tagged_fields()
    })?;
    Ok(())
}

fn read_assignment(from: &mut Reader) -> Result<OwnedTasks> {
    let tasks = read_tasks(from)?.unwrap_or_default();
    from.skip_tagged_fields()?;
    Ok(tasks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tests::check_truncated;

    fn names(to: &mut BytesMut, names: &[&str]) {
        to.array(names.iter(), |to, name| to.string(name));
    }

    fn topics(to: &mut BytesMut, names: &[&str]) {
        to.array(names.iter(), |to, name| {
            to.string(name);
            to.put_i32(3);
            to.put_i16(1);
            to.array(std::iter::once(()), |to, ()| {
                to.string("retention.ms");
                to.string("-1");
                to.no_tagged_fields();
            });
            to.no_tagged_fields();
        });
    }

    fn assignment(to: &mut BytesMut, partition: i32) {
        to.array(std::iter::once(()), |to, ()| {
            to.string("0");
            to.array(std::iter::once(partition), BufMut::put_i32);
            to.no_tagged_fields();
        });
        names(to, &[]);
        names(to, &[]);
        to.no_tagged_fields();
    }

    fn member(to: &mut BytesMut, id: &str, endpoint: bool) {
        to.string(id);
        to.put_i32(4);
        to.nullable_string(None);
        to.nullable_string(Some("rack"));
        to.string("client");
        to.string("/127.0.0.1");
        to.put_i32(0);
        to.string("process");
        if endpoint {
            to.put_i8(1);
            to.string("host");
            to.put_u16(8080);
            to.no_tagged_fields();
        } else {
            to.put_i8(-1);
        }
        names(to, &[]);
        to.array(std::iter::once(()), |to, ()| {
            to.string("0");
            to.put_i32(1);
            to.put_i64(100);
            to.no_tagged_fields();
        });
        names(to, &[]);
        assignment(to, 1);
        assignment(to, 2);
        to.put_u8(0);
        to.no_tagged_fields();
    }

    fn response(with_topology: bool) -> Bytes {
        let mut to = BytesMut::new();
        to.put_i32(0);
        to.array(std::iter::once(()), |to, ()| {
            to.put_i16(0);
            to.nullable_string(None);
            to.string("g");
            to.string("Stable");
            to.put_i32(9);
            to.put_i32(9);
            if with_topology {
                to.put_i8(1);
                to.put_i32(0);
                to.array(std::iter::once(()), |to, ()| {
                    to.string("0");
                    names(to, &["source"]);
                    names(to, &["sink"]);
                    topics(to, &["changelog"]);
                    topics(to, &["repartition"]);
                    to.no_tagged_fields();
                });
                to.no_tagged_fields();
            } else {
                to.put_i8(-1);
            }
            to.array([("m1", true), ("m2", false)].into_iter(), |to, (id, endpoint)| {
                member(to, id, endpoint);
            });
            to.put_i32(0);
            to.no_tagged_fields();
        });
        to.freeze()
    }

    #[test]
    fn one_group_is_asked_for() {
        let mut to = BytesMut::new();
        write(&mut to, "g");
        assert_eq!(to[..], [2, 2, b'g', 0, 0]);
    }

    #[test]
    fn topology_and_members_are_read() {
        let read = Response::read(response(true)).unwrap();
        assert_eq!((&*read.group_state, read.group_epoch), ("Stable", 9));
        let subtopology = &read.topology["0"];
        assert!(subtopology.source_topics.contains("source"));
        assert!(subtopology.repartition_sink_topics.contains("sink"));
        let changelog = &subtopology.state_changelog_topics["changelog"];
        assert_eq!(changelog.partitions, 3);
        assert_eq!(changelog.topic_configs["retention.ms"], "-1");
        assert!(subtopology.repartition_source_topics.contains_key("repartition"));
        let ids: Vec<_> = read.members.iter().map(|member| &*member.member_id).collect();
        assert_eq!(ids, ["m1", "m2"]);
        let member = &read.members[1];
        assert_eq!((member.member_epoch, &*member.process_id), (4, "process"));
        let shown = |tasks: &OwnedTasks| tasks.active.first().map(ToString::to_string);
        assert_eq!(shown(&member.assignment).as_deref(), Some("0_1"));
        assert_eq!(shown(&member.target_assignment).as_deref(), Some("0_2"));
    }

    #[test]
    fn a_group_without_a_topology_is_read() {
        let read = Response::read(response(false)).unwrap();
        assert!(read.topology.is_empty());
        assert_eq!(read.members.len(), 2);
    }

    #[test]
    fn a_response_that_is_cut_short_is_an_error() {
        check_truncated(&response(true), Response::read);
        check_truncated(&response(false), Response::read);
    }
}
