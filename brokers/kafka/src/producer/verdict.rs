//! What an error of a produce response means for its batch.

use crate::protocol::ErrorCode;

/// The fate of a batch that a broker answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is written, now or by an earlier attempt.
    Written,
    /// It is not written, but may be if it is tried again.
    NotWritten,
    /// It may be written or not: tried again as it is, so that the broker can tell.
    Unknown,
    /// It is not written: the broker does not know what the producer wrote before. Tried again
    /// under a new epoch.
    Restart,
    /// It is not written, its parts may be.
    TooLarge,
    /// It is not written and never will be.
    Refused,
    /// Another producer has taken this one's place.
    Fenced,
}

impl Verdict {
    pub(super) fn of(error: ErrorCode) -> Self {
        match error {
            // A duplicate so old that the broker has forgotten its offset is written all the same.
            ErrorCode::NONE | ErrorCode::DUPLICATE_SEQUENCE_NUMBER => Self::Written,
            // Found before the leader appends. (A deleted topic has lost what it may have had.)
            ErrorCode::CORRUPT_MESSAGE
            | ErrorCode::NOT_ENOUGH_REPLICAS
            | ErrorCode::LEADER_NOT_AVAILABLE
            | ErrorCode::THROTTLING_QUOTA_EXCEEDED
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::UNKNOWN_TOPIC_ID
            | ErrorCode::INCONSISTENT_TOPIC_ID => Self::NotWritten,
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER | ErrorCode::UNKNOWN_PRODUCER_ID => {
                Self::Restart
            }
            ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => Self::TooLarge,
            ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::INVALID_PRODUCER_ID_MAPPING
            | ErrorCode::PRODUCER_FENCED => Self::Fenced,
            // Also a leader that lost its place may have appended before.
            retriable if retriable.is_retriable() => Self::Unknown,
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_verdict() {
        for (code, verdict) in [
            (ErrorCode::NONE, Verdict::Written),
            (ErrorCode::DUPLICATE_SEQUENCE_NUMBER, Verdict::Written),
            (ErrorCode::CORRUPT_MESSAGE, Verdict::NotWritten),
            (ErrorCode::NOT_ENOUGH_REPLICAS, Verdict::NotWritten),
            (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Verdict::NotWritten),
            (ErrorCode::LEADER_NOT_AVAILABLE, Verdict::NotWritten),
            (ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND, Verdict::Unknown),
            (ErrorCode::NOT_LEADER_OR_FOLLOWER, Verdict::Unknown),
            (ErrorCode::FENCED_LEADER_EPOCH, Verdict::Unknown),
            (ErrorCode::KAFKA_STORAGE_ERROR, Verdict::Unknown),
            (ErrorCode::REQUEST_TIMED_OUT, Verdict::Unknown),
            (ErrorCode::NETWORK_EXCEPTION, Verdict::Unknown),
            (ErrorCode::UNKNOWN_SERVER_ERROR, Verdict::Unknown),
            (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, Verdict::Restart),
            (ErrorCode::UNKNOWN_PRODUCER_ID, Verdict::Restart),
            (ErrorCode::MESSAGE_TOO_LARGE, Verdict::TooLarge),
            (ErrorCode::RECORD_LIST_TOO_LARGE, Verdict::TooLarge),
            (ErrorCode::INVALID_PRODUCER_EPOCH, Verdict::Fenced),
            (ErrorCode::PRODUCER_FENCED, Verdict::Fenced),
            (ErrorCode::INVALID_PRODUCER_ID_MAPPING, Verdict::Fenced),
            (ErrorCode::INVALID_RECORD, Verdict::Refused),
            (ErrorCode::INVALID_TIMESTAMP, Verdict::Refused),
            (ErrorCode::TOPIC_AUTHORIZATION_FAILED, Verdict::Refused),
            (ErrorCode::CLUSTER_AUTHORIZATION_FAILED, Verdict::Refused),
            (ErrorCode::INVALID_TOPIC_EXCEPTION, Verdict::Refused),
            (ErrorCode::POLICY_VIOLATION, Verdict::Refused),
            (ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, Verdict::Refused),
            (ErrorCode(999), Verdict::Refused),
        ] {
            assert_eq!(Verdict::of(code), verdict, "{code}");
        }
    }
}
