//! A gate in front of the sockets.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Open or closed; who finds it closed is woken when it opens.
#[derive(Debug, Default)]
pub(crate) struct ReadGate {
    closed: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl ReadGate {
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn open(&self) {
        self.closed.store(false, Ordering::Release);
        for waker in std::mem::take(&mut *self.waiting()) {
            waker.wake();
        }
    }

    pub(crate) fn poll_open(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.closed.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting();
        // `open` may have run between the two: it stores first and takes the lock second.
        if !self.closed.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
