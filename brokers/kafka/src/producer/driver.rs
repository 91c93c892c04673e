//! Carries out what the producer's state plans, on the network's runtime.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use streams_core::{Stopwatch, broker::WakeUp};
use tokio::sync::Notify;

use super::{
    plan::{Outgoing, Plan, Sent},
    state::State,
};
use crate::{
    protocol::{
        init_producer_id::{self, InitProducerIdResponse},
        produce::{self, PartitionProduced},
    },
    transport::{Api, Lane, Node, Request, Transport, TransportError, TransportErrorKind},
    wire::WireError,
};

/// How long the driver sleeps when nothing is to be done.
const IDLE: Duration = Duration::from_secs(60);

/// How long it sleeps at least, if nothing wakes it: a timer is no finer.
const TICK: Duration = Duration::from_millis(1);

/// What the producer's thread and its driver share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    time: Stopwatch,
    /// There is something for the driver to do.
    kick: Notify,
    /// There is something to poll, so that a poll without does not wait for the lock.
    has_news: AtomicBool,
    wake: WakeUp,
}

impl Shared {
    pub(super) fn new(state: State, wake: WakeUp) -> Self {
        Self {
            state: Mutex::new(state),
            time: Stopwatch::start(),
            kick: Notify::new(),
            has_news: AtomicBool::new(false),
            wake,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Duration {
        self.time.elapsed()
    }

    pub(super) fn kick(&self) {
        self.kick.notify_one();
    }

    /// Says that there is something to poll, also after [`take_news`](Self::take_news).
    pub(super) fn keep_news(&self) {
        self.has_news.store(true, Ordering::Release);
    }

    /// True if something may have come since the last call.
    pub(super) fn take_news(&self) -> bool {
        self.has_news.load(Ordering::Acquire) && self.has_news.swap(false, Ordering::AcqRel)
    }

    /// Changes the state, and wakes the producer's thread if that gives it something to poll.
    fn change<T>(&self, change: impl FnOnce(&mut State, Duration) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state, self.now());
        let has_news = state.has_news();
        drop(state);
        if has_news {
            self.keep_news();
            self.wake.wake();
        }
        result
    }
}

/// What a call to the cluster came to.
#[derive(Debug)]
enum Event {
    /// `None` from a node that was told not to answer.
    Answered(Sent, Result<Option<Vec<PartitionProduced>>, TransportError>),
    Refreshed(Result<(), TransportError>),
    Identified(Result<InitProducerIdResponse, TransportError>),
}

type Call = BoxFuture<'static, Event>;

/// Runs until it is dropped.
pub(super) async fn run(shared: Arc<Shared>, transport: Arc<dyn Transport>, lane: Arc<dyn Lane>) {
    let mut calls: FuturesUnordered<Call> = FuturesUnordered::new();
    loop {
        let plan = shared.change(|state, now| state.plan(now, &*transport));
        let pause = plan.wake_at.map_or(IDLE, |at| at.saturating_sub(shared.now()));
        start(plan, &*transport, &lane, &calls);
        let event = tokio::select! {
            Some(event) = calls.next(), if !calls.is_empty() => Some(event),
            () = shared.kick.notified() => None,
            () = tokio::time::sleep(pause.max(TICK)) => None,
        };
        let Some(event) = event else { continue };
        let mut events = vec![event];
        // What came at the same time is planned for together.
        while let Some(Some(event)) = calls.next().now_or_never() {
            events.push(event);
        }
        shared.change(|state, now| events.into_iter().for_each(|event| happen(state, now, event)));
    }
}

fn start(
    plan: Plan,
    transport: &dyn Transport,
    lane: &Arc<dyn Lane>,
    calls: &FuturesUnordered<Call>,
) {
    for outgoing in plan.requests {
        calls.push(send(&**lane, outgoing));
    }
    if plan.identify {
        let request = Request::new(Api::InitProducerId, init_producer_id::VERSION, |to| {
            init_producer_id::write_idempotent(to);
        });
        let answer = lane.send(Node::Any, request);
        let read = |body| InitProducerIdResponse::read(body).map_err(malformed);
        calls.push(answer.map(move |body| Event::Identified(body.and_then(read))).boxed());
    }
    if !plan.refresh.is_empty() {
        calls.push(transport.refresh(plan.refresh).map(Event::Refreshed).boxed());
    }
}

fn send(lane: &dyn Lane, outgoing: Outgoing) -> Call {
    let Outgoing { sent, request } = outgoing;
    let is_answered = request.acks != 0;
    let mut message = Request::new(Api::Produce, produce::VERSION, move |to| request.write(to));
    message.is_answered = is_answered;
    let read = move |body: Bytes| {
        if is_answered { produce::read(body).map(Some).map_err(malformed) } else { Ok(None) }
    };
    let answer = lane.send(Node::Id(sent.node), message);
    answer.map(move |body| Event::Answered(sent, body.and_then(read))).boxed()
}

fn happen(state: &mut State, now: Duration, event: Event) {
    match event {
        Event::Answered(sent, Ok(Some(answers))) => state.answered(now, &sent, Ok(answers)),
        Event::Answered(sent, Ok(None)) => state.handed_over(now, &sent),
        Event::Answered(sent, Err(error)) => state.answered(now, &sent, Err(error)),
        Event::Refreshed(result) => state.refreshed(now, result),
        Event::Identified(result) => state.identified(now, result),
    }
}

fn malformed(error: WireError) -> TransportError {
    let mut told =
        TransportError::new(TransportErrorKind::Protocol, "a broker's answer makes no sense");
    told.source = Some(Arc::new(error));
    told
}
