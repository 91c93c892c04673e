//! Groups and their offsets.

use std::{collections::BTreeMap, sync::Arc};

use krafka::{
    admin::{
        AdminClient, DeleteConsumerGroupOffsetsOptions, DeleteConsumerGroupsOptions,
        DescribeStreamsGroupsOptions, DescribedStreamsGroup, ListConsumerGroupOffsetsOptions,
        ListConsumerGroupsOptions, StreamsAssignment, StreamsGroupMember, StreamsTaskIds,
    },
    error::KrafkaError,
};
use streams_core::broker::{
    BrokerError, BrokerErrorKind, CommittedOffset, GroupAdmin, GroupDescription, MemberDescription,
    OwnedTasks, TaskId, TopicPartition,
};

use crate::{
    admin::{KafkaAdmin, admin_error, first_error, krafka_partition, partition_name},
    coordinator::Coordinator,
    protocol::{
        ErrorCode,
        offset_commit::{self, Committer},
    },
};

#[derive(Clone, Debug)]
pub(crate) struct KafkaGroupAdmin {
    admin: KafkaAdmin,
}

impl KafkaGroupAdmin {
    pub(crate) fn new(admin: KafkaAdmin) -> Self {
        Self { admin }
    }
}

impl GroupAdmin for KafkaGroupAdmin {
    fn list_groups(&self) -> Result<Vec<String>, BrokerError> {
        self.admin.call("the list of groups", |admin| async move {
            let listed = admin.list_consumer_groups(ListConsumerGroupsOptions::default()).await;
            let listed = listed.map_err(|error| admin_error("the list of groups", error))?;
            let mut names = Vec::new();
            for (node, groups) in listed {
                let what = format!("the list of groups of node {node}");
                let groups = groups.map_err(|error| admin_error(&what, error))?;
                names.extend(groups.into_iter().map(|group| group.group_id));
            }
            names.sort_unstable();
            names.dedup();
            Ok(names)
        })
    }

    fn describe_group(&self, group_id: &str) -> Result<Option<GroupDescription>, BrokerError> {
        let group = group_id.to_owned();
        self.admin.call("the description of a group", move |admin| async move {
            let Some(described) = describe(&admin, &group).await? else { return Ok(None) };
            let state = described.group_state;
            let mut description = GroupDescription::new(group, described.group_epoch, state);
            description.members = described.members.into_iter().map(member).collect();
            description.members.sort_by(|one, other| one.member_id.cmp(&other.member_id));
            description.offsets = offsets(&admin, &description.group_id).await?;
            Ok(Some(description))
        })
    }

    fn alter_offsets(
        &self,
        group_id: &str,
        offsets: &[(TopicPartition, CommittedOffset)],
    ) -> Result<(), BrokerError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let client = self.admin.client();
        let group: Arc<str> = group_id.into();
        let lane = client.transport.lane("streams-group-admin");
        let coordinator = Coordinator::new(lane, Arc::clone(&group));
        let (offsets, timeout): (Arc<[_]>, _) = (offsets.into(), client.config.api_timeout);
        client.wait_for("the commit of offsets", async move {
            let request = || {
                let by = Committer {
                    group_id: Arc::clone(&group),
                    member_id: "".into(),
                    member_epoch: NO_MEMBER,
                };
                offset_commit::request(by, Arc::clone(&offsets))
            };
            let answer: offset_commit::Response = coordinator.call_until(timeout, request).await?;
            answer
                .partitions
                .iter()
                .try_for_each(|(partition, code)| refusal(&group, partition, *code))
        })
    }

    fn delete_offsets(
        &self,
        group_id: &str,
        partitions: &[TopicPartition],
    ) -> Result<(), BrokerError> {
        let group = group_id.to_owned();
        let partitions: Vec<_> = partitions.iter().map(krafka_partition).collect();
        self.admin.call("the deletion of offsets", move |admin| async move {
            let options = DeleteConsumerGroupOffsetsOptions::default();
            let deleted = admin.delete_consumer_group_offsets(group, partitions, options).await;
            // An offset that is not there needs no deletion.
            let deleted = deleted.map(|mut results| {
                results.retain(|_, result| {
                    let error = result.as_ref().err();
                    !error.is_some_and(|e| has_code(e, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))
                });
                results
            });
            first_error("the deletion of offsets", deleted, partition_name)
        })
    }

    fn delete_group(&self, group_id: &str) -> Result<(), BrokerError> {
        let group = group_id.to_owned();
        self.admin.call("the deletion of a group", move |admin| async move {
            let options = DeleteConsumerGroupsOptions::default();
            let deleted = admin.delete_consumer_groups([group], options).await;
            first_error("the deletion of a group", deleted, |group| format!("group {group}"))
        })
    }
}

/// The epoch of whoever commits without being a member.
const NO_MEMBER: i32 = -1;

/// # Errors
/// The offset of a partition was not taken.
fn refusal(group: &str, partition: &TopicPartition, code: ErrorCode) -> Result<(), BrokerError> {
    let what = format!("the offset of {partition} was not set for group {group}");
    match code {
        ErrorCode::NONE => Ok(()),
        ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::STALE_MEMBER_EPOCH => {
            Err(BrokerError::invalid_request(format!("{what}, which has members: stop them first")))
        }
        code => Err(code.error(&what)),
    }
}

fn has_code(error: &KrafkaError, wanted: ErrorCode) -> bool {
    matches!(error, KrafkaError::Broker { code, .. } if code.to_i16() == wanted.0)
}

/// The streams group of this id; `None` if there is no group of it.
async fn describe(
    admin: &AdminClient,
    group: &str,
) -> Result<Option<DescribedStreamsGroup>, BrokerError> {
    let what = format!("group {group}");
    let described =
        admin.describe_streams_groups([group], DescribeStreamsGroupsOptions::default()).await;
    let described = described.map_err(|error| admin_error(&what, error))?;
    match described.into_values().next() {
        Some(Ok(group)) if group.group_state == "Dead" => Ok(None),
        Some(Ok(group)) => Ok(Some(group)),
        Some(Err(error)) if has_code(&error, ErrorCode::GROUP_ID_NOT_FOUND) => {
            refuse_other_type(admin, group).await.map(|()| None)
        }
        Some(Err(error)) => Err(admin_error(&what, error)),
        None => Ok(None),
    }
}

/// A group of another type is not found among streams groups: that is said rather than nothing.
async fn refuse_other_type(admin: &AdminClient, group: &str) -> Result<(), BrokerError> {
    let listed = admin.list_consumer_groups(ListConsumerGroupsOptions::default()).await;
    let listed = listed.map_err(|error| admin_error(&format!("group {group}"), error))?;
    let found = listed
        .into_values()
        .flatten()
        .flatten()
        .find(|listing| listing.group_id == group)
        .and_then(|listing| listing.group_type);
    match found {
        None => Ok(()),
        // It was made between the two questions.
        Some(kind) if kind.to_string() == "streams" => Ok(()),
        Some(kind) => Err(BrokerError::new(
            BrokerErrorKind::InvalidRequest,
            format!("group {group} is of type {kind:?}, not a streams group"),
        )),
    }
}

async fn offsets(
    admin: &AdminClient,
    group: &str,
) -> Result<BTreeMap<TopicPartition, CommittedOffset>, BrokerError> {
    let what = format!("the offsets of group {group}");
    let options = ListConsumerGroupOffsetsOptions::default();
    let found = admin.list_consumer_group_offsets(group, options).await;
    let mut offsets = BTreeMap::new();
    for (partition, found) in found.map_err(|error| admin_error(&what, error))? {
        let found = found.map_err(|error| admin_error(&what, error))?;
        let Some(offset) = found.offset else { continue };
        let committed = CommittedOffset {
            offset,
            leader_epoch: found.leader_epoch,
            metadata: found.metadata.unwrap_or_default(),
        };
        offsets.insert(TopicPartition::new(partition.topic, partition.partition), committed);
    }
    Ok(offsets)
}

fn member(member: StreamsGroupMember) -> MemberDescription {
    MemberDescription {
        member_id: member.member_id,
        process_id: member.process_id,
        epoch: member.member_epoch,
        owned: tasks(&member.assignment),
        target: tasks(&member.target_assignment),
    }
}

/// Warm-ups are standbys that have not caught up.
fn tasks(assignment: &StreamsAssignment) -> OwnedTasks {
    let ids = |tasks: &[StreamsTaskIds]| -> Vec<TaskId> {
        let of = |task: &StreamsTaskIds| {
            let subtopology: Option<usize> = task.subtopology_id.parse().ok();
            let partitions = task.partitions.clone().into_iter();
            partitions.filter_map(move |number| Some(TaskId::new(subtopology?, number)))
        };
        tasks.iter().flat_map(of).collect()
    };
    let standby = ids(&assignment.standby_tasks).into_iter().chain(ids(&assignment.warmup_tasks));
    OwnedTasks {
        active: ids(&assignment.active_tasks).into_iter().collect(),
        standby: standby.collect(),
    }
}
