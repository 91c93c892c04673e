//! The node that keeps a group's members and offsets: found, remembered, asked.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use streams_core::broker::{BrokerError, BrokerErrorKind};

use crate::{
    backoff::Backoff,
    protocol::{
        ErrorCode, find_coordinator, offset_commit, offset_fetch, streams_group_describe,
        streams_group_heartbeat,
    },
    transport::{Lane, Node, Request},
    wire,
};

/// A response of a coordinator.
pub(crate) trait Answer: Sized {
    /// The API's name, for errors.
    const API: &'static str;

    fn read(body: Bytes) -> wire::Result<Self>;

    /// The first error in it; `NONE` if there is none.
    fn error_code(&self) -> ErrorCode;
}

impl Answer for streams_group_heartbeat::Response {
    const API: &'static str = "StreamsGroupHeartbeat";

    fn read(body: Bytes) -> wire::Result<Self> {
        Self::read(body)
    }

    fn error_code(&self) -> ErrorCode {
        self.error_code
    }
}

impl Answer for streams_group_describe::Response {
    const API: &'static str = "StreamsGroupDescribe";

    fn read(body: Bytes) -> wire::Result<Self> {
        Self::read(body)
    }

    fn error_code(&self) -> ErrorCode {
        self.error_code
    }
}

impl Answer for offset_commit::Response {
    const API: &'static str = "OffsetCommit";

    fn read(body: Bytes) -> wire::Result<Self> {
        Self::read(body)
    }

    fn error_code(&self) -> ErrorCode {
        first_error(self.partitions.iter().map(|(_, code)| *code))
    }
}

impl Answer for offset_fetch::Response {
    const API: &'static str = "OffsetFetch";

    fn read(body: Bytes) -> wire::Result<Self> {
        Self::read(body)
    }

    fn error_code(&self) -> ErrorCode {
        let partitions = self.partitions.iter().map(|partition| partition.error_code);
        first_error(std::iter::once(self.error_code).chain(partitions))
    }
}

fn first_error(mut codes: impl Iterator<Item = ErrorCode>) -> ErrorCode {
    codes.find(|code| !code.is_ok()).unwrap_or(ErrorCode::NONE)
}

/// Whether the same call may succeed later.
pub(crate) fn may_pass(error: &BrokerError) -> bool {
    matches!(error.kind(), BrokerErrorKind::Retriable | BrokerErrorKind::TimedOut)
}

fn is_passing(code: ErrorCode) -> bool {
    !code.is_ok() && code.is_retriable()
}

/// One group's coordinator, over one lane. Calls may be made at the same time; those of one node
/// are answered in their order.
#[derive(Debug)]
pub(crate) struct Coordinator {
    lane: Arc<dyn Lane>,
    group_id: Arc<str>,
    node: Mutex<Option<i32>>,
}

impl Coordinator {
    pub(crate) fn new(lane: Arc<dyn Lane>, group_id: Arc<str>) -> Self {
        Self { lane, group_id, node: Mutex::new(None) }
    }

    /// Sends a request once. A coordinator that is none any more, or does not answer, is forgotten:
    /// the next call looks for it.
    ///
    /// # Errors
    /// No answer: see [`may_pass`] whether to try again; the request may have been carried out
    /// nevertheless. Error codes are in the answer.
    pub(crate) async fn call<A: Answer>(&self, request: Request) -> Result<A, BrokerError> {
        let node = self.node().await?;
        let body = match self.lane.send(Node::Id(node), request).await {
            Ok(body) => body,
            Err(error) => {
                self.forget(node);
                return Err(error.into());
            }
        };
        let answer = A::read(body).map_err(|error| {
            let what = format!("{} of group {} was not understood", A::API, self.group_id);
            BrokerError::new(BrokerErrorKind::Fatal, what).with_source(error)
        })?;
        if answer.error_code().is_stale_coordinator() {
            self.forget(node);
        }
        Ok(answer)
    }

    /// As [`call`](Self::call), again and again until the answer has no error, or one that does not
    /// pass by itself.
    ///
    /// # Errors
    /// [`TimedOut`](BrokerErrorKind::TimedOut), with what hindered it last; errors that do not
    /// pass.
    pub(crate) async fn call_until<A: Answer>(
        &self,
        timeout: Duration,
        request: impl Fn() -> Request,
    ) -> Result<A, BrokerError> {
        let mut backoff = Backoff::default();
        let mut hindrance = "no answer".to_owned();
        let attempts = async {
            loop {
                match self.call::<A>(request()).await {
                    Ok(answer) if is_passing(answer.error_code()) => {
                        hindrance = answer.error_code().to_string();
                    }
                    Err(error) if may_pass(&error) => hindrance = error.to_string(),
                    done => return done,
                }
                tokio::time::sleep(backoff.next()).await;
            }
        };
        let timed = tokio::time::timeout(timeout, attempts).await;
        timed.unwrap_or_else(|_| {
            Err(BrokerError::new(
                BrokerErrorKind::TimedOut,
                format!(
                    "{} of group {} did not succeed within {} ms: {hindrance}",
                    A::API,
                    self.group_id,
                    timeout.as_millis()
                ),
            ))
        })
    }

    async fn node(&self) -> Result<i32, BrokerError> {
        if let Some(node) = *self.known() {
            return Ok(node);
        }
        let body = self.lane.send(Node::Any, find_coordinator::request(&self.group_id)).await?;
        let what = format!("the coordinator of group {} cannot be found", self.group_id);
        let found = match find_coordinator::Response::read(body) {
            Ok(found) => found,
            Err(error) => {
                return Err(BrokerError::new(BrokerErrorKind::Fatal, what).with_source(error));
            }
        };
        if !found.error_code.is_ok() {
            let code = found.error_code;
            let message = found.error_message.filter(|message| !message.is_empty());
            let mut told = message.map_or(String::new(), |message| format!(": {message}"));
            if code == ErrorCode::GROUP_AUTHORIZATION_FAILED {
                told.push_str("; this client needs the operation READ on the group");
            }
            return Err(BrokerError::new(code.kind(), format!("{what}: {code}{told}")));
        }
        *self.known() = Some(found.node_id);
        Ok(found.node_id)
    }

    /// Forgets the coordinator, unless it is another by now.
    fn forget(&self, node: i32) {
        let mut known = self.known();
        if *known == Some(node) {
            *known = None;
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<i32>> {
        self.node.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
