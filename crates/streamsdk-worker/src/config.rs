use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use streamsdk_protocol::sdp::Author;
use streamsdk_protocol::{ApiKey, Limits};
use streamsdk_transport::{Interfaces, PeerConfig, VideoCodec};

use crate::Processors;

/// How a worker behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WorkerConfig {
    /// What clients can have run. Default is [`Processors::builtin`].
    pub processors: Processors,
    /// Most sessions at a time; more are refused with status 429. Default is 16.
    pub max_sessions: usize,
    /// Bounds on what a client may make the worker hold, [`Limits::upload_bytes`] among them.
    /// Default is [`Limits::default`].
    pub limits: Limits,
    /// Addresses to be reached at by media. Default is [`Interfaces::ThisMachine`] for a worker that
    /// listens on a loopback address, and [`Interfaces::All`] otherwise, also for an
    /// [`EmbeddedWorker`](crate::EmbeddedWorker).
    ///
    /// A worker behind a backend that passes requests on to its loopback address, for browsers on other
    /// machines, needs [`Interfaces::All`].
    pub interfaces: Option<Interfaces>,
    /// Origins of web pages that may use the worker, such as `https://example.org`; `*` stands for all.
    /// Default is `*`, as the real server has it. Programs are not affected.
    pub allowed_origins: Vec<String>,
    /// What clients have to show as `Authorization: Bearer …` to open a session; without it they are
    /// refused with status 401. Default is none: everybody may.
    pub token: Option<ApiKey>,
    /// Whether cameras are pulled that are at a loopback, private or link-local address. Default is
    /// `true`, since most cameras are in one's own network.
    ///
    /// Without it, names are looked up before they are connected to; a camera's server that sends on to
    /// another address is not noticed. Where clients are strangers, give the worker a network of its own.
    pub allow_private_sources: bool,
    /// Time limit from the answer to a connection with its channels open. Default is 30 s.
    pub connect_timeout: Duration,
    /// How long a client's program may give no sign of life during an upload; a ping is one. Then the
    /// session ends with the reason `upload_failed`. Default is 60 s.
    pub idle_timeout: Duration,
    /// How long a client that is alive may get no further: an upload without a new part, a frame without
    /// the ack that it waits for, a result that the client does not take. Nothing else starts it anew, be
    /// it pings, repeated parts or other messages. Then the session ends, with the reason `upload_failed`
    /// or `client_stalled` where the client can still be told. Default is 10 min.
    ///
    /// A caller that pauses holds back the acks of a lossless session, and a camera or a webcam that
    /// sends no frame is waited for as long as the connection stands.
    pub progress_timeout: Duration,
    /// How long a client may be silent on the network before it counts as dead. Default is 15 s.
    pub dead_after: Duration,
    /// How long a camera that the worker pulls may take to answer, and later be silent. Default is 5 s.
    pub source_timeout: Duration,
    /// How long a file that is played at its own speed may keep a client waiting for a frame; longer
    /// pauses are shortened. Default is 2 s.
    pub max_wait: Duration,
    /// Quality of the JPEG images that are sent, from 1 to 100. Default is 80.
    pub jpeg_quality: u8,
    /// Whether results are compressed. Default is [`Gzip::Auto`].
    pub gzip: Gzip,
    /// Frames that may be sent ahead of the last one acked. Default is 1, as the real server has it.
    pub ack_window: u32,
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
