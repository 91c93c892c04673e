//! What the coordinator's errors mean for a member.

use std::fmt;

use streams_core::broker::{BrokerError, BrokerErrorKind};

use super::state::Identity;
use crate::protocol::ErrorCode;

/// An error that ends the membership: each poll returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: BrokerErrorKind,
    pub(super) text: String,
}

impl Failure {
    pub(super) fn new(kind: BrokerErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    pub(super) fn error(&self) -> BrokerError {
        BrokerError::new(self.kind, self.text.clone())
    }
}

impl From<&BrokerError> for Failure {
    /// With the causes, but for those that an error above has in its text already.
    fn from(error: &BrokerError) -> Self {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            let told = cause.to_string();
            if !text.contains(&told) {
                text.push_str(": ");
                text.push_str(&told);
            }
            source = cause.source();
        }
        Self::new(error.kind(), text)
    }
}

/// What a member does about an error code in the answer to a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Says the same later.
    Passing,
    /// It is not in the group any more: all its tasks are lost.
    Lost,
    /// The group has another topology, which can be asked for.
    OtherTopology,
    /// It cannot go on.
    Final(Failure),
}

/// An error code with the sentence that came with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused<'a> {
    pub(super) code: ErrorCode,
    pub(super) message: Option<&'a str>,
}

impl fmt::Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message {
            Some(message) if !message.is_empty() => write!(f, "{}: {message}", self.code),
            _ => self.code.fmt(f),
        }
    }
}

/// Java's classification, but for what Java takes for the end though it is none: a group that was
/// deleted under its members is joined anew, and an unexpected error of the server passes.
pub(super) fn refusal(refused: Refused<'_>, own: &Identity, is_joining: bool) -> Refusal {
    use BrokerErrorKind::{InvalidRequest, Unauthorized};
    let group = &*own.group_id;
    let end = |kind, text: String| Refusal::Final(Failure::new(kind, text));
    match refused.code {
        ErrorCode::FENCED_MEMBER_EPOCH | ErrorCode::UNKNOWN_MEMBER_ID => Refusal::Lost,
        ErrorCode::GROUP_ID_NOT_FOUND if !is_joining => Refusal::Lost,
        ErrorCode::GROUP_ID_NOT_FOUND
        | ErrorCode::INVALID_GROUP_ID
        | ErrorCode::INCONSISTENT_GROUP_PROTOCOL => {
            end(InvalidRequest, other_type(group, &refused))
        }
        ErrorCode::INVALID_REQUEST
            if is_joining && refused.message.is_some_and(|text| text.contains("opology")) =>
        {
            Refusal::OtherTopology
        }
        ErrorCode::STREAMS_INVALID_TOPOLOGY_EPOCH | ErrorCode::STREAMS_TOPOLOGY_FENCED => {
            Refusal::OtherTopology
        }
        ErrorCode::STREAMS_INVALID_TOPOLOGY => {
            end(InvalidRequest, format!("group {group} refuses the topology: {refused}"))
        }
        ErrorCode::GROUP_AUTHORIZATION_FAILED => {
            let text = format!(
                "this client may not join group {group}: {refused}; it needs READ on the group"
            );
            end(Unauthorized, text)
        }
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => end(Unauthorized, no_topics(own, &refused)),
        ErrorCode::UNSUPPORTED_VERSION => end(InvalidRequest, unsupported(own, &refused)),
        ErrorCode::GROUP_MAX_SIZE_REACHED => {
            let text = format!(
                "group {group} is full: {refused}; start fewer stream threads, or raise \
                 group.streams.max.size of the brokers"
            );
            end(InvalidRequest, text)
        }
        code if code.is_retriable() => Refusal::Passing,
        code => end(code.kind(), format!("group {group} refuses this member: {refused}")),
    }
}

/// A classic group becomes a streams group by joining, once it has no members.
fn other_type(group: &str, refused: &Refused<'_>) -> String {
    format!(
        "group {group} is no streams group ({refused}): stop what uses it; where that was a \
         classic group it is then taken over with its offsets, any other has to be deleted first \
         (kafka-consumer-groups.sh --delete --group {group}); or take another application.id"
    )
}

/// The coordinator does not say which topics.
fn no_topics(own: &Identity, refused: &Refused<'_>) -> String {
    format!(
        "this client may not describe all topics of group {}: {refused}; it needs DESCRIBE on each \
         of {}",
        own.group_id,
        own.introduction.topology.topics().join(", ")
    )
}

fn unsupported(own: &Identity, refused: &Refused<'_>) -> String {
    format!(
        "the cluster at {} does not serve streams groups, as {} is one: {refused}; they need \
         Apache Kafka 4.2 or newer, the feature streams.version at 1 or higher \
         (kafka-features.sh upgrade --feature streams.version=1), and streams among \
         group.coordinator.rebalance.protocols",
        own.bootstrap_servers, own.group_id
    )
}

/// Why a member with another topology cannot join; `difference` says what differs, if it is known.
pub(super) fn other_topology(group: &str, difference: Option<&str>) -> Failure {
    let what = difference.map_or(String::new(), |difference| format!(" ({difference})"));
    let text = format!(
        "the topology of group {group} differs from this application's{what}: Apache Kafka 4.3 \
         keeps a group's topology; stop all members and run `streams group replace {group}`, \
         which keeps the committed offsets, or take another application.id"
    );
    Failure::new(BrokerErrorKind::InvalidRequest, text)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc, time::Duration};

    use super::*;
    use crate::protocol::streams_group_heartbeat::{Introduction, Subtopology, Topology};

    fn identity() -> Identity {
        let subtopology = Subtopology {
            source_topics: vec!["orders".into(), "users".into()],
            ..Subtopology::default()
        };
        let introduction = Introduction {
            rack_id: None,
            topology: Topology { epoch: 0, subtopologies: vec![subtopology] },
            process_id: "process".to_owned(),
            user_endpoint: None,
            client_tags: BTreeMap::new(),
        };
        Identity {
            group_id: "app".into(),
            member_id: "m1".into(),
            introduction: Arc::new(introduction),
            rebalance_timeout: Duration::from_secs(300),
            deadline: None,
            bootstrap_servers: "kafka-1:9092".to_owned(),
        }
    }

    fn refuse(code: ErrorCode, message: Option<&str>, is_joining: bool) -> Refusal {
        refusal(Refused { code, message }, &identity(), is_joining)
    }

    fn end(code: ErrorCode, message: Option<&str>) -> Failure {
        match refuse(code, message, true) {
            Refusal::Final(failure) => failure,
            other => panic!("{code}: {other:?}"),
        }
    }

    #[test]
    fn a_member_that_the_group_does_not_know_has_lost_its_tasks() {
        for is_joining in [true, false] {
            assert_eq!(refuse(ErrorCode::FENCED_MEMBER_EPOCH, None, is_joining), Refusal::Lost);
            assert_eq!(refuse(ErrorCode::UNKNOWN_MEMBER_ID, None, is_joining), Refusal::Lost);
        }
        assert_eq!(refuse(ErrorCode::GROUP_ID_NOT_FOUND, None, false), Refusal::Lost);
    }

    #[test]
    fn what_passes_by_itself_is_no_end() {
        for code in [
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
            ErrorCode::NOT_COORDINATOR,
            ErrorCode::REQUEST_TIMED_OUT,
            ErrorCode::UNKNOWN_SERVER_ERROR,
        ] {
            assert_eq!(refuse(code, None, false), Refusal::Passing, "{code}");
        }
    }

    #[test]
    fn a_group_of_another_type_is_named_with_what_to_do() {
        let told = Some("Group app is not a streams group.");
        for code in [
            ErrorCode::GROUP_ID_NOT_FOUND,
            ErrorCode::INVALID_GROUP_ID,
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ] {
            let failure = end(code, told);
            assert_eq!(failure.kind, BrokerErrorKind::InvalidRequest);
            assert!(failure.text.starts_with("group app is no streams group ("), "{failure:?}");
            assert!(failure.text.contains("--delete --group app"), "{failure:?}");
        }
    }

    #[test]
    fn another_topology_is_told_from_other_bad_requests() {
        let told = Some("Topology updates are not supported yet.");
        assert_eq!(refuse(ErrorCode::INVALID_REQUEST, told, true), Refusal::OtherTopology);
        for code in [ErrorCode::STREAMS_TOPOLOGY_FENCED, ErrorCode::STREAMS_INVALID_TOPOLOGY_EPOCH]
        {
            assert_eq!(refuse(code, None, true), Refusal::OtherTopology);
        }
        let failure = end(ErrorCode::INVALID_REQUEST, Some("RackId can't be empty."));
        assert_eq!(
            failure.text,
            "group app refuses this member: INVALID_REQUEST (42): RackId can't be empty."
        );
    }

    #[test]
    fn the_command_that_mends_the_topology_is_named() {
        let failure = other_topology("app", Some("sub-topology 0 reads a"));
        assert_eq!(failure.kind, BrokerErrorKind::InvalidRequest);
        assert!(failure.text.contains("`streams group replace app`"), "{failure:?}");
        assert!(failure.text.contains("(sub-topology 0 reads a)"), "{failure:?}");
        assert!(!other_topology("app", None).text.contains('('));
    }

    #[test]
    fn what_a_client_may_not_do_is_said_by_name() {
        let failure = end(ErrorCode::GROUP_AUTHORIZATION_FAILED, None);
        assert_eq!(failure.kind, BrokerErrorKind::Unauthorized);
        assert!(failure.text.contains("group app"), "{failure:?}");
        let failure = end(ErrorCode::TOPIC_AUTHORIZATION_FAILED, None);
        assert_eq!(failure.kind, BrokerErrorKind::Unauthorized);
        assert!(failure.text.ends_with("on each of orders, users"), "{failure:?}");
    }

    #[test]
    fn limits_of_the_cluster_are_said_with_the_setting() {
        let failure = end(ErrorCode::UNSUPPORTED_VERSION, None);
        assert_eq!(failure.kind, BrokerErrorKind::InvalidRequest);
        assert!(failure.text.contains("Apache Kafka 4.2"), "{failure:?}");
        assert!(failure.text.contains("kafka-1:9092"), "{failure:?}");
        let failure = end(ErrorCode::GROUP_MAX_SIZE_REACHED, None);
        assert!(failure.text.contains("group.streams.max.size"), "{failure:?}");
        let failure = end(ErrorCode::STREAMS_INVALID_TOPOLOGY, Some("topic a b is not valid"));
        assert!(failure.text.contains("topic a b is not valid"), "{failure:?}");
        assert_eq!(end(ErrorCode(999), None).kind, BrokerErrorKind::Fatal);
    }
}
