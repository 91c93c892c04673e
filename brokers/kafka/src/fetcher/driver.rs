//! The task that carries out what the state plans: sends, waits, tells the state what came back.

use std::{
    future::{Future, pending},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, try_join},
    stream::FuturesUnordered,
};
use streams_core::broker::{Isolation, WakeUp};
use tokio::{sync::Notify, time::Instant};

use super::{
    answer::{self, Answer},
    plan::{Fetch, Plan, RangeLookup},
    state::{Patience, State},
};
use crate::{
    protocol::{
        ErrorCode,
        list_offsets::{self, EARLIEST, LATEST, Question},
    },
    transport::{Lane, Node, Transport, TransportError, TransportErrorKind},
    wire::WireError,
};

/// What the fetcher and its task share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// The owner's calls, for the task.
    pub(super) changed: Notify,
    /// News, for the owner.
    pub(super) wake: WakeUp,
}

impl Shared {
    pub(super) fn new(state: State, wake: WakeUp) -> Self {
        Self { state: Mutex::new(state), changed: Notify::new(), wake }
    }

    /// The state, for a moment: whoever holds it does not wait for anything.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came back.
enum Event {
    Answered {
        node: i32,
        patience: Patience,
        result: Result<Vec<Answer>, TransportError>,
    },
    RangeFound {
        lookup: RangeLookup,
        result: Result<Result<(i64, i64), ErrorCode>, TransportError>,
    },
    Refreshed {
        topics: Vec<Arc<str>>,
        result: Result<(), TransportError>,
    },
}

pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) patient: Arc<dyn Lane>,
    pub(super) prompt: Arc<dyn Lane>,
}

impl Driver {
    /// Runs until it is aborted.
    pub(super) async fn run(self) {
        // Now, by the clock of the timers: it never jumps.
        let began = tokio::time::sleep(Duration::ZERO).deadline();
        let mut calls = FuturesUnordered::new();
        loop {
            let plan = self.shared.state().plan(began.elapsed(), &self.transport);
            let next = plan.next.map(|next| began + next);
            self.start(plan, &calls);
            tokio::select! {
                biased;
                Some(event) = calls.next() => self.take(event, began.elapsed()),
                () = self.shared.changed.notified() => {}
                () = sleep_until(next) => {}
            }
        }
    }

    fn start(&self, plan: Plan, calls: &FuturesUnordered<BoxFuture<'static, Event>>) {
        for fetch in plan.fetches {
            let lane = match fetch.patience {
                Patience::Patient => &self.patient,
                Patience::Prompt => &self.prompt,
            };
            calls.push(fetch_from(Arc::clone(lane), fetch).boxed());
        }
        for lookup in plan.range_lookups {
            calls.push(find_range(Arc::clone(&self.prompt), lookup).boxed());
        }
        if let Some(topics) = plan.refresh {
            let refreshed = self.transport.refresh(topics.clone());
            calls.push(refreshed.map(|result| Event::Refreshed { topics, result }).boxed());
        }
    }

    fn take(&self, event: Event, now: Duration) {
        let mut state = self.shared.state();
        match event {
            Event::Answered { node, patience, result } => {
                state.answered(now, node, patience, result);
            }
            Event::RangeFound { lookup, result } => {
                let RangeLookup { name, generation, leader } = lookup;
                state.range_found(now, &name, generation, leader.node, &result);
            }
            Event::Refreshed { topics, result } => {
                state.refreshed(now, &topics, result, &self.transport);
            }
        }
        let has_news = state.has_news();
        drop(state);
        if has_news {
            self.shared.wake.wake();
        }
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => pending().await,
    }
}

async fn fetch_from(lane: Arc<dyn Lane>, fetch: Fetch) -> Event {
    let Fetch { node, patience, request } = fetch;
    let result = match lane.send(Node::Id(node), request.request()).await {
        Ok(body) => match answer::read(&request, body) {
            Ok(Ok(answers)) => Ok(answers),
            Ok(Err(refused)) => Err(refused_by(node, refused)),
            Err(malformed) => Err(malformed_by(node, &malformed)),
        },
        Err(error) => Err(error),
    };
    Event::Answered { node, patience, result }
}

/// Both ends of a partition; one request cannot ask for both.
async fn find_range(lane: Arc<dyn Lane>, lookup: RangeLookup) -> Event {
    let ask = |timestamp| end_of(&*lane, &lookup, timestamp);
    let result = match try_join(ask(EARLIEST), ask(LATEST)).await {
        Ok((start, end)) => Ok(start.and_then(|start| Ok((start, end?)))),
        Err(error) => Err(error),
    };
    Event::RangeFound { lookup, result }
}

fn end_of(
    lane: &dyn Lane,
    lookup: &RangeLookup,
    timestamp: i64,
) -> impl Future<Output = Result<Result<i64, ErrorCode>, TransportError>> + use<> {
    let (node, leader_epoch) = (lookup.leader.node, lookup.leader.epoch);
    let question = Question { partition: lookup.name.clone(), leader_epoch, timestamp };
    let request = list_offsets::request(Isolation::ReadUncommitted, vec![question]);
    let sent = lane.send(Node::Id(node), request);
    async move {
        let answers =
            list_offsets::read(sent.await?).map_err(|error| malformed_by(node, &error))?;
        let answer = answers.into_iter().next().map(|(_, found)| found);
        answer.ok_or_else(|| malformed_by(node, &WireError::new("the partition")))
    }
}

fn malformed_by(node: i32, error: &WireError) -> TransportError {
    TransportError::new(TransportErrorKind::Protocol, format!("node {node}: {error}"))
}

fn refused_by(node: i32, error: ErrorCode) -> TransportError {
    let kind = match error.is_retriable() {
        true => TransportErrorKind::Network,
        false => TransportErrorKind::Protocol,
    };
    TransportError::new(kind, format!("node {node} refuses to read anything: {error}"))
}
