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
use std::time::Duration;

use futures::Stream;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

pub use self::builder::StreamBuilder;
pub use self::control::{Control, Statistics};
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::handlers::Handlers;
use crate::queue::EventQueue;
use crate::stage::Stage;
use crate::stats::{SessionTracker, Summary};
use crate::watch::SessionWatch;

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

    /// The next event, if it comes within `limit`. Otherwise an error of the kind
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout), and the session goes on.
    pub async fn next_within(&mut self, limit: Duration) -> Option<Result<Event, Error>> {
        let stage = self.tracker.stage();
        match timeout(limit, self.next()).await {
            Ok(event) => event,
            Err(_) => Some(Err(Error::nothing_within(stage, limit))),
        }
    }

    /// Calls `handlers` with what happens, on a thread of their own, until the session is over. That something
    /// is missing of what was promised is no error, but stands in the summary.
    ///
    /// # Errors
    ///
    /// Why the session failed; [`ErrorKind::Handler`](crate::ErrorKind::Handler) for the handler that failed or
    /// panicked, upon which the session is closed.
    pub async fn run(mut self, mut handlers: Handlers) -> Result<Summary, Error> {
        // Also where nobody waits for this any more.
        let _closing = CloseOnDrop(self.control());
        let runtime = Handle::current();
        let calling = spawn_blocking(move || {
            while let Some(event) = runtime.block_on(self.next()) {
                if let Err(error) = event.and_then(|event| handlers.call(&event)) {
                    return (self, Err(error));
                }
            }
            (self, Ok(()))
        });
        let stopped = |_| {
            let what = "the runtime was shut down";
            Error::new(ErrorKind::Internal, Stage::Streaming, what)
        };
        let (session, outcome) = calling.await.map_err(stopped)?;
        let summary = session.close().await;
        outcome.map(|()| summary)
    }

    /// Waits until the session is over, at most for `limit` in all, or for ever with `None`, and takes no notice of
    /// what comes. That something is missing of what was promised is no error, but stands in the summary.
    ///
    /// # Errors
    ///
    /// Why the session failed; [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) after `limit`, when the session
    /// goes on.
    pub async fn wait(&mut self, limit: impl Into<Option<Duration>>) -> Result<Summary, Error> {
        let limit = limit.into();
        let waiting = async {
            while let Some(event) = self.next().await {
                event?;
            }
            Ok(())
        };
        match limit {
            Some(limit) => timeout(limit, waiting)
                .await
                .unwrap_or_else(|_| Err(Error::nothing_within(Stage::Streaming, limit)))?,
            None => waiting.await?,
        }
        Ok(self.summary())
    }

    /// What the session has done so far. Complete once [`Session::next`] has given `None`.
    pub fn summary(&self) -> Summary {
        self.tracker.summary()
    }

    /// What the session receives from now on, for somebody who only looks on: it comes when it has arrived, and the
    /// caller gets all the same what it would have got.
    pub fn watch(&self) -> SessionWatch {
        self.queue.watch()
    }

    /// A handle to steer the session from elsewhere. Clones steer the same session.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Closes the session and returns when all of it is gone. What was sent and has not arrived is given up, so that
    /// this takes a second at most, and up to 5 s more where the server has to be told that the session is over
    /// ([`Signaling::end`](crate::Signaling::end)). A session that has just ended by itself waits before that until
    /// what it sent is acknowledged, for 10 s at most.
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

struct CloseOnDrop(Control);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.control.close();
    }
}
