//! With acks on, no frame is lost, however slow the caller is.

use std::time::Duration;

use streamsdk::{Ended, Event, StreamConfig};
use streamsdk_protocol::chunk::split;
use streamsdk_protocol::control::ControlMessage;
use streamsdk_protocol::output::{OutgoingMessage, VideoMetadata};
use streamsdk_tests::{FakeServer, drain, next, start, worker};
use streamsdk_transport::Message;
use tokio::sync::mpsc;

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_of_three_hundred_reach_a_caller_that_is_slow() {
    let worker = worker().await;
    let config = StreamConfig::default().stream_output(["image"]);
    let mut session = start(&worker.url(), "moving_300.mp4", "passthrough", config).await.unwrap();
    let mut ids = Vec::new();
    while let Some(event) = next(&mut session).await {
        if let Event::Frame(frame) = event.unwrap() {
            ids.push(frame.frame_id());
            if ids.len() % 50 == 0 {
                // The slowness is what is tested; nothing waits for it.
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    assert_eq!(ids, (1..=300).collect::<Vec<u32>>());
    assert_eq!(session.summary().dropped.total(), 0);
}

fn message(frame_id: u32, complete: bool) -> OutgoingMessage {
    OutgoingMessage {
        metadata: VideoMetadata { frame_id, ..VideoMetadata::default() },
        processing_complete: complete,
        ..OutgoingMessage::default()
    }
}

/// A server that sends 100 frames without waiting for acks, and reports each ack.
async fn impatient_server(acks: mpsc::UnboundedSender<u32>) -> FakeServer {
    FakeServer::start(move |_peer, channel| {
        let acks = acks.clone();
        async move {
            let (sender, mut receiver) = channel.split();
            for frame_id in 1..=100 {
                for chunk in split(frame_id, &message(frame_id, false).encode(true)) {
                    sender.send(chunk).await.unwrap();
                }
            }
            for chunk in split(101, &message(100, true).encode(true)) {
                sender.send(chunk).await.unwrap();
            }
            while let Some(Message::Text(text)) = receiver.recv().await {
                if let Some(ack) = ControlMessage::parse(&text).unwrap().ack {
                    acks.send(ack).unwrap();
                }
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ack_is_sent_when_the_frame_has_a_place_and_not_before() {
    let (acks, mut acked) = mpsc::unbounded_channel();
    let server = impatient_server(acks).await;
    let config = StreamConfig::default();
    let mut session = start(server.url(), "plain_160x120.mp4", "any", config).await.unwrap();

    // Nobody takes anything: the eight places of the queue are filled and acked, then no more.
    let mut highest = 0;
    while highest < 8 {
        highest = acked.recv().await.unwrap();
    }
    assert!(
        tokio::time::timeout(Duration::from_millis(300), acked.recv()).await.is_err(),
        "an ack went out for a frame without a place"
    );
    // A frame is taken, and its place lets one more in.
    while !matches!(next(&mut session).await, Some(Ok(Event::Data(_)))) {}
    assert_eq!(acked.recv().await, Some(9));

    let (rest, summary) = drain(session).await.unwrap();
    assert_eq!(rest.len(), 99);
    assert_eq!((summary.frames_returned, summary.ended), (100, Some(Ended::Complete)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realtime_session_sends_no_acks() {
    let (acks, mut acked) = mpsc::unbounded_channel();
    let server = impatient_server(acks).await;
    let source =
        streamsdk::VideoFileSource::open(streamsdk_tests::clip("plain_160x120.mp4")).unwrap();
    let config = StreamConfig::default().realtime_processing(true);
    let session = streamsdk_tests::start_source(server.url(), source, "any", config).await.unwrap();
    drain(session).await.unwrap();
    assert!(acked.try_recv().is_err());
}
