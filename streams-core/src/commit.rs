//! One commit of a stream thread, the same for all its tasks and both guarantees.
//!
//! ```text
//!  begin: flush caches -> drain changelogs -> seal batches
//!    |
//!    v
//!  Sending      until the broker has acknowledged everything
//!    |
//!    v
//!  Committing   until the group has the offsets
//!    |
//!    v
//!  apply: staged writes and acknowledged changelog offsets into the backends, at once
//! ```
//! Phases are polled: heartbeats go on meanwhile, but the tasks do not process, so that what is
//! staged is exactly what was acknowledged.
//!
//! **Invariant:** offsets are committed only here, and only after everything that was sent since
//! the commit before is acknowledged.

use std::collections::BTreeMap;

use state_stores::WriteBatch;

use crate::{
    batch::Timestamp,
    broker::{CommitTicket, CommittedOffset, TaskId, TopicPartition},
    collector::{Collector, Due},
    error::{ErrorKind, StreamsError},
    membership::Group,
    runtime::ActiveTask,
};

#[derive(Debug)]
enum Phase {
    Idle,
    Sending,
    /// Without a ticket the offsets have to be sent (again).
    Committing(Option<CommitTicket>),
}

/// The state of a thread's commit.
#[derive(Debug)]
pub(crate) struct Commit {
    phase: Phase,
    offsets: Vec<(TopicPartition, CommittedOffset)>,
    batch: WriteBatch,
    finished_at: Timestamp,
}

type Tasks = BTreeMap<TaskId, ActiveTask>;

impl Commit {
    pub(crate) fn new(now: Timestamp) -> Self {
        let batch = WriteBatch::default();
        Self { phase: Phase::Idle, offsets: Vec::new(), batch, finished_at: now }
    }

    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// When the last commit ended.
    pub(crate) fn finished_at(&self) -> Timestamp {
        self.finished_at
    }

    /// Begins to commit all tasks to which anything happened since the last commit.
    ///
    /// # Errors
    /// What flushing a cache caused downstream.
    pub(crate) fn begin(
        &mut self,
        tasks: &mut Tasks,
        collector: &std::cell::RefCell<Collector>,
        now: Timestamp,
    ) -> Result<(), StreamsError> {
        for active in tasks.values_mut().filter(|active| active.task.commit_needed()) {
            active.committing = true;
            let _entered = active.span.enter();
            // Forwards to sinks: the collector must not be borrowed.
            active.task.flush()?;
        }
        let mut collector = collector.borrow_mut();
        collector.refresh_partition_counts()?;
        collector.send_due(now, Due::All)?;
        self.phase = Phase::Sending;
        Ok(())
    }

    /// Goes as far as it can without waiting; true when the commit is done.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] may be tried again by calling this again; after any other error the
    /// tasks are to be closed, and the commit [reset](Self::reset).
    pub(crate) fn advance(
        &mut self,
        tasks: &mut Tasks,
        collector: &mut Collector,
        group: &mut Group,
        now: Timestamp,
    ) -> Result<bool, StreamsError> {
        if let Phase::Sending = self.phase {
            collector.send_due(now, Due::All)?;
            if !collector.is_flushed() {
                return Ok(false);
            }
            self.offsets.clear();
            for active in tasks.values_mut().filter(|active| active.committing) {
                self.offsets.append(&mut active.task.committable(false));
            }
            self.phase = Phase::Committing(None);
        }
        if let Phase::Committing(ticket) = &mut self.phase {
            if !self.offsets.is_empty() && !commit_offsets(ticket, &self.offsets, group)? {
                return Ok(false);
            }
            self.apply(tasks, collector, now)?;
            self.phase = Phase::Idle;
            self.finished_at = now;
        }
        Ok(true)
    }

    fn apply(
        &mut self,
        tasks: &mut Tasks,
        collector: &Collector,
        now: Timestamp,
    ) -> Result<(), StreamsError> {
        for (id, active) in tasks.iter_mut().filter(|(_, active)| active.committing) {
            let applied = active.apply(&mut self.batch, collector, &self.offsets, now);
            applied.map_err(|error| error.in_task(*id))?;
        }
        Ok(())
    }

    /// What the last commit committed.
    pub(crate) fn offsets(&self) -> &[(TopicPartition, CommittedOffset)] {
        &self.offsets
    }

    /// Forgets a commit whose tasks are gone.
    pub(crate) fn reset(&mut self) {
        self.phase = Phase::Idle;
        self.offsets.clear();
        self.batch.clear();
    }
}

/// True when the group has the offsets. An offset commit may be repeated as often as needed.
fn commit_offsets(
    ticket: &mut Option<CommitTicket>,
    offsets: &[(TopicPartition, CommittedOffset)],
    group: &mut Group,
) -> Result<bool, StreamsError> {
    let sent = match ticket {
        Some(sent) => *sent,
        None => *ticket.insert(group.commit(offsets)?),
    };
    match group.poll_commit(sent) {
        None => Ok(false),
        Some(Ok(())) => Ok(true),
        Some(Err(error)) => {
            if error.kind() == ErrorKind::Timeout {
                *ticket = None;
            }
            Err(error)
        }
    }
}
