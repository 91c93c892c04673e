//! A stream thread's place in its group: news in, errors told apart.

use std::time::Duration;

use crate::{
    batch::Timestamp,
    broker::{
        BrokerError, BrokerErrorKind, CommitTicket, CommittedOffset, GroupEvent, GroupStatus,
        GroupStatusCode, Membership, OwnedTasks, TaskAssignment, TopicPartition,
    },
    error::{ErrorKind, StreamsError},
};

/// What the group says.
#[derive(Debug)]
pub(crate) enum News {
    /// Own exactly these tasks.
    Assignment(TaskAssignment),
    /// All tasks are lost.
    Fenced,
    /// A member asked the application to stop.
    ShutDown,
}

/// The membership of one thread, with what the runtime makes of its news.
#[derive(Debug)]
pub(crate) struct Group {
    membership: Box<dyn Membership>,
    /// How long topics may be missing: two heartbeats.
    patience: Duration,
    missing: Option<(Timestamp, String)>,
}

impl Group {
    pub(crate) fn new(membership: Box<dyn Membership>, heartbeat: Duration) -> Self {
        Self { membership, patience: heartbeat * 2, missing: None }
    }

    /// Sends what is due and takes news in.
    ///
    /// # Errors
    /// Source topics that stay missing, topics that do not fit, and a membership that cannot go on.
    pub(crate) fn poll(
        &mut self,
        owned: &OwnedTasks,
        now: Timestamp,
    ) -> Result<Option<News>, StreamsError> {
        let event = self.membership.poll(owned, now).map_err(group_error)?;
        let news = match event {
            Some(GroupEvent::Assignment(assignment)) => {
                self.missing = None;
                Some(News::Assignment(assignment))
            }
            Some(GroupEvent::Fenced) => Some(News::Fenced),
            Some(GroupEvent::Status(conditions)) => self.take_status(&conditions, now)?,
            None => None,
        };
        self.check_missing(now)?;
        Ok(news)
    }

    fn take_status(
        &mut self,
        conditions: &[GroupStatus],
        now: Timestamp,
    ) -> Result<Option<News>, StreamsError> {
        let mut missing = None;
        let mut news = None;
        for GroupStatus { code, detail } in conditions {
            match code {
                GroupStatusCode::IncorrectlyPartitionedTopics => {
                    return Err(StreamsError::new(ErrorKind::Topic, detail.clone()));
                }
                GroupStatusCode::MissingSourceTopics | GroupStatusCode::MissingInternalTopics => {
                    tracing::warn!("{detail}");
                    let since = self.missing.as_ref().map_or(now, |(since, _)| *since);
                    missing = Some((since, detail.clone()));
                }
                GroupStatusCode::ShutdownApplication => news = Some(News::ShutDown),
                GroupStatusCode::StaleTopology => tracing::warn!("{detail}"),
                GroupStatusCode::AssignmentDelayed => tracing::debug!("{detail}"),
            }
        }
        self.missing = missing;
        Ok(news)
    }

    fn check_missing(&self, now: Timestamp) -> Result<(), StreamsError> {
        let Some((since, detail)) = &self.missing else { return Ok(()) };
        let waited = now.as_millis().saturating_sub(since.as_millis());
        if waited >= self.patience.as_millis() as i64 {
            return Err(StreamsError::new(ErrorKind::Topic, detail.clone()));
        }
        Ok(())
    }

    /// The group's offsets; `None` while the answer is on its way.
    pub(crate) fn committed(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Option<Vec<Option<CommittedOffset>>>, StreamsError> {
        self.membership.committed(partitions).map_err(group_error)
    }

    pub(crate) fn commit(
        &mut self,
        offsets: &[(TopicPartition, CommittedOffset)],
    ) -> Result<CommitTicket, StreamsError> {
        self.membership.commit_offsets(offsets).map_err(group_error)
    }

    pub(crate) fn poll_commit(&mut self, ticket: CommitTicket) -> Option<Result<(), StreamsError>> {
        self.membership.poll_commit(ticket).map(|answer| answer.map_err(group_error))
    }

    pub(crate) fn shut_down_application(&mut self) {
        self.membership.shut_down_application();
    }

    pub(crate) fn leave(&mut self) {
        if let Err(error) = self.membership.leave() {
            tracing::warn!(%error, "the group was not told that this member leaves");
        }
    }
}

/// Java: a lost membership is a migration, never an exit.
fn group_error(error: BrokerError) -> StreamsError {
    let kind = match error.kind() {
        BrokerErrorKind::Fenced => ErrorKind::Migrated,
        BrokerErrorKind::Retriable | BrokerErrorKind::TimedOut => ErrorKind::Timeout,
        BrokerErrorKind::UnknownTopic => ErrorKind::Topic,
        _ => ErrorKind::Broker,
    };
    StreamsError::caused_by(kind, "the group does not answer as it should", error)
}
