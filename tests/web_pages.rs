//! What web pages need of the worker, and programs that reach it as pages do.

use bytes::BytesMut;
use streamsdk::{ApiKey, Client, Ended, StreamConfig, VideoFileSource, Workflow};
use streamsdk_protocol::INIT_PATH;
use streamsdk_protocol::init::{InitRequest, SessionDescription, WorkflowConfiguration};
use streamsdk_protocol::upload::UploadPlan;
use streamsdk_signaling::{HttpSignaling, Signaling};
use streamsdk_tests::{MAX_WAIT, clip, drain, http, http_post, worker, worker_with};
use streamsdk_transport::{Channel, Connected, Interfaces, Message, Offer, Peer, PeerConfig};
use streamsdk_worker::{Gzip, Worker, WorkerConfig};

type EditOffer = fn(&str) -> String;

/// A client that hands in what `edit` makes of its offer.
async fn connect(worker: &Worker, interfaces: Interfaces, edit: EditOffer) -> (Peer, Vec<Channel>) {
    let config = PeerConfig::default().interfaces(interfaces);
    let offer = Offer::create(config, &["inference", "video_upload"], None).await.unwrap();
    let workflow = WorkflowConfiguration::default().workflow_id("motion");
    let request = InitRequest::new(workflow, SessionDescription::offer(edit(offer.sdp())))
        .webrtc_realtime_processing(false)
        .stream_output(std::iter::empty::<String>())
        .data_output(["predictions"]);
    let signaling = HttpSignaling::builder(worker.url()).build().unwrap();
    let answer = signaling.exchange(request).await.unwrap();
    let Connected { peer, channels, .. } = offer.accept(&answer.sdp).await.unwrap();
    (peer, channels)
}

/// The worker's first message about a clip, as it came.
async fn first_result(mut channels: Vec<Channel>) -> Vec<u8> {
    let file = std::fs::read(clip("plain_160x120.mp4")).unwrap();
    let plan = UploadPlan::new(file.len() as u64).unwrap();
    assert_eq!(plan.chunks(), 1);
    let mut chunk: BytesMut = plan.start_chunk(0);
    chunk.extend_from_slice(&file);
    channels[1].send(chunk).await.unwrap();
    let message = tokio::time::timeout(MAX_WAIT, channels[0].recv()).await.unwrap();
    let Some(Message::Binary(bytes)) = message else { panic!("{message:?}") };
    bytes[12..].to_vec()
}

/// An offer with a line of a beginning replaced.
fn with_line(offer: &str, start: &str, line: &str) -> String {
    let replaced =
        |old: &str| if old.starts_with(start) { line.to_owned() } else { old.to_owned() };
    offer.lines().map(|old| format!("{}\r\n", replaced(old))).collect()
}

fn of_this_project(offer: &str) -> String {
    offer.to_owned()
}

fn of_a_browser(offer: &str) -> String {
    let unsigned = with_line(offer, "a=tool:", "a=extmap-allow-mixed");
    with_line(&unsigned, "o=", "o=- 3034805021081125337 2 IN IP4 127.0.0.1")
}

fn of_aiortc(offer: &str) -> String {
    with_line(&of_a_browser(offer), "o=", "o=- 4004324454 4004324454 IN IP4 0.0.0.0")
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_compressed_for_those_who_are_known_to_read_that() {
    let cases: [(Gzip, EditOffer, bool); 5] = [
        (Gzip::Auto, of_this_project, true),
        (Gzip::Auto, of_aiortc, true),
        (Gzip::Auto, of_a_browser, false),
        (Gzip::Always, of_a_browser, true),
        (Gzip::Never, of_this_project, false),
    ];
    for (gzip, offer, is_compressed) in cases {
        let config = WorkerConfig::default().gzip(gzip);
        let worker = worker_with(config).await;
        let (peer, channels) = connect(&worker, Interfaces::Loopback, offer).await;
        let payload = first_result(channels).await;
        assert_eq!(payload.starts_with(b"\x1f\x8b"), is_compressed, "{gzip}");
        assert_eq!(payload.starts_with(b"{"), !is_compressed, "{gzip}");
        peer.abort().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_use_loopback_reaches_a_worker_that_listens_there() {
    let worker = worker().await;
    let (peer, channels) = connect(&worker, Interfaces::External, of_a_browser).await;
    assert!(first_result(channels).await.starts_with(b"{"));
    peer.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slashes_around_the_path_do_not_matter() {
    let worker = worker().await;
    for path in [format!("/{INIT_PATH}/"), format!("//{INIT_PATH}"), format!("/{INIT_PATH}")] {
        // It is found, and its body is what is wrong.
        let answer = http_post(&format!("{}{path}", worker.url()), b"{}".to_vec()).await;
        assert_eq!(answer.status, 422, "{path}: {}", answer.text);
    }
    let elsewhere = http_post(&format!("{}/nowhere/", worker.url()), b"{}".to_vec()).await;
    assert_eq!(elsewhere.status, 405);

    let client = Client::builder(format!("{}/", worker.url())).build().unwrap();
    let source = VideoFileSource::open(clip("plain_160x120.mp4")).unwrap();
    let session = client.stream(source).workflow(Workflow::id("local", "motion"));
    let session = session.config(StreamConfig::default().data_output(["predictions"]));
    let (_, summary) = drain(session.start().await.unwrap()).await.unwrap();
    assert_eq!(summary.ended, Some(Ended::Complete));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_has_a_page_of_its_own_where_it_is_told_to() {
    let get = async |worker: &Worker, path: &str| {
        http("GET", &format!("{}{path}", worker.url()), "", Vec::new()).await
    };
    let token = ApiKey::new("t0ken");
    let config = WorkerConfig::default().token(token).routes(streamsdk_view::worker_page());
    let with_page = worker_with(config).await;
    for (path, content) in [("/", "<!doctype html>"), ("/assets/worker.js", "import")] {
        let answer = get(&with_page, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert!(answer.text.contains(content), "{path}: {}", answer.text);
        assert!(answer.text.contains("content-security-policy: default-src 'none'"));
    }
    // All else is as it was: whoever has the page alone has no session.
    assert_eq!(get(&with_page, "/nowhere").await.status, 404);
    let session = format!("{}/{INIT_PATH}", with_page.url());
    assert_eq!(http_post(&session, b"{}".to_vec()).await.status, 401);
    assert_eq!(get(&worker().await, "/").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_for_others_takes_pages_of_its_own_where_it_has_a_token() {
    let status_for = async |config: WorkerConfig, origin: Option<&str>| {
        let worker = Worker::start("0.0.0.0:0", config).await.unwrap();
        let origin = origin.map_or(worker.url().to_owned(), str::to_owned);
        let headers = format!(
            "authorization: Bearer t0ken\r\norigin: {origin}\r\ncontent-type: application/json\r\n"
        );
        let url = format!("{}/{INIT_PATH}", worker.url());
        http("POST", &url, &headers, b"{}".to_vec()).await.status
    };
    let with_token = || WorkerConfig::default().token(ApiKey::new("t0ken"));
    // What is wrong with the request is looked at.
    assert_eq!(status_for(with_token(), None).await, 422);
    assert_eq!(status_for(with_token(), Some("http://evil.example")).await, 403);
    assert_eq!(status_for(WorkerConfig::default(), None).await, 403);
}
