//! What a channel promises: order, completeness, and waiting instead of growing.
mod common;

use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use streamsdk_transport::Message;

fn numbered(number: u32, len: usize) -> BytesMut {
    let mut message = BytesMut::with_capacity(len);
    message.put_u32_le(number);
    message.resize(len, number as u8);
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_arrives_once_and_in_order() {
    const MESSAGES: u32 = 400;
    let ((peer, mut channels), (_answering, mut incoming)) =
        common::connected(&["a"], |_| {}).await;
    let sender = channels.remove(0);
    let sending = tokio::spawn(async move {
        for number in 0..MESSAGES {
            sender.send(numbered(number, 49_160)).await.unwrap();
        }
        peer.close().await;
    });
    let mut channel = incoming.next().await.unwrap();
    assert_eq!(channel.label(), "a");
    for number in 0..MESSAGES {
        match channel.recv().await {
            Some(Message::Binary(bytes)) => assert_eq!(bytes, numbered(number, 49_160)),
            other => panic!("message {number}: {other:?}"),
        }
    }
    assert_eq!(channel.recv().await, None);
    sending.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_waits_for_a_receiver_that_does_not_read() {
    let ((_peer, channels), (_answering, mut incoming)) = common::connected(&["a"], |_| {}).await;
    let _unread = incoming.next().await.unwrap();
    let mut sent = 0;
    // 512 messages fit the receiver's queues; the buffers of both ends are far below the rest.
    while tokio::time::timeout(Duration::from_millis(300), channels[0].send(numbered(sent, 49_160)))
        .await
        .is_ok()
    {
        sent += 1;
        assert!(sent < 2000, "sending never waited");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_goes_both_ways_on_several_channels() {
    let ((_peer, mut channels), (_answering, mut incoming)) =
        common::connected(&["one", "two"], |_| {}).await;
    for channel in &channels {
        channel.send_text(&format!("to {}", channel.label())).await.unwrap();
    }
    for _ in 0..2 {
        let mut channel = incoming.next().await.unwrap();
        let expected = format!("to {}", channel.label());
        assert_eq!(channel.recv().await, Some(Message::Text(expected)));
        channel.send_text(&format!("from {}", channel.label())).await.unwrap();
    }
    for channel in &mut channels {
        let expected = format!("from {}", channel.label());
        assert_eq!(channel.recv().await, Some(Message::Text(expected)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_opens_within_the_nudge_and_not_the_retransmission_timer() {
    let mut times = Vec::new();
    for _ in 0..10 {
        let config = common::config();
        let offer = streamsdk_transport::Offer::create(config.clone(), &["a"], None).await.unwrap();
        let answer = streamsdk_transport::Answer::create(config, offer.sdp(), false).await.unwrap();
        let start = Instant::now();
        offer.accept(answer.sdp()).await.unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    // Without the nudge it is 400 ms and more, always.
    assert!(times[5] < Duration::from_millis(250), "{times:?}");
}
