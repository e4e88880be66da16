//! A worker that is killed in the middle of a live session, and started again at the same address.
//!
//! `STREAMSDK_KILLS` says how often, where more than some are wanted.
#![cfg(all(feature = "worker", feature = "local-stream"))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says its figures"
)]

mod common;
// The camera of the capture's own tests, and what it stands on.
#[path = "../../streamsdk-capture/tests/network/rtsp_camera.rs"]
mod rtsp_camera;
#[expect(dead_code, reason = "the camera needs a part of it")]
#[path = "../../streamsdk-capture/tests/network/support.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{WorkerProcess, clip};
use rtsp_camera::Camera;
use streamsdk::{
    Client, Ended, Event, LocalStreamSource, ProducerSource, RetryPolicy, Session, StreamConfig,
    StreamSource, Summary, VideoFileSource, VideoStatistics, Workflow,
};
use streamsdk_capture::{
    CaptureError, CapturedFrame, FrameProducer, ProducerFormat, StopHandle, TestPattern,
};

const LIMIT: Duration = Duration::from_secs(60);
const KILLS: usize = 5;
/// How long there is no worker.
const DOWN: Duration = Duration::from_millis(500);
/// Results that come before each kill.
const RESULTS: usize = 10;
/// Frames that a camera may serve and a session not have.
const SERVED_BESIDES: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_once_and_in_order_over_two_kills_of_its_worker() {
    let mut worker = WorkerProcess::start();
    let address = worker.url.trim_start_matches("http://").to_owned();
    let client = Client::builder(&worker.url).build().unwrap();
    let config = StreamConfig::default().data_output(["predictions"]);
    let mut session = client
        .stream(VideoFileSource::open(clip("moving_300.mp4")).unwrap())
        .workflow(Workflow::id("local", "motion"))
        .config(config.retry(RetryPolicy::default()))
        .start()
        .await
        .unwrap();
    let mut frames = Vec::new();
    while let Some(event) = tokio::time::timeout(LIMIT, session.next()).await.unwrap() {
        if let Event::Data(data) = event.unwrap() {
            frames.push(data.frame_id());
            if [50, 120].contains(&frames.len()) {
                worker.kill();
                worker = WorkerProcess::start_at(&address);
            }
        }
    }
    assert!(frames.iter().copied().eq(1..=300), "{frames:?}");
    let summary = session.summary();
    assert_eq!((summary.ended, summary.links), (Some(Ended::Complete), 3));
    assert_eq!(summary.dropped.total(), 0);
}

/// Counts what a producer gave, and what it says that it left out.
struct Counted {
    pattern: TestPattern,
    given: Arc<AtomicU64>,
}

impl FrameProducer for Counted {
    fn format(&self) -> Option<&ProducerFormat> {
        self.pattern.format()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        let captured = self.pattern.next_frame(timeout)?;
        self.given.fetch_add(captured.dropped + 1, Ordering::Relaxed);
        Ok(captured)
    }

    fn stop_handle(&self) -> StopHandle {
        self.pattern.stop_handle()
    }
}

/// Waits for the next result, past all that is said of connections.
async fn next_result(session: &mut Session) {
    let next = async {
        while !matches!(session.next().await.unwrap().unwrap(), Event::Data(_) | Event::Frame(_)) {}
    };
    tokio::time::timeout(LIMIT, next).await.unwrap();
}

/// Kills the worker of a live session, and starts it again at the same address, as often as is asked for. Gives the
/// session's summary and what its video comes to.
async fn outlive(mut worker: WorkerProcess, mut session: Session) -> (Summary, VideoStatistics) {
    let kills = kills();
    let address = worker.url.trim_start_matches("http://").to_owned();
    let mut waits = Vec::new();
    for _ in 0..kills {
        for _ in 0..RESULTS {
            next_result(&mut session).await;
        }
        worker.kill();
        tokio::time::sleep(DOWN).await;
        worker = WorkerProcess::start_at(&address);
        let listening = Instant::now();
        // What the worker before said may wait still.
        let made = session.summary().links;
        while session.summary().links == made {
            next_result(&mut session).await;
        }
        waits.push(listening.elapsed());
    }
    let control = session.control();
    let summary = session.close().await;
    let video = control.statistics().video.unwrap();

    waits.sort_unstable();
    let percentile = |percent: usize| waits[(waits.len() * percent).div_ceil(100) - 1];
    println!(
        "{kills} kills, {} of {} frames returned; from listening to the next result: p50 {:?}, p95 {:?}",
        summary.frames_returned,
        summary.frames_sent,
        percentile(50),
        percentile(95)
    );
    assert_eq!(summary.links as usize, kills + 1);
    assert!(summary.dropped.disconnected > 0);
    let accounted = summary.frames_returned + summary.dropped.total() - never_sent(&summary);
    assert_eq!(accounted, summary.frames_sent, "{summary:?}");
    (summary, video)
}

fn kills() -> usize {
    std::env::var("STREAMSDK_KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

/// Frames that were there and did not leave.
fn never_sent(summary: &Summary) -> u64 {
    summary.dropped.not_encoded + summary.dropped.disconnected
}

async fn start(worker: &WorkerProcess, source: impl StreamSource) -> Session {
    let client = Client::builder(&worker.url).build().unwrap();
    let stream = client.stream(source).workflow(Workflow::id("local", "motion"));
    stream.config(StreamConfig::default().data_output(["predictions"])).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_outlives_every_kill_of_its_worker_and_accounts_for_every_frame() {
    let worker = WorkerProcess::start();
    let given = Arc::<AtomicU64>::default();
    let pattern = TestPattern::new(320, 240, 30.0);
    let source = ProducerSource::new(Counted { pattern, given: Arc::clone(&given) });
    let session = start(&worker, source).await;
    let (summary, _) = outlive(worker, session).await;
    assert_eq!(summary.frames_sent + never_sent(&summary), given.load(Ordering::Relaxed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_opened_once_over_every_kill_and_each_of_its_frames_accounted_for() {
    let pictures = || rtsp_camera::pictures(&clip("numbered_baseline.mp4"));
    let pictures = tokio::task::spawn_blocking(pictures).await.unwrap();
    // Ten seconds for each kill, and it is not there for ever if something goes wrong.
    let frames = 300 * (kills() + 6);
    let pictures = pictures.iter().cycle().take(frames).cloned().collect();
    let frame_time = Duration::from_millis(33);
    let (camera, served) = Camera { pictures, frame_time, stamp: |number| number * 2970 }.start();
    let source = LocalStreamSource::open(camera).await.unwrap();
    let worker = WorkerProcess::start();
    let session = start(&worker, source).await;
    let (summary, video) = outlive(worker, session).await;
    // To look at it before the session, and for all of the session.
    assert_eq!(served.plays.load(Ordering::SeqCst), 2);
    // Encoded anew from where a new connection begins to the camera's next key frame, and nowhere else.
    assert_eq!(summary.frames_sent, video.forwarded + video.encoded);
    assert!(video.encoded > 0 && video.forwarded > 0, "{video:?}");
    // What it served for the look, and what was on its way at the end.
    let served = served.pictures.load(Ordering::SeqCst) as u64;
    let had = summary.frames_sent + never_sent(&summary);
    assert!((had..had + SERVED_BESIDES).contains(&served), "{served} served: {summary:?}");
}
