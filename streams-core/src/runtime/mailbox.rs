//! Messages to a thread, next to its wake-up.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use crate::broker::WakeUp;

/// A queue that many threads fill and one empties.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    /// `None` once its owner has ended.
    queue: Mutex<Option<VecDeque<T>>>,
    wake: WakeUp,
}

impl<T> Mailbox<T> {
    pub(crate) fn new(wake: WakeUp) -> Self {
        Self { queue: Mutex::new(Some(VecDeque::new())), wake }
    }

    /// Leaves a message; one for a thread that has ended is dropped, and with it whatever the
    /// message would have answered through.
    pub(crate) fn send(&self, message: T) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = &mut *queue {
            queue.push_back(message);
        }
        drop(queue);
        self.wake.wake();
    }

    /// The oldest message.
    pub(crate) fn take(&self) -> Option<T> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_mut()?.pop_front()
    }

    /// Drops what is there and all that comes.
    pub(crate) fn close(&self) {
        let messages = self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Outside of the lock: a dropped message may run code of others.
        drop(messages);
    }
}
