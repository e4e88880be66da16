//! Files that are larger than every buffer on their way: uploaded whole, and every frame comes back.

use std::io::Write;

use streamsdk::{Ended, StreamConfig, VideoFileSource};
use streamsdk_tests::{clip, drain, start_source, worker};
use tempfile::NamedTempFile;

/// The frames of `moving_300.mp4`, in a file of so many megabytes.
fn clip_of_megabytes(megabytes: u32) -> NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
    file.write_all(&std::fs::read(clip("moving_300.mp4")).unwrap()).unwrap();
    // A box of MP4 that players pass over. The file system keeps no space for its zeros.
    let padding = megabytes * 1_000_000;
    file.write_all(&padding.to_be_bytes()).unwrap();
    file.write_all(b"free").unwrap();
    let length = file.as_file().metadata().unwrap().len() + u64::from(padding) - 8;
    file.as_file().set_len(length).unwrap();
    file
}

async fn every_frame_of(megabytes: u32) {
    let worker = worker().await;
    let file = clip_of_megabytes(megabytes);
    let source = VideoFileSource::open(file.path()).unwrap();
    let size = source.size();
    let config = StreamConfig::default().stream_output(["image"]);
    let session = start_source(&worker.url(), source, "passthrough", config).await.unwrap();
    let (results, summary) = drain(session).await.unwrap();
    let ids: Vec<u32> = results.iter().map(|data| data.frame_id()).collect();
    assert_eq!(ids, (1..=300).collect::<Vec<u32>>());
    assert_eq!((summary.upload_bytes, summary.ended), (size, Some(Ended::Complete)));
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_of_60_megabytes_comes_back() {
    every_frame_of(60).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_of_200_megabytes_comes_back() {
    every_frame_of(200).await;
}
