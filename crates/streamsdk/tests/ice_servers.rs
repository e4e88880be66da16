//! What becomes of the STUN and TURN servers of a session.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use streamsdk::{
    Client, ConnectionRequirements, Error, ErrorKind, IceServer, IceTransportPolicy, InitRequest,
    InitResponse, Signaling, SignalingError, SourceError, SourceIo, StreamConfig, StreamSource,
    Workflow,
};

/// Sends nothing.
struct Nothing;

#[async_trait]
impl StreamSource for Nothing {
    fn requirements(&self, _config: &StreamConfig) -> ConnectionRequirements {
        ConnectionRequirements::default()
    }

    fn init_parameters(&self, _config: &StreamConfig, _request: &mut InitRequest) {}

    async fn run(&mut self, _io: SourceIo) -> Result<(), SourceError> {
        Ok(())
    }
}

/// Keeps the request and answers nothing.
#[derive(Default)]
struct Recorder {
    request: Mutex<Option<InitRequest>>,
    /// What it says where it is asked for servers; `None` is an error.
    servers: Option<Vec<IceServer>>,
}

impl Recorder {
    /// The servers in the request that came.
    fn servers(&self) -> Option<Vec<IceServer>> {
        let request = self.request.lock().unwrap().take().unwrap();
        request.webrtc_config.map(|config| config.ice_servers)
    }
}

fn timeout() -> SignalingError {
    SignalingError::Timeout { url: "nowhere".to_owned(), waited: Duration::ZERO }
}

#[async_trait]
impl Signaling for Recorder {
    async fn exchange(&self, request: InitRequest) -> Result<InitResponse, SignalingError> {
        *self.request.lock().unwrap() = Some(request);
        Err(timeout())
    }

    async fn ice_servers(&self) -> Result<Vec<IceServer>, SignalingError> {
        self.servers.clone().ok_or_else(timeout)
    }
}

async fn start(url: &str, recorder: &Arc<Recorder>, config: StreamConfig) -> Error {
    let client = Client::builder(url).signaling(Arc::<Recorder>::clone(recorder)).build().unwrap();
    let session = client.stream(Nothing).workflow(Workflow::id("local", "any"));
    session.config(config).start().await.unwrap_err()
}

fn relayed() -> StreamConfig {
    StreamConfig::default().ice_transport_policy(IceTransportPolicy::Relay)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_gets_the_ice_servers_as_they_were_given() {
    let servers = [
        IceServer::new("turns:192.0.2.1:443?transport=tcp").credentials("us3r", "s3cret"),
        IceServer::new("nonsense").url("stun:192.0.2.1"),
    ];
    let recorder = Arc::default();
    let config = StreamConfig::default().ice_servers(servers.clone());
    start("http://192.0.2.1:9", &recorder, config).await;
    assert_eq!(recorder.servers().unwrap(), servers);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_asked_for_where_none_is_given_and_done_without_where_there_are_none() {
    let named = vec![IceServer::new("stun:192.0.2.1")];
    let given = StreamConfig::default().ice_server(IceServer::new("stun:192.0.2.2"));
    let unset = StreamConfig::default;
    for (url, config, named, expected) in [
        ("http://192.0.2.1:9", unset(), Some(named.clone()), Some(named.clone())),
        ("http://192.0.2.1:9", unset(), Some(vec![]), None),
        ("http://192.0.2.1:9", unset(), None, None),
        ("http://127.0.0.1:9", unset(), Some(named.clone()), None),
        ("http://192.0.2.1:9", given, Some(named), Some(vec![IceServer::new("stun:192.0.2.2")])),
    ] {
        let recorder = Arc::new(Recorder { servers: named, ..Recorder::default() });
        start(url, &recorder, config).await;
        assert_eq!(recorder.servers(), expected, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_this_machine_cannot_be_relayed() {
    let recorder = Arc::default();
    let error = start("http://127.0.0.1:9", &recorder, relayed()).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(recorder.request.lock().unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relayed_session_without_a_server_that_relays_asks_nobody() {
    let recorder = Arc::default();
    let config = relayed().ice_server(IceServer::new("turn:192.0.2.1"));
    let error = start("http://192.0.2.1:9", &recorder, config).await;
    assert_eq!(error.kind(), ErrorKind::Ice, "{error}");
    assert!(error.to_string().contains("turn:192.0.2.1:3478 (UDP): no user name"), "{error}");
    assert!(recorder.request.lock().unwrap().is_none());
}
