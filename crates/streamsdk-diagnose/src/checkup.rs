use std::fmt;
use std::time::{Duration, Instant};

use streamsdk_protocol::init::IceServer;
use streamsdk_protocol::{ApiKey, Redactor, redact_url};
use streamsdk_signaling::ApiKeyTransport;
use streamsdk_transport::{RootCertificates, VideoCodec};

use crate::checks::cameras::CameraState;
use crate::checks::{cameras, codecs, ice, loopback, server};
use crate::deadline::Deadline;
use crate::trust::Trust;
use crate::{Diagnosis, Finding};

const TIME_LIMIT: Duration = Duration::from_secs(5);
/// What is kept back, so that what was found out is told within the limit.
const MARGIN: Duration = Duration::from_millis(200);

/// What is to be looked at. Without anything set, it is this machine alone.
///
/// Needs a Tokio runtime with time and I/O enabled.
#[derive(Clone)]
#[must_use]
pub struct Checkup {
    server: Option<String>,
    api_key: Option<ApiKey>,
    api_key_transport: ApiKeyTransport,
    ice_servers: Vec<IceServer>,
    time_limit: Duration,
    codecs: Option<Vec<VideoCodec>>,
    looks_at_cameras: bool,
    pub(crate) cameras: Option<Vec<CameraState>>,
    pub(crate) trust: Trust,
    pub(crate) turn_trust: Trust,
}

/// What a request to the server takes.
pub(crate) struct ServerAccess {
    pub(crate) url: String,
    pub(crate) api_key: Option<ApiKey>,
    pub(crate) api_key_transport: ApiKeyTransport,
}

impl Default for Checkup {
    fn default() -> Self {
        Self {
            server: None,
            api_key: None,
            api_key_transport: ApiKeyTransport::default(),
            ice_servers: Vec::new(),
            time_limit: TIME_LIMIT,
            codecs: codecs::built_in(),
            looks_at_cameras: true,
            cameras: None,
            trust: Trust::default(),
            turn_trust: Trust::default(),
        }
    }
}

impl Checkup {
    /// A checkup of this machine.
    pub fn new() -> Self {
        Self::default()
    }

    /// The inference server, such as `http://localhost:9001`. Default is none.
    pub fn server(mut self, url: impl Into<String>) -> Self {
        self.server = Some(url.into());
        self
    }

    /// The API key. Default is none.
    pub fn api_key(mut self, key: impl Into<ApiKey>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Where the key travels. Default is [`ApiKeyTransport::Legacy`].
    pub fn api_key_transport(mut self, transport: ApiKeyTransport) -> Self {
        self.api_key_transport = transport;
        self
    }

    /// A STUN server, such as `stun:stun.example.org:3478`; may be called for each. Default is none.
    pub fn stun(self, url: impl Into<String>) -> Self {
        self.ice_servers([IceServer::new(url)])
    }

    /// A TURN server, such as `turn:turn.example.org:3478?transport=tcp`, with its user and password; may be
    /// called for each. Default is none.
    pub fn turn(
        self,
        url: impl Into<String>,
        username: impl Into<String>,
        credential: impl Into<String>,
    ) -> Self {
        self.ice_servers([IceServer::new(url).credentials(username, credential)])
    }

    /// More STUN and TURN servers, as they are given to sessions. Default is none.
    pub fn ice_servers(mut self, servers: impl IntoIterator<Item = IceServer>) -> Self {
        self.ice_servers.extend(servers);
        self
    }

    /// Certificates that a TURN server's may be signed with, besides those that the system trusts, as they are given to
    /// sessions. Default is none.
    pub fn turn_roots(mut self, roots: RootCertificates) -> Self {
        self.turn_trust = Trust::System(roots);
        self
    }

    /// The codecs for video tracks that there are. Default is what this build has, if it has video tracks; otherwise
    /// codecs are not looked at.
    pub fn codecs(mut self, codecs: impl IntoIterator<Item = VideoCodec>) -> Self {
        self.codecs = Some(codecs.into_iter().collect());
        self
    }

    /// Whether cameras are opened for a moment to see whether they can be used, where this is built to read
    /// cameras. Default is yes.
    pub fn cameras(mut self, looks_at_cameras: bool) -> Self {
        self.looks_at_cameras = looks_at_cameras;
        self
    }

    /// How long everything may take. Default is 5 s. With less, what is slow is called silent.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Looks at everything at once, and says what was found.
    pub async fn run(self) -> Diagnosis {
        let started = Instant::now();
        let deadline = Deadline::after(self.time_limit.saturating_sub(MARGIN));
        let (server, ice, webrtc, cameras) = futures::join!(
            self.look_at_server(deadline),
            ice::check(&self.ice_servers, &self.turn_trust, deadline),
            loopback::check(deadline),
            self.look_at_cameras(deadline),
        );
        let codecs = self.codecs.as_deref().map(codecs::check);
        let redactor = self.redactor();
        let findings = server.into_iter().chain(ice).chain([webrtc]).chain(codecs).chain(cameras);
        let findings = findings.map(|finding| finding.without_secrets(&redactor)).collect();
        Diagnosis::new(findings, started.elapsed())
    }

    async fn look_at_server(&self, deadline: Deadline) -> Vec<Finding> {
        let Some(url) = self.server.clone() else { return Vec::new() };
        let (api_key, api_key_transport) = (self.api_key.clone(), self.api_key_transport);
        let access = ServerAccess { url, api_key, api_key_transport };
        server::check(&access, &self.trust, deadline).await
    }

    async fn look_at_cameras(&self, deadline: Deadline) -> Vec<Finding> {
        match &self.cameras {
            _ if !self.looks_at_cameras => Vec::new(),
            Some(cameras) => cameras::judge(cameras),
            None => cameras_of_this_machine(deadline).await,
        }
    }

    /// Knows everything that was given in confidence.
    fn redactor(&self) -> Redactor {
        let redactor = Redactor::default().url(self.server.as_deref().unwrap_or_default());
        let redactor = match &self.api_key {
            Some(key) => redactor.api_key(key),
            None => redactor,
        };
        let passwords = self.ice_servers.iter().filter_map(IceServer::credential);
        passwords.fold(redactor, Redactor::password)
    }
}

#[cfg(all(feature = "webcam", target_os = "linux"))]
async fn cameras_of_this_machine(deadline: Deadline) -> Vec<Finding> {
    /// A driver that hangs is no reason to.
    const LIMIT: Duration = Duration::from_secs(4);
    let opened = tokio::task::spawn_blocking(cameras::of_this_machine);
    match deadline.within(LIMIT, opened).await {
        Some(Ok(cameras)) => cameras::judge(&cameras),
        _ => {
            let what = "Whether cameras can be used was not found out: they took too long to open.";
            vec![Finding::new(crate::Code::NotChecked, what)]
        }
    }
}

#[cfg(not(all(feature = "webcam", target_os = "linux")))]
async fn cameras_of_this_machine(_: Deadline) -> Vec<Finding> {
    Vec::new()
}

/// Hides the key, what is secret in URLs, and passwords.
impl fmt::Debug for Checkup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkup")
            .field("server", &self.server.as_deref().map(redact_url))
            .field("api_key", &self.api_key)
            .field("ice_servers", &self.ice_servers)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}
