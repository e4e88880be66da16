//! Frames between two threads, or a thread and a task.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::{CaptureError, CapturedFrame, Damage};

/// What happens to a frame for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WhenFull {
    /// The oldest frame that waits makes room.
    #[default]
    DropOldest,
    /// The new frame is left out.
    DropNewest,
    /// Whoever brings the frame waits until there is room.
    Wait,
}

/// A bounded queue that counts what it leaves out, and ends with an error.
pub(crate) struct Queue {
    capacity: usize,
    max_bytes: usize,
    when_full: WhenFull,
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    frames: VecDeque<CapturedFrame>,
    /// Of all these frames.
    bytes: usize,
    /// Frames that were left out and belong between the last one in the queue and the next to come.
    left_out: u64,
    damage: Damage,
    end: Option<CaptureError>,
    waker: Option<Waker>,
}

/// Why a frame did not come into the queue.
pub(crate) enum PushError {
    Full,
    Ended,
}

impl Queue {
    pub(crate) fn new(capacity: usize, when_full: WhenFull) -> Self {
        Self {
            capacity: capacity.max(1),
            max_bytes: usize::MAX,
            when_full,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Also bounds the frames' memory, though a single one always has room.
    #[cfg(feature = "ffmpeg")]
    pub(crate) fn max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    pub(crate) fn push(&self, mut frame: CapturedFrame) -> Result<(), PushError> {
        let mut state = lock(&self.state);
        let bytes = size(&frame);
        while state.end.is_none() && self.is_full(&state, bytes) {
            match self.when_full {
                WhenFull::DropOldest => state.drop_oldest(&mut frame),
                WhenFull::DropNewest => {
                    state.left_out = state.left_out.saturating_add(frame.dropped).saturating_add(1);
                    return Err(PushError::Full);
                }
                WhenFull::Wait => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        if state.end.is_some() {
            return Err(PushError::Ended);
        }
        frame.dropped = frame.dropped.saturating_add(std::mem::take(&mut state.left_out));
        state.bytes = state.bytes.saturating_add(bytes);
        state.frames.push_back(frame);
        self.tell(state);
        Ok(())
    }

    fn is_full(&self, state: &QueueState, more: usize) -> bool {
        let has_frames = !state.frames.is_empty();
        let is_large = has_frames && state.bytes.saturating_add(more) > self.max_bytes;
        state.frames.len() >= self.capacity || is_large
    }

    /// The frames that wait, then the end.
    pub(crate) fn pop(&self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        let is_empty = |state: &mut QueueState| state.frames.is_empty() && state.end.is_none();
        let (mut state, _) = self
            .changed
            .wait_timeout_while(lock(&self.state), timeout, is_empty)
            .unwrap_or_else(PoisonError::into_inner);
        match state.take() {
            Some(taken) => {
                self.tell(state);
                taken
            }
            None => Err(CaptureError::TimedOut { waited: timeout }),
        }
    }

    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Result<CapturedFrame, CaptureError>> {
        let mut state = lock(&self.state);
        match state.take() {
            Some(taken) => {
                self.tell(state);
                Poll::Ready(taken)
            }
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Keeps what is known of the damage of the frames, those that come next included.
    pub(crate) fn note(&self, damage: Damage) {
        lock(&self.state).damage = damage;
    }

    pub(crate) fn damage(&self) -> Damage {
        lock(&self.state).damage
    }

    /// No frame comes after those that wait. Only the first end counts.
    pub(crate) fn end(&self, error: CaptureError) {
        let mut state = lock(&self.state);
        state.end.get_or_insert(error);
        self.tell(state);
    }

    /// Nothing is given any more, not even what waits.
    pub(crate) fn stop(&self) {
        let mut state = lock(&self.state);
        state.frames.clear();
        state.bytes = 0;
        state.end = Some(CaptureError::Stopped);
        self.tell(state);
    }

    fn tell(&self, mut state: MutexGuard<'_, QueueState>) {
        let waker = state.waker.take();
        drop(state);
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl QueueState {
    /// What was left out before a dropped frame is left out before the one that follows it.
    fn drop_oldest(&mut self, newest: &mut CapturedFrame) {
        let Some(oldest) = self.pop() else { return };
        let next = self.frames.front_mut().unwrap_or(newest);
        next.dropped = next.dropped.saturating_add(oldest.dropped).saturating_add(1);
    }

    fn pop(&mut self) -> Option<CapturedFrame> {
        let frame = self.frames.pop_front()?;
        self.bytes = self.bytes.saturating_sub(size(&frame));
        Some(frame)
    }

    fn take(&mut self) -> Option<Result<CapturedFrame, CaptureError>> {
        self.pop().map(Ok).or_else(|| self.end.clone().map(Err))
    }
}

/// In bytes.
fn size(captured: &CapturedFrame) -> usize {
    captured.frame.planes().iter().map(|plane| plane.data.len()).sum()
}

/// A panic elsewhere leaves nothing here half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
