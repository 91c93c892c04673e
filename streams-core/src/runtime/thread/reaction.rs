//! What a thread does about an error.

use std::time::Duration;

use crate::{
    batch::Timestamp,
    broker::TaskId,
    error::{Reaction, StreamsError},
};

use super::{StreamThread, new_collector, opening::Opening};

/// How long a thread waits before it tries again (`retry.backoff.ms`).
const BACKOFF: Duration = Duration::from_millis(100);

impl StreamThread {
    /// Does what the error's kind asks for; what it returns ends the thread.
    pub(super) fn react(
        &mut self,
        error: StreamsError,
        now: Timestamp,
    ) -> Result<(), StreamsError> {
        match error.reaction() {
            // A task that was interrupted in the middle of a record starts again.
            Reaction::Retry if error.task_id().is_none() => self.retry(error, now),
            Reaction::Retry | Reaction::ReviveTask => {
                tracing::warn!(
                    error = error.report(),
                    "starting tasks again from what is committed"
                );
                self.revive(error.task_id(), now);
                Ok(())
            }
            Reaction::Rejoin => {
                tracing::warn!(error = error.report(), "joining the group anew");
                self.lose_all();
                *self.collector.borrow_mut() = new_collector(&self.env, now);
                self.tell_state();
                Ok(())
            }
            Reaction::Stop => Err(error),
        }
    }

    fn retry(&mut self, error: StreamsError, now: Timestamp) -> Result<(), StreamsError> {
        let since = *self.unanswered_since.get_or_insert(now);
        let waited = now.as_millis().saturating_sub(since.as_millis());
        if waited > super::millis(self.env.config.task_timeout) {
            return Err(error);
        }
        tracing::warn!(error = error.report(), "trying again");
        self.env.wake.wait(BACKOFF);
        Ok(())
    }

    /// Closes a task without a commit and opens it anew; all of them if none is named, or if a
    /// commit of all is under way.
    fn revive(&mut self, task: Option<TaskId>, now: Timestamp) {
        let affected: Vec<TaskId> = match task {
            Some(task) if self.commit.is_idle() => vec![task],
            _ => self.running.keys().chain(self.opening.keys()).copied().collect(),
        };
        self.commit.reset();
        for id in affected {
            let partitions = match (self.running.get(&id), self.opening.get(&id)) {
                (Some(active), _) => active.task.partitions().to_vec(),
                (None, Some(opening)) => opening.partitions.clone(),
                (None, None) => continue,
            };
            self.close(id);
            self.forget_opening(id);
            self.attempt += 1;
            self.opening.insert(id, Opening::new(partitions, self.attempt, now));
        }
        self.tell_state();
    }

    /// The end of a thread that cannot go on: everything is given up without a commit.
    pub(crate) fn abandon(&mut self, stop_application: bool) {
        if stop_application {
            self.group.shut_down_application();
            let now = self.env.config.clock.now();
            // Carries the request to the group.
            if let Err(error) = self.group.poll(&self.owned, now) {
                tracing::warn!(error = error.report(), "the other instances were not told to stop");
            }
        }
        self.lose_all();
        self.group.leave();
    }
}
