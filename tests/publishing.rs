//! Sessions that publish a track to a server that returns nothing, as a WHIP server does.

use streamsdk::{
    Client, ControlError, Ended, ErrorKind, Event, Handlers, ProducerSource, RetryPolicy,
    RtspSource, Stage, StreamBuilder, StreamConfig, Summary, TestPattern, VideoFileSource,
    WhipSignaling, Workflow,
};
use streamsdk_testkit::WhipServer;
use streamsdk_tests::{clip, next};

fn client(server: &WhipServer) -> Client {
    let whip = WhipSignaling::builder(server.url()).bearer_token("t0ken").build().unwrap();
    Client::builder(server.url()).signaling(whip).build().unwrap()
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
    let session = client(&server).stream(source).start().await.unwrap();
    let summary = session.run(Handlers::default()).await.unwrap();
    assert_eq!(summary.ended, Some(Ended::Complete), "{summary}");
    assert_eq!(summary.frames_published, Some(summary.frames_sent));
    assert_eq!(summary.frames_sent + summary.dropped.not_encoded, FRAMES);
    adds_up(&summary);
    // What left before the server's side of the handshake was done may not have been understood.
    let arrived = server.frames();
    assert!(arrived > 0 && arrived <= summary.frames_sent, "{arrived}: {summary}");
    assert_eq!(server.requests(), ["POST", "DELETE Bearer t0ken"]);
    let offer = server.offers()[0].clone();
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
    let client = client(&server);
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
    let session = client(&server).stream(source).start().await.unwrap();
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
    let mut session = client(&server).stream(source).start().await.unwrap();
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
    let stream = client(&server).stream(source).config(config);
    let mut session = stream.start().await.unwrap();
    server.gets_frames().await;
    let peer = server.peers()[0].clone();
    peer.close().await;
    let error = next(&mut session).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::ConnectionLost, Stage::Publishing));
    assert!(error.to_string().contains("the peer closed the connection"), "{error}");
    let summary = session.close().await;
    assert_eq!(summary.ended, Some(Ended::Failed));
    adds_up(&summary);
}
