//! What has arrived on a channel and waits for its reader.
//!
//! The engine delivers to all channels of a connection or to none: while the reader of one is behind, it
//! stops. So each channel has a task that takes everything at once. It never waits for a reader that is
//! gone, and for a slow one only within limits.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Message;

/// What a message takes besides its bytes, so that empty ones cannot pile up either.
const MESSAGE_OVERHEAD: usize = 64;

/// How much may wait for a reader, and for how long a reader may leave it there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InboundLimits {
    pub(crate) bytes: usize,
    pub(crate) reader_timeout: Duration,
}

#[derive(Debug)]
pub(super) struct InboundQueue {
    limits: InboundLimits,
    state: Mutex<InboundState>,
    /// Something arrived, or the channel opened or closed.
    changed: Notify,
    /// The reader took something, or is gone.
    taken: Notify,
}

#[derive(Debug)]
struct InboundState {
    messages: VecDeque<Message>,
    bytes: usize,
    stage: ChannelStage,
    reader: Reader,
    last_taken: Instant,
    is_bounded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChannelStage {
    Opening,
    Open,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// Is given up after it has let a full buffer stand for too long.
    Limited,
    /// May leave a full buffer for as long as it likes.
    Unlimited,
    /// Will never take anything.
    Gone,
    /// Let a full buffer stand for too long. What had arrived by then can be taken.
    GivenUp,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// It waits for the reader.
    Queued,
    /// Nobody will read it.
    Discarded,
    /// The reader was given up over it.
    ReaderTooSlow,
}

/// What there is for the reader.
pub(super) enum Next {
    Message(Message),
    /// Nothing yet.
    Pending,
    /// Nothing ever again.
    Ended,
}

impl InboundQueue {
    pub(super) fn new(limits: InboundLimits) -> Self {
        let state = InboundState {
            messages: VecDeque::new(),
            bytes: 0,
            stage: ChannelStage::Opening,
            reader: Reader::Limited,
            last_taken: Instant::now(),
            is_bounded: true,
        };
        Self { limits, state: Mutex::new(state), changed: Notify::new(), taken: Notify::new() }
    }

    pub(super) fn open(&self) {
        self.enter(ChannelStage::Open);
    }

    /// Nothing more arrives.
    pub(super) fn close(&self) {
        self.enter(ChannelStage::Closed);
    }

    fn enter(&self, stage: ChannelStage) {
        self.state().stage = stage;
        self.changed.notify_one();
    }

    /// Whether the peer has not confirmed the channel yet.
    pub(super) fn is_opening(&self) -> bool {
        self.state().stage == ChannelStage::Opening
    }

    /// Adds a message, waiting for room while there is hope that the reader makes some.
    pub(super) async fn deliver(&self, message: Message) -> Delivery {
        let full_since = Instant::now();
        loop {
            let taken = self.taken.notified();
            let deadline = {
                let mut state = self.state();
                match state.reader {
                    Reader::Gone | Reader::GivenUp => return Delivery::Discarded,
                    _ if state.has_room(&message, self.limits.bytes) => {
                        state.push(message);
                        drop(state);
                        self.changed.notify_one();
                        return Delivery::Queued;
                    }
                    // What no clock reaches is no limit.
                    Reader::Limited => {
                        state.last_taken.max(full_since).checked_add(self.limits.reader_timeout)
                    }
                    Reader::Unlimited => None,
                }
            };
            let Some(deadline) = deadline else {
                taken.await;
                continue;
            };
            tokio::select! {
                biased;
                () = taken => {}
                () = sleep_until(deadline) => {
                    self.state().reader = Reader::GivenUp;
                    return Delivery::ReaderTooSlow;
                }
            }
        }
    }

    pub(super) fn take(&self) -> Next {
        let mut state = self.state();
        match state.messages.pop_front() {
            Some(message) => {
                state.bytes -= cost(&message);
                state.last_taken = Instant::now();
                drop(state);
                self.taken.notify_one();
                Next::Message(message)
            }
            None if state.stage == ChannelStage::Closed || state.reader == Reader::GivenUp => {
                Next::Ended
            }
            None => Next::Pending,
        }
    }

    /// Resolves when [`InboundQueue::take`] may give something else than before. For one reader.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(super) fn lift_reader_timeout(&self) {
        let mut state = self.state();
        if state.reader == Reader::Limited {
            state.reader = Reader::Unlimited;
        }
        drop(state);
        // Who waits for room forgets the deadline.
        self.taken.notify_one();
    }

    /// What comes from now on is the last: it is taken however full the buffer is.
    pub(super) fn lift_bounds(&self) {
        self.state().is_bounded = false;
        self.taken.notify_one();
    }

    /// The reader was dropped: what waits for it goes, and what comes is discarded.
    pub(super) fn reader_is_gone(&self) {
        let mut state = self.state();
        state.reader = Reader::Gone;
        state.messages = VecDeque::new();
        state.bytes = 0;
        drop(state);
        self.taken.notify_one();
    }

    pub(super) fn reader_was_too_slow(&self) -> bool {
        self.state().reader == Reader::GivenUp
    }

    fn state(&self) -> MutexGuard<'_, InboundState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InboundState {
    /// A message that is larger than all the room there is may be the only one.
    fn has_room(&self, message: &Message, bytes: usize) -> bool {
        !self.is_bounded || self.messages.is_empty() || self.bytes + cost(message) <= bytes
    }

    fn push(&mut self, message: Message) {
        self.bytes += cost(&message);
        self.messages.push_back(message);
    }
}

fn cost(message: &Message) -> usize {
    MESSAGE_OVERHEAD + message.len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;

    const LIMITS: InboundLimits =
        InboundLimits { bytes: 1000, reader_timeout: Duration::from_secs(10) };

    fn message(len: usize) -> Message {
        Message::Binary(Bytes::from(vec![7; len]))
    }

    async fn full() -> InboundQueue {
        let inbound = InboundQueue::new(LIMITS);
        assert_eq!(inbound.deliver(message(900)).await, Delivery::Queued);
        inbound
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_makes_the_next_message_wait_and_loses_nothing() {
        let inbound = Arc::new(full().await);
        let delivering = tokio::spawn({
            let inbound = Arc::clone(&inbound);
            async move { inbound.deliver(message(901)).await }
        });
        tokio::time::sleep(LIMITS.reader_timeout - Duration::from_secs(1)).await;
        assert!(matches!(inbound.take(), Next::Message(taken) if taken.len() == 900));
        assert_eq!(delivering.await.unwrap(), Delivery::Queued);
        assert!(matches!(inbound.take(), Next::Message(taken) if taken.len() == 901));
        assert!(matches!(inbound.take(), Next::Pending));
        inbound.close();
        assert!(matches!(inbound.take(), Next::Ended));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_given_up_and_keeps_what_had_arrived() {
        let inbound = full().await;
        let start = Instant::now();
        assert_eq!(inbound.deliver(message(200)).await, Delivery::ReaderTooSlow);
        assert_eq!(start.elapsed().as_secs(), LIMITS.reader_timeout.as_secs());
        assert_eq!(inbound.deliver(message(200)).await, Delivery::Discarded);
        assert!(inbound.reader_was_too_slow());
        assert!(matches!(inbound.take(), Next::Message(taken) if taken.len() == 900));
        assert!(matches!(inbound.take(), Next::Ended));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_without_a_limit_may_pause_for_as_long_as_it_likes() {
        let inbound = full().await;
        inbound.lift_reader_timeout();
        let max_wait = LIMITS.reader_timeout * 100;
        let waiting = tokio::time::timeout(max_wait, inbound.deliver(message(200))).await;
        assert!(waiting.is_err() && !inbound.reader_was_too_slow());
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_past_all_clocks_is_none() {
        let mut inbound = full().await;
        inbound.limits.reader_timeout = Duration::MAX;
        let max_wait = LIMITS.reader_timeout * 100;
        let waiting = tokio::time::timeout(max_wait, inbound.deliver(message(200))).await;
        assert!(waiting.is_err() && !inbound.reader_was_too_slow());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_is_dropped_holds_nobody_back() {
        let inbound = Arc::new(full().await);
        let delivering = tokio::spawn({
            let inbound = Arc::clone(&inbound);
            async move { inbound.deliver(message(200)).await }
        });
        tokio::task::yield_now().await;
        inbound.reader_is_gone();
        assert_eq!(delivering.await.unwrap(), Delivery::Discarded);
        assert_eq!(inbound.deliver(message(1)).await, Delivery::Discarded);
    }

    #[tokio::test(start_paused = true)]
    async fn messages_without_bytes_are_bounded_and_one_that_is_too_large_passes() {
        let inbound = InboundQueue::new(LIMITS);
        assert_eq!(inbound.deliver(message(5000)).await, Delivery::Queued);
        assert!(matches!(inbound.take(), Next::Message(_)));
        for _ in 0..LIMITS.bytes / MESSAGE_OVERHEAD {
            assert_eq!(inbound.deliver(message(0)).await, Delivery::Queued);
        }
        assert_eq!(inbound.deliver(message(0)).await, Delivery::ReaderTooSlow);
    }
}
