//! What a client says of the way to its server, when it is asked and when no session comes about.
#![cfg(all(feature = "diagnose", feature = "file"))]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::error::Error as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::post;
use streamsdk::{
    Client, Code, Diagnosis, Error, ErrorKind, IceServer, InitRequest, InitResponse, Signaling,
    SignalingError, StreamBuilder, StreamConfig, VideoFileSource, Workflow,
};
use streamsdk_testkit::FakeServer;

fn has(diagnosis: &Diagnosis, code: Code) -> bool {
    diagnosis.findings.iter().any(|finding| finding.code == code)
}

fn wrong(error: &Error) -> Vec<Code> {
    error.diagnosis().unwrap().wrong().map(|finding| finding.code).collect()
}

fn clip() -> VideoFileSource {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/video");
    VideoFileSource::open(folder.join("plain_160x120.mp4")).unwrap()
}

fn session(client: &Client, config: StreamConfig) -> StreamBuilder {
    client.stream(clip()).workflow(Workflow::id("local", "any")).config(config)
}

async fn failure(url: &str, config: StreamConfig) -> Error {
    let client = Client::builder(url).api_key("k3y").timeout(Duration::from_secs(2)).build();
    session(&client.unwrap(), config).start().await.unwrap_err()
}

/// A server that answers every request with the same.
async fn server_that_answers(status: u16, body: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = move || async move { (StatusCode::from_u16(status).unwrap(), Html(body)) };
    let router = Router::new().route("/initialise_webrtc_worker", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_well_is_found_well_and_one_that_is_not_there_is_not() {
    let server = FakeServer::start(async |_, _| {}).await;
    let found = Client::builder(server.url()).build().unwrap().diagnose().await;
    assert!(found.is_healthy(), "{found}");
    let found = Client::builder("http://127.0.0.1:1").api_key("k3y").build().unwrap();
    let found = found.diagnose().await;
    assert!(has(&found, Code::ConnectionRefused) && !found.is_healthy(), "{found}");
    assert!(!format!("{found} {found:?}").contains("k3y"));
}

#[tokio::test]
async fn the_error_of_a_server_that_is_not_there_says_what_is_wrong_and_stays_what_it_is() {
    let error = failure("http://127.0.0.1:1", StreamConfig::default()).await;
    assert_eq!(wrong(&error), [Code::ConnectionRefused]);
    let plain = failure("http://127.0.0.1:1", StreamConfig::default().diagnose_failures(false));
    let plain = plain.await;
    assert_eq!(plain.diagnosis(), None);
    let kept = |error: &Error| {
        let source = error.source().map(ToString::to_string);
        (error.kind(), error.stage(), error.to_string(), source)
    };
    assert_eq!(kept(&error), kept(&plain));
    assert!(!format!("{error:?}").contains("k3y"));
}

#[tokio::test]
async fn the_error_of_a_page_in_the_servers_place_says_that_the_network_wants_a_login() {
    let url = server_that_answers(200, "<html>Please log in</html>").await;
    let error = failure(&url, StreamConfig::default()).await;
    assert_eq!(error.kind(), ErrorKind::BadAnswer, "{error}");
    assert_eq!(wrong(&error), [Code::CaptivePortal]);
}

#[tokio::test]
async fn an_error_that_says_itself_what_is_wrong_is_left_as_it_is() {
    for status in [400, 401, 403, 404, 429, 500] {
        let url = server_that_answers(status, "{}").await;
        let error = failure(&url, StreamConfig::default()).await;
        assert_eq!(error.diagnosis(), None, "{error}");
    }
    let no_workflow = Client::builder("http://127.0.0.1:1").build().unwrap();
    let no_workflow = no_workflow.stream(clip()).start().await;
    assert_eq!(no_workflow.unwrap_err().diagnosis(), None);
}

/// Gets no answer, and names a STUN server.
struct Vain;

#[async_trait]
impl Signaling for Vain {
    async fn exchange(&self, _request: InitRequest) -> Result<InitResponse, SignalingError> {
        Err(SignalingError::Timeout { url: "nowhere".to_owned(), waited: Duration::ZERO })
    }

    async fn ice_servers(&self) -> Result<Vec<IceServer>, SignalingError> {
        Ok(vec![IceServer::new("stun:127.0.0.1:1")])
    }
}

#[tokio::test]
async fn of_a_server_that_is_reached_in_another_way_only_what_the_session_uses_is_looked_at() {
    // A server that is not on this machine, so that STUN servers are used.
    for (given, expected) in [
        (None, Code::StunRefused),
        (Some(IceServer::new("turn:127.0.0.1:1").credentials("us3r", "pa55")), Code::TurnRefused),
    ] {
        let client = Client::builder("http://192.0.2.1:9").signaling(Vain).build().unwrap();
        let config = StreamConfig::default().ice_servers(given);
        let error = session(&client, config).start().await.unwrap_err();
        assert_eq!(wrong(&error), [expected], "{error}");
        assert!(!format!("{error:?}").contains("pa55"));
    }
}

#[tokio::test]
async fn whoever_no_longer_waits_for_a_session_waits_for_no_diagnosis() {
    // Takes connections and says nothing, so that both take their time.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let client = Client::builder(url).timeout(Duration::from_millis(100)).build().unwrap();
    let waited = tokio::time::timeout(
        Duration::from_secs(1),
        session(&client, StreamConfig::default()).start(),
    );
    let started = Instant::now();
    assert!(waited.await.is_err());
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}
