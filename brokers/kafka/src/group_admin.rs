//! Groups and their offsets.

use std::{collections::BTreeMap, sync::Arc};

use krafka::{
    admin::{
        AdminClient, DeleteConsumerGroupOffsetsOptions, DeleteConsumerGroupsOptions,
        ListConsumerGroupOffsetsOptions, ListConsumerGroupsOptions,
    },
    error::KrafkaError,
};
use streams_core::broker::{
    BrokerError, BrokerErrorKind, CommittedOffset, GroupAdmin, GroupDescription, MemberDescription,
    TopicPartition,
};

use crate::{
    admin::{KafkaAdmin, admin_error, first_error, krafka_partition, partition_name},
    coordinator::{Answer, Coordinator},
    protocol::{
        ErrorCode,
        offset_commit::{self, Committer},
        streams_group_describe::{self, DescribedMember},
    },
    transport::Request,
};

#[derive(Clone, Debug)]
pub(crate) struct KafkaGroupAdmin {
    admin: KafkaAdmin,
}

impl KafkaGroupAdmin {
    pub(crate) fn new(admin: KafkaAdmin) -> Self {
        Self { admin }
    }

    /// Asks a group's coordinator, until it has an answer that stays.
    fn ask<A: Answer + Send + 'static>(
        &self,
        what: &str,
        group_id: &str,
        request: impl Fn() -> Request + Send + Sync + 'static,
    ) -> Result<A, BrokerError> {
        let client = self.admin.client();
        let lane = client.transport.lane("streams-group-admin");
        let coordinator = Coordinator::new(lane, group_id.into());
        let timeout = client.config.api_timeout;
        client.wait_for(what, async move { coordinator.call_until(timeout, request).await })
    }

    /// The streams group of this id; `None` if there is no group of it.
    fn describe(
        &self,
        group_id: &str,
    ) -> Result<Option<streams_group_describe::Response>, BrokerError> {
        let group = group_id.to_owned();
        let request = move || streams_group_describe::request(&group);
        let described: streams_group_describe::Response =
            self.ask("the description of a group", group_id, request)?;
        match described.error_code {
            ErrorCode::NONE if described.group_state == "Dead" => Ok(None),
            ErrorCode::NONE => Ok(Some(described)),
            ErrorCode::GROUP_ID_NOT_FOUND => {
                let group = group_id.to_owned();
                self.admin.call("the list of groups", move |admin| async move {
                    refuse_other_type(&admin, &group).await.map(|()| None)
                })
            }
            code => Err(code.error(&format!("group {group_id} cannot be described"))),
        }
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
        let Some(described) = self.describe(group_id)? else { return Ok(None) };
        let (epoch, state) = (described.group_epoch, described.group_state);
        let mut description = GroupDescription::new(group_id, epoch, state);
        description.members = described.members.into_iter().map(member).collect();
        description.members.sort_by(|one, other| one.member_id.cmp(&other.member_id));
        let group = group_id.to_owned();
        description.offsets =
            self.admin.call("the offsets of a group", move |admin| async move {
                offsets(&admin, &group).await
            })?;
        Ok(Some(description))
    }

    fn alter_offsets(
        &self,
        group_id: &str,
        offsets: &[(TopicPartition, CommittedOffset)],
    ) -> Result<(), BrokerError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let (group, offsets): (Arc<str>, Arc<[_]>) = (group_id.into(), offsets.into());
        let request = move || {
            let by = Committer {
                group_id: Arc::clone(&group),
                member_id: "".into(),
                member_epoch: NO_MEMBER,
            };
            offset_commit::request(by, Arc::clone(&offsets))
        };
        let answer: offset_commit::Response =
            self.ask("the commit of offsets", group_id, request)?;
        let mut answers = answer.partitions.iter();
        answers.try_for_each(|(partition, code)| refusal(group_id, partition, *code))
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

fn member(member: DescribedMember) -> MemberDescription {
    MemberDescription {
        member_id: member.member_id,
        process_id: member.process_id,
        epoch: member.member_epoch,
        owned: member.assignment,
        target: member.target_assignment,
    }
}
