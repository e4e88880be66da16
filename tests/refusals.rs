//! What a caller learns when a session does not come about, or the file is of no use.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse};
use axum::routing::any;
use serde_json::json;
use streamsdk::{
    Client, Error, ErrorKind, Stage, StreamConfig, Timeouts, VideoFileSource, Workflow,
};
use streamsdk_protocol::init::InitResponse;
use streamsdk_protocol::rejection::RejectionReason;
use streamsdk_tests::{clip, failure, start, worker, worker_with};
use streamsdk_worker::WorkerConfig;
use tokio::net::TcpListener;

const KEY: &str = "k3y-that-must-not-show";

async fn refused(url: &str, workflow: Workflow, config: StreamConfig) -> Error {
    let error = Client::builder(url)
        .api_key(KEY)
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap()
        .stream(VideoFileSource::open(clip("plain_160x120.mp4")).unwrap())
        .workflow(workflow)
        .config(config)
        .start()
        .await
        .unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(KEY), "{shown}");
    error
}

fn by_id(id: &str) -> Workflow {
    Workflow::id("local", id)
}

/// A server that answers everything in one way.
async fn server(
    respond: impl Fn() -> axum::response::Response + Clone + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(any(move || {
        let response = respond();
        async move { response }
    }));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_says_what_is_wrong_with_a_request() {
    let worker = worker().await;
    let url = worker.url();
    let config = StreamConfig::default;
    let step = |kind: &str| json!({ "steps": [{ "type": kind, "name": "step" }] });
    let selects = |selector: &str| {
        json!({ "steps": [{ "type": "motion", "name": "step" }],
                "outputs": [{ "name": "out", "selector": selector }] })
    };
    let spec = Workflow::specification;

    let cases = [
        (by_id("nothing"), config(), RejectionReason::Workflow, "'nothing'"),
        (
            by_id("motion"),
            config().data_output(["nope"]),
            RejectionReason::Configuration,
            "['nope']",
        ),
        (spec(step("nope")), config(), RejectionReason::WorkflowSyntax, "nope"),
        (spec(json!({})), config(), RejectionReason::WorkflowSyntax, "exactly one step"),
        (
            spec(selects("$steps.other.image")),
            config(),
            RejectionReason::Workflow,
            "non-existent block",
        ),
        (spec(selects("$steps.step.nope")), config(), RejectionReason::Workflow, "non-existent"),
        (spec(selects("$inputs.nope")), config(), RejectionReason::Workflow, "input parameter"),
    ];
    for (workflow, config, reason, words) in cases {
        let error = refused(&url, workflow, config).await;
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Rejected, Stage::Requesting));
        assert_eq!(error.rejection().unwrap().reason, reason, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_worker_is_a_quota_error() {
    let config = WorkerConfig::default().max_sessions(0);
    let worker = worker_with(config).await;
    let error = refused(&worker.url(), by_id("motion"), StreamConfig::default()).await;
    assert!(error.is_quota(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_none_are_told_apart() {
    let html = server(|| Html("<html>hello</html>").into_response()).await;
    let gateway =
        server(|| (StatusCode::BAD_GATEWAY, Html("<html>bad gateway</html>")).into_response())
            .await;
    let unusable =
        server(|| axum::Json(InitResponse::answer("v=0\r\ns=-\r\nt=0 0\r\n")).into_response())
            .await;
    let unauthorised = server(|| {
        let body = json!({ "message": "no", "error_type": "RoboflowAPINotAuthorizedError" });
        (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response()
    })
    .await;
    let closed_port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let worker = worker().await;
    let cases = [
        (closed_port, ErrorKind::Unreachable),
        (html, ErrorKind::BadAnswer),
        (gateway, ErrorKind::Rejected),
        (unusable, ErrorKind::BadAnswer),
        (unauthorised, ErrorKind::Auth),
        (format!("{}/nope", worker.url()), ErrorKind::Rejected),
    ];
    for (url, kind) in cases {
        let error = refused(&url, by_id("motion"), StreamConfig::default()).await;
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let error = Client::builder(url)
        .timeout(Duration::from_millis(300))
        .build()
        .unwrap()
        .stream(VideoFileSource::open(clip("plain_160x120.mp4")).unwrap())
        .workflow(by_id("motion"))
        .start()
        .await
        .unwrap_err();
    assert!(error.is_timeout() && error.waited().is_some(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_a_peer_that_is_not_there_is_an_ice_error() {
    // An answer in perfect order, from a peer that has left.
    let nobody = server(|| {
        let sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
            m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 127.0.0.1\r\na=mid:0\r\n\
            a=sctp-port:5000\r\na=max-message-size:262144\r\n\
            a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n\
            a=ice-ufrag:rgnF\r\na=ice-pwd:MA4AfUmFhOo3HwjiK3db2z\r\n\
            a=fingerprint:sha-256 C5:55:2D:1A:7E:31:48:9E:7E:08:0C:07:42:74:6D:4E:DB:20:E3:6A:B3:A2:27:FC:0C:DD:C0:80:2F:51:40:9D\r\n\
            a=setup:active\r\n";
        axum::Json(InitResponse::answer(sdp)).into_response()
    })
    .await;
    let timeouts = Timeouts::default().connect(Duration::from_millis(800));
    let config = StreamConfig::default().timeouts(timeouts);
    let error = refused(&nobody, by_id("motion"), config).await;
    assert!(error.is_ice() && error.stage() == Stage::Connecting, "{error}");
    assert!(error.to_string().contains("1 host"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_decoded_are_errors_in_the_servers_words() {
    let worker = worker().await;
    for (file, words) in [("audio_only.m4a", "video"), ("text.mp4", "")] {
        let config = StreamConfig::default().stream_output(["image"]);
        let session = start(&worker.url(), file, "passthrough", config).await.unwrap();
        let error = failure(session).await;
        assert_eq!(error.kind(), ErrorKind::Processing, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_off_gives_what_can_be_decoded() {
    let worker = worker().await;
    let config = StreamConfig::default().stream_output(["image"]);
    let session = start(&worker.url(), "truncated.mp4", "passthrough", config).await.unwrap();
    match streamsdk_tests::drain(session).await {
        Ok((results, _)) => assert!((1..30).contains(&results.len()), "{}", results.len()),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Processing, "{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_a_workflow_is_a_config_error() {
    let error = Client::builder("http://localhost:1")
        .build()
        .unwrap()
        .stream(VideoFileSource::open(clip("plain_160x120.mp4")).unwrap())
        .start()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_may_ask_where_the_worker_is_told_so() {
    let preflight = async |origins: &[&str]| {
        let config = WorkerConfig::default().allowed_origins(origins.iter().copied());
        let worker = worker_with(config).await;
        let headers = "origin: http://page.example\r\naccess-control-request-method: POST\r\n\
            access-control-request-headers: content-type\r\n";
        let url = format!("{}/initialise_webrtc_worker", worker.url());
        streamsdk_tests::http("OPTIONS", &url, headers, Vec::new()).await.text
    };
    assert!(preflight(&["*"]).await.contains("access-control-allow-origin: *"));
    let one = preflight(&["http://page.example", "not an origin\n"]).await;
    assert!(one.contains("access-control-allow-origin: http://page.example"), "{one}");
    assert!(!preflight(&["http://other.example"]).await.contains("allow-origin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_this_machine_may_ask_a_worker_on_loopback_and_others_open_no_session() {
    let worker = worker_with(WorkerConfig::default()).await;
    let url = format!("{}/initialise_webrtc_worker", worker.url());
    for (origin, status) in [
        ("origin: http://localhost:5173\r\n", 422),
        ("origin: https://evil.example\r\n", 403),
        ("origin: null\r\n", 403),
        ("", 422),
    ] {
        // As a form may send it, about which no browser asks first.
        let headers = format!("{origin}content-type: text/plain\r\n");
        let answer = streamsdk_tests::http("POST", &url, &headers, b"{}".to_vec()).await;
        assert_eq!(answer.status, status, "{origin}{}", answer.text);
        assert_eq!(answer.text.contains("allow-origin"), origin.contains("localhost"), "{origin}");
    }
}
