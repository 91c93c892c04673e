//! Tasks that come and go.
//!
//! A task that is taken away is committed, flushed and closed before the next poll of the
//! membership tells the group so: only then does another member open it.

use crate::{
    batch::Timestamp,
    broker::{OwnedTasks, TaskAssignment, TaskId},
    error::{ErrorKind, StreamsError},
    membership::News,
    restore::Command,
};

use super::{StreamThread, opening::Opening};

impl StreamThread {
    /// Polls the group and carries out what it wants.
    pub(super) fn follow_group(&mut self, now: Timestamp) -> Result<(), StreamsError> {
        if self.stopping && self.running.is_empty() {
            // Nothing is left to give up, and nothing more is wanted.
            return Ok(());
        }
        match self.group.poll(&self.owned, now)? {
            Some(News::Assignment(_)) if self.stopping => {}
            Some(News::Assignment(assignment)) => {
                tracing::info!(
                    epoch = assignment.epoch,
                    active = assignment.active.len(),
                    standby = assignment.standby.len(),
                    "assigned"
                );
                self.target = Some(assignment);
                self.tell_state();
            }
            Some(News::Fenced) => {
                let what = "the group has given this member's tasks to others";
                return Err(StreamsError::new(ErrorKind::Migrated, what));
            }
            Some(News::ShutDown) => {
                let what = "a member asked the whole application to stop";
                return Err(StreamsError::new(ErrorKind::InvalidState, what));
            }
            None => {}
        }
        self.carry_out(now);
        Ok(())
    }

    /// Whether running tasks have to be given up, which takes a commit first.
    pub(super) fn must_give_up(&self) -> bool {
        let Some(target) = &self.target else { return false };
        self.running.iter().any(|(id, active)| !keeps(target, *id, active.task.partitions()))
    }

    fn carry_out(&mut self, now: Timestamp) {
        let Some(target) = &self.target else { return };
        // With nothing to commit, giving up need not wait for the end of a commit.
        let uncommitted = !self.commit.is_idle()
            || self.running.iter().any(|(id, active)| {
                active.task.commit_needed() && !keeps(target, *id, active.task.partitions())
            });
        if uncommitted && self.must_give_up() {
            return;
        }
        let Some(target) = self.target.take() else { return };
        let gone: Vec<TaskId> = self
            .running
            .iter()
            .filter(|(id, active)| !keeps(&target, **id, active.task.partitions()))
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.close(id);
        }
        let unwanted: Vec<TaskId> = self
            .opening
            .iter()
            .filter(|(id, opening)| !keeps(&target, **id, &opening.partitions))
            .map(|(id, _)| *id)
            .collect();
        for id in unwanted {
            self.forget_opening(id);
        }
        for (id, partitions) in &target.active {
            if !self.running.contains_key(id) && !self.opening.contains_key(id) {
                self.attempt += 1;
                self.opening.insert(*id, Opening::new(partitions.clone(), self.attempt, now));
            }
        }
        self.owned = target.tasks();
        self.has_joined = true;
        // Shows the group at once that the assignment is carried out.
        self.env.wake.wake();
    }

    /// Closes a running task; committed state becomes durable, everything else is dropped.
    pub(super) fn close(&mut self, id: TaskId) {
        let Some(mut active) = self.running.remove(&id) else { return };
        for partition in active.task.partitions() {
            self.fetcher.unassign(partition);
            self.readers.remove(partition);
        }
        self.closed += active.counters();
        // What was committed is in the changelog as well: the next owner restores it from there.
        if let Err(error) = active.close(&mut self.collector.borrow_mut()) {
            tracing::warn!(task = %id, error = error.report(), "a task was not closed cleanly");
        }
        tracing::info!(task = %id, "closed");
    }

    pub(super) fn forget_opening(&mut self, id: TaskId) {
        if self.opening.remove(&id).is_some() {
            self.env.updater.send(Command::Forget(id));
        }
    }

    /// Gives everything up without a commit.
    pub(super) fn lose_all(&mut self) {
        self.commit.reset();
        let running: Vec<TaskId> = self.running.keys().copied().collect();
        for id in running {
            self.close(id);
        }
        let opening: Vec<TaskId> = self.opening.keys().copied().collect();
        for id in opening {
            self.forget_opening(id);
        }
        self.asked = None;
        self.target = None;
        self.owned = OwnedTasks::default();
        self.has_joined = false;
    }

    /// Ends the membership; everything is committed, or not to be.
    pub(super) fn leave(&mut self) {
        self.lose_all();
        self.group.leave();
    }
}

/// A task whose partitions changed is closed and opened anew.
fn keeps(
    target: &TaskAssignment,
    id: TaskId,
    partitions: &[crate::broker::TopicPartition],
) -> bool {
    target.active.get(&id).is_some_and(|wanted| {
        wanted.len() == partitions.len() && wanted.iter().all(|p| partitions.contains(p))
    })
}
