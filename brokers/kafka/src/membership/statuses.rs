//! The conditions of a group.

use streams_core::broker::{GroupStatus, GroupStatusCode};

/// What the coordinator said last, and what was handed out of it.
#[derive(Debug, Default)]
pub(super) struct Statuses {
    current: Vec<GroupStatus>,
    shown: Vec<GroupStatus>,
}

impl Statuses {
    /// The coordinator has said which conditions there are.
    pub(super) fn take(&mut self, told: Vec<(i8, String)>) {
        self.current = told.into_iter().filter_map(status).collect();
    }

    /// Whether the group can assign tasks.
    pub(super) fn is_ready(&self) -> bool {
        !self.current.iter().any(|status| {
            matches!(
                status.code,
                GroupStatusCode::MissingSourceTopics
                    | GroupStatusCode::IncorrectlyPartitionedTopics
                    | GroupStatusCode::MissingInternalTopics
                    | GroupStatusCode::AssignmentDelayed
            )
        })
    }

    /// Whether [`hand_out`](Self::hand_out) has something.
    pub(super) fn is_news(&self) -> bool {
        self.current != self.shown
    }

    /// The conditions, if they are others than those that were handed out last.
    pub(super) fn hand_out(&mut self) -> Option<Vec<GroupStatus>> {
        if !self.is_news() {
            return None;
        }
        self.shown.clone_from(&self.current);
        Some(self.shown.clone())
    }
}

/// A condition that is known here.
fn status((code, detail): (i8, String)) -> Option<GroupStatus> {
    let known = [
        GroupStatusCode::StaleTopology,
        GroupStatusCode::MissingSourceTopics,
        GroupStatusCode::IncorrectlyPartitionedTopics,
        GroupStatusCode::MissingInternalTopics,
        GroupStatusCode::ShutdownApplication,
        GroupStatusCode::AssignmentDelayed,
    ];
    let found = known.into_iter().find(|known| *known as i8 == code);
    if found.is_none() {
        tracing::warn!(code, "the group has a condition that is not known here: {detail}");
    }
    found.map(|code| GroupStatus { code, detail: with_advice(code, detail) })
}

/// The coordinator's words name the topics; what to do about them is not said there.
fn with_advice(code: GroupStatusCode, detail: String) -> String {
    let advice = match code {
        GroupStatusCode::MissingSourceTopics => {
            "create them, or correct their names in the topology"
        }
        GroupStatusCode::IncorrectlyPartitionedTopics => {
            "topics that are joined or merged by key need equal numbers of partitions"
        }
        _ => return detail,
    };
    format!("{}: {advice}", detail.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(codes: &[i8]) -> Vec<(i8, String)> {
        codes.iter().map(|code| (*code, format!("detail {code}"))).collect()
    }

    #[test]
    fn conditions_are_handed_out_when_they_change_and_when_they_end() {
        let mut statuses = Statuses::default();
        assert_eq!(statuses.hand_out(), None, "all is well from the beginning");
        statuses.take(told(&[5]));
        let shown = statuses.hand_out().unwrap();
        assert_eq!(shown[0].code, GroupStatusCode::AssignmentDelayed);
        assert_eq!(shown[0].detail, "detail 5");
        statuses.take(told(&[5]));
        assert_eq!(statuses.hand_out(), None);
        statuses.take(told(&[]));
        assert_eq!(statuses.hand_out(), Some(Vec::new()));
    }

    #[test]
    fn a_group_is_ready_unless_topics_or_members_are_waited_for() {
        let ready = [0, 1, 2, 3, 4, 5].map(|code| {
            let mut statuses = Statuses::default();
            statuses.take(told(&[code]));
            statuses.is_ready()
        });
        assert_eq!(ready, [true, false, false, false, true, false]);
    }

    #[test]
    fn conditions_of_a_later_kafka_are_passed_over() {
        let mut statuses = Statuses::default();
        statuses.take(told(&[99, 4]));
        let codes: Vec<_> = statuses.hand_out().unwrap().iter().map(|one| one.code).collect();
        assert_eq!(codes, [GroupStatusCode::ShutdownApplication]);
    }
}
