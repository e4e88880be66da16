//! Sessions over paths that lose packets.

use std::time::{Duration, Instant};

use streamsdk::{Ended, StreamConfig, VideoFileSource};
use streamsdk_tests::{LossyServer, MAX_WAIT, clip, start_source, worker};

/// How long a file of 3 MB takes to go up, and its results to come back, where one in so many packets is lost
/// each way.
async fn time_of_upload(one_in: u32) -> Duration {
    let worker = worker().await;
    let server = LossyServer::before(&worker.url()).await;
    let mut file = std::fs::read(clip("plain_160x120.mp4")).unwrap();
    // A box that players skip.
    let filling = 3_000_000_u32;
    file.extend_from_slice(&filling.to_be_bytes());
    file.extend_from_slice(b"free");
    file.resize(file.len() + filling as usize - 8, 0);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.mp4");
    std::fs::write(&path, file).unwrap();
    let source = VideoFileSource::open(&path).unwrap();
    let config = StreamConfig::default().data_output(["predictions"]);
    let mut session = start_source(server.url(), source, "motion", config).await.unwrap();
    server.lose_one_in(one_in);
    let started = Instant::now();
    let summary = session.wait(MAX_WAIT).await.unwrap();
    assert_eq!((summary.ended, summary.frames_returned), (Some(Ended::Complete), 30));
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_over_a_path_that_loses_one_packet_in_twenty_takes_seconds() {
    let time = time_of_upload(20).await;
    // 4 s on an idle machine, and half a minute where the engine waits a second for each packet that is lost twice.
    assert!(time < Duration::from_secs(20), "{time:?}");
}
