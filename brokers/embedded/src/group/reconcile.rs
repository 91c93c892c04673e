//! Who may hold which task now, so that a task never has two owners.
//!
//! The target says who shall hold what in the end. A member on its way there first gives up what is
//! not its own, and only gets what nobody else holds (KIP-1071's `UNREVOKED_TASKS` and
//! `UNRELEASED_TASKS`).

use std::collections::BTreeSet;

use streams_core::broker::{OwnedTasks, TaskId};

/// What a member has to do with tasks.
#[derive(Debug, Clone, Default)]
pub(super) struct Holding {
    pub(super) process_id: String,
    /// What it said it holds.
    pub(super) owned: OwnedTasks,
    /// What it was last told to hold.
    pub(super) given: OwnedTasks,
    /// What the last word took from `given`. Until the member is heard again it may be at work on it
    /// without having said so.
    pub(super) taken: OwnedTasks,
}

impl Holding {
    fn is_active(&self, task: TaskId) -> bool {
        [&self.owned, &self.given, &self.taken].iter().any(|tasks| tasks.active.contains(&task))
    }

    fn is_standby(&self, task: TaskId) -> bool {
        [&self.owned, &self.given, &self.taken].iter().any(|tasks| tasks.standby.contains(&task))
    }

    /// True while it holds what is not in its target, in either role.
    pub(super) fn has_to_revoke(&self, target: &OwnedTasks) -> bool {
        let stays = |task: &TaskId| target.active.contains(task) || target.standby.contains(task);
        !self.owned.active.iter().all(stays) || !self.owned.standby.iter().all(stays)
    }

    /// What it is to hold now, on its way to `target`.
    pub(super) fn next<'a>(
        &self,
        target: &OwnedTasks,
        others: &(impl Iterator<Item = &'a Self> + Clone),
    ) -> OwnedTasks {
        let revoking = self.has_to_revoke(target);
        let had = |tasks: &BTreeSet<TaskId>, task: &TaskId| tasks.contains(task);
        let active = |task: &TaskId| {
            had(&self.given.active, task)
                || (!revoking
                    && others.clone().all(|other| {
                        !other.is_active(*task)
                            && (other.process_id != self.process_id || !other.is_standby(*task))
                    }))
        };
        let standby = |task: &TaskId| {
            had(&self.given.standby, task)
                || had(&self.given.active, task)
                || (!revoking
                    && others.clone().all(|other| {
                        other.process_id != self.process_id
                            || (!other.is_active(*task) && !other.is_standby(*task))
                    }))
        };
        let mut next = OwnedTasks {
            active: target.active.iter().copied().filter(active).collect(),
            standby: target.standby.iter().copied().filter(standby).collect(),
        };
        // A standby that is to become active stays one until nobody else is active.
        let promoted = self.given.standby.iter().filter(|task| target.active.contains(task));
        let waiting: Vec<_> =
            promoted.filter(|task| !next.active.contains(task)).copied().collect();
        next.standby.extend(waiting);
        next
    }

    /// Takes note of what the member was told.
    pub(super) fn give(&mut self, next: OwnedTasks) {
        let gone = |before: &BTreeSet<TaskId>, after: &BTreeSet<TaskId>| {
            before.difference(after).copied().collect()
        };
        self.taken = OwnedTasks {
            active: gone(&self.given.active, &next.active),
            standby: gone(&self.given.standby, &next.standby),
        };
        self.given = next;
    }

    /// Takes note of what the member holds, as it says itself; true if others may get more by it.
    pub(super) fn hear(&mut self, owned: &OwnedTasks) -> bool {
        let taken = std::mem::take(&mut self.taken);
        let is_news = self.owned != *owned || taken != OwnedTasks::default();
        self.owned.clone_from(owned);
        is_news
    }
}
