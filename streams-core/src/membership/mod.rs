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
        let before = self.missing.take();
        let mut news = None;
        for GroupStatus { code, detail } in conditions {
            match code {
                GroupStatusCode::IncorrectlyPartitionedTopics => {
                    return Err(StreamsError::new(ErrorKind::Topic, detail.clone()));
                }
                GroupStatusCode::MissingSourceTopics | GroupStatusCode::MissingInternalTopics => {
                    self.missing = Some(Missing::begin(before.as_ref(), *code, detail, now));
                }
                GroupStatusCode::ShutdownApplication => news = Some(News::ShutDown),
                GroupStatusCode::StaleTopology => tracing::warn!("{detail}"),
                GroupStatusCode::AssignmentDelayed => tracing::debug!("{detail}"),
            }
        }
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::broker::GroupMetadata;

    const HEARTBEAT: Duration = Duration::from_secs(5);

    /// A member whose polls bring these statuses, one a poll.
    #[derive(Debug)]
    struct Told(VecDeque<Vec<GroupStatus>>);

    impl Membership for Told {
        fn poll(
            &mut self,
            _: &OwnedTasks,
            _: Timestamp,
        ) -> Result<Option<GroupEvent>, BrokerError> {
            Ok(self.0.pop_front().map(GroupEvent::Status))
        }

        fn commit_offsets(
            &mut self,
            _: &[(TopicPartition, CommittedOffset)],
        ) -> Result<CommitTicket, BrokerError> {
            Ok(CommitTicket(0))
        }

        fn poll_commit(&mut self, _: CommitTicket) -> Option<Result<(), BrokerError>> {
            None
        }

        fn committed(
            &mut self,
            _: &[TopicPartition],
        ) -> Result<Option<Vec<Option<CommittedOffset>>>, BrokerError> {
            Ok(None)
        }

        fn shut_down_application(&mut self) {}

        fn leave(&mut self) -> Result<(), BrokerError> {
            Ok(())
        }

        fn group_metadata(&self) -> GroupMetadata {
            GroupMetadata {
                group_id: "app".to_owned(),
                member_id: "member".to_owned(),
                member_epoch: 1,
                instance_id: None,
            }
        }
    }

    fn missing(code: GroupStatusCode, topic: &str) -> GroupStatus {
        GroupStatus { code, detail: format!("{topic} is missing") }
    }

    #[test]
    fn the_time_of_two_kinds_of_missing_topics_goes_on_when_the_status_changes() {
        let both = |lines: &str, counts: &str| {
            let source = missing(GroupStatusCode::MissingSourceTopics, lines);
            vec![source, missing(GroupStatusCode::MissingInternalTopics, counts)]
        };
        let told = Told(VecDeque::from([both("lines", "counts"), both("words", "totals")]));
        let mut group = Group::new(Box::new(told), HEARTBEAT);
        let mut poll = |ms| group.poll(&OwnedTasks::default(), Timestamp::from_millis(ms));
        assert!(poll(0).is_ok());
        assert!(poll(9_000).is_ok(), "the second status");
        assert!(poll(9_999).is_ok());
        let error = poll(10_000).expect_err("two heartbeats have passed since the first");
        assert_eq!(error.kind(), ErrorKind::Topic);
        assert!(error.to_string().contains("totals is missing"), "{error}");
    }

    #[test]
    fn a_status_without_missing_topics_ends_the_wait() {
        let source = missing(GroupStatusCode::MissingSourceTopics, "lines");
        let told = Told(VecDeque::from([vec![source], Vec::new()]));
        let mut group = Group::new(Box::new(told), HEARTBEAT);
        for ms in [0, 9_000, 10_000] {
            let news = group.poll(&OwnedTasks::default(), Timestamp::from_millis(ms));
            assert!(news.is_ok(), "{news:?}");
        }
    }
}
