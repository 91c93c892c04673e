//! Who a producer is to the brokers: an id that the cluster gave it, and an epoch of its own.

use std::time::Duration;

use crate::backoff::Retry;

/// What a partition's log keeps sequence numbers under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProducerId {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// The producer id: asked for when the first batch is to be sent.
///
/// Without transactions the epoch is the producer's own affair (KIP-360): a partition whose
/// sequence cannot go on begins anew at 0 under the next epoch, and its log refuses what still
/// comes of the epochs before. Other partitions go on as they are, and take up the new epoch with
/// their next batch.
#[derive(Debug, Default)]
pub(super) struct Identity {
    pub(super) known: Option<ProducerId>,
    /// A batch cannot be sent without.
    pub(super) is_wanted: bool,
    pub(super) is_asking: bool,
    pub(super) retry: Retry,
    /// Since when the cluster cannot be asked for a reason that a pause does not mend.
    pub(super) refused_since: Option<Duration>,
    /// Why there is no id yet.
    pub(super) error: Option<String>,
}

impl Identity {
    /// Begins the next epoch, unless it has begun since `of` was current.
    pub(super) fn leave(&mut self, of: ProducerId) {
        if self.known != Some(of) {
            return;
        }
        // After the last epoch there is only another id.
        self.known = of.epoch.checked_add(1).map(|epoch| ProducerId { epoch, ..of });
        tracing::debug!(id = of.id, epoch = of.epoch, "the producer begins its next epoch");
    }

    /// True once: when the cluster is to be asked for an id.
    pub(super) fn is_due(&mut self, now: Duration) -> bool {
        let is_due = self.is_wanted && !self.is_asking && self.retry.is_due(now);
        self.is_asking |= is_due;
        is_due
    }

    pub(super) fn found(&mut self, known: ProducerId) {
        tracing::debug!(id = known.id, epoch = known.epoch, "the producer has its id");
        *self = Self { known: Some(known), ..Self::default() };
    }

    pub(super) fn failed(&mut self, now: Duration, why: String) {
        self.is_asking = false;
        self.retry.failed(now);
        self.error = Some(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: i16) -> ProducerId {
        ProducerId { id: 7, epoch }
    }

    #[test]
    fn an_epoch_is_left_once() {
        let mut identity = Identity::default();
        identity.found(at(0));
        identity.leave(at(0));
        assert_eq!(identity.known, Some(at(1)));
        identity.leave(at(0));
        assert_eq!(identity.known, Some(at(1)), "another partition left it before");
    }

    #[test]
    fn after_the_last_epoch_another_id_is_asked_for() {
        let mut identity = Identity::default();
        identity.found(at(i16::MAX));
        identity.leave(at(i16::MAX));
        assert_eq!(identity.known, None);
        identity.is_wanted = true;
        assert!(identity.is_due(Duration::ZERO));
        assert!(!identity.is_due(Duration::ZERO), "asked already");
    }

    #[test]
    fn a_failed_question_is_asked_again_after_a_pause() {
        let mut identity = Identity { is_wanted: true, ..Identity::default() };
        assert!(identity.is_due(Duration::ZERO));
        identity.failed(Duration::ZERO, "no broker".to_owned());
        assert!(!identity.is_due(Duration::ZERO));
        assert!(identity.is_due(identity.retry.at()));
    }
}
