//! Committed offsets that were asked for.

use std::{collections::BTreeMap, sync::Arc};

use streams_core::broker::{BrokerError, CommittedOffset, TopicPartition};

use crate::protocol::{
    ErrorCode,
    offset_fetch::{FetchedOffset, Response},
};

/// Offsets in the order of the partitions asked for.
pub(super) type Offsets = Vec<Option<CommittedOffset>>;

/// A question that has to be put to the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    id: u64,
    /// The membership that it was asked in.
    pub(super) incarnation: u64,
    pub(super) partitions: Arc<[TopicPartition]>,
}

/// The last question of a member, with its answer.
#[derive(Debug, Default)]
pub(super) struct Queries {
    next_id: u64,
    current: Option<Query>,
    is_taken: bool,
    answer: Option<Result<Offsets, BrokerError>>,
}

impl Queries {
    /// The answer for these partitions, once; `None` while it is on its way. A question for others
    /// takes the place of the one before.
    pub(super) fn ask(
        &mut self,
        incarnation: u64,
        partitions: &[TopicPartition],
    ) -> Option<Result<Offsets, BrokerError>> {
        let is_same = self.current.as_ref().is_some_and(|query| *query.partitions == *partitions);
        if is_same {
            let answer = self.answer.take()?;
            self.current = None;
            return Some(answer);
        }
        let id = self.next_id;
        self.next_id += 1;
        self.current = Some(Query { id, incarnation, partitions: partitions.into() });
        (self.is_taken, self.answer) = (false, None);
        None
    }

    /// The question to put next.
    pub(super) fn take(&mut self) -> Option<Query> {
        if self.is_taken {
            return None;
        }
        let query = self.current.clone()?;
        self.is_taken = true;
        Some(query)
    }

    /// Whether the answer is still wanted.
    pub(super) fn is_wanted(&self, query: &Query) -> bool {
        self.current.as_ref().is_some_and(|current| current.id == query.id)
    }

    pub(super) fn finish(&mut self, query: &Query, answer: Result<Offsets, BrokerError>) {
        if self.is_wanted(query) {
            self.answer = Some(answer);
        }
    }

    /// The membership is over.
    pub(super) fn forget(&mut self) {
        (self.current, self.answer) = (None, None);
    }
}

/// What an answer means.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The offsets, in order.
    Found(Offsets),
    /// The same again, later.
    Again(String),
    /// The member's epoch is not the coordinator's: with the right one, the same again.
    Stale(String),
    /// The member is not in the group any more.
    Lost(String),
    /// No answer to be had.
    Refused(BrokerError),
}

/// Judges an answer.
pub(super) fn judge(response: Response, partitions: &[TopicPartition], group: &str) -> Verdict {
    let what = format!("the committed offsets of group {group} cannot be read");
    match response.error_code {
        code if code.is_ok() => {}
        code @ ErrorCode::STALE_MEMBER_EPOCH => return Verdict::Stale(format!("{what}: {code}")),
        code @ (ErrorCode::UNKNOWN_MEMBER_ID
        | ErrorCode::FENCED_MEMBER_EPOCH
        | ErrorCode::GROUP_ID_NOT_FOUND) => return Verdict::Lost(format!("{what}: {code}")),
        code if code.is_retriable() => return Verdict::Again(format!("{what}: {code}")),
        code => return Verdict::Refused(code.error(&what)),
    }
    let mut found: BTreeMap<TopicPartition, Option<CommittedOffset>> = BTreeMap::new();
    for FetchedOffset { partition, committed, error_code } in response.partitions {
        if error_code.is_ok() {
            found.insert(partition, committed);
        } else if error_code.is_retriable() {
            return Verdict::Again(format!("{what}: {partition}: {error_code}"));
        } else {
            let what = format!("the committed offset of {partition} of group {group}");
            return Verdict::Refused(error_code.error(&what));
        }
    }
    let in_order = partitions.iter().map(|partition| found.get(partition).cloned());
    match in_order.collect::<Option<Offsets>>() {
        Some(offsets) => Verdict::Found(offsets),
        None => Verdict::Again(format!("{what}: not all of them were answered")),
    }
}

#[cfg(test)]
mod tests {
    use streams_core::broker::BrokerErrorKind;

    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("orders", number)
    }

    #[test]
    fn an_answer_is_for_the_same_partitions_and_comes_once() {
        let mut queries = Queries::default();
        let of = [partition(1), partition(0)];
        assert!(queries.ask(1, &of).is_none());
        let query = queries.take().unwrap();
        assert_eq!(*query.partitions, of);
        assert_eq!(queries.take(), None, "it is put once");
        assert!(queries.ask(1, &of).is_none());
        queries.finish(&query, Ok(vec![None, Some(CommittedOffset::new(3))]));
        let answer = queries.ask(1, &of).unwrap().unwrap();
        assert_eq!(answer, [None, Some(CommittedOffset::new(3))]);
        assert!(queries.ask(1, &of).is_none(), "asked anew");
        assert!(queries.take().is_some());
    }

    #[test]
    fn another_question_takes_the_place_of_the_first() {
        let mut queries = Queries::default();
        queries.ask(1, &[partition(0)]);
        let first = queries.take().unwrap();
        queries.ask(1, &[partition(1)]);
        assert!(!queries.is_wanted(&first));
        queries.finish(&first, Ok(vec![None]));
        assert!(queries.ask(1, &[partition(1)]).is_none(), "that was of the first");
        let second = queries.take().unwrap();
        queries.forget();
        queries.finish(&second, Ok(vec![None]));
        assert_eq!(queries.take(), None);
    }

    fn fetched(number: i32, offset: Option<i64>, error_code: ErrorCode) -> FetchedOffset {
        let committed = offset.map(CommittedOffset::new);
        FetchedOffset { partition: partition(number), committed, error_code }
    }

    fn judged(error_code: ErrorCode, partitions: Vec<FetchedOffset>) -> Verdict {
        judge(Response { error_code, partitions }, &[partition(1), partition(0)], "app")
    }

    #[test]
    fn offsets_are_found_in_the_order_asked_for() {
        let none = ErrorCode::NONE;
        let rows = vec![fetched(0, Some(7), none), fetched(1, None, none)];
        match judged(none, rows) {
            Verdict::Found(found) => assert_eq!(found, [None, Some(CommittedOffset::new(7))]),
            other => panic!("{other:?}"),
        }
        let rows = vec![fetched(0, Some(7), none)];
        assert!(matches!(judged(none, rows), Verdict::Again(_)), "one is missing");
    }

    #[test]
    fn an_offset_that_a_transaction_is_about_to_replace_is_waited_for() {
        let rows = vec![
            fetched(0, Some(7), ErrorCode::NONE),
            fetched(1, None, ErrorCode::UNSTABLE_OFFSET_COMMIT),
        ];
        assert!(matches!(judged(ErrorCode::NONE, rows), Verdict::Again(_)));
    }

    #[test]
    fn each_code_of_the_group_has_its_verdict() {
        let of_group = |code| judged(code, Vec::new());
        assert!(matches!(of_group(ErrorCode::NOT_COORDINATOR), Verdict::Again(_)));
        assert!(matches!(of_group(ErrorCode::STALE_MEMBER_EPOCH), Verdict::Stale(_)));
        assert!(matches!(of_group(ErrorCode::UNKNOWN_MEMBER_ID), Verdict::Lost(_)));
        assert!(matches!(of_group(ErrorCode::GROUP_ID_NOT_FOUND), Verdict::Lost(_)));
        match of_group(ErrorCode::GROUP_AUTHORIZATION_FAILED) {
            Verdict::Refused(error) => {
                assert_eq!(error.kind(), BrokerErrorKind::Unauthorized);
                assert!(error.to_string().contains("group app"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_partition_that_may_not_be_read_is_named() {
        let rows = vec![fetched(1, None, ErrorCode::TOPIC_AUTHORIZATION_FAILED)];
        match judged(ErrorCode::NONE, rows) {
            Verdict::Refused(error) => assert!(error.to_string().contains("orders-1"), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}
