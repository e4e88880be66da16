//! Sessions whose offer goes another way than to the inference server itself.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{delete, post};
use streamsdk::{
    Client, Ended, ErrorKind, ProducerSource, ProxySignaling, StreamConfig, TestPattern,
    VideoFileSource, WhipSignaling, Workflow,
};
use streamsdk_protocol::init::{InitRequest, SessionDescription, WorkflowConfiguration};
use streamsdk_signaling::{HttpSignaling, Signaling};
use streamsdk_tests::{MAX_WAIT, clip, next, worker, worker_with};
use streamsdk_worker::WorkerConfig;

/// Serves on a free port of loopback; says where.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_through_a_backend_that_alone_has_the_key() {
    let worker = worker_with(WorkerConfig::default().token(streamsdk::ApiKey::new("s3cret"))).await;
    let with_key = |key| HttpSignaling::builder(worker.url()).api_key(key);
    let header = streamsdk::ApiKeyTransport::Header;
    let session = async |key: &'static str| {
        let signaling = with_key(key).api_key_transport(header).build().unwrap();
        let url = serve(backend::router(signaling)).await;
        let backend = ProxySignaling::builder(format!("{url}/api/init-webrtc"));
        let backend = backend.turn_config_url(format!("{url}/api/turn-config")).build().unwrap();
        let client = Client::builder(url).signaling(backend).build().unwrap();
        client
            .stream(VideoFileSource::open(clip("plain_160x120.mp4")).unwrap())
            .workflow(Workflow::id("local", "motion"))
            .config(StreamConfig::default().data_output(["predictions"]))
            .start()
            .await
    };
    let summary = session("s3cret").await.unwrap().wait(MAX_WAIT).await.unwrap();
    assert_eq!((summary.ended, summary.frames_returned), (Some(Ended::Complete), 30));
    let refused = session("another").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Auth, "{refused}");
}

/// A WHIP server in front of a worker, and what was asked of it.
#[derive(Clone)]
struct WhipServer {
    worker: HttpSignaling,
    asked: Arc<Mutex<Vec<String>>>,
}

async fn publish(State(server): State<WhipServer>, offer: String) -> impl IntoResponse {
    server.asked.lock().unwrap().push("POST".to_owned());
    let workflow = WorkflowConfiguration::default().workflow_id("motion").workspace_name("local");
    let request = InitRequest::new(workflow, SessionDescription::offer(offer));
    let answer = server.worker.exchange(request.data_output(["predictions"])).await.unwrap();
    let headers = [(CONTENT_TYPE, "application/sdp"), (LOCATION, "/session/1")];
    (StatusCode::CREATED, headers, answer.sdp)
}

async fn unpublish(State(server): State<WhipServer>, headers: HeaderMap) {
    let token = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    server.asked.lock().unwrap().push(format!("DELETE {}", token.unwrap_or_default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_goes_to_a_whip_server_which_is_told_the_sessions_end() {
    let worker = worker().await;
    let server = WhipServer {
        worker: HttpSignaling::builder(worker.url()).build().unwrap(),
        asked: Arc::default(),
    };
    let asked = Arc::clone(&server.asked);
    let router = Router::new().route("/whip", post(publish)).route("/session/1", delete(unpublish));
    let url = serve(router.with_state(server)).await;
    let whip = WhipSignaling::builder(format!("{url}/whip")).bearer_token("t0ken").build().unwrap();
    let client = Client::builder(url).signaling(whip).build().unwrap();
    let source = ProducerSource::new(TestPattern::new(160, 120, 30.0));
    let mut session = client.stream(source).workflow(Workflow::id("", "")).start().await.unwrap();
    next(&mut session).await.unwrap().unwrap();
    let summary = session.close().await;
    assert_eq!(summary.ended, Some(Ended::ByCaller));
    assert_eq!(*asked.lock().unwrap(), ["POST", "DELETE Bearer t0ken"]);
}
