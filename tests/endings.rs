//! Success is never reported for failure or loss: what a session says of itself when it is over.

use std::time::Duration;

use bytes::Bytes;
use streamsdk::{
    Ended, Error, ErrorKind, Event, ManualSource, ProducerSource, RetryPolicy, Session,
    StreamConfig, Summary, Timeouts,
};
use streamsdk_capture::{FrameProducer, TestPattern};
use streamsdk_protocol::chunk::split;
use streamsdk_protocol::output::{OutgoingMessage, VideoMetadata};
use streamsdk_tests::{
    FakeServer, LossyServer, drain, failure, next, start, start_source, worker, worker_with,
};
use streamsdk_worker::{
    FrameContext, OutputDeclaration, Processor, ProcessorError, ProcessorOutputs, Processors,
    WorkerConfig,
};

/// Serves results with these numbers, and then a last message.
async fn session_of(
    results: &[(u32, &[&str])],
    last: impl FnOnce(OutgoingMessage) -> OutgoingMessage,
) -> Session {
    let message = |frame_id: u32, errors: &[&str]| OutgoingMessage {
        metadata: VideoMetadata { frame_id, ..VideoMetadata::default() },
        errors: errors.iter().map(|text| (*text).to_owned()).collect(),
        ..OutgoingMessage::default()
    };
    let count = results.len() as u32;
    let results = results.iter().map(|(id, errors)| (*id, message(*id, errors)));
    let final_message = OutgoingMessage { processing_complete: true, ..message(count, &[]) };
    let messages: Vec<_> = results.chain([(count + 1, last(final_message))]).collect();
    let messages: Vec<_> =
        messages.iter().map(|(id, message)| (*id, message.encode(true))).collect();
    let server = FakeServer::start(move |_peer, mut channel| {
        let messages = messages.clone();
        async move {
            for (id, payload) in messages {
                for chunk in split(id, &payload) {
                    channel.send(chunk).await.unwrap();
                }
            }
            while channel.recv().await.is_some() {}
        }
    })
    .await;
    start(server.url(), "plain_160x120.mp4", "any", StreamConfig::default()).await.unwrap()
}

/// The summary that comes with the event at the end; `None` if there was none.
async fn incomplete(mut session: Session) -> Option<Summary> {
    let mut last = None;
    while let Some(event) = next(&mut session).await {
        assert!(last.is_none(), "something came after the end");
        if let Event::Incomplete(summary) = event.unwrap() {
            last = Some(*summary);
        }
    }
    assert_eq!(last, last.is_some().then(|| session.summary()));
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_it_is_done_without_a_result_has_failed() {
    let error = failure(session_of(&[], |last| last).await).await;
    assert_eq!(error.kind(), ErrorKind::Processing);
    assert!(error.to_string().contains("no result"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_missing_make_it_incomplete() {
    assert_eq!(incomplete(session_of(&[(1, &[]), (2, &[])], |last| last).await).await, None);
    let summary = incomplete(session_of(&[(1, &[]), (3, &[])], |last| last).await).await.unwrap();
    assert_eq!(summary.ended, Some(Ended::Incomplete));
    assert_eq!((summary.frames_sent, summary.dropped.not_returned), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_failed_make_it_incomplete_and_their_errors_are_kept() {
    let results: [(u32, &[&str]); 3] = [(1, &["too dark"]), (2, &[]), (3, &["too dark"])];
    let summary = incomplete(session_of(&results, |last| last).await).await.unwrap();
    assert_eq!((summary.frames_failed, summary.errors.len()), (2, 1));
    assert_eq!((summary.errors[0].text.as_str(), summary.errors[0].frames), ("too dark", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_the_server_tells_at_the_end_makes_it_incomplete() {
    let damaged = |last| OutgoingMessage { errors: vec!["a hole".to_owned()], ..last };
    let summary = incomplete(session_of(&[(1, &[])], damaged).await).await.unwrap();
    assert_eq!(summary.damage, ["a hole"]);
    assert!(summary.to_string().contains("a hole; "), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_number_that_cannot_be_one_makes_no_frames() {
    let session = session_of(&[(1, &[]), (u32::MAX - 1, &[])], |last| last).await;
    let (_, summary) = drain(session).await.unwrap();
    assert_eq!((summary.frames_sent, summary.dropped.total()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn video_that_goes_on_after_the_end_keeps_no_session_open() {
    let server = FakeServer::start_with_video(|_peer, channel, video| async move {
        for (id, is_last) in [(1, false), (2, true)] {
            let message =
                OutgoingMessage { processing_complete: is_last, ..OutgoingMessage::default() };
            for chunk in split(id, &message.encode(false)) {
                channel.send(chunk).await.unwrap();
            }
        }
        let mut time = 0;
        while video.send(time, Bytes::from_static(&[0x30; 400])).await.is_ok() {
            time += 4500;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let source = ProducerSource::new(TestPattern::new(160, 120, 30.0));
    let config = StreamConfig::default().stream_output(["image"]);
    let session = start_source(server.url(), source, "any", config).await.unwrap();
    drain(session).await.unwrap();
}

struct Broken;

impl Processor for Broken {
    fn process(
        &mut self,
        _: &streamsdk_media::Frame,
        _: &FrameContext<'_>,
    ) -> Result<ProcessorOutputs, ProcessorError> {
        Err(ProcessorError::Other("the model is missing".into()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_that_fails_on_every_frame_has_failed() {
    let output = OutputDeclaration::json("a");
    let processors = Processors::builtin().register("broken", [output], |_| Ok(Box::new(Broken)));
    let worker = worker_with(WorkerConfig::default().processors(processors)).await;
    let config = StreamConfig::default().data_output(["a"]);
    let session = start(&worker.url(), "plain_160x120.mp4", "broken", config).await.unwrap();
    let error = failure(session).await;
    assert_eq!(error.kind(), ErrorKind::Processing);
    assert!(error.to_string().contains("all 30 frames failed: the model is missing"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_source_that_ends_without_a_frame_has_failed() {
    let worker = worker().await;
    let (source, sender) = ManualSource::new();
    sender.end();
    let config = StreamConfig::default().stream_output(["image"]);
    let session = start_source(&worker.url(), source, "passthrough", config).await.unwrap();
    let error = failure(session).await;
    assert_eq!(error.kind(), ErrorKind::Source);
    assert!(error.to_string().contains("without one frame"), "{error}");
}

/// The error of a live session over a path that breaks once results have come. Its source ends `frames` later,
/// long before anybody could call the server dead.
async fn error_after(breaking: impl Fn(&LossyServer), frames: u64) -> Error {
    let timeouts = Timeouts::default().idle(Duration::from_secs(10));
    error_within(timeouts.dead_after(Duration::from_secs(6)), breaking, frames).await
}

async fn error_within(timeouts: Timeouts, breaking: impl Fn(&LossyServer), frames: u64) -> Error {
    let worker = worker().await;
    let server = LossyServer::before(&worker.url()).await;
    let (source, sender) = ManualSource::new();
    let config = StreamConfig::default().data_output(["*"]).timeouts(timeouts);
    let config = config.retry(RetryPolicy::never());
    let mut session = start_source(server.url(), source, "passthrough", config).await.unwrap();
    let mut pattern = TestPattern::new(160, 120, 30.0);
    let (answered, is_answered) = std::sync::mpsc::channel();
    let feeding = std::thread::spawn(move || {
        let mut left = None;
        while left != Some(0) {
            let frame = pattern.next_frame(Duration::from_secs(1)).unwrap().frame;
            if sender.send(frame).is_err() {
                break;
            }
            left = left.map(|left| left - 1).or_else(|| is_answered.try_recv().ok());
        }
    });
    while !matches!(next(&mut session).await, Some(Ok(Event::Data(_)))) {}
    breaking(&server);
    answered.send(frames).unwrap();
    let error = failure(session).await;
    feeding.join().unwrap();
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_a_track_that_the_path_lost_for_good_make_it_incomplete() {
    let worker = worker().await;
    let server = LossyServer::before(&worker.url()).await;
    let source = ProducerSource::new(TestPattern::new(160, 120, 30.0).limit(90));
    let config = StreamConfig::default().data_output(["*"]).realtime_processing(false);
    let mut session = start_source(server.url(), source, "passthrough", config).await.unwrap();
    while !matches!(next(&mut session).await, Some(Ok(Event::Data(_)))) {}
    server.lose_sent_video(3);
    let summary = incomplete(session).await.unwrap();
    assert_eq!(summary.ended, Some(Ended::Incomplete));
    assert!(summary.dropped.not_returned > 0, "{summary}");
}

/// Frames of a source that ends before the answers to the first frames after a break are missed, and of one
/// that ends after that.
const SOON_AND_LATER: [u64; 2] = [20, 120];

#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_whose_connection_died_is_a_lost_connection() {
    for frames in SOON_AND_LATER {
        let error = error_after(|server| server.lose_one_in(1), frames).await;
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_that_its_server_no_longer_reaches_has_failed() {
    for frames in SOON_AND_LATER {
        let error = error_after(LossyServer::lose_all_to_client, frames).await;
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_that_no_longer_reaches_its_server_has_failed() {
    for frames in SOON_AND_LATER {
        let error = error_after(LossyServer::lose_all_to_server, frames).await;
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_sent_on_put_off_no_limit() {
    let timeouts =
        Timeouts::default().idle(Duration::from_secs(3)).dead_after(Duration::from_secs(600));
    let error = error_within(timeouts, LossyServer::rebind_client, u64::MAX).await;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_whose_results_go_to_an_address_that_is_gone_has_failed() {
    for frames in SOON_AND_LATER {
        let error = error_after(LossyServer::rebind_client, frames).await;
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
    }
}
