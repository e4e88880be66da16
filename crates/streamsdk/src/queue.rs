use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use streamsdk_protocol::MemoryBudget;
use tokio::sync::Notify;

use crate::error::Error;
use crate::event::Event;
use crate::stats::UploadProgress;
use crate::watch::{SessionWatch, Watchers};

/// Results that a lossless session holds for the caller; the server is held back once there is one more.
const LOSSLESS_QUEUE: usize = 8;

/// News of connections that are kept for a caller who takes nothing.
const MAX_LINK_NEWS: usize = 64;

/// What waits for the caller: results and news of connections in order, the newest upload progress, and at
/// the end the outcome.
#[derive(Debug)]
pub(crate) struct EventQueue {
    state: Mutex<QueueState>,
    room: Notify,
    /// What the server's results take, wherever they are before the caller has them.
    memory: MemoryBudget,
    /// Results that the caller has taken.
    taken: Arc<AtomicU64>,
    watchers: Watchers,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<Event>,
    /// Those of what waits that are results.
    results: usize,
    upload: Option<UploadProgress>,
    closed: bool,
    last: Option<Result<Event, Error>>,
    waker: Option<Waker>,
}

impl EventQueue {
    /// A queue that counts in `taken` the results that the caller takes, and shares `memory` with all that holds
    /// results.
    pub(crate) fn new(taken: Arc<AtomicU64>, memory: MemoryBudget) -> Self {
        let watchers = Watchers::default();
        Self { state: Mutex::default(), room: Notify::new(), memory, taken, watchers }
    }

    pub(crate) fn memory(&self) -> &MemoryBudget {
        &self.memory
    }

    /// What comes from now on, beside what the caller takes.
    pub(crate) fn watch(&self) -> SessionWatch {
        self.watchers.watch()
    }

    /// Waits until the caller takes a result. Whether one was there.
    pub(crate) async fn one_is_taken(&self) -> bool {
        let room = self.room.notified();
        let is_one_there = {
            let state = self.state();
            state.results > 0 && !state.closed
        };
        if is_one_there {
            room.await;
        }
        is_one_there
    }

    /// Drops the oldest result. Whether there was one.
    pub(crate) fn drop_oldest(&self) -> bool {
        let mut state = self.state();
        let is_one_there = state.results > 0;
        if is_one_there {
            state.drop_oldest(is_result);
            state.results -= 1;
        }
        is_one_there
    }

    /// Adds a result, and waits until no more wait than may. It is in the queue from the first: when the waiting is
    /// cut short, because the link is lost, nothing is lost.
    pub(crate) async fn push(&self, event: Event) {
        self.push_anyway(event);
        loop {
            let room = self.room.notified();
            {
                let state = self.state();
                if state.results <= LOSSLESS_QUEUE || state.closed {
                    return;
                }
            }
            room.await;
        }
    }

    /// Adds a result where nobody can wait for room.
    pub(crate) fn push_anyway(&self, event: Event) {
        self.watchers.tell(&event);
        self.state().push_result(event);
    }

    /// Adds a result, making room by dropping the oldest beyond `most`. Returns how many were dropped.
    pub(crate) fn push_latest(&self, event: Event, most: usize) -> u64 {
        self.watchers.tell(&event);
        let mut state = self.state();
        state.push_result(event);
        let surplus = state.results.saturating_sub(most.max(1));
        (0..surplus).for_each(|_| state.drop_oldest(is_result));
        state.results -= surplus;
        surplus as u64
    }

    /// Adds news of the session's connection. It waits for no room, and of what nobody takes the newest is
    /// kept.
    pub(crate) fn push_link_news(&self, event: Event) {
        self.watchers.tell(&event);
        let mut state = self.state();
        state.waiting.push_back(event);
        if state.waiting.len() - state.results > MAX_LINK_NEWS {
            state.drop_oldest(|event| !is_result(event));
        }
        state.wake();
    }

    /// Replaces the upload progress that the caller has not seen.
    pub(crate) fn set_upload(&self, progress: UploadProgress) {
        self.watchers.tell(&Event::Upload(progress));
        let mut state = self.state();
        state.upload = Some(progress);
        state.wake();
    }

    /// Ends the queue: what waits is still given out, then `last`, then nothing.
    pub(crate) fn close(&self, last: Option<Result<Event, Error>>) {
        let mut state = self.state();
        if !state.closed {
            state.closed = true;
            self.watchers.end(last.clone());
            state.last = last;
            state.wake();
        }
    }

    pub(crate) fn poll_pop(&self, cx: &Context<'_>) -> Poll<Option<Result<Event, Error>>> {
        let mut state = self.state();
        if let Some(progress) = state.upload.take() {
            return Poll::Ready(Some(Ok(Event::Upload(progress))));
        }
        if let Some(mut event) = state.waiting.pop_front() {
            event.let_go();
            if is_result(&event) {
                state.results -= 1;
                self.taken.fetch_add(1, Ordering::Relaxed);
                drop(state);
                self.room.notify_one();
            }
            return Poll::Ready(Some(Ok(event)));
        }
        if state.closed {
            return Poll::Ready(state.last.take());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a queue when nothing more can come, be it because the runtime was shut down.
pub(crate) struct EndOfQueue(pub(crate) Arc<EventQueue>);

impl Drop for EndOfQueue {
    fn drop(&mut self) {
        self.0.close(None);
    }
}

fn is_result(event: &Event) -> bool {
    matches!(event, Event::Frame(_) | Event::Data(_))
}

impl QueueState {
    fn push_result(&mut self, event: Event) {
        self.waiting.push_back(event);
        self.results += 1;
        self.wake();
    }

    fn drop_oldest(&mut self, of_kind: impl Fn(&Event) -> bool) {
        if let Some(place) = self.waiting.iter().position(of_kind) {
            self.waiting.remove(place);
        }
    }

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
    use crate::event::Reconnected;
    use crate::stats::FrameNumber;
    use crate::{ErrorKind, FrameData, Stage};

    fn queue() -> EventQueue {
        EventQueue::new(Arc::default(), MemoryBudget::new(1000))
    }

    fn result(frame_id: u32) -> Event {
        let mut message = OutputMessage::default();
        message.frame_id = frame_id;
        Event::Data(FrameData::new(message, FrameNumber { in_session: frame_id, link: 1 }))
    }

    fn taken(queue: &EventQueue) -> u64 {
        queue.taken.load(Ordering::Relaxed)
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
        let queue = Arc::new(queue());
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
        assert_eq!((taken(&queue), queue.state().results), (0, LOSSLESS_QUEUE + 1));
        for id in 0..100 {
            assert_eq!(pop_id(&queue).await, id);
        }
        assert!(pop(&queue).await.is_none());
        pusher.await.unwrap();
    }

    #[tokio::test]
    async fn what_waits_for_room_is_not_lost_with_whoever_waits() {
        let queue = queue();
        let ids = 0..=LOSSLESS_QUEUE as u32;
        for id in ids.clone() {
            let waits = queue.push(result(id)).now_or_never().is_none();
            assert_eq!(waits, id == LOSSLESS_QUEUE as u32);
        }
        for id in ids {
            assert_eq!(pop_id(&queue).await, id);
        }
    }

    #[tokio::test]
    async fn latest_drops_the_oldest_and_counts() {
        let queue = queue();
        let dropped: u64 = (0..10).map(|id| queue.push_latest(result(id), 3)).sum();
        assert_eq!(dropped, 7);
        assert_eq!(pop_id(&queue).await, 7);
    }

    #[tokio::test]
    async fn a_result_is_counted_until_the_caller_has_it() {
        let queue = queue();
        let held = |id| match result(id) {
            Event::Data(data) => Event::Data(data.holding(queue.memory().hold(100))),
            other => other,
        };
        queue.push(held(1)).await;
        queue.push_latest(held(2), 3);
        assert_eq!(queue.memory().left(), 800);
        let first = pop(&queue).await;
        assert_eq!(queue.memory().left(), 900);
        assert!(queue.drop_oldest() && !queue.drop_oldest());
        assert!(!queue.one_is_taken().await);
        assert_eq!(queue.memory().left(), 1000);
        drop(first);
    }

    #[tokio::test]
    async fn news_of_connections_keep_their_place_and_are_no_results() {
        let queue = queue();
        queue.push_latest(result(1), 2);
        queue.push_link_news(Event::Reconnected(Reconnected { link: 2, lost: 0 }));
        queue.push_latest(result(2), 2);
        assert_eq!(queue.push_latest(result(3), 2), 1);
        assert!(matches!(pop(&queue).await, Some(Ok(Event::Reconnected(_)))));
        assert_eq!((pop_id(&queue).await, pop_id(&queue).await), (2, 3));
        assert_eq!(taken(&queue), 2);
        for link in 0..1000 {
            queue.push_link_news(Event::Reconnected(Reconnected { link, lost: 0 }));
        }
        assert_eq!(queue.state().waiting.len(), MAX_LINK_NEWS);
    }

    #[tokio::test]
    async fn progress_is_replaced_and_comes_before_results() {
        let queue = queue();
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
        let queue = queue();
        queue.push(result(1)).await;
        queue.close(Some(Err(Error::new(ErrorKind::Timeout, Stage::Streaming, "late"))));
        queue.close(None);
        assert_eq!(pop_id(&queue).await, 1);
        assert!(matches!(pop(&queue).await, Some(Err(error)) if error.is_timeout()));
        assert!(pop(&queue).await.is_none());
    }
}
