//! A worker that is killed in the middle of a live session, and started again at the same address.
//!
//! `STREAMSDK_KILLS` says how often, where more than some are wanted.
#![cfg(all(feature = "worker", feature = "video"))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says its figures"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{WorkerProcess, clip};
use streamsdk::capture::{
    CaptureError, CapturedFrame, FrameProducer, ProducerFormat, StopHandle, TestPattern,
};
use streamsdk::{
    Client, Drops, Ended, Event, ProducerSource, RetryPolicy, Session, StreamConfig,
    VideoFileSource, Workflow,
};

const LIMIT: Duration = Duration::from_secs(60);
const KILLS: usize = 5;
/// How long there is no worker.
const DOWN: Duration = Duration::from_millis(500);
/// Results that come before each kill.
const RESULTS: usize = 10;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_outlives_every_kill_of_its_worker_and_accounts_for_every_frame() {
    let kills = std::env::var("STREAMSDK_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let mut worker = WorkerProcess::start();
    let address = worker.url.trim_start_matches("http://").to_owned();
    let given = Arc::<AtomicU64>::default();
    let pattern = TestPattern::new(320, 240, 30.0);
    let source = ProducerSource::new(Counted { pattern, given: Arc::clone(&given) });
    let client = Client::builder(&worker.url).build().unwrap();
    let mut session = client
        .stream(source)
        .workflow(Workflow::id("local", "motion"))
        .config(StreamConfig::default().data_output(["predictions"]))
        .start()
        .await
        .unwrap();

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
    let summary = session.close().await;
    drop(worker);

    waits.sort_unstable();
    let percentile = |percent: usize| waits[(waits.len() * percent).div_ceil(100) - 1];
    println!(
        "from listening to the next result: p50 {:?}, p95 {:?}",
        percentile(50),
        percentile(95)
    );
    assert_eq!(summary.links as usize, kills + 1);
    let Drops { not_encoded, disconnected, .. } = summary.dropped;
    assert_eq!(summary.frames_sent + not_encoded + disconnected, given.load(Ordering::Relaxed));
    let never_sent = not_encoded + disconnected;
    let accounted = summary.frames_returned + summary.dropped.total() - never_sent;
    assert_eq!(accounted, summary.frames_sent, "{summary:?}");
    assert!(disconnected > 0);
}
