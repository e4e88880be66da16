//! Live sessions whose worker is killed, and started again at the same address.

// The camera of the capture's own tests, and what it stands on.
#[path = "../crates/streamsdk-capture/tests/network/rtsp_camera.rs"]
mod rtsp_camera;
#[allow(dead_code, reason = "the camera needs a part of it")]
#[path = "../crates/streamsdk-capture/tests/network/support.rs"]
mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use rtsp_camera::Camera;
use streamsdk::{Ended, Event, LocalStreamSource, ProducerSource, Session, StreamConfig, Timeouts};
use streamsdk_capture::TestPattern;
use streamsdk_testkit::LossyServer;
use streamsdk_tests::{KillableWorker, clip, next, start_source, worker};
use streamsdk_worker::{Worker, WorkerConfig};

const KILLS: usize = 3;
/// Results that come before each kill.
const RESULTS: usize = 15;

/// Waits for the next result, past all that is said of connections.
async fn next_result(session: &mut Session) {
    while !matches!(next(session).await.unwrap().unwrap(), Event::Data(_) | Event::Frame(_)) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_opened_once_however_often_its_worker_is_killed() {
    let pictures = || rtsp_camera::pictures(&clip("numbered_baseline.mp4"));
    let pictures = tokio::task::spawn_blocking(pictures).await.unwrap();
    let pictures: Vec<_> = pictures.iter().cycle().take(10_000).cloned().collect();
    let frame_time = Duration::from_millis(33);
    let (camera, served) = Camera { pictures, frame_time, stamp: |number| number * 2970 }.start();
    let source = LocalStreamSource::open(camera).await.unwrap();
    let looked_at = served.plays.load(Ordering::SeqCst);
    let mut worker = KillableWorker::start("127.0.0.1:0").await;
    let config = StreamConfig::default().data_output(["predictions"]);
    let mut session = start_source(worker.url(), source, "motion", config).await.unwrap();
    for _ in 0..KILLS {
        for _ in 0..RESULTS {
            next_result(&mut session).await;
        }
        worker = worker.kill_and_start_again().await;
        let made = session.summary().links;
        while session.summary().links == made {
            next_result(&mut session).await;
        }
    }
    next_result(&mut session).await;
    let video = session.control().statistics().video.unwrap();
    let summary = session.close().await;
    assert_eq!(summary.links as usize, KILLS + 1);
    // Encoded anew from where a new connection begins to the camera's next key frame, and nowhere else.
    assert_eq!(summary.frames_sent, video.forwarded + video.encoded);
    assert!(video.encoded > 0 && video.forwarded > 0, "{video:?}");
    assert_eq!(served.plays.load(Ordering::SeqCst), looked_at + 1);
    let never_sent = summary.dropped.not_encoded + summary.dropped.disconnected;
    let accounted = summary.frames_returned + summary.dropped.total() - never_sent;
    assert_eq!(accounted, summary.frames_sent, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_outlives_a_worker_that_is_stopped_and_started_again() {
    let worker = worker().await;
    let (url, address) = (worker.url(), worker.address().to_string());
    let source = ProducerSource::new(TestPattern::new(160, 120, 30.0));
    let config = StreamConfig::default().data_output(["predictions"]);
    let mut session = start_source(&url, source, "motion", config).await.unwrap();
    next_result(&mut session).await;
    worker.shutdown().await;
    let _worker = Worker::start(&address, WorkerConfig::default()).await.unwrap();
    while session.summary().links == 1 {
        next_result(&mut session).await;
    }
    next_result(&mut session).await;
    let summary = session.close().await;
    assert_eq!((summary.ended, summary.links), (Some(Ended::ByCaller), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_whose_server_falls_silent_goes_on_before_it_is_given_up() {
    let worker = worker().await;
    let server = LossyServer::before(&worker.url()).await;
    let source = ProducerSource::new(TestPattern::new(160, 120, 30.0));
    let given_up = Duration::from_secs(600);
    let config = StreamConfig::default()
        .data_output(["predictions"])
        .timeouts(Timeouts::default().dead_after(given_up).idle(given_up));
    let mut session = start_source(server.url(), source, "motion", config).await.unwrap();
    next_result(&mut session).await;
    server.lose_one_in(1);
    while session.summary().links == 1 {
        next_result(&mut session).await;
    }
    next_result(&mut session).await;
    let summary = session.close().await;
    assert!(summary.dropped.not_returned > 0, "{summary}");
    assert_eq!((summary.ended, summary.links), (Some(Ended::ByCaller), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_camera_gives_without_a_connection_is_counted_as_that_where_every_frame_is_promised_too()
 {
    let worker = KillableWorker::start("127.0.0.1:0").await;
    let source = ProducerSource::new(TestPattern::new(160, 120, 60.0));
    let config = StreamConfig::default().data_output(["predictions"]).realtime_processing(false);
    let mut session = start_source(worker.url(), source, "motion", config).await.unwrap();
    next_result(&mut session).await;
    let address = worker.kill().await;
    // It waits so long before it tries again, and the worker is away as long: for some frames.
    let is_long = |wait| wait > Duration::from_millis(100);
    while !matches!(next(&mut session).await.unwrap().unwrap(), Event::Reconnecting(r) if is_long(r.wait))
    {
    }
    let _worker = KillableWorker::start(&address).await;
    while session.summary().links == 1 {
        next_result(&mut session).await;
    }
    next_result(&mut session).await;
    let summary = session.close().await;
    assert!(summary.dropped.disconnected > 0, "{summary}");
}
