//! Colours there and back: what a frame shows when it returns is what it showed when it left.

#[path = "../crates/streamsdk-media/tests/support/bars.rs"]
mod bars;

use std::path::PathBuf;

use streamsdk::{
    BitrateLimits, Event, ProducerSource, Session, StreamConfig, VideoCodec, VideoFileSource,
};
use streamsdk_capture::VideoFile;
use streamsdk_media::{ColorMatrix, ColorRange, ColorSpace, Frame};
use streamsdk_tests::{next, start_source, worker_with};
use streamsdk_worker::{Worker, WorkerConfig};

use self::bars::{LINES, assert_bars, bars_in, write_h264};

/// What files and cameras of this size are in, and what would be taken for it.
const SPACES: [ColorSpace; 3] =
    [ColorSpace::BT709, ColorSpace::new(ColorMatrix::Bt709, ColorRange::Full), ColorSpace::BT601];

const CODECS: [VideoCodec; 2] = [VideoCodec::Vp8, VideoCodec::H264];

struct Clip {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

fn clip_in(space: ColorSpace) -> Clip {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bars.mp4");
    write_h264(&path, &bars_in(space, LINES));
    Clip { path, _directory: directory }
}

async fn good_worker() -> Worker {
    let config = WorkerConfig::default().jpeg_quality(90);
    worker_with(config).await
}

fn every_frame() -> StreamConfig {
    StreamConfig::default()
        .stream_output(["image"])
        .realtime_processing(false)
        .bitrate(BitrateLimits::fixed(4_000_000))
}

async fn last_image(mut session: Session) -> Frame {
    let mut last = None;
    while let Some(event) = next(&mut session).await {
        if let Event::Frame(frame) = event.unwrap() {
            last = Some(frame.image().unwrap());
        }
    }
    session.close().await;
    last.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_in_its_colours() {
    let worker = good_worker().await;
    for space in SPACES {
        let clip = clip_in(space);
        for processor in ["passthrough", "motion"] {
            let source = VideoFileSource::open(&clip.path).unwrap();
            let session = start_source(&worker.url(), source, processor, every_frame()).await;
            let image = last_image(session.unwrap()).await;
            assert_bars(&image, &format!("{processor}, {space:?}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_by_track_in_its_colours() {
    let worker = good_worker().await;
    for space in SPACES {
        let clip = clip_in(space);
        for codec in CODECS {
            let source = VideoFileSource::open(&clip.path).unwrap().frames_by_track();
            let config = every_frame().video_codec(codec);
            let session = start_source(&worker.url(), source, "passthrough", config).await;
            assert_bars(&last_image(session.unwrap()).await, &format!("{codec}, {space:?}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn live_video_comes_back_in_its_colours() {
    let worker = good_worker().await;
    for space in SPACES {
        let clip = clip_in(space);
        for codec in CODECS {
            let video = VideoFile::options().paced(true).open(&clip.path).unwrap();
            let config = every_frame().video_codec(codec);
            let source = ProducerSource::new(video);
            let session = start_source(&worker.url(), source, "passthrough", config).await;
            assert_bars(&last_image(session.unwrap()).await, &format!("{codec}, {space:?}"));
        }
    }
}
