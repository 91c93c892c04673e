//! A stream thread's place in its group: news in, errors told apart.

mod missing;

use std::time::Duration;

use crate::{
    batch::Timestamp,
    broker::{
        BrokerError, BrokerErrorKind, CommitTicket, CommittedOffset, GroupEvent, GroupStatus,
        GroupStatusCode, Membership, OwnedTasks, TaskAssignment, TopicPartition,
    },
    error::{ErrorKind, StreamsError},
};
use missing::{Missing, Verdict};

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
    heartbeat: Duration,
    missing: Option<Missing>,
}

impl Group {
    pub(crate) fn new(membership: Box<dyn Membership>, heartbeat: Duration) -> Self {
        Self { membership, heartbeat, missing: None }
    }

    /// Sends what is due and takes news in.
    ///
    /// # Errors
    /// Topics that stay missing, topics that do not fit, and a membership that cannot go on.
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
                    missing = Some(Missing::begin(self.missing.take(), *code, detail, now));
                }
                GroupStatusCode::ShutdownApplication => news = Some(News::ShutDown),
                GroupStatusCode::StaleTopology => tracing::warn!("{detail}"),
                GroupStatusCode::AssignmentDelayed => tracing::debug!("{detail}"),
            }
        }
        self.missing = missing;
        Ok(news)
    }

    fn check_missing(&mut self, now: Timestamp) -> Result<(), StreamsError> {
        let Some(missing) = &mut self.missing else { return Ok(()) };
        match missing.judge(now, self.heartbeat) {
            Verdict::Wait => {}
            Verdict::Note => tracing::info!("{}", missing.detail()),
            Verdict::Warn => tracing::warn!("{}", missing.detail()),
            Verdict::Fail => {
                return Err(StreamsError::new(ErrorKind::Topic, missing.detail().to_owned()));
            }
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
