//! Live video through the worker: what is sent comes back, each frame with its own data.

use std::time::Duration;

use streamsdk::{
    Ended, ErrorKind, Event, FramePolicy, FrameSendError, ManualSource, ProducerSource,
    ReceivedFrame, Session, StreamConfig, Summary, VideoCodec, VideoFileSource,
};
use streamsdk_capture::{TestPattern, marker};
use streamsdk_media::{Frame, PixelFormat};
use streamsdk_tests::{LossyServer, clip, drain, honest_end, next, start_source, worker};

/// Every frame processed, none skipped as late.
fn every_frame() -> StreamConfig {
    StreamConfig::default().stream_output(["image"]).realtime_processing(false)
}

fn pattern(frames: u64) -> TestPattern {
    TestPattern::new(320, 180, 30.0).limit(frames)
}

/// The number that is drawn into the frame, and the one that its data is about.
fn numbers(frame: &ReceivedFrame) -> (Option<u32>, Option<u32>) {
    let drawn = marker::read(&frame.image_in(PixelFormat::I420).unwrap());
    let pts = frame.metadata().and_then(|metadata| metadata.pts);
    (drawn, pts.map(|pts| ((pts + 1500) / 3000) as u32))
}

/// Takes every frame; those with data must be of the data's number.
async fn paired_numbers(session: &mut Session) -> Vec<u32> {
    let mut seen = Vec::new();
    while let Some(event) = next(session).await {
        if let Event::Frame(frame) = event.unwrap()
            && frame.has_data()
        {
            let (drawn, said) = numbers(&frame);
            assert_eq!(drawn, said, "after {seen:?}");
            seen.extend(drawn);
        }
    }
    seen
}

async fn close(session: Session) -> Summary {
    tokio::time::timeout(Duration::from_secs(10), session.close()).await.expect("closes in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_both_codecs_come_back_each_with_its_own_data() {
    let worker = worker().await;
    for codec in [VideoCodec::Vp8, VideoCodec::H264] {
        let source = ProducerSource::new(pattern(90));
        let config = every_frame().video_codec(codec);
        let mut session = start_source(&worker.url(), source, "passthrough", config).await.unwrap();
        let seen = paired_numbers(&mut session).await;
        assert!(seen.len() >= 88 && seen.is_sorted(), "{codec}: {seen:?}");
        let video = session.control().statistics().video.unwrap();
        assert_eq!((video.pairing.corrected, video.received.lost), (0, 0));
        assert!(video.to_data.count >= 88 && video.to_frame.p50 >= video.to_data.p50 / 2);
        assert!(video.to_frame.max < Duration::from_secs(5), "{video:?}");
        let summary = close(session).await;
        assert_eq!(summary.ended, honest_end(&summary));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stream_output_there_is_data_only_and_nothing_waits_for_frames() {
    let worker = worker().await;
    let config = StreamConfig::default().data_output(["predictions"]).realtime_processing(false);
    let source = ProducerSource::new(pattern(30));
    let session = start_source(&worker.url(), source, "motion", config).await.unwrap();
    let (data, summary) = drain(session).await.unwrap();
    assert_eq!(data.len() as u64, 30 - summary.dropped.not_encoded);
    assert!(data.iter().all(|data| data.predictions().unwrap().is_some()));
    assert_eq!((summary.frames_sent, &summary.ended), (data.len() as u64, &honest_end(&summary)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_by_track_complete_and_in_order() {
    let worker = worker().await;
    let source = VideoFileSource::open(clip("moving_300.mp4")).unwrap().frames_by_track();
    let config = StreamConfig::default().stream_output(["image"]);
    let mut session = start_source(&worker.url(), source, "grayscale", config).await.unwrap();
    let mut ids = Vec::new();
    while let Some(event) = next(&mut session).await {
        if let Event::Frame(frame) = event.unwrap() {
            assert_eq!((frame.has_data(), frame.image_name()), (true, "image"));
            ids.push(frame.frame_id());
        }
    }
    assert_eq!(ids, (1..=300).collect::<Vec<u32>>());
    assert_eq!(close(session).await.ended, Some(Ended::Complete));
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_the_programs_own_wait_for_the_session_and_are_refused_after_it() {
    let worker = worker().await;
    let (source, sender) = ManualSource::new();
    let frame = || Frame::packed(PixelFormat::Rgb24, 641, 359, vec![90; 641 * 359 * 3]).unwrap();
    sender.send(frame()).unwrap();
    let mut session =
        start_source(&worker.url(), source, "passthrough", every_frame()).await.unwrap();
    sender.ready().await.unwrap();
    // Another size than the frames before it has no consequence for the caller.
    let small = Frame::packed(PixelFormat::Gray8, 1, 1, vec![200]).unwrap();
    for frame in [frame(), small, frame()] {
        sender.send(frame).unwrap();
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    sender.end();
    let mut sizes = Vec::new();
    while let Some(event) = next(&mut session).await {
        if let Event::Frame(frame) = event.unwrap() {
            let image = frame.image().unwrap();
            sizes.push((image.width(), image.height()));
        }
    }
    assert_eq!(sizes, [(641, 359), (641, 359), (1, 1), (641, 359)]);
    assert_eq!(sender.send(frame()), Err(FrameSendError::Ended));
    close(session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_first_frame_loss_and_a_forced_key_frame_shift_no_pair() {
    let worker = worker().await;
    let server = LossyServer::before(&worker.url()).await;
    server.lose_returned_video(4);
    let source = ProducerSource::new(pattern(240));
    // Realtime: a server that waits for acks stands still for a second when a message is lost, as SCTP
    // notices that by nothing but its timer.
    let config =
        StreamConfig::default().stream_output(["image"]).frame_policy(FramePolicy::Lossless);
    let mut session = start_source(server.url(), source, "passthrough", config).await.unwrap();
    server.lose_one_in(33);
    let forced = tokio::spawn({
        let control = session.control();
        async move {
            let paired = || control.statistics().video.map_or(0, |video| video.pairing.paired);
            while paired() < 60 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            control.request_key_frame();
        }
    });
    let seen = paired_numbers(&mut session).await;
    let video = session.control().statistics().video.unwrap();
    assert!(seen.len() > 200 && seen.is_sorted(), "{} paired, {video:?}", seen.len());
    assert!(video.received.key_frame_requests > 0 && video.sent.nacks > 0, "{video:?}");
    // Until the picture is back; its data may wait for SCTP longer.
    assert!(video.to_frame.max < Duration::from_secs(1), "{video:?}");
    forced.await.unwrap();
    close(session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_the_worker_cannot_reach_is_refused_without_its_credentials() {
    let worker = worker().await;
    let source = streamsdk::RtspSource::new("rtsp://user:secret@127.0.0.1:9/cam").unwrap();
    let config = StreamConfig::default().stream_output(["image"]);
    let error = start_source(&worker.url(), source, "passthrough", config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(!error.to_string().contains("secret") && !format!("{error:?}").contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_frame_when_the_caller_closes_is_counted() {
    let worker = worker().await;
    let source = ProducerSource::new(pattern(300));
    let config = every_frame();
    let mut session = start_source(&worker.url(), source, "passthrough", config).await.unwrap();
    let mut taken = 0;
    while taken < 20 {
        let event = next(&mut session).await.unwrap().unwrap();
        taken += u64::from(matches!(event, Event::Frame(_) | Event::Data(_)));
    }
    let summary = close(session).await;
    assert_eq!((summary.ended.clone(), summary.frames_returned), (Some(Ended::ByCaller), taken));
    let never_sent = summary.dropped.not_encoded + summary.dropped.disconnected;
    let accounted = summary.frames_returned + summary.dropped.total() - never_sent;
    assert_eq!(accounted, summary.frames_sent, "{summary:?}");
}
