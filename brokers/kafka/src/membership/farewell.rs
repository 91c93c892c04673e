//! Telling the coordinator that a member leaves.

use super::refusal::Failure;
use crate::protocol::ErrorCode;

/// Whether the coordinator knows the member, and how it hears that it leaves.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    is_known: bool,
    /// How often to try; 0 if there is nothing to say.
    tries: u8,
    failed: Option<Failure>,
}

impl Farewell {
    /// Something was sent to the coordinator: it may know the member.
    pub(super) fn known(&mut self) {
        self.is_known = true;
    }

    /// The coordinator has said that it does not know the member.
    pub(super) fn unknown(&mut self) {
        self.is_known = false;
    }

    /// Begins to say it, where it has to be said; true if it begins now.
    pub(super) fn begin(&mut self, tries: u8) -> bool {
        let begins = self.is_known && self.tries == 0;
        if begins {
            (self.tries, self.failed) = (tries, None);
        }
        begins
    }

    /// Whether it has to be said.
    pub(super) fn is_pending(&self) -> bool {
        self.tries > 0
    }

    /// How it ended; `None` while it is tried.
    pub(super) fn result(&self) -> Option<Result<(), Failure>> {
        (!self.is_pending()).then(|| self.failed.clone().map_or(Ok(()), Err))
    }

    /// The coordinator's answer; true if the member is out of the group.
    pub(super) fn answered(&mut self, code: ErrorCode, group: &str) -> bool {
        let is_out = matches!(
            code,
            ErrorCode::NONE
                | ErrorCode::UNKNOWN_MEMBER_ID
                | ErrorCode::FENCED_MEMBER_EPOCH
                | ErrorCode::GROUP_ID_NOT_FOUND
        );
        if is_out {
            *self = Self::default();
        } else {
            let text = format!("group {group} was not left: {code}");
            self.failed(Failure::new(code.kind(), text), code.is_retriable());
        }
        is_out
    }

    /// No answer, or none that says that the member is out.
    pub(super) fn failed(&mut self, failure: Failure, may_pass: bool) {
        self.tries = if may_pass { self.tries.saturating_sub(1) } else { 0 };
        self.failed = Some(failure);
        if self.tries == 0 {
            // The session time-out will tell the group.
            self.is_known = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use streams_core::broker::BrokerErrorKind;

    use super::*;

    fn begun(tries: u8) -> Farewell {
        let mut farewell = Farewell::default();
        farewell.known();
        assert!(farewell.begin(tries));
        assert_eq!(farewell.result(), None);
        farewell
    }

    #[test]
    fn whom_the_coordinator_does_not_know_says_nothing() {
        let mut farewell = Farewell::default();
        assert!(!farewell.begin(3));
        assert_eq!(farewell.result(), Some(Ok(())));
        farewell.known();
        farewell.unknown();
        assert!(!farewell.begin(3));
    }

    #[test]
    fn it_is_said_once_however_often_it_is_begun() {
        let mut farewell = begun(3);
        assert!(!farewell.begin(3));
        assert!(farewell.answered(ErrorCode::NONE, "app"));
        assert_eq!(farewell.result(), Some(Ok(())));
        assert!(!farewell.begin(3), "it is out");
    }

    #[test]
    fn a_coordinator_that_does_not_know_the_member_is_fine() {
        for code in [
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::FENCED_MEMBER_EPOCH,
            ErrorCode::GROUP_ID_NOT_FOUND,
        ] {
            assert!(begun(3).answered(code, "app"), "{code}");
        }
    }

    #[test]
    fn it_is_tried_again_while_that_may_help() {
        let mut farewell = begun(2);
        let failure = Failure::new(BrokerErrorKind::Retriable, "broken");
        farewell.failed(failure.clone(), true);
        assert_eq!(farewell.result(), None);
        farewell.failed(failure.clone(), true);
        assert_eq!(farewell.result(), Some(Err(failure.clone())));
        let mut farewell = begun(2);
        farewell.failed(failure, true);
        assert!(farewell.answered(ErrorCode::UNKNOWN_MEMBER_ID, "app"));
        assert_eq!(farewell.result(), Some(Ok(())), "the first was heard after all");
        let mut farewell = begun(2);
        assert!(!farewell.answered(ErrorCode::GROUP_AUTHORIZATION_FAILED, "app"));
        let failure = farewell.result().unwrap().unwrap_err();
        assert_eq!(failure.kind, BrokerErrorKind::Unauthorized);
        assert!(failure.text.starts_with("group app was not left"), "{failure:?}");
    }
}
