//! The protocol's error codes.

use std::fmt;

use streams_core::broker::{BrokerError, BrokerErrorKind};

/// An error code of a response; 0 is none.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ErrorCode(pub(crate) i16);

macro_rules! codes {
    ($($name:ident = $code:literal, $kind:ident;)*) => {
        /// The codes that are met here, with what a caller does about each.
        impl ErrorCode {
            $(pub(crate) const $name: Self = Self($code);)*

            /// Kafka's name, if it is one of those above.
            fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// What a caller does about it; what is not listed is fatal.
            pub(crate) fn kind(self) -> BrokerErrorKind {
                match self {
                    $(Self::$name => BrokerErrorKind::$kind,)*
                    _ => BrokerErrorKind::Fatal,
                }
            }
        }
    };
}

codes! {
    UNKNOWN_SERVER_ERROR = -1, Retriable;
    NONE = 0, Retriable;
    OFFSET_OUT_OF_RANGE = 1, OffsetOutOfRange;
    CORRUPT_MESSAGE = 2, Retriable;
    UNKNOWN_TOPIC_OR_PARTITION = 3, UnknownTopic;
    LEADER_NOT_AVAILABLE = 5, Retriable;
    NOT_LEADER_OR_FOLLOWER = 6, Retriable;
    REQUEST_TIMED_OUT = 7, TimedOut;
    BROKER_NOT_AVAILABLE = 8, Retriable;
    REPLICA_NOT_AVAILABLE = 9, Retriable;
    MESSAGE_TOO_LARGE = 10, InvalidRequest;
    OFFSET_METADATA_TOO_LARGE = 12, InvalidRequest;
    NETWORK_EXCEPTION = 13, Retriable;
    COORDINATOR_LOAD_IN_PROGRESS = 14, Retriable;
    COORDINATOR_NOT_AVAILABLE = 15, Retriable;
    NOT_COORDINATOR = 16, Retriable;
    INVALID_TOPIC_EXCEPTION = 17, InvalidRequest;
    RECORD_LIST_TOO_LARGE = 18, InvalidRequest;
    NOT_ENOUGH_REPLICAS = 19, Retriable;
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20, Retriable;
    ILLEGAL_GENERATION = 22, Fenced;
    INCONSISTENT_GROUP_PROTOCOL = 23, InvalidRequest;
    INVALID_GROUP_ID = 24, InvalidRequest;
    UNKNOWN_MEMBER_ID = 25, Fenced;
    REBALANCE_IN_PROGRESS = 27, Retriable;
    TOPIC_AUTHORIZATION_FAILED = 29, Unauthorized;
    GROUP_AUTHORIZATION_FAILED = 30, Unauthorized;
    CLUSTER_AUTHORIZATION_FAILED = 31, Unauthorized;
    INVALID_TIMESTAMP = 32, InvalidRequest;
    UNSUPPORTED_VERSION = 35, InvalidRequest;
    TOPIC_ALREADY_EXISTS = 36, AlreadyExists;
    INVALID_PARTITIONS = 37, InvalidRequest;
    INVALID_REPLICATION_FACTOR = 38, InvalidRequest;
    INVALID_CONFIG = 40, InvalidRequest;
    NOT_CONTROLLER = 41, Retriable;
    INVALID_REQUEST = 42, InvalidRequest;
    POLICY_VIOLATION = 44, InvalidRequest;
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45, Fatal;
    DUPLICATE_SEQUENCE_NUMBER = 46, Fatal;
    INVALID_PRODUCER_EPOCH = 47, Fenced;
    INVALID_PRODUCER_ID_MAPPING = 49, Fenced;
    KAFKA_STORAGE_ERROR = 56, Retriable;
    UNKNOWN_PRODUCER_ID = 59, Fatal;
    NON_EMPTY_GROUP = 68, InvalidRequest;
    GROUP_ID_NOT_FOUND = 69, InvalidRequest;
    TOPIC_DELETION_DISABLED = 73, InvalidRequest;
    FENCED_LEADER_EPOCH = 74, Retriable;
    UNKNOWN_LEADER_EPOCH = 75, Retriable;
    UNSUPPORTED_COMPRESSION_TYPE = 76, InvalidRequest;
    OFFSET_NOT_AVAILABLE = 78, Retriable;
    GROUP_MAX_SIZE_REACHED = 81, InvalidRequest;
    GROUP_SUBSCRIBED_TO_TOPIC = 86, InvalidRequest;
    INVALID_RECORD = 87, InvalidRequest;
    UNSTABLE_OFFSET_COMMIT = 88, Retriable;
    THROTTLING_QUOTA_EXCEEDED = 89, Retriable;
    PRODUCER_FENCED = 90, Fenced;
    UNKNOWN_TOPIC_ID = 100, UnknownTopic;
    INCONSISTENT_TOPIC_ID = 103, UnknownTopic;
    OFFSET_MOVED_TO_TIERED_STORAGE = 109, OffsetOutOfRange;
    FENCED_MEMBER_EPOCH = 110, Fenced;
    STALE_MEMBER_EPOCH = 113, Fenced;
    STREAMS_INVALID_TOPOLOGY = 130, InvalidRequest;
    STREAMS_INVALID_TOPOLOGY_EPOCH = 131, InvalidRequest;
    STREAMS_TOPOLOGY_FENCED = 132, InvalidRequest;
}

impl ErrorCode {
    pub(crate) fn is_ok(self) -> bool {
        self == Self::NONE
    }

    /// Whether the same request may succeed later, at this node or at another.
    pub(crate) fn is_retriable(self) -> bool {
        !self.is_ok()
            && matches!(self.kind(), BrokerErrorKind::Retriable | BrokerErrorKind::TimedOut)
    }

    /// Whether what is known of leaders is out of date.
    pub(crate) fn is_stale_metadata(self) -> bool {
        matches!(
            self,
            Self::UNKNOWN_TOPIC_OR_PARTITION
                | Self::LEADER_NOT_AVAILABLE
                | Self::NOT_LEADER_OR_FOLLOWER
                | Self::BROKER_NOT_AVAILABLE
                | Self::REPLICA_NOT_AVAILABLE
                | Self::KAFKA_STORAGE_ERROR
                | Self::FENCED_LEADER_EPOCH
                | Self::UNKNOWN_LEADER_EPOCH
                | Self::UNKNOWN_TOPIC_ID
                | Self::INCONSISTENT_TOPIC_ID
        )
    }

    /// Whether the group has another coordinator by now, or none yet.
    pub(crate) fn is_stale_coordinator(self) -> bool {
        matches!(self, Self::NOT_COORDINATOR | Self::COORDINATOR_NOT_AVAILABLE)
    }

    /// This code as an error; `what` is the sentence that the code's name follows.
    pub(crate) fn error(self, what: &str) -> BrokerError {
        BrokerError::new(self.kind(), format!("{what}: {self}"))
    }
}

/// Kafka's name with the number: `NOT_COORDINATOR (16)`.
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name().unwrap_or("error"), self.0)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_shown_by_kafkas_name_and_number() {
        assert_eq!(ErrorCode::NOT_COORDINATOR.to_string(), "NOT_COORDINATOR (16)");
        assert_eq!(ErrorCode(999).to_string(), "error (999)");
    }

    #[test]
    fn an_unknown_code_is_fatal_and_not_tried_again() {
        assert_eq!(ErrorCode(999).kind(), BrokerErrorKind::Fatal);
        assert!(!ErrorCode(999).is_retriable());
        assert!(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.is_retriable());
        assert!(!ErrorCode::NONE.is_retriable(), "there is nothing to try again");
    }
}
