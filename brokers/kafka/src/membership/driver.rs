//! Carries out what a member's state wants: heartbeats, commits, questions and look-ups of topics,
//! each in a loop of its own, so that none waits for another.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use streams_core::{
    Clock,
    broker::{BrokerError, BrokerErrorKind, WakeUp},
    stores::Timestamp,
};
use tokio::sync::Notify;

use super::{
    commits::{self, Commit},
    queries::{self, Query},
    refusal::Failure,
    state::{Beat, Inquiry, State, Step},
};
use crate::{
    backoff::Backoff,
    coordinator::{Coordinator, may_pass},
    protocol::{
        ErrorCode,
        offset_commit::{self, Committer},
        offset_fetch::{self, Reading},
        streams_group_describe, streams_group_heartbeat,
    },
    transport::Transport,
};

/// How long a member that is dropped tries to say that it leaves.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How often something is tried again that another node may not know yet.
const TRIES_MAX: u32 = 8;

/// What the stream thread's side and the network's share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// A farewell was heard, or given up.
    pub(super) farewell: Condvar,
    pub(super) wake: WakeUp,
    pub(super) bells: Bells,
    clock: Arc<dyn Clock>,
}

/// One for each loop. A ring while a loop is busy is kept.
#[derive(Debug, Default)]
pub(super) struct Bells {
    pub(super) heartbeat: Notify,
    pub(super) topics: Notify,
    pub(super) commit: Notify,
    pub(super) query: Notify,
    pub(super) closing: Notify,
}

impl Shared {
    pub(super) fn new(state: State, wake: WakeUp, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Mutex::new(state),
            farewell: Condvar::new(),
            wake,
            bells: Bells::default(),
            clock,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The network's side of a member.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) coordinator: Coordinator,
    pub(super) group_id: Arc<str>,
    pub(super) member_id: Arc<str>,
    /// How long a commit is tried.
    pub(super) api_timeout: Duration,
}

impl Driver {
    /// Works until the member is gone.
    pub(super) async fn run(self) {
        let closing = async {
            self.shared.bells.closing.notified().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        tokio::select! {
            () = self.send_heartbeats() => {}
            () = self.look_up_topics() => {}
            () = self.carry_out_commits() => {}
            () = self.put_queries() => {}
            () = closing => {}
        }
    }

    async fn send_heartbeats(&self) {
        loop {
            let step = self.shared.state().step(self.shared.now());
            match step {
                Step::Beat(beat) => self.send(beat).await,
                Step::Describe(inquiry) => self.describe(inquiry).await,
                Step::Wait(wait) => self.wait(wait).await,
                Step::End => return,
            }
            self.tell_news();
        }
    }

    async fn wait(&self, wait: Option<Duration>) {
        let rung = self.shared.bells.heartbeat.notified();
        match wait {
            // Early or late makes no difference: the state is asked again.
            Some(wait) => drop(tokio::time::timeout(wait, rung).await),
            None => rung.await,
        }
    }

    /// Wakes whoever waits for what has changed.
    fn tell_news(&self) {
        let state = self.shared.state();
        if state.farewell().is_some() {
            self.shared.farewell.notify_all();
        }
        let has_news = state.has_news();
        drop(state);
        self.shared.bells.topics.notify_one();
        if has_news {
            self.shared.wake.wake();
        }
    }

    async fn send(&self, beat: Beat) {
        let request = beat.heartbeat.clone().request();
        let call = self.coordinator.call::<streams_group_heartbeat::Response>(request);
        let answer = self.in_time(call).await;
        let now = self.shared.now();
        let mut state = self.shared.state();
        match answer {
            Ok(response) => state.answered(&beat, response, now),
            Err(error) => state.unanswered(&beat, &error, now),
        }
    }

    async fn describe(&self, inquiry: Inquiry) {
        let request = streams_group_describe::request(&self.group_id);
        let answer = self.in_time(self.coordinator.call(request)).await;
        self.shared.state().described(inquiry, answer, self.shared.now());
    }

    /// A call that ends when the application is to stop without an answer.
    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, BrokerError>>,
    ) -> Result<T, BrokerError> {
        let left = self.shared.state().time_left(self.shared.now());
        match left {
            None => call.await,
            Some(left) => tokio::time::timeout(left, call).await.unwrap_or_else(|_| {
                let hindrance = self.shared.state().hindrance();
                Err(BrokerError::new(BrokerErrorKind::TimedOut, hindrance))
            }),
        }
    }

    async fn look_up_topics(&self) {
        let mut backoff = Backoff::default();
        loop {
            self.shared.bells.topics.notified().await;
            loop {
                let topics = self.shared.state().take_topics();
                let Some(topics) = topics else { break };
                if self.look_up(topics, &mut backoff).await {
                    backoff.reset();
                } else {
                    tokio::time::sleep(backoff.next()).await;
                }
            }
        }
    }

    /// True if the assignment is complete.
    async fn look_up(&self, topics: Vec<Arc<str>>, backoff: &mut Backoff) -> bool {
        // What is known already may do.
        if let Err(error) = self.transport.refresh(topics).await {
            tracing::debug!(group = &*self.group_id, "topics were not looked up: {error}");
        }
        let count = |topic: &str| self.transport.partition_count(topic);
        let resolved = self.shared.state().resolve(&count);
        let Err(topic) = resolved else {
            if self.shared.state().has_news() {
                self.shared.wake.wake();
            }
            return true;
        };
        match self.transport.topic_error(&topic) {
            Some(code @ ErrorCode::TOPIC_AUTHORIZATION_FAILED) => {
                let text = format!(
                    "this client may not read topic {topic}: {code}; it needs the operation READ \
                     on it"
                );
                let failure = Failure::new(BrokerErrorKind::Unauthorized, text);
                self.shared.state().fail(failure);
                self.shared.wake.wake();
                return true;
            }
            _ if backoff.tries() % TRIES_MAX == TRIES_MAX - 1 => tracing::warn!(
                group = &*self.group_id,
                "the group assigns tasks that read topic {topic}, whose partitions are not known"
            ),
            _ => {}
        }
        false
    }

    async fn carry_out_commits(&self) {
        loop {
            self.shared.bells.commit.notified().await;
            loop {
                let commit = self.shared.state().commits.take();
                let Some(commit) = commit else { break };
                let result = self.commit_in_time(&commit).await;
                self.shared.state().commits.finish(commit.ticket, result);
                self.shared.wake.wake();
            }
        }
    }

    async fn commit_in_time(&self, commit: &Commit) -> Result<(), BrokerError> {
        let mut hindrance = "no answer".to_owned();
        let tried = self.commit(commit, &mut hindrance);
        let timed = tokio::time::timeout(self.api_timeout, tried).await;
        timed.unwrap_or_else(|_| {
            let text = format!(
                "offsets of group {} were not committed within {} ms: {hindrance}",
                self.group_id,
                self.api_timeout.as_millis()
            );
            Err(BrokerError::new(BrokerErrorKind::TimedOut, text))
        })
    }

    /// Commits until there is a definite answer.
    async fn commit(&self, commit: &Commit, hindrance: &mut String) -> Result<(), BrokerError> {
        let mut backoff = Backoff::default();
        // Whether an attempt without an answer may have succeeded.
        let mut is_uncertain = false;
        loop {
            // As late as possible: the heartbeat may have brought a newer one.
            let epoch = self.shared.state().epoch_in(commit.incarnation);
            let Some(epoch) = epoch else { return Err(self.over(is_uncertain)) };
            match self.commit_once(commit, epoch).await {
                Ok(commits::Verdict::Done) => return Ok(()),
                Ok(commits::Verdict::Refused(error)) => return Err(error),
                Ok(commits::Verdict::Lost(why)) => {
                    let mut state = self.shared.state();
                    state.lose_in(commit.incarnation, &why);
                    return Err(BrokerError::fenced(why));
                }
                Ok(commits::Verdict::Stale(why)) => {
                    if backoff.tries() >= TRIES_MAX {
                        return Err(BrokerError::fenced(why));
                    }
                    *hindrance = why;
                    if self.has_newer_epoch(commit.incarnation, epoch) {
                        continue;
                    }
                }
                Ok(commits::Verdict::Unknown(error)) => {
                    if backoff.tries() >= TRIES_MAX {
                        return Err(error);
                    }
                    *hindrance = error.to_string();
                }
                Ok(commits::Verdict::Again(why)) => *hindrance = why,
                Err(error) if may_pass(&error) => {
                    is_uncertain = true;
                    *hindrance = error.to_string();
                }
                Err(error) => return Err(error),
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// The membership that a commit was begun in has ended.
    fn over(&self, is_uncertain: bool) -> BrokerError {
        if !is_uncertain {
            return self.shared.state().fenced();
        }
        let text = format!(
            "member {} is not in group {} any more, and its last commit was not answered",
            self.member_id, self.group_id
        );
        BrokerError::new(BrokerErrorKind::TimedOut, text)
    }

    async fn commit_once(
        &self,
        commit: &Commit,
        member_epoch: i32,
    ) -> Result<commits::Verdict, BrokerError> {
        let by = Committer {
            group_id: Arc::clone(&self.group_id),
            member_id: Arc::clone(&self.member_id),
            member_epoch,
        };
        let request = offset_commit::request(by, Arc::clone(&commit.offsets));
        let response = self.coordinator.call(request).await?;
        Ok(commits::judge(&response, &self.group_id))
    }

    /// Whether there is another epoch than that by now; if not, a heartbeat asks for it.
    fn has_newer_epoch(&self, incarnation: u64, epoch: i32) -> bool {
        let mut state = self.shared.state();
        if state.epoch_in(incarnation) != Some(epoch) {
            return true;
        }
        state.ask_epoch(self.shared.now());
        drop(state);
        self.shared.bells.heartbeat.notify_one();
        false
    }

    async fn put_queries(&self) {
        loop {
            self.shared.bells.query.notified().await;
            loop {
                let query = self.shared.state().queries.take();
                let Some(query) = query else { break };
                if let Some(answer) = self.query(&query).await {
                    self.shared.state().queries.finish(&query, answer);
                    self.shared.wake.wake();
                }
            }
        }
    }

    /// Asks until there is a definite answer; `None` if nobody wants it any more.
    async fn query(&self, query: &Query) -> Option<Result<queries::Offsets, BrokerError>> {
        let mut backoff = Backoff::default();
        loop {
            let epoch = {
                let state = self.shared.state();
                state.epoch_in(query.incarnation).filter(|_| state.queries.is_wanted(query))
            }?;
            match self.query_once(query, epoch).await {
                Ok(queries::Verdict::Found(offsets)) => return Some(Ok(offsets)),
                Ok(queries::Verdict::Refused(error)) => return Some(Err(error)),
                Ok(queries::Verdict::Lost(why)) => {
                    self.shared.state().lose_in(query.incarnation, &why);
                    self.tell_news();
                    return None;
                }
                Ok(queries::Verdict::Stale(why)) => {
                    tracing::debug!("{why}");
                    if self.has_newer_epoch(query.incarnation, epoch) {
                        continue;
                    }
                }
                Ok(queries::Verdict::Again(why)) => tracing::debug!("{why}"),
                Err(error) if may_pass(&error) => tracing::debug!("{error}"),
                Err(error) => return Some(Err(error)),
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    async fn query_once(&self, query: &Query, epoch: i32) -> Result<queries::Verdict, BrokerError> {
        let member = Some((Arc::clone(&self.member_id), epoch));
        let by = Reading { group_id: Arc::clone(&self.group_id), member };
        let request = offset_fetch::request(by, Some(Arc::clone(&query.partitions)));
        let response = self.coordinator.call(request).await?;
        Ok(queries::judge(response, &query.partitions, &self.group_id))
    }
}
