use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use crate::{Error, Event, UploadProgress};

/// Results that a lossless session holds for the caller; the server is held back beyond that.
const LOSSLESS_QUEUE: usize = 8;

/// What waits for the caller: results in order, the newest upload progress, and at the end the
/// outcome.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    state: Mutex<State>,
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    results: VecDeque<Event>,
    upload: Option<UploadProgress>,
    taken: u64,
    closed: bool,
    last: Option<Result<Event, Error>>,
    waker: Option<Waker>,
}

impl EventQueue {
    /// Adds a result, waiting for room.
    pub(crate) async fn push(&self, event: Event) {
        let mut event = Some(event);
        loop {
            let room = self.room.notified();
            {
                let mut state = self.state();
                if state.results.len() < LOSSLESS_QUEUE || state.closed {
                    state.results.extend(event.take());
                    state.wake();
                    return;
                }
            }
            room.await;
        }
    }

    /// Adds a result, making room by dropping the oldest beyond `most`. Returns how many were dropped.
    pub(crate) fn push_latest(&self, event: Event, most: usize) -> u64 {
        let mut state = self.state();
        state.results.push_back(event);
        let surplus = state.results.len().saturating_sub(most.max(1));
        state.results.drain(..surplus);
        state.wake();
        surplus as u64
    }

    /// Replaces the upload progress that the caller has not seen.
    pub(crate) fn set_upload(&self, progress: UploadProgress) {
        let mut state = self.state();
        state.upload = Some(progress);
        state.wake();
    }

    /// Ends the queue: what waits is still given out, then `last`, then nothing.
    pub(crate) fn close(&self, last: Option<Result<Event, Error>>) {
        let mut state = self.state();
        if !state.closed {
            state.closed = true;
            state.last = last;
            state.wake();
        }
    }

    pub(crate) fn poll_pop(&self, cx: &Context<'_>) -> Poll<Option<Result<Event, Error>>> {
        let mut state = self.state();
        if let Some(progress) = state.upload.take() {
            return Poll::Ready(Some(Ok(Event::Upload(progress))));
        }
        if let Some(result) = state.results.pop_front() {
            state.taken += 1;
            drop(state);
            self.room.notify_one();
            return Poll::Ready(Some(Ok(result)));
        }
        if state.closed {
            return Poll::Ready(state.last.take());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Results that the caller has taken.
    pub(crate) fn taken(&self) -> u64 {
        self.state().taken
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;
    use streamsdk_protocol::output::OutputMessage;

    use super::*;
    use crate::{ErrorKind, FrameData, Stage};

    fn result(frame_id: u32) -> Event {
        let mut message = OutputMessage::default();
        message.frame_id = frame_id;
        Event::Data(FrameData::new(message))
    }

    async fn pop(queue: &EventQueue) -> Option<Result<Event, Error>> {
        std::future::poll_fn(|cx| queue.poll_pop(cx)).await
    }

    async fn pop_id(queue: &EventQueue) -> u32 {
        match pop(queue).await {
            Some(Ok(Event::Data(data))) => data.frame_id(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_full_queue_makes_the_pusher_wait_and_loses_nothing() {
        let queue = Arc::new(EventQueue::default());
        let pusher = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move {
                for id in 0..100 {
                    queue.push(result(id)).await;
                }
                queue.close(None);
            }
        });
        tokio::task::yield_now().await;
        assert_eq!((queue.taken(), queue.state().results.len()), (0, LOSSLESS_QUEUE));
        for id in 0..100 {
            assert_eq!(pop_id(&queue).await, id);
        }
        assert!(pop(&queue).await.is_none());
        pusher.await.unwrap();
    }

    #[tokio::test]
    async fn latest_drops_the_oldest_and_counts() {
        let queue = EventQueue::default();
        let dropped: u64 = (0..10).map(|id| queue.push_latest(result(id), 3)).sum();
        assert_eq!(dropped, 7);
        assert_eq!(pop_id(&queue).await, 7);
    }

    #[tokio::test]
    async fn progress_is_replaced_and_comes_before_results() {
        let queue = EventQueue::default();
        queue.push(result(1)).await;
        for bytes_sent in [1, 2] {
            queue.set_upload(UploadProgress { bytes_sent, ..UploadProgress::default() });
        }
        match pop(&queue).await {
            Some(Ok(Event::Upload(progress))) => assert_eq!(progress.bytes_sent, 2),
            other => panic!("{other:?}"),
        }
        assert_eq!(pop_id(&queue).await, 1);
        assert!(pop(&queue).now_or_never().is_none());
    }

    #[tokio::test]
    async fn the_error_comes_last_and_once() {
        let queue = EventQueue::default();
        queue.push(result(1)).await;
        queue.close(Some(Err(Error::new(ErrorKind::Timeout, Stage::Streaming, "late"))));
        queue.close(None);
        assert_eq!(pop_id(&queue).await, 1);
        assert!(matches!(pop(&queue).await, Some(Err(error)) if error.is_timeout()));
        assert!(pop(&queue).await.is_none());
    }
}
