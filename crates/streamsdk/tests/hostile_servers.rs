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

/// Memory of this process, in bytes.
#[cfg(target_os = "linux")]
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_inflate_hold_no_more_than_the_memory_there_is() {
    const MESSAGES: usize = 12;
    const INFLATED: usize = 24 << 20;
    let limit = 64 << 20;
    let large = |frame_id| OutgoingMessage {
        outputs: Some(vec![("a".into(), OutgoingValue::Json("x".repeat(INFLATED).into()))]),
        ..message(frame_id)
    };
    let payload = large(1).encode(true);
    let server = serving(vec![payload; MESSAGES]).await;
    let before = memory();
    let limits = streamsdk_protocol::Limits::default().memory_bytes(limit);
    let config = StreamConfig::default().limits(limits).realtime_processing(false);
    let mut session = upload(server.url(), config).await.unwrap();
    // The caller is late: what there is room for comes meanwhile.
    while memory() < before + INFLATED {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (mut most, mut results) = (0, 0);
    let late = std::time::Instant::now();
    while late.elapsed() < Duration::from_secs(1) {
        most = most.max(memory().saturating_sub(before));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while let Some(event) = streamsdk_testkit::next(&mut session).await {
        results += usize::from(matches!(event.unwrap(), streamsdk::Event::Data(_)));
        most = most.max(memory().saturating_sub(before));
    }
    let summary = session.close().await;
    println!("{most} bytes for {results} messages of {INFLATED}");
    assert_eq!((results, summary.dropped.unreadable), (MESSAGES, 0));
    // What the allocator gives back late is in it, and of messages that come and go that may be several; all of them would be
    // twice as much.
    assert!(most < MESSAGES * INFLATED / 2, "{most} bytes where {limit} are allowed");
}

/// A server that gives one result and then sends such chunks for ever.
async fn sending_for_ever(next: fn(u32) -> BytesMut) -> FakeServer {
    FakeServer::start(move |_peer, mut channel| async move {
        for chunk in split(1, &message(1).encode(true)) {
            channel.send(chunk).await.unwrap();
        }
        let sender = channel.sender().clone();
        let sending = async {
            for number in 2.. {
                if sender.send(next(number)).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let closed = async { while channel.recv().await.is_some() {} };
        tokio::select! {
            () = sending => {}
            () = closed => {}
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_no_sign_of_life() {
    let nonsense = |number| split(number, b"not json").next().unwrap();
    let parts_of_nothing = |number: u32| {
        let mut part = BytesMut::new();
        [number, 0, 4000].iter().for_each(|word| part.put_u32_le(*word));
        part.extend_from_slice(&[7; 10_000]);
        part
    };
    for next in [nonsense as fn(u32) -> BytesMut, parts_of_nothing] {
        let server = sending_for_ever(next).await;
        let timeouts = Timeouts::default().idle(Duration::from_millis(400));
        let limits = streamsdk_protocol::Limits::default().message_bytes(1 << 20);
        let config = StreamConfig::default().timeouts(timeouts).limits(limits);
        let session = upload(server.url(), config).await.unwrap();
        let error = failure(session).await;
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Processing, Stage::Streaming));
        assert!(error.to_string().contains("could be read") && !error.is_retryable(), "{error}");
        assert_eq!(error.waited(), Some(Duration::from_millis(400)));
    }
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
    let server = FakeServer::start(|peer, mut channel| async move {
        for chunk in split(1, &message(1).encode(true)) {
            channel.send(chunk).await.unwrap();
        }
        // The ack: the client is connected, and has it.
        channel.recv().await;
        peer.close().await;
    })
    .await;
    let session = upload(server.url(), StreamConfig::default()).await.unwrap();
    let error = failure(session).await;
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    assert!(error.to_string().contains("the peer closed the connection"), "{error}");
}
