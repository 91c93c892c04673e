//! The group coordinator: members, epochs, sessions, target assignments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use streams_core::broker::{
    AssignableMember, BrokerError, GroupDescription, GroupEvent, GroupOptions, GroupStatus,
    GroupStatusCode, MemberDescription, OwnedTasks, TaskAssignment, TopicPattern, TopicPlan,
    TopologySpec, assign_tasks,
};
use streams_core::stores::Timestamp;

use super::offsets::Offsets;
use super::reconcile::Holding;
use crate::topics::Topics;

/// All groups and their offsets.
#[derive(Debug)]
pub(crate) struct Coordinator {
    pub(crate) offsets: Offsets,
    groups: BTreeMap<String, Group>,
    initial_rebalance_delay: Duration,
    next_incarnation: u64,
}

#[derive(Debug, Default)]
struct Group {
    epoch: i32,
    topology: TopologySpec,
    patterns: BTreeMap<Arc<str>, TopicPattern>,
    plan: TopicPlan,
    /// Why nothing can be assigned.
    obstacle: Option<GroupStatus>,
    topics_version: u64,
    members: BTreeMap<String, Member>,
    target: BTreeMap<String, OwnedTasks>,
    /// Nothing is assigned before: more members may come.
    delayed_until: Option<Timestamp>,
    shut_down: bool,
}

#[derive(Debug)]
struct Member {
    /// Tells a member from an earlier one of the same id.
    incarnation: u64,
    options: GroupOptions,
    holding: Holding,
    epoch: i32,
    told: Option<TaskAssignment>,
    told_status: Vec<GroupStatus>,
    has_other_topology: bool,
    heard: Timestamp,
    revoking_since: Option<Timestamp>,
}

/// What a heartbeat brought.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) event: Option<GroupEvent>,
    /// Whether other members may have news by it.
    pub(super) others_may_move: bool,
    /// When to be heard again at the latest, if before the next heartbeat.
    pub(super) again_at: Option<Timestamp>,
}

impl Coordinator {
    /// A coordinator with the offsets that the topics hold.
    pub(crate) fn load(
        topics: &Topics,
        initial_rebalance_delay: Duration,
    ) -> Result<Self, BrokerError> {
        Ok(Self {
            offsets: Offsets::load(topics)?,
            groups: BTreeMap::new(),
            initial_rebalance_delay,
            next_incarnation: 0,
        })
    }

    /// Takes a member in; returns its incarnation. One of the same id that is in the group is out.
    pub(super) fn join(
        &mut self,
        options: &GroupOptions,
        topology: &TopologySpec,
        topics: &Topics,
        now: Timestamp,
    ) -> u64 {
        self.next_incarnation += 1;
        let incarnation = self.next_incarnation;
        let group = self.groups.entry(options.group_id.clone()).or_default();
        group.expire(now);
        if group.members.is_empty() {
            group.topology.clone_from(topology);
            group.patterns = patterns(topology).unwrap_or_default();
            group.shut_down = false;
            group.topics_version = 0;
            let delay = self.initial_rebalance_delay;
            group.delayed_until = (!delay.is_zero()).then(|| now.saturating_add(delay));
        }
        let member = Member {
            incarnation,
            holding: Holding { process_id: options.process_id.clone(), ..Holding::default() },
            options: options.clone(),
            epoch: 0,
            told: None,
            told_status: Vec::new(),
            has_other_topology: group.topology != *topology,
            heard: now,
            revoking_since: None,
        };
        group.members.insert(options.member_id.clone(), member);
        group.change(topics);
        incarnation
    }

    /// A member says what it holds, and hears what is new. `None`: it is not in the group.
    pub(super) fn heartbeat(
        &mut self,
        options: &GroupOptions,
        incarnation: u64,
        owned: &OwnedTasks,
        topics: &Topics,
        now: Timestamp,
    ) -> Option<Heard> {
        let group = self.groups.get_mut(&options.group_id)?;
        let mut moved = group.expire(now);
        let Some(member) = group.member(&options.member_id, incarnation) else {
            if moved {
                group.follow(topics);
            }
            return None;
        };
        member.heard = now;
        moved |= member.holding.hear(owned);
        let delayed = group.delayed_until.is_some_and(|until| now < until);
        if group.delayed_until.is_some() && !delayed {
            group.delayed_until = None;
            moved = true;
            group.assign();
        }
        if moved || group.topics_version != topics.version() {
            moved |= group.follow(topics);
        }
        let event = group.reconcile(&options.member_id, now);
        let told = matches!(event, Some(GroupEvent::Assignment(_)));
        Some(Heard { event, others_may_move: moved || told, again_at: group.delayed_until })
    }

    /// A member goes; false if it was not in the group.
    pub(super) fn leave(
        &mut self,
        options: &GroupOptions,
        incarnation: u64,
        topics: &Topics,
    ) -> bool {
        let Some(group) = self.groups.get_mut(&options.group_id) else { return false };
        if group.member(&options.member_id, incarnation).is_none() {
            return false;
        }
        group.members.remove(&options.member_id);
        group.change(topics);
        true
    }

    /// Whether a member is in the group at present.
    pub(super) fn is_member(&self, options: &GroupOptions, incarnation: u64) -> bool {
        let member = self.groups.get(&options.group_id);
        let member = member.and_then(|group| group.members.get(&options.member_id));
        member.is_some_and(|member| member.incarnation == incarnation)
    }

    /// The epoch of a member; -1 outside of the group.
    pub(super) fn member_epoch(&self, options: &GroupOptions, incarnation: u64) -> i32 {
        if !self.is_member(options, incarnation) {
            return -1;
        }
        let member = self.groups[&options.group_id].members.get(&options.member_id);
        member.map_or(-1, |member| member.epoch)
    }

    /// Tells all members of a group to stop.
    pub(super) fn shut_down(&mut self, group_id: &str) {
        if let Some(group) = self.groups.get_mut(group_id) {
            group.shut_down = true;
        }
    }

    pub(crate) fn list_groups(&self) -> Vec<String> {
        let names: BTreeSet<&str> =
            self.groups.keys().map(String::as_str).chain(self.offsets.groups()).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    pub(crate) fn describe(
        &mut self,
        group_id: &str,
        topics: &Topics,
        now: Timestamp,
    ) -> Option<GroupDescription> {
        let offsets = self.offsets.of_group(group_id);
        let Some(group) = self.groups.get_mut(group_id) else {
            let mut description = GroupDescription::new(group_id, 0, "Empty");
            description.offsets = offsets;
            return (!description.offsets.is_empty()).then_some(description);
        };
        if group.expire(now) {
            group.change(topics);
        }
        let mut description = GroupDescription::new(group_id, group.epoch, group.state());
        description.offsets = offsets;
        description.members = group
            .members
            .iter()
            .map(|(member_id, member)| MemberDescription {
                member_id: member_id.clone(),
                process_id: member.options.process_id.clone(),
                epoch: member.epoch,
                owned: member.holding.owned.clone(),
                target: group.target.get(member_id).cloned().unwrap_or_default(),
            })
            .collect();
        Some(description)
    }

    /// # Errors
    /// The group has members, or does not exist.
    pub(crate) fn check_empty(
        &mut self,
        group_id: &str,
        now: Timestamp,
    ) -> Result<(), BrokerError> {
        let Some(group) = self.groups.get_mut(group_id) else { return Ok(()) };
        group.expire(now);
        if group.members.is_empty() {
            return Ok(());
        }
        Err(BrokerError::invalid_request(format!(
            "group {group_id} has {} members: stop the application first",
            group.members.len()
        )))
    }

    pub(crate) fn delete_group(
        &mut self,
        topics: &Topics,
        group_id: &str,
        now: Timestamp,
    ) -> Result<(), BrokerError> {
        let known: Vec<_> = self.offsets.of_group(group_id).into_keys().collect();
        let existed = self.groups.remove(group_id).is_some() || !known.is_empty();
        if !existed {
            let context = format!("group {group_id} does not exist");
            return Err(BrokerError::invalid_request(context));
        }
        self.offsets.forget(topics, group_id, &known, now)
    }
}

impl Group {
    fn member(&mut self, member_id: &str, incarnation: u64) -> Option<&mut Member> {
        self.members.get_mut(member_id).filter(|member| member.incarnation == incarnation)
    }

    /// Removes members that were not heard in time, or did not give up in time what they had to.
    fn expire(&mut self, now: Timestamp) -> bool {
        let before = self.members.len();
        self.members.retain(|member_id, member| {
            let silent = now > member.heard.saturating_add(member.options.session_timeout);
            let slow = member
                .revoking_since
                .is_some_and(|since| now > since.saturating_add(member.options.rebalance_timeout));
            if silent || slow {
                tracing::warn!(member_id, silent, slow, "a group member is removed");
            }
            !(silent || slow)
        });
        self.members.len() != before
    }

    /// Members or topics changed: a new epoch with a new target.
    fn change(&mut self, topics: &Topics) {
        self.epoch += 1;
        self.topics_version = 0;
        self.follow(topics);
        self.assign();
    }

    /// Works out the topics' plan anew if topics changed; true if the assignment may differ.
    fn follow(&mut self, topics: &Topics) -> bool {
        if self.topics_version == topics.version() {
            let known: BTreeSet<_> = self.target.keys().collect();
            let present: BTreeSet<_> = self.members.keys().collect();
            if known == present {
                return false;
            }
            self.epoch += 1;
            self.assign();
            return true;
        }
        let result = plan(&self.topology, &self.patterns, topics);
        self.topics_version = topics.version();
        let (plan, obstacle) = match result {
            Ok(plan) => (plan, None),
            // What is assigned stays assigned while the topics are wrong.
            Err(status) => (self.plan.clone(), Some(status)),
        };
        if plan == self.plan && obstacle == self.obstacle {
            return false;
        }
        (self.plan, self.obstacle) = (plan, obstacle);
        self.epoch += 1;
        self.assign();
        true
    }

    fn assign(&mut self) {
        let held: BTreeMap<String, OwnedTasks> = std::mem::take(&mut self.target);
        let fitting = self.members.iter().filter(|(_, member)| !member.has_other_topology);
        let members: BTreeMap<String, AssignableMember> = fitting
            .map(|(member_id, member)| {
                let previous = held.get(member_id).cloned();
                let previous = previous.unwrap_or_else(|| member.holding.owned.clone());
                let process_id = member.options.process_id.clone();
                (member_id.clone(), AssignableMember { process_id, previous })
            })
            .collect();
        let tasks = if self.obstacle.is_some() || self.delayed_until.is_some() {
            Vec::new()
        } else {
            self.plan.tasks()
        };
        let subtopologies = self.topology.subtopologies.iter().enumerate();
        let stateful = subtopologies.filter(|(_, s)| !s.changelog_topics.is_empty());
        let stateful = stateful.map(|(number, _)| number).collect();
        let standbys = self.members.values().map(|member| member.options.standby_replicas).max();
        self.target = if self.obstacle.is_some() {
            // Nobody gets anything, nobody loses anything.
            members.into_iter().map(|(id, member)| (id, member.previous)).collect()
        } else {
            assign_tasks(&members, &tasks, &stateful, standbys.unwrap_or(0))
        };
    }

    /// The next step of a member towards its target.
    fn reconcile(&mut self, member_id: &str, now: Timestamp) -> Option<GroupEvent> {
        let target = self.target.get(member_id).cloned().unwrap_or_default();
        let others = self.members.iter().filter(|(id, _)| *id != member_id);
        let others = others.map(|(_, member)| &member.holding);
        let member = self.members.get(member_id)?;
        let next = member.holding.next(&target, &others);
        let may_assign =
            self.obstacle.is_none() && self.delayed_until.is_none() && !member.has_other_topology;
        let status = self.status(member);
        let revoking = member.holding.has_to_revoke(&target);
        let assignment = TaskAssignment {
            epoch: self.epoch,
            active: next.active.iter().map(|task| (*task, self.plan.inputs(*task))).collect(),
            standby: next.standby.clone(),
        };
        let member = self.members.get_mut(member_id)?;
        member.revoking_since = revoking.then(|| member.revoking_since.unwrap_or(now));
        let is_news = member.told.as_ref().is_none_or(|told| {
            told.active != assignment.active || told.standby != assignment.standby
        });
        if may_assign {
            member.epoch = self.epoch;
            if is_news {
                member.holding.give(next);
                member.told = Some(assignment.clone());
                return Some(GroupEvent::Assignment(assignment));
            }
        }
        if member.told_status != status {
            member.told_status.clone_from(&status);
            return Some(GroupEvent::Status(status));
        }
        None
    }

    fn status(&self, member: &Member) -> Vec<GroupStatus> {
        let mut status = Vec::new();
        if member.has_other_topology {
            status.push(GroupStatus {
                code: GroupStatusCode::StaleTopology,
                detail: format!(
                    "the topology of member {} differs from that of group {}: stop the other \
                     members before a changed application starts",
                    member.options.member_id, member.options.group_id
                ),
            });
        }
        status.extend(self.obstacle.clone());
        if self.delayed_until.is_some() {
            status.push(GroupStatus {
                code: GroupStatusCode::AssignmentDelayed,
                detail: "the group waits for more members".to_owned(),
            });
        }
        if self.shut_down {
            status.push(GroupStatus {
                code: GroupStatusCode::ShutdownApplication,
                detail: "a member asked the application to stop".to_owned(),
            });
        }
        status
    }

    fn state(&self) -> &'static str {
        let settled = |(member_id, member): (&String, &Member)| {
            let target = self.target.get(member_id);
            target.is_some_and(|target| {
                *target == member.holding.given && *target == member.holding.owned
            })
        };
        if self.members.is_empty() {
            "Empty"
        } else if self.obstacle.is_some() {
            "NotReady"
        } else if self.delayed_until.is_some() {
            "Assigning"
        } else if self.members.iter().all(settled) {
            "Stable"
        } else {
            "Reconciling"
        }
    }
}

/// The plan of a topology's topics, with its internal topics created.
fn plan(
    topology: &TopologySpec,
    patterns: &BTreeMap<Arc<str>, TopicPattern>,
    topics: &Topics,
) -> Result<TopicPlan, GroupStatus> {
    let matches = |pattern: &str, topic: &str| {
        patterns.get(pattern).is_some_and(|pattern| pattern.matches(topic))
    };
    let mut plan = TopicPlan::new(topology, &topics.partition_counts(), matches)?;
    for topic in std::mem::take(&mut plan.missing) {
        if let Err(error) = topics.create(&topic) {
            return Err(GroupStatus {
                code: GroupStatusCode::MissingInternalTopics,
                detail: format!("internal topic {} cannot be created: {error}", topic.name),
            });
        }
    }
    Ok(plan)
}

/// Refuses what this coordinator cannot do.
pub(super) fn check(options: &GroupOptions, topology: &TopologySpec) -> Result<(), BrokerError> {
    patterns(topology)?;
    if options.group_id.is_empty() || options.member_id.is_empty() {
        return Err(BrokerError::invalid_request("a member needs a group id and a member id"));
    }
    Ok(())
}

/// The patterns of a topology, compiled.
fn patterns(topology: &TopologySpec) -> Result<BTreeMap<Arc<str>, TopicPattern>, BrokerError> {
    let texts = topology.subtopologies.iter().flat_map(|s| &s.source_topic_patterns);
    let compiled = texts.map(|text| Ok((Arc::clone(text), TopicPattern::new(Arc::clone(text))?)));
    compiled.collect()
}
