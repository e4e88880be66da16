//! One connection of a session, from the offer to its end.
//!
//! A session is a loop over links: what outlives a link is in [`LinkContext`] and in the source.

mod connect;
mod receive;
mod run;
mod server_session;
mod track;
mod watchdog;

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use self::connect::PeerConnector;
use crate::config::{FramePolicy, StreamConfig};
use crate::error::Error;
use crate::queue::EventQueue;
use crate::source::StreamSource;
use crate::stats::{Ended, SessionTracker};
use crate::steering::{RequestedOutputs, Steering};

/// Makes the links of a session.
pub(crate) trait Connector: Send + Sync {
    type Link: Link;

    /// Connects, and asks the server for these outputs.
    fn connect(
        &self,
        outputs: RequestedOutputs,
    ) -> impl Future<Output = Result<Self::Link, Error>> + Send;

    /// The error with which it was given up to connect, with what else can be said of it.
    fn explain(&self, error: Error) -> impl Future<Output = Error> + Send {
        std::future::ready(error)
    }
}

/// Says when anything last came from a link's peer.
pub(crate) type LastHeardFn = Box<dyn Fn() -> Option<Instant> + Send + Sync>;

/// A connection that stands.
pub(crate) trait Link: Send {
    /// Listens to its peer, also while it runs.
    fn last_heard(&self) -> LastHeardFn;

    /// Runs the source on it until it is over.
    fn run(
        &mut self,
        source: &mut dyn StreamSource,
        context: &LinkContext,
    ) -> impl Future<Output = LinkEnd> + Send;

    /// Closes it, so that what was promised gets there, and tells the server.
    fn close(self, context: &LinkContext) -> impl Future<Output = ()> + Send;

    /// Closes it for somebody who wants nothing more of it: the server is told, and that is all that is waited for.
    fn leave(self, context: &LinkContext) -> impl Future<Output = ()> + Send;

    /// Closes it without waiting for anything.
    fn abort(self, context: &LinkContext) -> impl Future<Output = ()> + Send;
}

/// How a link ended.
#[derive(Debug)]
pub(crate) enum LinkEnd {
    /// And the session with it.
    Over(Ended),
    /// The session cannot go on.
    Failed(Error),
    /// Another link may go on.
    Lost(Error),
}

/// What the session gives to each of its links.
#[derive(Debug, Clone)]
pub(crate) struct LinkContext {
    pub(crate) queue: Arc<EventQueue>,
    pub(crate) tracker: Arc<SessionTracker>,
    pub(crate) steering: Arc<Steering>,
    pub(crate) config: StreamConfig,
    pub(crate) policy: FramePolicy,
    /// Whether the server waits for acks, because no frame may be lost.
    pub(crate) every_frame: bool,
    pub(crate) close: CancellationToken,
    /// Cancels the upload; cancelled with `close`.
    pub(crate) upload: CancellationToken,
}

impl LinkContext {
    pub(crate) fn new(config: StreamConfig, tracker: SessionTracker, every_frame: bool) -> Self {
        let close = CancellationToken::new();
        Self {
            queue: Arc::new(EventQueue::new(tracker.taken(), config.limits.memory())),
            tracker: Arc::new(tracker),
            steering: Arc::default(),
            policy: config.policy(!every_frame),
            every_frame,
            upload: close.child_token(),
            close,
            config,
        }
    }
}
