use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use axum::Router;
use streamsdk_http::Unlisted;
use streamsdk_protocol::address::Reach;
use streamsdk_protocol::sdp::Author;
use streamsdk_protocol::{ApiKey, Limits};
use streamsdk_transport::{Interfaces, PeerConfig, VideoCodec};

use crate::Processors;
use crate::session::UploadRate;

/// How a worker behaves.
#[derive(Debug, Clone)]
#[must_use]
pub struct WorkerConfig {
    pub(crate) processors: Processors,
    pub(crate) max_sessions: usize,
    pub(crate) max_connections: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) interfaces: Option<Interfaces>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) token: Option<ApiKey>,
    pub(crate) unlisted_origins: Unlisted,
    pub(crate) allow_private_sources: Option<bool>,
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) progress_timeout: Duration,
    pub(crate) min_upload: UploadRate,
    pub(crate) ack_timeout: Duration,
    pub(crate) session_timeout: Duration,
    pub(crate) upload_disk: u64,
    pub(crate) dead_after: Duration,
    pub(crate) source_timeout: Duration,
    pub(crate) max_wait: Duration,
    pub(crate) jpeg_quality: u8,
    pub(crate) gzip: Gzip,
    pub(crate) ack_window: u32,
    pub(crate) routes: Router,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            processors: Processors::builtin(),
            max_sessions: 16,
            max_connections: 256,
            request_timeout: Duration::from_secs(30),
            limits: Limits::default(),
            interfaces: None,
            allowed_origins: Vec::new(),
            unlisted_origins: Unlisted::OfSameServer,
            token: None,
            allow_private_sources: None,
            connect_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            progress_timeout: Duration::from_secs(10 * 60),
            min_upload: UploadRate { bytes: 480_000, per: Duration::from_secs(60) },
            ack_timeout: Duration::from_secs(5 * 60),
            session_timeout: Duration::from_secs(24 * 3600),
            upload_disk: 32 << 30,
            dead_after: Duration::from_secs(15),
            source_timeout: Duration::from_secs(5),
            max_wait: Duration::from_secs(2),
            jpeg_quality: 80,
            gzip: Gzip::Auto,
            ack_window: 1,
            routes: Router::new(),
        }
    }
}

impl WorkerConfig {
    /// What clients can have run. Default is [`Processors::builtin`].
    pub fn processors(mut self, processors: Processors) -> Self {
        self.processors = processors;
        self
    }

    /// Most sessions at a time; more are refused with status 429, after two seconds in which one may end. Default is 16.
    ///
    /// Of these no more than half wait for clients of one address to connect (of one /64 of IPv6). When all are taken, a
    /// client that has not connected for five seconds gives way to another.
    pub fn max_sessions(mut self, max_sessions: usize) -> Self {
        self.max_sessions = max_sessions;
        self
    }

    /// Most connections of HTTP at a time. Default is 256. When there is one more, the client that has said nothing for
    /// the longest time loses its own; who waits for an answer keeps it.
    ///
    /// A process usually may have 1024 descriptors, and a session takes some, too.
    pub fn max_connections(mut self, max_connections: usize) -> Self {
        self.max_connections = max_connections;
        self
    }

    /// What else is served beside the worker's own paths, such as `streamsdk_view::worker_page()`. Default is nothing. What is
    /// said here of origins and tokens is not for it.
    pub fn routes(mut self, routes: Router) -> Self {
        self.routes = routes;
        self
    }

    /// How long the header of a request may take, with the pause before it, and then its body. Default is 30 s.
    pub fn request_timeout(mut self, request_timeout: Duration) -> Self {
        self.request_timeout = request_timeout;
        self
    }

    /// Bounds on what a client may make the worker hold, [`Limits::upload_bytes`] among them.
    /// Default is [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Addresses to be reached at by media. Default is [`Interfaces::ThisMachine`] for a worker that
    /// listens on a loopback address, and [`Interfaces::All`] otherwise, also for an
    /// [`EmbeddedWorker`](crate::EmbeddedWorker).
    ///
    /// A worker behind a backend that passes requests on to its loopback address, for browsers on other
    /// machines, needs [`Interfaces::All`].
    pub fn interfaces(mut self, interfaces: impl Into<Option<Interfaces>>) -> Self {
        self.interfaces = interfaces.into();
        self
    }

    /// Origins of web pages that may use the worker, such as `https://example.org`; `*` stands for all. Programs are not
    /// affected. Default is none, unlike the real server, but for the pages of this machine with a worker that listens on
    /// a loopback address, and the pages of its own server with an [`EmbeddedWorker`](crate::EmbeddedWorker) or a token.
    ///
    /// Pages of other origins are refused with status 403, since a browser asks for many a page before it knows whether
    /// the page may read the answer.
    pub fn allowed_origins(
        mut self,
        allowed_origins: impl IntoIterator<Item: Into<String>>,
    ) -> Self {
        self.allowed_origins = allowed_origins.into_iter().map(Into::into).collect();
        self
    }

    /// What clients have to show as `Authorization: Bearer …` to open a session; without it they are
    /// refused with status 401. Default is none: everybody may.
    pub fn token(mut self, token: impl Into<Option<ApiKey>>) -> Self {
        self.token = token.into();
        self
    }

    /// Whether cameras are pulled that are at a loopback, private or link-local address. Default is `true` for a worker
    /// that listens on a loopback address, whose clients reach those themselves, and `false` otherwise, also for an
    /// [`EmbeddedWorker`](crate::EmbeddedWorker). The metadata services of clouds are never asked.
    ///
    /// It is the address that is connected to that counts, wherever names lead and servers send on to. Without private
    /// sources, RTSP cameras are read over TCP only: where packets go that are not on the connection is the camera's choice.
    pub fn allow_private_sources(mut self, allow_private_sources: impl Into<Option<bool>>) -> Self {
        self.allow_private_sources = allow_private_sources.into();
        self
    }

    /// Time limit from the answer to a connection with its channels open. Default is 30 s.
    pub fn connect_timeout(mut self, connect_timeout: Duration) -> Self {
        self.connect_timeout = connect_timeout;
        self
    }

    /// How long a client's program may give no sign of life during an upload; a ping is one. Then the
    /// session ends with the reason `upload_failed`. Default is 60 s.
    pub fn idle_timeout(mut self, idle_timeout: Duration) -> Self {
        self.idle_timeout = idle_timeout;
        self
    }

    /// How long a client that is alive may get no further: an upload without a new part, a result that the client does
    /// not take. Nothing else starts it anew, be it pings, repeated parts or other messages. Then the session ends, with
    /// the reason `upload_failed` where the client can still be told. Default is 10 min.
    ///
    /// A camera or a webcam that sends no frame is waited for as long as the connection stands.
    pub fn progress_timeout(mut self, progress_timeout: Duration) -> Self {
        self.progress_timeout = progress_timeout;
        self
    }

    /// How much of an upload has to come in each `per`, one after the other; a slow disk of the worker's does not count.
    /// Where less comes the session ends with the reason `upload_failed`. Default is 480 kB in 60 s, a sixth of what the
    /// slowest networks of phones carry; 0 bytes are always enough.
    pub fn min_upload(mut self, bytes: u64, per: Duration) -> Self {
        self.min_upload = UploadRate { bytes, per };
        self
    }

    /// How long a frame may wait for the ack without which it is not made, whatever else the client says. Then the
    /// session ends with the reason `client_stalled`. Default is 5 min.
    ///
    /// A caller that pauses holds back the acks of a lossless session.
    pub fn ack_timeout(mut self, ack_timeout: Duration) -> Self {
        self.ack_timeout = ack_timeout;
        self
    }

    /// How long a session may last in all, from when its channels are open. Then it ends with the reason
    /// `timeout_reached`, as it does at a limit of the client's own (`processing_timeout`). Default is 24 h.
    pub fn session_timeout(mut self, session_timeout: Duration) -> Self {
        self.session_timeout = session_timeout;
        self
    }

    /// Most bytes that the uploads of all sessions may take on the disk together, each until its session has ended.
    /// One that finds no more room ends with the reason `upload_failed`. Default is 32 GiB. How large one may be:
    /// [`Limits::upload_bytes`].
    pub fn upload_disk(mut self, bytes: u64) -> Self {
        self.upload_disk = bytes;
        self
    }

    /// How long a client may be silent on the network before it counts as dead. Default is 15 s.
    pub fn dead_after(mut self, dead_after: Duration) -> Self {
        self.dead_after = dead_after;
        self
    }

    /// How long a camera that the worker pulls may take to answer, and later be silent. Default is 5 s.
    pub fn source_timeout(mut self, source_timeout: Duration) -> Self {
        self.source_timeout = source_timeout;
        self
    }

    /// How long a file that is played at its own speed may keep a client waiting for a frame; longer
    /// pauses are shortened. Default is 2 s.
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// Quality of the JPEG images that are sent, from 1 to 100. Default is 80.
    pub fn jpeg_quality(mut self, jpeg_quality: u8) -> Self {
        self.jpeg_quality = jpeg_quality;
        self
    }

    /// Whether results are compressed. Default is [`Gzip::Auto`].
    pub fn gzip(mut self, gzip: Gzip) -> Self {
        self.gzip = gzip;
        self
    }

    /// Frames that may be sent ahead of the last one acked. Default is 1, as the real server has it.
    pub fn ack_window(mut self, ack_window: u32) -> Self {
        self.ack_window = ack_window;
        self
    }
}

/// Which clients get compressed results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Gzip {
    /// Those that are known to read them: this project's, and those that are built on aiortc, as the
    /// Python SDK is.
    ///
    /// They are known by what they write into the offer, which reaches the worker unchanged whatever
    /// stands between. All others get plain results, web pages among them: the JavaScript SDK cannot
    /// read compressed ones.
    #[default]
    Auto,
    /// All of them, as with the real server.
    Always,
    /// None.
    Never,
}

impl Gzip {
    /// Whether the client that made `offer` gets compressed results.
    pub(crate) fn compresses_for(self, offer: &str) -> bool {
        match self {
            Self::Auto => matches!(Author::of(offer), Author::Streamsdk | Author::Aiortc),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl fmt::Display for Gzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        })
    }
}

/// A name that is none of a [`Gzip`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("compression is not called {0:?}: it is auto, always or never")]
pub struct UnknownGzip(String);

impl FromStr for Gzip {
    type Err = UnknownGzip;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::Auto, Self::Always, Self::Never]
            .into_iter()
            .find(|gzip| name.eq_ignore_ascii_case(&gzip.to_string()))
            .ok_or_else(|| UnknownGzip(name.to_owned()))
    }
}

impl WorkerConfig {
    /// Where cameras may be.
    pub(crate) fn reach(&self) -> Reach {
        if self.allow_private_sources == Some(true) { Reach::Private } else { Reach::Public }
    }

    /// How the peer of a client connects that is at this address.
    pub(crate) fn peer(&self, client: Option<SocketAddr>) -> PeerConfig {
        PeerConfig::default()
            .toward(client)
            // A stranger's loopback is this machine.
            .near_candidates(client.is_none().then_some(false))
            .interfaces(self.interfaces.unwrap_or(Interfaces::All))
            .connect_timeout(self.connect_timeout)
            .dead_after(self.dead_after)
            .codecs(codecs())
    }
}

/// The codecs of video tracks that this build knows, the preferred one first.
pub(crate) fn codecs() -> Vec<VideoCodec> {
    #[cfg(feature = "video")]
    return streamsdk_video::codecs();
    #[cfg(not(feature = "video"))]
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_gzip_are_read_as_they_are_written() {
        for name in ["auto", "always", "never"] {
            assert_eq!(name.parse::<Gzip>().unwrap().to_string(), name);
        }
        assert!("yes".parse::<Gzip>().is_err());
    }
}
