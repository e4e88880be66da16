//! What a server can send to the client, and what the caller learns.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::io::Write;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use streamsdk::{
    Ended, Error, ErrorKind, Message, Session, Stage, StreamConfig, Timeouts, VideoFileSource,
};
use streamsdk_protocol::chunk::split;
use streamsdk_protocol::control::ControlMessage;
use streamsdk_protocol::output::{OutgoingMessage, OutgoingValue, VideoMetadata};
use streamsdk_testkit::{FakeServer, drain, failure, start_source};
use tokio::sync::mpsc;

/// Uploads something that the servers here take for a video.
async fn upload(url: &str, config: StreamConfig) -> Result<Session, Error> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&[7; 100_000]).unwrap();
    let source = VideoFileSource::open(file.path()).unwrap();
    start_source(url, source, "any", config).await
}

fn message(frame_id: u32) -> OutgoingMessage {
    OutgoingMessage {
        metadata: VideoMetadata { frame_id, ..VideoMetadata::default() },
        ..OutgoingMessage::default()
    }
}

fn last(frame_id: u32) -> Vec<u8> {
    OutgoingMessage { processing_complete: true, ..message(frame_id) }.encode(true)
}

/// Serves one list of payloads, each as the message of the next frame, and then the final message.
async fn serving(payloads: Vec<Vec<u8>>) -> FakeServer {
    FakeServer::start(move |_peer, mut channel| {
        let payloads = payloads.clone();
        async move {
            for (number, payload) in (1..).zip(&payloads) {
                for chunk in split(number, payload) {
                    channel.send(chunk).await.unwrap();
                }
            }
            let frames = payloads.len() as u32;
            for chunk in split(frames + 1, &last(frames)) {
                channel.send(chunk).await.unwrap();
            }
            while channel.recv().await.is_some() {}
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_counted_and_the_rest_arrives() {
    let bomb = OutgoingMessage {
        outputs: Some(vec![("a".into(), OutgoingValue::Json("x".repeat(5 << 20).into()))]),
        ..message(1)
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let payloads = vec![
        message(1).encode(true),
        bomb.encode(true),
        deep.into_bytes(),
        b"not json".to_vec(),
        b"\x1f\x8b not gzip".to_vec(),
        Vec::new(),
        message(7).encode(true),
    ];
    let server = serving(payloads).await;
    let limits = streamsdk_protocol::Limits::default().inflated_bytes(1 << 20);
    let config = StreamConfig::default().limits(limits);
    let session = upload(server.url(), config).await.unwrap();
    let (results, summary) = drain(session).await.unwrap();
    let ids: Vec<u32> = results.iter().map(|data| data.frame_id()).collect();
    assert_eq!(ids, [1, 7]);
    assert_eq!((summary.dropped.unreadable, summary.frames_sent), (5, 7));
    assert_eq!(summary.ended, Some(Ended::Incomplete));
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_of_nonsense_are_counted_and_the_rest_arrives() {
    let server = FakeServer::start(|_peer, mut channel| async move {
        let header = |words: [u32; 3]| {
            let mut chunk = BytesMut::new();
            words.iter().for_each(|word| chunk.put_u32_le(*word));
            chunk
        };
        for chunk in [
            BytesMut::from("short"),
            header([1, 0, u32::MAX]),
            header([1, 9, 3]),
            header([1, 0, 0]),
        ] {
            channel.send(chunk).await.unwrap();
        }
        channel.send_text("text where bytes belong").await.unwrap();
        for chunk in split(1, &message(1).encode(true)).chain(split(2, &last(1))) {
            channel.send(chunk).await.unwrap();
        }
        while channel.recv().await.is_some() {}
    })
    .await;
    let session = upload(server.url(), StreamConfig::default()).await.unwrap();
    let (results, summary) = drain(session).await.unwrap();
    assert_eq!((results.len(), summary.dropped.unreadable), (1, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_come_as_text_are_read_and_acked_as_others_are() {
    let text = |message: OutgoingMessage| String::from_utf8(message.encode(false)).unwrap();
    let (acks, mut acked) = mpsc::unbounded_channel();
    let server = FakeServer::start(move |_peer, mut channel| {
        let acks = acks.clone();
        async move {
            for frame_id in 1..=2 {
                channel.send_text(&text(message(frame_id))).await.unwrap();
                let ack = channel.recv().await;
                acks.send(ack).unwrap();
            }
            let end = OutgoingMessage { processing_complete: true, ..message(2) };
            channel.send_text(&text(end)).await.unwrap();
            while channel.recv().await.is_some() {}
        }
    })
    .await;
    let session = upload(server.url(), StreamConfig::default()).await.unwrap();
    let (results, summary) = drain(session).await.unwrap();
    assert!(results.iter().map(|data| data.frame_id()).eq(1..=2));
    assert_eq!((summary.ended, summary.frames_sent), (Some(Ended::Complete), 2));
    for frame_id in 1..=2 {
        let ack = ControlMessage::ack(frame_id).to_text();
        assert_eq!(acked.recv().await.unwrap(), Some(Message::Text(ack)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_sends_nothing_is_given_up_at_the_limit_for_the_first_result() {
    let server =
        FakeServer::start(
            |_peer, mut channel| async move { while channel.recv().await.is_some() {} },
        )
        .await;
    let timeouts = Timeouts::default().first_frame(Duration::from_millis(400));
    let config = StreamConfig::default().timeouts(timeouts);
    let session = upload(server.url(), config).await.unwrap();
    let error = failure(session).await;
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.stage(), Stage::FirstFrame);
    assert_eq!(error.waited(), Some(Duration::from_millis(400)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_given_up_at_the_idle_limit() {
    let server = FakeServer::start(|_peer, mut channel| async move {
        for chunk in split(1, &message(1).encode(true)) {
            channel.send(chunk).await.unwrap();
        }
        while channel.recv().await.is_some() {}
    })
    .await;
    let timeouts = Timeouts::default().idle(Duration::from_millis(400));
    let config = StreamConfig::default().timeouts(timeouts);
    let session = upload(server.url(), config).await.unwrap();
    let error = failure(session).await;
    assert!(error.is_timeout() && error.stage() == Stage::Streaming, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_before_the_end_is_a_lost_connection() {
    let server = FakeServer::start(|peer, channel| async move {
        for chunk in split(1, &message(1).encode(true)) {
            channel.send(chunk).await.unwrap();
        }
        peer.close().await;
    })
    .await;
    let session = upload(server.url(), StreamConfig::default()).await.unwrap();
    let error = failure(session).await;
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    assert!(error.to_string().contains("the peer closed the connection"), "{error}");
}
