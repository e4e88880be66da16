//! How a connection ends, and who learns it.
mod common;

use std::time::{Duration, Instant};

use bytes::BytesMut;
use streamsdk_transport::{ConnectError, EndReason, Offer, PeerState, SendError};

#[tokio::test(flavor = "multi_thread")]
async fn closing_tells_the_peer_at_once() {
    let ((peer, channels), (answering, mut incoming)) = common::connected(&["a"], |_| {}).await;
    let mut channel = incoming.next().await.unwrap();
    let start = Instant::now();
    peer.close().await;
    assert_eq!(channel.recv().await, None);
    assert_eq!(answering.ended().await, EndReason::ClosedByPeer);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(matches!(
        channels[0].send(BytesMut::from("x")).await,
        Err(SendError::Ended(EndReason::ClosedHere))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_twice_and_from_several_places_is_fine() {
    let ((peer, _channels), _answering) = common::connected(&["a"], |_| {}).await;
    let other = peer.clone();
    tokio::join!(peer.close(), other.close());
    peer.close().await;
    assert_eq!(peer.state(), PeerState::Ended(EndReason::ClosedHere));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_closing_arrives() {
    let ((peer, channels), (_answering, mut incoming)) = common::connected(&["a"], |_| {}).await;
    let mut channel = incoming.next().await.unwrap();
    for _ in 0..40 {
        channels[0].send(BytesMut::zeroed(49_152)).await.unwrap();
    }
    let (_, received) = tokio::join!(peer.close(), async {
        let mut received = 0;
        while channel.recv().await.is_some() {
            received += 1;
        }
        received
    });
    assert_eq!(received, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_last_handle_closes() {
    let ((peer, channels), (answering, _incoming)) = common::connected(&["a"], |_| {}).await;
    drop(channels);
    drop(peer);
    let ended = tokio::time::timeout(Duration::from_secs(5), answering.ended()).await;
    assert_eq!(ended.unwrap(), EndReason::ClosedByPeer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_not_there_is_given_up_with_what_was_tried() {
    let mut config = common::config();
    config.connect_timeout = Duration::from_millis(500);
    let other = Offer::create(config.clone(), &["a"], None).await.unwrap();
    let offer = Offer::create(config.clone(), &["a"], None).await.unwrap();
    // An answer that is in order, from a peer that is gone.
    let answer = streamsdk_transport::Answer::create(config, offer.sdp(), false).await.unwrap();
    let sdp = answer.sdp().to_owned();
    answer.into_parts().0.abort().await;
    other.abandon().await;
    match offer.accept(&sdp).await {
        Err(ConnectError::NoPath { local, remote, .. }) => {
            assert_eq!((local.host, remote.host), (1, 1));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_one_is_refused() {
    for answer in ["", "garbage", "v=0\r\n", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"] {
        let mut config = common::config();
        config.connect_timeout = Duration::from_millis(300);
        let offer = Offer::create(config, &["a"], None).await.unwrap();
        assert!(offer.accept(answer).await.is_err(), "{answer:?}");
    }
}
