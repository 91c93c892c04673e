//! Offsets on their way to the coordinator, and what its answers mean.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use streams_core::broker::{
    BrokerError, BrokerErrorKind, CommitTicket, CommittedOffset, TopicPartition,
};

use crate::protocol::{ErrorCode, offset_commit::Response};

/// A commit that has to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) ticket: CommitTicket,
    /// The membership that it was begun in: no later one may commit it, because its tasks may have
    /// another owner.
    pub(super) incarnation: u64,
    pub(super) offsets: Arc<[(TopicPartition, CommittedOffset)]>,
}

/// The commits of a member, in the order in which they were begun. They are carried out one by one,
/// so that none overtakes a later one.
#[derive(Debug, Default)]
pub(super) struct Commits {
    next_ticket: u64,
    waiting: VecDeque<Commit>,
    /// The one that is being carried out.
    current: Option<CommitTicket>,
    answers: BTreeMap<CommitTicket, Result<(), BrokerError>>,
}

impl Commits {
    /// Takes a commit; one without offsets is answered at once.
    pub(super) fn begin(
        &mut self,
        incarnation: u64,
        offsets: &[(TopicPartition, CommittedOffset)],
    ) -> CommitTicket {
        let ticket = CommitTicket(self.next_ticket);
        self.next_ticket += 1;
        if offsets.is_empty() {
            self.answers.insert(ticket, Ok(()));
        } else {
            self.waiting.push_back(Commit { ticket, incarnation, offsets: offsets.into() });
        }
        ticket
    }

    /// The next to carry out.
    pub(super) fn take(&mut self) -> Option<Commit> {
        let commit = self.waiting.pop_front()?;
        self.current = Some(commit.ticket);
        Some(commit)
    }

    /// What became of the one that was taken last.
    pub(super) fn finish(&mut self, ticket: CommitTicket, result: Result<(), BrokerError>) {
        if self.current == Some(ticket) {
            self.current = None;
        }
        self.answers.insert(ticket, result);
    }

    /// The membership is over: whatever waits is not committed. The one that is being carried out
    /// is answered by whoever does.
    pub(super) fn fence(&mut self, error: impl Fn() -> BrokerError) {
        for commit in self.waiting.drain(..) {
            self.answers.insert(commit.ticket, Err(error()));
        }
    }

    /// Forgets answers that nobody asked for; their tickets are of an earlier membership.
    pub(super) fn forget_answers(&mut self) {
        self.answers.clear();
    }

    /// The answer to a commit, once. A ticket that is not known is of an earlier membership.
    pub(super) fn poll(
        &mut self,
        ticket: CommitTicket,
        unknown: impl FnOnce() -> BrokerError,
    ) -> Option<Result<(), BrokerError>> {
        if let Some(answer) = self.answers.remove(&ticket) {
            return Some(answer);
        }
        let is_waiting = self.waiting.iter().any(|commit| commit.ticket == ticket);
        (self.current != Some(ticket) && !is_waiting).then(|| Err(unknown()))
    }
}

/// What an answer means.
#[derive(Debug)]
pub(super) enum Verdict {
    /// All offsets are kept.
    Done,
    /// The same again, later.
    Again(String),
    /// The topic is not known (yet) where the coordinator runs: it may be new.
    Unknown(BrokerError),
    /// The member's epoch is not the coordinator's: with a newer one, the same again.
    Stale(String),
    /// The member is not in the group any more.
    Lost(String),
    /// Not all offsets are kept, and will not be.
    Refused(BrokerError),
}

/// Judges an answer by its first error. The coordinator keeps all offsets of a request or none,
/// but for those of topics that it does not know, that this client may not read, or whose metadata
/// is too large.
pub(super) fn judge(response: &Response, group: &str) -> Verdict {
    let Some((partition, code)) = response.partitions.iter().find(|(_, code)| !code.is_ok()) else {
        return Verdict::Done;
    };
    let what = format!("the offset of {partition} was not committed for group {group}");
    match *code {
        ErrorCode::STALE_MEMBER_EPOCH => Verdict::Stale(format!("{what}: {code}")),
        ErrorCode::UNKNOWN_MEMBER_ID
        | ErrorCode::FENCED_MEMBER_EPOCH
        | ErrorCode::ILLEGAL_GENERATION
        | ErrorCode::GROUP_ID_NOT_FOUND => Verdict::Lost(format!("{what}: {code}")),
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
            let told = format!("{what}: the topic does not exist: {code}");
            Verdict::Unknown(BrokerError::new(BrokerErrorKind::UnknownTopic, told))
        }
        ErrorCode::OFFSET_METADATA_TOO_LARGE => {
            let told =
                format!("{what}: {code}; offset.metadata.max.bytes of the brokers is the limit");
            Verdict::Refused(BrokerError::invalid_request(told))
        }
        code if code.is_retriable() => Verdict::Again(format!("{what}: {code}")),
        code => Verdict::Refused(code.error(&what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(offset: i64) -> [(TopicPartition, CommittedOffset); 1] {
        [(TopicPartition::new("orders", 1), CommittedOffset::new(offset))]
    }

    fn fenced() -> BrokerError {
        BrokerError::fenced("over")
    }

    fn kind(answer: Option<Result<(), BrokerError>>) -> Option<Result<(), BrokerErrorKind>> {
        answer.map(|answer| answer.map_err(|error| error.kind()))
    }

    #[test]
    fn commits_are_taken_in_order_and_answered_once() {
        let mut commits = Commits::default();
        let (first, second) = (commits.begin(1, &offsets(1)), commits.begin(1, &offsets(2)));
        let taken = commits.take().unwrap();
        assert_eq!((taken.ticket, taken.incarnation), (first, 1));
        assert_eq!(kind(commits.poll(first, fenced)), None);
        assert_eq!(kind(commits.poll(second, fenced)), None);
        commits.finish(first, Ok(()));
        assert_eq!(kind(commits.poll(first, fenced)), Some(Ok(())));
        assert_eq!(commits.take().map(|commit| commit.ticket), Some(second));
        assert_eq!(commits.take(), None);
    }

    #[test]
    fn a_commit_of_nothing_succeeds_at_once() {
        let mut commits = Commits::default();
        let ticket = commits.begin(1, &[]);
        assert_eq!(commits.take(), None);
        assert_eq!(kind(commits.poll(ticket, fenced)), Some(Ok(())));
    }

    #[test]
    fn a_fence_answers_what_waits_and_leaves_what_is_under_way() {
        let mut commits = Commits::default();
        let (first, second) = (commits.begin(1, &offsets(1)), commits.begin(1, &offsets(2)));
        commits.take();
        commits.fence(fenced);
        assert_eq!(kind(commits.poll(first, fenced)), None);
        assert_eq!(kind(commits.poll(second, fenced)), Some(Err(BrokerErrorKind::Fenced)));
        assert_eq!(commits.take(), None);
        commits.finish(first, Ok(()));
        commits.forget_answers();
        let fence = Some(Err(BrokerErrorKind::Fenced));
        assert_eq!(kind(commits.poll(first, fenced)), fence, "of an earlier membership");
    }

    fn judged(code: ErrorCode) -> Verdict {
        let partitions = vec![
            (TopicPartition::new("orders", 0), ErrorCode::NONE),
            (TopicPartition::new("orders", 1), code),
        ];
        judge(&Response { partitions }, "app")
    }

    #[test]
    fn each_code_has_its_verdict() {
        assert!(matches!(judged(ErrorCode::NONE), Verdict::Done));
        for code in [ErrorCode::NOT_COORDINATOR, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS] {
            assert!(matches!(judged(code), Verdict::Again(_)), "{code}");
        }
        assert!(matches!(judged(ErrorCode::STALE_MEMBER_EPOCH), Verdict::Stale(_)));
        for code in [
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::FENCED_MEMBER_EPOCH,
            ErrorCode::ILLEGAL_GENERATION,
            ErrorCode::GROUP_ID_NOT_FOUND,
        ] {
            assert!(matches!(judged(code), Verdict::Lost(_)), "{code}");
        }
    }

    #[test]
    fn a_refused_offset_is_named() {
        let refused = |code| match judged(code) {
            Verdict::Refused(error) | Verdict::Unknown(error) => error,
            other => panic!("{code}: {other:?}"),
        };
        for (code, kind) in [
            (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, BrokerErrorKind::UnknownTopic),
            (ErrorCode::OFFSET_METADATA_TOO_LARGE, BrokerErrorKind::InvalidRequest),
            (ErrorCode::TOPIC_AUTHORIZATION_FAILED, BrokerErrorKind::Unauthorized),
            (ErrorCode::GROUP_AUTHORIZATION_FAILED, BrokerErrorKind::Unauthorized),
            (ErrorCode(999), BrokerErrorKind::Fatal),
        ] {
            let error = refused(code);
            assert_eq!(error.kind(), kind, "{code}");
            let names = "the offset of orders-1 was not committed for group app";
            assert!(error.to_string().starts_with(names), "{error}");
        }
    }
}
