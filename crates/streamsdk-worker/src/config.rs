use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use streamsdk_protocol::sdp::Author;
use streamsdk_protocol::{ApiKey, Limits};
use streamsdk_transport::{Interfaces, PeerConfig, VideoCodec};

use crate::Processors;

/// How a worker behaves.
#[derive(Debug, Clone)]
#[must_use]
pub struct WorkerConfig {
    pub(crate) processors: Processors,
    pub(crate) max_sessions: usize,
    pub(crate) limits: Limits,
    pub(crate) interfaces: Option<Interfaces>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) token: Option<ApiKey>,
    pub(crate) allow_private_sources: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) progress_timeout: Duration,
    pub(crate) dead_after: Duration,
    pub(crate) source_timeout: Duration,
    pub(crate) max_wait: Duration,
    pub(crate) jpeg_quality: u8,
    pub(crate) gzip: Gzip,
    pub(crate) ack_window: u32,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            processors: Processors::builtin(),
            max_sessions: 16,
            limits: Limits::default(),
            interfaces: None,
            allowed_origins: vec!["*".to_owned()],
            token: None,
            allow_private_sources: true,
            connect_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            progress_timeout: Duration::from_secs(10 * 60),
            dead_after: Duration::from_secs(15),
            source_timeout: Duration::from_secs(5),
            max_wait: Duration::from_secs(2),
            jpeg_quality: 80,
            gzip: Gzip::Auto,
            ack_window: 1,
        }
    }
}

impl WorkerConfig {
    /// What clients can have run. Default is [`Processors::builtin`].
    pub fn processors(mut self, processors: Processors) -> Self {
        self.processors = processors;
        self
    }

    /// Most sessions at a time; more are refused with status 429. Default is 16.
    pub fn max_sessions(mut self, max_sessions: usize) -> Self {
        self.max_sessions = max_sessions;
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

    /// Origins of web pages that may use the worker, such as `https://example.org`; `*` stands for all.
    /// Default is `*`, as the real server has it. Programs are not affected.
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

    /// Whether cameras are pulled that are at a loopback, private or link-local address. Default is
    /// `true`, since most cameras are in one's own network.
    ///
    /// Without it, names are looked up before they are connected to; a camera's server that sends on to
    /// another address is not noticed. Where clients are strangers, give the worker a network of its own.
    pub fn allow_private_sources(mut self, allow_private_sources: bool) -> Self {
        self.allow_private_sources = allow_private_sources;
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

    /// How long a client that is alive may get no further: an upload without a new part, a frame without
    /// the ack that it waits for, a result that the client does not take. Nothing else starts it anew, be
    /// it pings, repeated parts or other messages. Then the session ends, with the reason `upload_failed`
    /// or `client_stalled` where the client can still be told. Default is 10 min.
    ///
    /// A caller that pauses holds back the acks of a lossless session, and a camera or a webcam that
    /// sends no frame is waited for as long as the connection stands.
    pub fn progress_timeout(mut self, progress_timeout: Duration) -> Self {
        self.progress_timeout = progress_timeout;
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
    pub(crate) fn peer(&self) -> PeerConfig {
        PeerConfig::default()
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
