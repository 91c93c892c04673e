//! How many partitions topics have.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use streams_core::{
    Stopwatch,
    broker::{BrokerError, BrokerErrorKind},
};

use super::slot::PATIENCE;
use crate::{
    client::Client,
    protocol::ErrorCode,
    transport::{Transport, TransportError},
};

/// How long the first question about a topic may take (`max.block.ms`).
const BLOCK_MAX: Duration = Duration::from_secs(60);

/// How often the cluster is asked about a topic that it does not know yet.
const PAUSE: Duration = Duration::from_millis(100);

/// Counts that were told once: a topic that is deleted keeps its own, and what is sent to it is
/// answered by an error.
#[derive(Debug, Default)]
pub(super) struct PartitionCounts(BTreeMap<Arc<str>, i32>);

impl PartitionCounts {
    /// From what is known of the cluster; the first time, if need be, from the cluster.
    pub(super) fn of(&mut self, client: &Client, topic: &str) -> Result<i32, BrokerError> {
        let told = self.0.get_mut(topic);
        match (client.transport.partition_count(topic), told) {
            (Some(count), Some(told)) => {
                *told = count;
                return Ok(count);
            }
            (None, Some(told)) => return Ok(*told),
            (Some(count), None) => {
                self.0.insert(topic.into(), count);
                return Ok(count);
            }
            (None, None) => {}
        }
        let topic: Arc<str> = topic.into();
        let asked = ask(Arc::clone(&client.transport), Arc::clone(&topic), BLOCK_MAX);
        let what = format!("the number of partitions of topic {topic}");
        // The question ends by itself, and says why it has no answer.
        let count = client.wait_at_most(BLOCK_MAX + PATIENCE, &what, asked)?;
        self.0.insert(topic, count);
        Ok(count)
    }
}

async fn ask(
    transport: Arc<dyn Transport>,
    topic: Arc<str>,
    timeout: Duration,
) -> Result<i32, BrokerError> {
    let time = Stopwatch::start();
    let mut unwilling = Unwilling::default();
    loop {
        let left = timeout.saturating_sub(time.elapsed());
        let refreshed = tokio::time::timeout(left, transport.refresh(vec![Arc::clone(&topic)]));
        let Ok(refreshed) = refreshed.await else {
            return Err(unwilling.timed_out(&topic, timeout));
        };
        if let Some(count) = transport.partition_count(&topic) {
            return Ok(count);
        }
        let code = transport.topic_error(&topic).filter(|_| refreshed.is_ok());
        if let Some(error) = unwilling.answered(time.elapsed(), &topic, refreshed, code) {
            return Err(error);
        }
        if left.is_zero() {
            return Err(unwilling.timed_out(&topic, timeout));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A cluster that does not tell.
#[derive(Debug, Default)]
struct Unwilling {
    /// Since when it says the same, of what does not pass by itself.
    since: Option<Duration>,
    error: Option<TransportError>,
}

impl Unwilling {
    /// Takes an answer without a count in; an error ends the question.
    fn answered(
        &mut self,
        now: Duration,
        topic: &str,
        refreshed: Result<(), TransportError>,
        code: Option<ErrorCode>,
    ) -> Option<BrokerError> {
        let is_unknown = matches!(
            code,
            Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID)
        );
        if let Some(code) = code.filter(|code| !is_unknown && !code.is_retriable()) {
            return Some(code.error(&format!("topic {topic} cannot be described")));
        }
        let passes = match &refreshed {
            Ok(()) => !is_unknown,
            Err(error) => error.is_retriable(),
        };
        self.error = refreshed.err();
        if passes {
            self.since = None;
            return None;
        }
        if now < *self.since.get_or_insert(now) + PATIENCE {
            return None;
        }
        Some(self.error.take().map_or_else(|| BrokerError::unknown_topic(topic), Into::into))
    }

    fn timed_out(self, topic: &str, timeout: Duration) -> BrokerError {
        let context = format!(
            "the cluster did not tell within {} ms how many partitions topic {topic} has",
            timeout.as_millis()
        );
        let error = BrokerError::new(BrokerErrorKind::TimedOut, context);
        match self.error {
            Some(cause) => error.with_source(cause),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::TransportErrorKind;

    const UNKNOWN: Option<ErrorCode> = Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);

    fn failed(kind: TransportErrorKind) -> Result<(), TransportError> {
        Err(TransportError::new(kind, "node 1 is away"))
    }

    #[test]
    fn a_topic_may_be_unknown_for_a_moment() {
        let mut unwilling = Unwilling::default();
        assert!(unwilling.answered(Duration::ZERO, "t", Ok(()), UNKNOWN).is_none());
        let before = PATIENCE - Duration::from_millis(1);
        assert!(unwilling.answered(before, "t", Ok(()), UNKNOWN).is_none());
        let error = unwilling.answered(PATIENCE, "t", Ok(()), UNKNOWN).unwrap();
        assert_eq!(error.kind(), BrokerErrorKind::UnknownTopic);
        assert!(error.to_string().contains("topic t "), "{error}");
    }

    #[test]
    fn a_cluster_that_cannot_be_reached_begins_the_moment_anew() {
        let mut unwilling = Unwilling::default();
        unwilling.answered(Duration::ZERO, "t", Ok(()), UNKNOWN);
        let away = failed(TransportErrorKind::Network);
        assert!(unwilling.answered(PATIENCE, "t", away, None).is_none());
        assert!(unwilling.answered(PATIENCE * 2, "t", Ok(()), UNKNOWN).is_none());
        let error = unwilling.timed_out("t", Duration::from_secs(60));
        assert_eq!(error.kind(), BrokerErrorKind::TimedOut);
        assert!(error.to_string().contains("topic t has"), "{error}");
    }

    #[test]
    fn what_keeps_the_cluster_away_is_told() {
        let mut unwilling = Unwilling::default();
        unwilling.answered(Duration::ZERO, "t", failed(TransportErrorKind::TimedOut), None);
        let error = unwilling.timed_out("t", Duration::from_secs(60));
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "node 1 is away");
        let mut unwilling = Unwilling::default();
        let refused = || failed(TransportErrorKind::Security);
        assert!(unwilling.answered(Duration::ZERO, "t", refused(), None).is_none());
        let error = unwilling.answered(PATIENCE, "t", refused(), None).unwrap();
        assert_eq!(error.kind(), BrokerErrorKind::Unauthorized);
    }

    #[test]
    fn a_topic_that_may_not_be_described_is_an_error_at_once() {
        let mut unwilling = Unwilling::default();
        let code = Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
        let error = unwilling.answered(Duration::ZERO, "t", Ok(()), code).unwrap();
        assert_eq!(error.kind(), BrokerErrorKind::Unauthorized);
        assert!(error.to_string().contains("topic t "), "{error}");
    }
}
