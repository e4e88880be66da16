//! What one stream is: how its sessions are started, and what becomes of their results.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use streamsdk::{Images, Session};
use streamsdk_sinks::{ImageFolder, Outlet};

use super::progress::Progress;
use crate::restart::{RestartPolicy, RestartWhen};
use crate::session_settings::{SessionSettings, StreamError};

/// Starts the sessions of a stream, one after the other: an async closure, or [`SessionSettings`].
#[async_trait]
pub trait StartSession: Send + Sync + 'static {
    /// Starts another session.
    ///
    /// # Errors
    ///
    /// [`StreamError`] with what is wrong. Whether it is tried again is for the stream's [`RestartPolicy`].
    async fn start(&self) -> Result<Session, StreamError>;
}

#[async_trait]
impl<F, S, E> StartSession for F
where
    F: Fn() -> S + Send + Sync + 'static,
    S: Future<Output = Result<Session, E>> + Send,
    E: Into<StreamError>,
{
    async fn start(&self) -> Result<Session, StreamError> {
        self().await.map_err(Into::into)
    }
}

#[async_trait]
impl StartSession for SessionSettings {
    async fn start(&self) -> Result<Session, StreamError> {
        Self::start(self).await
    }
}

type SessionListener = Arc<dyn Fn(&Session) + Send + Sync>;

/// One of many streams: how its sessions are started, whether it begins again, and where its results go.
#[derive(Clone)]
#[must_use]
pub struct Stream {
    pub(super) starter: Arc<dyn StartSession>,
    pub(super) restart: RestartPolicy,
    pub(super) outlets: Vec<Arc<Outlet>>,
    pub(super) images: Images,
    pub(super) image_folder: Option<Arc<ImageFolder>>,
    pub(super) session_limit: Option<Duration>,
    pub(super) waits_for_turn: bool,
    pub(super) on_session: Option<SessionListener>,
    pub(super) progress: Option<Arc<Progress>>,
}

impl Stream {
    /// A live stream, such as a camera's: it begins again however its session ended.
    pub fn live(starter: impl StartSession) -> Self {
        Self {
            starter: Arc::new(starter),
            restart: RestartPolicy::new(RestartWhen::Always),
            outlets: Vec::new(),
            images: Images::Off,
            image_folder: None,
            session_limit: None,
            waits_for_turn: false,
            on_session: None,
            progress: None,
        }
    }

    /// A stream with an end, such as a file's: it does not begin again, and waits until it is its turn
    /// ([`StreamsConfig::files_at_once`](crate::StreamsConfig::files_at_once)).
    pub fn file(starter: impl StartSession) -> Self {
        let restart = RestartPolicy::new(RestartWhen::Never);
        Self { restart, waits_for_turn: true, ..Self::live(starter) }
    }

    /// When it begins again. Default is always for a live stream, and never for a file.
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.restart = policy;
        self
    }

    /// Where its results are delivered, beside other places. What happens when that is full, the outlet decides: the stream
    /// waits for one that waits. Default is nowhere.
    pub fn outlet(mut self, outlet: Arc<Outlet>) -> Self {
        self.outlets.push(outlet);
        self
    }

    /// What becomes of images in what is delivered. Default is [`Images::Off`].
    pub fn images(mut self, images: Images) -> Self {
        self.images = images;
        self
    }

    /// Where images are kept, for results that refer to them; [`Stream::images`] says nothing then. One that cannot be kept has
    /// no reference, and is the stream's last error. Default is nowhere.
    pub fn image_folder(mut self, folder: impl Into<Option<ImageFolder>>) -> Self {
        self.image_folder = folder.into().map(Arc::new);
        self
    }

    /// After which each of its sessions is closed. Default is never.
    pub fn session_limit(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.session_limit = limit.into();
        self
    }

    /// Is called with each session that begins, such as to look on
    /// ([`Session::watch`]) or to steer it ([`Session::control`]). Default is nobody.
    pub fn on_session(mut self, listener: impl Fn(&Session) + Send + Sync + 'static) -> Self {
        self.on_session = Some(Arc::new(listener));
        self
    }

    /// Goes on where others have been, and does not wait for its turn. Default is to begin with each session.
    #[cfg(feature = "nats")]
    pub(crate) fn going_on(mut self, progress: Arc<Progress>) -> Self {
        self.progress = Some(progress);
        self.waits_for_turn = false;
        self
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("restart", &self.restart)
            .field("outlets", &self.outlets.len())
            .finish_non_exhaustive()
    }
}
