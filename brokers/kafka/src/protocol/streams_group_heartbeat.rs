//! StreamsGroupHeartbeat (KIP-1071): joins a streams group, stays in it, says what is owned, hears
//! what is assigned, and leaves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::{BufMut, Bytes, BytesMut};
use streams_core::broker::{OwnedTasks, TaskId};

use super::ErrorCode;
use crate::{
    transport::{Api, Request},
    wire::{Reader, Result, WireError, Writer},
};

const VERSION: i16 = 0;

/// The epoch of a member that joins.
pub(crate) const JOIN: i32 = 0;
/// The epoch of a member that leaves.
pub(crate) const LEAVE: i32 = -1;

/// A heartbeat. What is `None` did not change since the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    pub(crate) group_id: Arc<str>,
    pub(crate) member_id: Arc<str>,
    pub(crate) member_epoch: i32,
    /// The epoch of the instances' addresses that this member last heard; -1 for none.
    pub(crate) endpoint_information_epoch: i32,
    /// How long the group waits for this member to give up a task; said by joining.
    pub(crate) rebalance_timeout_ms: Option<i32>,
    /// What else is said once, by joining.
    pub(crate) introduction: Option<Arc<Introduction>>,
    /// All three lists of tasks are there, or none: the coordinator takes owned tasks for given up
    /// only where it sees all.
    pub(crate) owned: Option<OwnedTasks>,
    pub(crate) shutdown_application: bool,
}

/// Who joins, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Introduction {
    pub(crate) rack_id: Option<String>,
    pub(crate) topology: Topology,
    pub(crate) process_id: String,
    pub(crate) user_endpoint: Option<(String, u16)>,
    pub(crate) client_tags: BTreeMap<String, String>,
}

/// The group keeps the topology of its first member, and compares all others' with it: lists in
/// another order are another topology.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Topology {
    pub(crate) epoch: i32,
    pub(crate) subtopologies: Vec<Subtopology>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subtopology {
    pub(crate) subtopology_id: String,
    pub(crate) source_topics: Vec<Arc<str>>,
    pub(crate) state_changelog_topics: Vec<TopicInfo>,
    pub(crate) repartition_sink_topics: Vec<Arc<str>>,
    pub(crate) repartition_source_topics: Vec<TopicInfo>,
    pub(crate) copartition_groups: Vec<CopartitionGroup>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicInfo {
    pub(crate) name: Arc<str>,
    /// 0 leaves it to the coordinator.
    pub(crate) partitions: i32,
    /// -1 takes the broker's default.
    pub(crate) replication_factor: i16,
    pub(crate) topic_configs: BTreeMap<String, String>,
}

/// Places in the lists of the sub-topology.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CopartitionGroup {
    pub(crate) source_topics: Vec<i16>,
    pub(crate) repartition_source_topics: Vec<i16>,
}

impl Heartbeat {
    pub(crate) fn request(self) -> Request {
        Request::new(Api::StreamsGroupHeartbeat, VERSION, move |to| self.write(to))
    }

    fn write(&self, to: &mut BytesMut) {
        let introduction = self.introduction.as_deref();
        to.string(&self.group_id);
        to.string(&self.member_id);
        to.put_i32(self.member_epoch);
        to.put_i32(self.endpoint_information_epoch);
        // Static membership is not served yet.
        to.nullable_string(None);
        to.nullable_string(introduction.and_then(|own| own.rack_id.as_deref()));
        to.put_i32(self.rebalance_timeout_ms.unwrap_or(-1));
        nullable(to, introduction.map(|own| &own.topology), |to, topology| topology.write(to));
        self.write_owned(to);
        to.nullable_string(introduction.map(|own| &*own.process_id));
        let endpoint = introduction.and_then(|own| own.user_endpoint.as_ref());
        nullable(to, endpoint, |to, (host, port)| {
            to.string(host);
            to.put_u16(*port);
            to.no_tagged_fields();
        });
        match introduction {
            Some(own) => key_values(to, &own.client_tags),
            None => to.null_array(),
        }
        // Offsets and end offsets of tasks are for warm-ups, which are not served yet.
        to.null_array();
        to.null_array();
        to.put_u8(u8::from(self.shutdown_application));
        to.no_tagged_fields();
    }

    fn write_owned(&self, to: &mut BytesMut) {
        let Some(owned) = &self.owned else {
            to.null_array();
            to.null_array();
            return to.null_array();
        };
        for tasks in [&owned.active, &owned.standby] {
            let mut by_subtopology: BTreeMap<usize, Vec<i32>> = BTreeMap::new();
            for task in tasks {
                by_subtopology.entry(task.subtopology).or_default().push(task.partition);
            }
            to.array(by_subtopology.into_iter(), |to, (subtopology, partitions)| {
                to.string(&subtopology.to_string());
                to.array(partitions.into_iter(), BufMut::put_i32);
                to.no_tagged_fields();
            });
        }
        // A warm-up is owned as a standby.
        to.array(std::iter::empty::<()>(), |_, ()| {});
    }
}

impl Topology {
    /// The names of all topics in it, sorted.
    pub(crate) fn topics(&self) -> Vec<&str> {
        let topics: BTreeSet<&str> = self
            .subtopologies
            .iter()
            .flat_map(|own| {
                let plain = own.source_topics.iter().chain(&own.repartition_sink_topics);
                let internal = own.state_changelog_topics.iter();
                let internal = internal.chain(&own.repartition_source_topics);
                plain.map(|topic| &**topic).chain(internal.map(|topic| &*topic.name))
            })
            .collect();
        topics.into_iter().collect()
    }

    pub(crate) fn write(&self, to: &mut BytesMut) {
        to.put_i32(self.epoch);
        to.array(self.subtopologies.iter(), |to, subtopology| subtopology.write(to));
        to.no_tagged_fields();
    }
}

impl Subtopology {
    fn write(&self, to: &mut BytesMut) {
        to.string(&self.subtopology_id);
        to.array(self.source_topics.iter(), |to, topic| to.string(topic));
        // Patterns are not served yet.
        to.array(std::iter::empty::<()>(), |_, ()| {});
        to.array(self.state_changelog_topics.iter(), |to, topic| topic.write(to));
        to.array(self.repartition_sink_topics.iter(), |to, topic| to.string(topic));
        to.array(self.repartition_source_topics.iter(), |to, topic| topic.write(to));
        to.array(self.copartition_groups.iter(), |to, group| {
            to.array(group.source_topics.iter().copied(), BufMut::put_i16);
            to.array(std::iter::empty::<()>(), |_, ()| {});
            to.array(group.repartition_source_topics.iter().copied(), BufMut::put_i16);
            to.no_tagged_fields();
        });
        to.no_tagged_fields();
    }
}

impl TopicInfo {
    fn write(&self, to: &mut BytesMut) {
        to.string(&self.name);
        to.put_i32(self.partitions);
        to.put_i16(self.replication_factor);
        key_values(to, &self.topic_configs);
        to.no_tagged_fields();
    }
}

fn key_values(to: &mut BytesMut, pairs: &BTreeMap<String, String>) {
    to.array(pairs.iter(), |to, (key, value)| {
        to.string(key);
        to.string(value);
        to.no_tagged_fields();
    });
}

/// A structure that may be null.
fn nullable<T>(to: &mut BytesMut, value: Option<T>, write: impl FnOnce(&mut BytesMut, T)) {
    match value {
        Some(value) => {
            to.put_i8(1);
            write(to, value);
        }
        None => to.put_i8(-1),
    }
}

/// What the coordinator answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) error_code: ErrorCode,
    pub(crate) error_message: Option<String>,
    pub(crate) member_epoch: i32,
    pub(crate) heartbeat_interval_ms: i32,
    /// Codes with a sentence each; `None` if unchanged.
    pub(crate) status: Option<Vec<(i8, String)>>,
    /// The tasks to own, warm-ups among the standbys; `None` if unchanged.
    pub(crate) assigned: Option<OwnedTasks>,
    pub(crate) endpoint_information_epoch: i32,
}

impl Response {
    /// Reads a response, but for the addresses of the instances at its end.
    pub(crate) fn read(body: Bytes) -> Result<Self> {
        let mut from = Reader::new(body);
        from.i32("the throttle time")?;
        let error_code = ErrorCode(from.i16("the error")?);
        let error_message = from.nullable_string("the error message")?;
        from.string("the member's id")?;
        let member_epoch = from.i32("the member's epoch")?;
        let heartbeat_interval_ms = from.i32("the heartbeat interval")?;
        from.i32("the acceptable recovery lag")?;
        from.i32("the interval of task offsets")?;
        let status = from.nullable_array("the statuses", |from| {
            let code = from.i8("a status code")?;
            let detail = from.string("a status detail")?;
            from.skip_tagged_fields()?;
            Ok((code, detail))
        })?;
        let assigned = read_tasks(&mut from)?;
        let endpoint_information_epoch = from.i32("the endpoints' epoch")?;
        Ok(Self {
            error_code,
            error_message,
            member_epoch,
            heartbeat_interval_ms,
            status,
            assigned,
            endpoint_information_epoch,
        })
    }
}

/// Three lists of tasks: active, standby, warm-up; all of them or none.
pub(super) fn read_tasks(from: &mut Reader) -> Result<Option<OwnedTasks>> {
    let active = read_list(from, "the active tasks")?;
    let standby = read_list(from, "the standby tasks")?;
    let warmup = read_list(from, "the warm-up tasks")?;
    match (active, standby, warmup) {
        (None, None, None) => Ok(None),
        (Some(active), Some(standby), Some(warmup)) => Ok(Some(OwnedTasks {
            active: active.into_iter().collect(),
            standby: standby.into_iter().chain(warmup).collect(),
        })),
        _ => Err(WireError::new("the assigned tasks, some of which are null")),
    }
}

fn read_list(from: &mut Reader, what: &'static str) -> Result<Option<Vec<TaskId>>> {
    let mut tasks = Vec::new();
    let read = from.nullable_array(what, |from| {
        let id = from.string(what)?;
        let subtopology = id.parse().map_err(|_| WireError::new(what))?;
        for partition in from.array(what, |from| from.i32(what))? {
            if partition < 0 {
                return Err(WireError::new(what));
            }
            tasks.push(TaskId::new(subtopology, partition));
        }
        from.skip_tagged_fields()
    })?;
    Ok(read.map(|_| tasks))
}

#[cfg(test)]
mod tests;
