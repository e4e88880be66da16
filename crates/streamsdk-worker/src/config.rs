use std::time::Duration;

use streamsdk_protocol::Limits;
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
    /// Addresses to be reached at by media. Default is loopback only for a worker that listens on a
    /// loopback address, and all otherwise.
    pub interfaces: Option<Interfaces>,
    /// Origins of web pages that may use the worker, such as `https://example.org`; `*` stands for all.
    /// Default is `*`, as the real server has it. Programs are not affected.
    pub allowed_origins: Vec<String>,
    /// Time limit from the answer to a connection with its channels open. Default is 30 s.
    pub connect_timeout: Duration,
    /// How long a client may leave an upload, or a frame that it was sent, without a sign of life
    /// from its program. Default is 60 s.
    pub idle_timeout: Duration,
    /// How long a client may be silent on the network before it counts as dead. Default is 15 s.
    pub dead_after: Duration,
    /// How long a camera that the worker pulls may take to answer, and later be silent. Default is 5 s.
    pub source_timeout: Duration,
    /// How long a file that is played at its own speed may keep a client waiting for a frame; longer
    /// pauses are shortened. Default is 2 s.
    pub max_wait: Duration,
    /// Quality of the JPEG images that are sent, from 1 to 100. Default is 80.
    pub jpeg_quality: u8,
    /// Whether results are compressed. Default is [`Gzip::ForPrograms`].
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
            connect_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            dead_after: Duration::from_secs(15),
            source_timeout: Duration::from_secs(5),
            max_wait: Duration::from_secs(2),
            jpeg_quality: 80,
            gzip: Gzip::ForPrograms,
            ack_window: 1,
        }
    }
}

/// Which clients get compressed results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Gzip {
    /// All of them, as with the real server.
    Always,
    /// All but web pages, which are known by their `Origin` header: the JavaScript SDK cannot read
    /// compressed results.
    #[default]
    ForPrograms,
    /// None.
    Never,
}

impl WorkerConfig {
    pub(crate) fn compresses(&self, is_web_page: bool) -> bool {
        match self.gzip {
            Gzip::Always => true,
            Gzip::ForPrograms => !is_web_page,
            Gzip::Never => false,
        }
    }

    pub(crate) fn peer(&self, interfaces: Interfaces) -> PeerConfig {
        let mut config = PeerConfig::default();
        config.interfaces = self.interfaces.unwrap_or(interfaces);
        config.connect_timeout = self.connect_timeout;
        config.dead_after = self.dead_after;
        config.codecs = codecs();
        config
    }
}

/// The codecs of video tracks that this build knows, the preferred one first.
pub(crate) fn codecs() -> Vec<VideoCodec> {
    #[cfg(feature = "video")]
    return streamsdk_video::codecs();
    #[cfg(not(feature = "video"))]
    Vec::new()
}
