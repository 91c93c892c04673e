//! One wake-up channel per stream thread.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Tells a thread (or an async task) that there is something to poll.
///
/// A stream thread makes one, hands clones to its fetcher, producer and membership, and
/// [waits](WakeUp::wait) on it when it has nothing to do. A wake-up between two waits is kept: the
/// next wait returns at once. Several wake-ups before a wait are one.
///
/// # Example: a wake-up that came first is not lost
/// ```
/// use std::time::Duration;
/// use streams_core::broker::WakeUp;
///
/// let wake = WakeUp::new();
/// wake.clone().wake();
/// assert!(wake.wait(Duration::from_secs(60)));
/// assert!(!wake.wait(Duration::ZERO));
/// ```
#[derive(Clone, Default)]
pub struct WakeUp(Arc<Inner>);

#[derive(Default)]
struct Inner {
    // Set without the lock, so that waking a thread that is busy anyway costs one atomic swap.
    woken: AtomicBool,
    waker: Mutex<Option<Waker>>,
    condvar: Condvar,
}

impl WakeUp {
    /// A wake-up that nobody has called yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the waiting thread or task, or makes its next wait return at once.
    pub fn wake(&self) {
        if self.0.woken.swap(true, Ordering::AcqRel) {
            return;
        }
        // The lock orders this wake-up after the waiter's check of `woken`: without it the
        // notification could fall between that check and the sleep.
        let waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.0.condvar.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until woken, at most `timeout`; true if woken. Consumes the wake-up.
    pub fn wait(&self, timeout: Duration) -> bool {
        if self.0.woken.swap(false, Ordering::AcqRel) {
            return true;
        }
        if timeout.is_zero() {
            return false;
        }
        let guard = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner);
        let asleep = |_: &mut Option<Waker>| !self.0.woken.load(Ordering::Acquire);
        let waited = self.0.condvar.wait_timeout_while(guard, timeout, asleep);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        self.0.woken.swap(false, Ordering::AcqRel)
    }

    /// The same for an async task: ready if woken since the last time, else the task's waker is
    /// called by the next [`WakeUp::wake`]. Consumes the wake-up; keeps one task's waker.
    pub fn poll_wait(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if self.0.woken.swap(false, Ordering::AcqRel) {
            return Poll::Ready(());
        }
        *waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// True if `other` wakes the same waiter.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for WakeUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeUp").field("woken", &self.0.woken.load(Ordering::Acquire)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_before_the_wait_is_kept_once() {
        let wake = WakeUp::new();
        wake.wake();
        wake.wake();
        assert!(wake.wait(Duration::from_secs(60)));
        assert!(!wake.wait(Duration::ZERO));
    }

    #[test]
    fn a_wake_up_from_another_thread_ends_the_wait() {
        let wake = WakeUp::new();
        let other = wake.clone();
        let thread = std::thread::spawn(move || other.wake());
        assert!(wake.wait(Duration::from_secs(60)));
        thread.join().unwrap();
    }

    #[test]
    fn an_async_task_is_woken_by_its_waker() {
        let wake = WakeUp::new();
        let mut context = Context::from_waker(Waker::noop());
        assert!(wake.poll_wait(&mut context).is_pending());
        wake.wake();
        assert!(wake.poll_wait(&mut context).is_ready());
        assert!(wake.poll_wait(&mut context).is_pending());
    }
}
