//! Topics that the group waits for: when to say so, and when to give up.

use std::time::Duration;

use crate::{batch::Timestamp, broker::GroupStatusCode};

/// How many heartbeats a topic may be missing, as in Kafka Streams.
const PATIENCE: u32 = 2;

/// The topics that are missing, and since when.
#[derive(Debug)]
pub(super) struct Missing {
    code: GroupStatusCode,
    detail: String,
    since: Timestamp,
    told: Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Note,
    Warning,
}

/// What is done about missing topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing, for now.
    Wait,
    /// Say it: the coordinator is about to create them.
    Note,
    /// Say it: somebody has to create them.
    Warn,
    /// They have been missing for too long.
    Fail,
}

impl Missing {
    /// The coordinator says that topics are missing; `before` is what it said last.
    pub(super) fn begin(
        before: Option<&Self>,
        code: GroupStatusCode,
        detail: &str,
        now: Timestamp,
    ) -> Self {
        let detail = detail.to_owned();
        match before.filter(|before| before.code == code) {
            Some(before) => Self { detail, ..*before },
            None => Self { code, detail, since: now, told: Told::Nothing },
        }
    }

    /// The coordinator's sentence, with the names of the topics.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// What is done now. Internal topics are missing at each first start, until the coordinator
    /// has created them: that is worth a warning only if it lasts for a heartbeat.
    pub(super) fn judge(&mut self, now: Timestamp, heartbeat: Duration) -> Verdict {
        let waited = now.as_millis().saturating_sub(self.since.as_millis());
        let waited = Duration::from_millis(u64::try_from(waited).unwrap_or(0));
        if waited >= heartbeat * PATIENCE {
            return Verdict::Fail;
        }
        let is_created_soon =
            self.code == GroupStatusCode::MissingInternalTopics && waited < heartbeat;
        let (told, verdict) = match is_created_soon {
            true => (Told::Note, Verdict::Note),
            false => (Told::Warning, Verdict::Warn),
        };
        if std::mem::replace(&mut self.told, told) == told { Verdict::Wait } else { verdict }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARTBEAT: Duration = Duration::from_secs(5);
    const INTERNAL: GroupStatusCode = GroupStatusCode::MissingInternalTopics;
    const SOURCE: GroupStatusCode = GroupStatusCode::MissingSourceTopics;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn judged(missing: &mut Missing, times: &[i64]) -> Vec<Verdict> {
        times.iter().map(|ms| missing.judge(at(*ms), HEARTBEAT)).collect()
    }

    #[test]
    fn internal_topics_are_noted_then_warned_of_once_then_an_error() {
        let mut missing = Missing::begin(None, INTERNAL, "counts is missing", at(1_000));
        let verdicts = judged(&mut missing, &[1_000, 1_500, 5_999, 6_000, 9_000, 10_999, 11_000]);
        use Verdict::{Fail, Note, Wait, Warn};
        assert_eq!(verdicts, [Note, Wait, Wait, Warn, Wait, Wait, Fail]);
    }

    #[test]
    fn source_topics_are_warned_of_at_once() {
        let mut missing = Missing::begin(None, SOURCE, "lines is missing", at(0));
        let verdicts = judged(&mut missing, &[0, 5_000, 9_999, 10_000]);
        assert_eq!(verdicts, [Verdict::Warn, Verdict::Wait, Verdict::Wait, Verdict::Fail]);
    }

    #[test]
    fn the_time_goes_on_while_the_same_is_missing_and_begins_anew_with_something_else() {
        let mut missing = Missing::begin(None, SOURCE, "lines is missing", at(0));
        judged(&mut missing, &[0]);
        let mut still = Missing::begin(Some(&missing), SOURCE, "words is missing", at(9_000));
        assert_eq!(still.detail(), "words is missing");
        assert_eq!(judged(&mut still, &[9_000, 10_000]), [Verdict::Wait, Verdict::Fail]);
        let mut other = Missing::begin(Some(&still), INTERNAL, "counts is missing", at(11_000));
        assert_eq!(judged(&mut other, &[11_000, 12_000]), [Verdict::Note, Verdict::Wait]);
    }

    #[test]
    fn a_clock_that_is_set_back_ends_nothing() {
        let mut missing = Missing::begin(None, SOURCE, "lines is missing", at(10_000));
        assert_eq!(judged(&mut missing, &[0]), [Verdict::Warn]);
    }
}
