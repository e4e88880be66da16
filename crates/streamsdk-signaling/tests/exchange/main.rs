//! The exchange against a server in this process, which plays back what real servers said.
// Clippy takes only functions marked as tests for test code.
#![allow(clippy::unwrap_used, clippy::panic)]

mod backend;
mod failures;
mod keys;
mod platform;
mod probe;
mod proxy;
mod rejections;
mod server;
mod tls;
mod whip;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use streamsdk_protocol::init::{InitRequest, InitResponse};
use streamsdk_signaling::{ApiKeyTransport, HttpSignaling, Signaling, SignalingError};

/// The key that stands in the recordings.
const KEY: &str = "FAKE_API_KEY_0123456789";

fn recording(name: &str) -> Value {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/wire");
    serde_json::from_slice(&fs::read(root.join(name)).unwrap()).unwrap()
}

fn recorded_request() -> InitRequest {
    serde_json::from_value(recording("file_dc/request.json")["json"].clone()).unwrap()
}

/// The body of a real answer to [`recorded_request`].
fn recorded_answer() -> String {
    recording("file_dc/response.json")["json"].to_string()
}

async fn exchange(url: &str) -> Result<InitResponse, SignalingError> {
    let signaling = HttpSignaling::builder(url).api_key(KEY).build().unwrap();
    signaling.exchange(recorded_request()).await
}

/// Everything that an error shows to anybody.
fn all_texts(error: &(dyn Error + 'static)) -> String {
    let mut texts = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        texts.push_str(&format!("{error}\n{error:?}\n"));
        next = error.source();
        let repeats = next.is_some_and(|source| error.to_string().contains(&source.to_string()));
        assert!(!repeats, "{error} says what its source says");
    }
    texts
}

fn assert_shows_no_key(error: &SignalingError) {
    let shown = all_texts(error);
    assert!(!shown.contains(KEY), "{shown}");
}

#[tokio::test]
async fn a_real_answer_to_a_real_request_comes_through() {
    let mut server = server::start(server::json(200, &recorded_answer())).await;
    let signaling = HttpSignaling::builder(server.url()).api_key(KEY).build().unwrap();
    let answer = signaling.exchange(recorded_request()).await.unwrap();
    assert_eq!(answer, serde_json::from_str(&recorded_answer()).unwrap());

    let request = server.request().await;
    assert_eq!(request.line(), "POST /initialise_webrtc_worker HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.json(), recording("file_dc/request.json")["json"]);
}

#[tokio::test]
async fn the_end_of_a_pipeline_is_told_to_the_server_that_has_it() {
    let mut answer: InitResponse = serde_json::from_str(&recorded_answer()).unwrap();
    for (transport, line, has_header) in [
        (
            ApiKeyTransport::Legacy,
            format!("POST /x/inference_pipelines/a%2Fb/terminate?api_key={KEY} HTTP/1.1"),
            false,
        ),
        (
            ApiKeyTransport::Header,
            "POST /x/inference_pipelines/a%2Fb/terminate HTTP/1.1".to_owned(),
            true,
        ),
    ] {
        let mut server = server::start(server::json(200, "{}")).await;
        let signaling = HttpSignaling::builder(format!("{}/x", server.url()));
        let signaling = signaling.api_key(KEY).api_key_transport(transport).build().unwrap();
        answer.context.pipeline_id = None;
        signaling.end(&answer).await;
        answer.context.pipeline_id = Some("a/b".to_owned());
        signaling.end(&answer).await;
        let request = server.request().await;
        assert_eq!(
            (request.line(), request.header("authorization").is_some()),
            (&*line, has_header)
        );
    }
}

#[tokio::test]
async fn no_connection_is_kept_after_an_exchange() {
    let mut server = server::start(server::json(200, &recorded_answer())).await;
    let signaling = HttpSignaling::builder(server.url()).build().unwrap();
    for _ in 0..2 {
        signaling.exchange(recorded_request()).await.unwrap();
        server.request().await;
        server.connection_closed().await;
    }
}

#[tokio::test]
async fn a_server_below_a_path_is_reached_and_the_urls_credentials_go_into_a_header_only() {
    let mut server = server::start(server::json(200, &recorded_answer())).await;
    let url = format!("http://me:s3cret@127.0.0.1:{}/gateway/", server.port());
    exchange(&url).await.unwrap();

    let request = server.request().await;
    assert_eq!(request.line(), "POST /gateway/initialise_webrtc_worker HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Basic bWU6czNjcmV0"));
}
