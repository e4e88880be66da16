//! Sessions that publish a track to a server that returns nothing, as a WHIP server does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{delete, post};
use streamsdk::{
    Client, ControlError, Ended, ErrorKind, Event, Handlers, ProducerSource, RetryPolicy,
    RtspSource, Stage, StreamBuilder, StreamConfig, Summary, TestPattern, VideoFileSource,
    WhipSignaling, Workflow,
};
use streamsdk_tests::{MAX_WAIT, clip, next};
use streamsdk_transport::{Answer, Interfaces, Peer, PeerConfig, Video};
use tokio::runtime::Runtime;

/// A WHIP server that counts the frames that it gets. It goes without a word when it is dropped.
struct WhipServer {
    /// Until it is killed.
    runtime: Option<Runtime>,
    address: String,
    seen: Arc<Seen>,
}

/// What a server saw of its clients.
#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    offers: Mutex<Vec<String>>,
    peers: Mutex<Vec<Peer>>,
    frames: AtomicU64,
}

impl WhipServer {
    async fn start(address: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let seen = Arc::<Seen>::default();
        let router = Router::new()
            .route("/whip", post(publish))
            .route("/session/1", delete(unpublish))
            .with_state(Arc::clone(&seen));
        let address = address.to_owned();
        let starting = runtime.spawn(async move {
            let listener = tokio::net::TcpListener::bind(address).await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, router).await });
            address.to_string()
        });
        let address = starting.await.unwrap();
        Self { runtime: Some(runtime), address, seen }
    }

    async fn kill_and_start_again(self) -> Self {
        let address = self.address.clone();
        drop(self);
        while std::net::TcpListener::bind(&address).is_err() {
            tokio::task::yield_now().await;
        }
        Self::start(&address).await
    }

    fn client(&self) -> Client {
        let url = format!("http://{}/whip", self.address);
        let whip = WhipSignaling::builder(&url).bearer_token("t0ken").build().unwrap();
        Client::builder(url).signaling(whip).build().unwrap()
    }

    fn frames(&self) -> u64 {
        self.seen.frames.load(Ordering::SeqCst)
    }

    async fn gets_frames(&self) {
        let started = Instant::now();
        while self.frames() == 0 {
            assert!(started.elapsed() < MAX_WAIT, "no frame came");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }
}

impl Drop for WhipServer {
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

async fn publish(State(seen): State<Arc<Seen>>, offer: String) -> impl IntoResponse {
    let config = PeerConfig::default().interfaces(Interfaces::Loopback);
    let answer = Answer::create(config, &offer, false).await.unwrap();
    let sdp = answer.sdp().to_owned();
    let (peer, _, video) = answer.into_parts();
    seen.requests.lock().unwrap().push("POST".to_owned());
    seen.offers.lock().unwrap().push(offer);
    seen.peers.lock().unwrap().push(peer);
    tokio::spawn(count_frames(video.unwrap(), seen));
    let headers = [(CONTENT_TYPE, "application/sdp"), (LOCATION, "/session/1")];
    (StatusCode::CREATED, headers, sdp)
}

async fn count_frames(video: Video, seen: Arc<Seen>) {
    let mut receiver = video.receiver.unwrap();
    while receiver.recv().await.is_some() {
        seen.frames.fetch_add(1, Ordering::SeqCst);
    }
}

async fn unpublish(State(seen): State<Arc<Seen>>, headers: HeaderMap) {
    let token = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    seen.requests.lock().unwrap().push(format!("DELETE {}", token.unwrap_or_default()));
}

fn pattern() -> TestPattern {
    TestPattern::new(160, 120, 30.0)
}

/// Each frame of the source is under exactly one cause.
fn adds_up(summary: &Summary) {
    let never_sent = summary.dropped.not_encoded + summary.dropped.disconnected;
    let lost = summary.dropped.total() - never_sent;
    let accounted = summary.frames_published.unwrap() + lost;
    assert_eq!(accounted, summary.frames_sent, "{summary:?}");
    assert_eq!(summary.frames_returned, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_is_published_to_its_last_frame_and_the_server_told_the_end() {
    const FRAMES: u64 = 60;
    let server = WhipServer::start("127.0.0.1:0").await;
    let source = ProducerSource::new(pattern().limit(FRAMES));
    let session = server.client().stream(source).start().await.unwrap();
    let summary = session.run(Handlers::default()).await.unwrap();
    assert_eq!(summary.ended, Some(Ended::Complete), "{summary}");
    assert_eq!(summary.frames_published, Some(summary.frames_sent));
    assert_eq!(summary.frames_sent + summary.dropped.not_encoded, FRAMES);
    adds_up(&summary);
    // What left before the server's side of the handshake was done may not have been understood.
    let arrived = server.frames();
    assert!(arrived > 0 && arrived <= summary.frames_sent, "{arrived}: {summary}");
    assert_eq!(server.requests(), ["POST", "DELETE Bearer t0ken"]);
    let offer = server.seen.offers.lock().unwrap()[0].clone();
    assert!(!offer.contains("m=application") && !offer.contains("a=sendrecv"), "{offer}");
    for line in ["m=video 9", "a=sendonly", "a=group:BUNDLE", "a=candidate:", "a=setup:actpass"] {
        assert!(offer.contains(line), "{line} is missing: {offer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_published_is_refused_before_anything_is_asked() {
    let server = WhipServer::start("127.0.0.1:0").await;
    let refused = async |stream: StreamBuilder| {
        let error = stream.start().await.unwrap_err();
        assert_eq!(error.stage(), Stage::Preparing, "{error}");
        error.kind()
    };
    let client = server.client();
    let file = || VideoFileSource::open(clip("plain_160x120.mp4")).unwrap();
    let camera = RtspSource::new("rtsp://127.0.0.1/1").unwrap();
    for stream in
        [client.stream(file()), client.stream(file().frames_by_track()), client.stream(camera)]
    {
        assert_eq!(refused(stream).await, ErrorKind::Source);
    }
    let live = || client.stream(ProducerSource::new(pattern()));
    let outputs = |config: StreamConfig| live().config(config);
    for stream in [
        live().workflow(Workflow::id("local", "motion")),
        live().model("rfdetr-nano"),
        outputs(StreamConfig::default().data_output(["*"])),
        outputs(StreamConfig::default().stream_output(["image"])),
    ] {
        assert_eq!(refused(stream).await, ErrorKind::Config);
    }
    assert!(server.requests().is_empty(), "{:?}", server.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_publishes_is_closed_by_its_caller_and_takes_no_wishes() {
    let server = WhipServer::start("127.0.0.1:0").await;
    let source = ProducerSource::new(pattern());
    let session = server.client().stream(source).start().await.unwrap();
    let control = session.control();
    let refused = Err(ControlError::NothingReturned);
    assert_eq!(control.set_data_output(["a"]).await, refused);
    assert_eq!(control.set_stream_output(["a"]).await, refused);
    server.gets_frames().await;
    let summary = session.close().await;
    assert_eq!(summary.ended, Some(Ended::ByCaller));
    adds_up(&summary);
    assert_eq!(server.requests(), ["POST", "DELETE Bearer t0ken"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_started_again_is_published_to_again() {
    let server = WhipServer::start("127.0.0.1:0").await;
    let source = ProducerSource::new(pattern());
    let mut session = server.client().stream(source).start().await.unwrap();
    server.gets_frames().await;
    let server = server.kill_and_start_again().await;
    while !matches!(next(&mut session).await.unwrap().unwrap(), Event::Reconnected(_)) {}
    server.gets_frames().await;
    let summary = session.close().await;
    assert_eq!((&summary.ended, summary.links), (&Some(Ended::ByCaller), 2), "{summary}");
    adds_up(&summary);
    assert!(summary.dropped.not_returned > 0, "what was on the way is lost: {summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_the_connection_is_noticed_at_once() {
    let server = WhipServer::start("127.0.0.1:0").await;
    let source = ProducerSource::new(pattern());
    let config = StreamConfig::default().retry(RetryPolicy::never());
    let stream = server.client().stream(source).config(config);
    let mut session = stream.start().await.unwrap();
    server.gets_frames().await;
    let peer = server.seen.peers.lock().unwrap()[0].clone();
    peer.close().await;
    let error = next(&mut session).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::ConnectionLost, Stage::Publishing));
    assert!(error.to_string().contains("the peer closed the connection"), "{error}");
    let summary = session.close().await;
    assert_eq!(summary.ended, Some(Ended::Failed));
    adds_up(&summary);
}
