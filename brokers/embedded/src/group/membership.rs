//! A member's end of the group: the seam's trait over the coordinator in the same process.

use std::collections::BTreeMap;
use std::sync::Arc;

use streams_core::broker::{
    BrokerError, CommitTicket, CommittedOffset, GroupEvent, GroupMetadata, GroupOptions,
    Membership, OwnedTasks, TopicPartition, TopologySpec, WakeUp,
};
use streams_core::stores::Timestamp;

use super::coordinator::{Coordinator, check};
use super::offsets::Written;
use crate::broker::Shared;
use crate::partition::lock;

#[derive(Debug)]
pub(crate) struct EmbeddedMembership {
    shared: Arc<Shared>,
    options: GroupOptions,
    topology: TopologySpec,
    wake: WakeUp,
    joined: Option<Joined>,
    commits: BTreeMap<CommitTicket, Written>,
    next_ticket: u64,
}

/// The member's place in the group, and what spares most heartbeats.
#[derive(Debug)]
struct Joined {
    incarnation: u64,
    owned: OwnedTasks,
    seen: u64,
    next_heartbeat: Timestamp,
}

impl EmbeddedMembership {
    pub(crate) fn new(
        shared: Arc<Shared>,
        options: GroupOptions,
        topology: TopologySpec,
        wake: WakeUp,
    ) -> Result<Self, BrokerError> {
        check(&options, &topology)?;
        shared.watch_groups(&wake);
        Ok(Self {
            shared,
            options,
            topology,
            wake,
            joined: None,
            commits: BTreeMap::new(),
            next_ticket: 0,
        })
    }

    fn fenced(&self) -> BrokerError {
        BrokerError::fenced(format!(
            "member {} is not in group {}: its tasks may have another owner",
            self.options.member_id, self.options.group_id
        ))
    }

    /// Enters the group; returns the incarnation.
    fn join(
        &mut self,
        coordinator: &mut Coordinator,
        broker_now: Timestamp,
        now: Timestamp,
    ) -> u64 {
        let topics = &self.shared.topics;
        let incarnation = coordinator.join(&self.options, &self.topology, topics, broker_now);
        self.joined = Some(Joined {
            incarnation,
            owned: OwnedTasks::default(),
            seen: 0,
            next_heartbeat: now,
        });
        incarnation
    }
}

impl Membership for EmbeddedMembership {
    fn poll(
        &mut self,
        owned: &OwnedTasks,
        now: Timestamp,
    ) -> Result<Option<GroupEvent>, BrokerError> {
        let seen = self.shared.group_version();
        if let Some(joined) = &self.joined {
            let quiet = joined.seen == seen && joined.owned == *owned;
            if quiet && now < joined.next_heartbeat {
                return Ok(None);
            }
        }
        // Sessions and delays are timed by the broker's clock alone: `now` is the caller's, and paces
        // the caller's heartbeats.
        let shared = Arc::clone(&self.shared);
        let broker_now = shared.clock.now();
        let mut coordinator = lock(&shared.coordinator);
        let is_new = self.joined.is_none();
        let incarnation = match &self.joined {
            Some(joined) => joined.incarnation,
            None => self.join(&mut coordinator, broker_now, now),
        };
        // A member that joins holds nothing, whatever it may still be closing.
        let owned = if is_new { &OwnedTasks::default() } else { owned };
        let heard =
            coordinator.heartbeat(&self.options, incarnation, owned, &shared.topics, broker_now);
        drop(coordinator);
        let Some(heard) = heard else {
            self.joined = None;
            // Wakes this member too, which then joins anew.
            shared.wake_groups();
            return Ok(Some(GroupEvent::Fenced));
        };
        if let Some(joined) = &mut self.joined {
            joined.owned.clone_from(owned);
            // News may follow news: only a heartbeat without any ends the questions.
            joined.seen = if heard.event.is_some() { 0 } else { seen };
            let next = now.saturating_add(self.options.heartbeat_interval);
            joined.next_heartbeat = heard.again_at.map_or(next, |again| {
                let wait = again.as_millis().saturating_sub(broker_now.as_millis());
                Timestamp::from_millis(now.as_millis().saturating_add(wait)).min(next)
            });
        }
        if is_new || heard.others_may_move {
            shared.wake_groups();
        }
        Ok(heard.event)
    }

    fn commit_offsets(
        &mut self,
        offsets: &[(TopicPartition, CommittedOffset)],
    ) -> Result<CommitTicket, BrokerError> {
        let mut coordinator = lock(&self.shared.coordinator);
        let incarnation = self.joined.as_ref().map(|joined| joined.incarnation);
        if !incarnation.is_some_and(|own| coordinator.is_member(&self.options, own)) {
            return Err(self.fenced());
        }
        let (topics, now) = (&self.shared.topics, self.shared.clock.now());
        let written = coordinator.offsets.commit(topics, &self.options.group_id, offsets, now)?;
        drop(coordinator);
        let ticket = CommitTicket(self.next_ticket);
        self.next_ticket += 1;
        match written {
            Some(written) => {
                self.shared.sync_soon(&written.partition, &self.wake);
                self.commits.insert(ticket, written);
            }
            // No offsets at all: the ticket is answered as any other, at once.
            None => self.wake.wake(),
        }
        Ok(ticket)
    }

    fn poll_commit(&mut self, ticket: CommitTicket) -> Option<Result<(), BrokerError>> {
        let Some(written) = self.commits.get(&ticket) else { return Some(Ok(())) };
        let result = if written.partition.durable() >= written.end_offset {
            Ok(())
        } else {
            // Not durable: either not yet, or never.
            Err(written.partition.check().err()?)
        };
        self.commits.remove(&ticket);
        Some(result)
    }

    fn committed(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Option<Vec<Option<CommittedOffset>>>, BrokerError> {
        let coordinator = lock(&self.shared.coordinator);
        let of = |partition| coordinator.offsets.get(&self.options.group_id, partition).cloned();
        Ok(Some(partitions.iter().map(of).collect()))
    }

    fn shut_down_application(&mut self) {
        lock(&self.shared.coordinator).shut_down(&self.options.group_id);
        self.shared.wake_groups();
    }

    fn leave(&mut self) -> Result<(), BrokerError> {
        let Some(joined) = self.joined.take() else { return Ok(()) };
        let topics = &self.shared.topics;
        let left = lock(&self.shared.coordinator).leave(&self.options, joined.incarnation, topics);
        if left {
            self.shared.wake_groups();
        }
        Ok(())
    }

    fn group_metadata(&self) -> GroupMetadata {
        let epoch = self.joined.as_ref().map_or(-1, |joined| {
            lock(&self.shared.coordinator).member_epoch(&self.options, joined.incarnation)
        });
        GroupMetadata {
            group_id: self.options.group_id.clone(),
            member_id: self.options.member_id.clone(),
            member_epoch: epoch,
            instance_id: self.options.instance_id.clone(),
        }
    }
}

/// A thread that is gone holds nothing: unlike a lost process it need not be waited for.
impl Drop for EmbeddedMembership {
    fn drop(&mut self) {
        self.shared.unwatch_groups(&self.wake);
        if let Err(error) = self.leave() {
            tracing::warn!(%error, "a member could not leave its group");
        }
    }
}
