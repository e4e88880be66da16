//! What the caller holds of a session, and the loop over its links.
//!
//! A session outlives its connections. [`run`] makes one link after another and runs the source on it; what
//! the links have in common is in [`LinkContext`](crate::link::LinkContext). The caller takes events from a
//! queue, and steers by a [`Control`].

mod builder;
mod control;
mod plan;
mod run;
mod standby;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use tokio::task::JoinHandle;

pub use self::builder::StreamBuilder;
pub use self::control::{Control, Statistics};
use crate::error::Error;
use crate::event::Event;
use crate::queue::EventQueue;
use crate::stats::{SessionTracker, Summary};

/// A session: a stream of events.
///
/// Ends with `None` after the last event. Before that, as the last item, comes an error if the session
/// failed, and [`Event::Incomplete`] if something that was promised is missing: a session that ends without
/// either got everything, or was closed by the caller. Dropping it closes the session in the background;
/// [`Session::close`] does so and waits.
#[derive(Debug)]
#[must_use = "a session is closed when it is dropped"]
pub struct Session {
    queue: Arc<EventQueue>,
    tracker: Arc<SessionTracker>,
    control: Control,
    running: Option<JoinHandle<()>>,
}

impl Session {
    /// The next event; `None` when the session is over. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        std::future::poll_fn(|cx| self.queue.poll_pop(cx)).await
    }

    /// What the session has done so far. Complete once [`Session::next`] has given `None`.
    pub fn summary(&self) -> Summary {
        self.tracker.summary()
    }

    /// A handle to steer the session from elsewhere. Clones steer the same session.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Closes the session and returns when all of it is gone: at once, or after some seconds where what
    /// was sent is not acknowledged, at most 10 s and about a second.
    pub async fn close(mut self) -> Summary {
        self.control.close();
        if let Some(running) = self.running.take() {
            // It neither panics nor is aborted by anybody else.
            let _ = running.await;
        }
        self.tracker.summary()
    }
}

impl Stream for Session {
    type Item = Result<Event, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.queue.poll_pop(cx)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.control.close();
    }
}
