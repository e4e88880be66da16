//! How a connection ends, and who learns it.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::time::{Duration, Instant};

use bytes::BytesMut;
use streamsdk_transport::{
    Answer, Channel, ChannelSender, ConnectError, Connected, EndReason, HandshakeFailure,
    IncomingChannels, Offer, Peer, PeerState, SendError,
};

use streamsdk_testkit::Relay;

#[tokio::test(flavor = "multi_thread")]
async fn closing_tells_the_peer_at_once() {
    let ((peer, channels), (answering, mut incoming)) =
        common::connected(&["a"], |config| config).await;
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
    let ((peer, _channels), _answering) = common::connected(&["a"], |config| config).await;
    let other = peer.clone();
    tokio::join!(peer.close(), other.close());
    peer.close().await;
    assert_eq!(peer.state(), PeerState::Ended(EndReason::ClosedHere));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_closing_arrives() {
    let ((peer, channels), (_answering, mut incoming)) =
        common::connected(&["a"], |config| config).await;
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
async fn channels_close_after_what_was_sent_and_the_connection_stands() {
    let ((peer, mut channels), (answering, mut incoming)) =
        common::connected(&["a"], |config| config).await;
    let channel = incoming.next().await.unwrap();
    for _ in 0..40 {
        channel.send(BytesMut::zeroed(49_152)).await.unwrap();
    }
    let (_, received) = tokio::join!(answering.close_channels(), async {
        let mut received = 0;
        while channels[0].recv().await.is_some() {
            received += 1;
        }
        received
    });
    assert_eq!(received, 40);
    assert_eq!((peer.state(), answering.state()), (PeerState::Connected, PeerState::Connected));
    peer.close().await;
    assert_eq!(answering.ended().await, EndReason::ClosedByPeer);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_last_handle_closes() {
    let ((peer, channels), (answering, _incoming)) =
        common::connected(&["a"], |config| config).await;
    drop(channels);
    drop(peer);
    let ended = tokio::time::timeout(Duration::from_secs(5), answering.ended()).await;
    assert_eq!(ended.unwrap(), EndReason::ClosedByPeer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_not_there_is_given_up_with_what_was_tried() {
    let config = common::config().connect_timeout(Duration::from_millis(500));
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

/// A peer in a runtime of its own, which can go as a process does that is killed: without a word.
async fn answering_elsewhere(elsewhere: &tokio::runtime::Runtime, offer: String) -> String {
    let answering = elsewhere.spawn(async move {
        let answer = Answer::create(common::config(), &offer, false).await.unwrap();
        let sdp = answer.sdp().to_owned();
        tokio::spawn(async move {
            let _connection = answer.into_parts();
            std::future::pending::<()>().await;
        });
        sdp
    });
    answering.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_killed_is_missed_long_before_a_silent_one() {
    let elsewhere = tokio::runtime::Runtime::new().unwrap();
    let offer = Offer::create(common::config(), &["a"], None).await.unwrap();
    let answer = answering_elsewhere(&elsewhere, offer.sdp().to_owned()).await;
    let Connected { peer, .. } = offer.accept(&answer).await.unwrap();
    let killed = Instant::now();
    elsewhere.shutdown_background();
    assert_eq!(peer.ended().await, EndReason::PeerGone);
    assert!(killed.elapsed() < Duration::from_secs(8), "{:?}", killed.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_idle_is_not_missed() {
    let ((peer, _channels), (other, _incoming)) = common::connected(&["a"], |config| config).await;
    let idle = tokio::time::sleep(Duration::from_secs(5));
    tokio::select! {
        () = idle => {}
        reason = peer.ended() => panic!("{reason:?}"),
        reason = other.ended() => panic!("{reason:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_one_is_refused() {
    for answer in ["", "garbage", "v=0\r\n", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"] {
        let config = common::config().connect_timeout(Duration::from_millis(300));
        let offer = Offer::create(config, &["a"], None).await.unwrap();
        assert!(offer.accept(answer).await.is_err(), "{answer:?}");
    }
}

/// Turns the first byte of each fingerprint into another.
fn with_wrong_fingerprint(sdp: &str) -> String {
    let lines = sdp.lines().map(|line| match line.strip_prefix("a=fingerprint:sha-256 ") {
        Some(value) => {
            let first = if value.starts_with("00") { "11" } else { "00" };
            format!("a=fingerprint:sha-256 {first}{}", &value[2..])
        }
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\r\n") + "\r\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_a_wrong_fingerprint_is_called_that() {
    let offer = Offer::create(common::config(), &["a"], None).await.unwrap();
    let answer = Answer::create(common::config(), offer.sdp(), false).await.unwrap();
    let start = Instant::now();
    match offer.accept(&with_wrong_fingerprint(answer.sdp())).await {
        Err(ConnectError::Handshake { reason, .. }) => {
            assert_eq!(reason, HandshakeFailure::WrongFingerprint);
        }
        other => panic!("{other:?}"),
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(answer.into_parts().0.ended().await, EndReason::HandshakeFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_with_a_wrong_fingerprint_is_called_that() {
    let offer = Offer::create(common::config(), &["a"], None).await.unwrap();
    let wrong = with_wrong_fingerprint(offer.sdp());
    let answer = Answer::create(common::config(), &wrong, false).await.unwrap();
    match offer.accept(answer.sdp()).await {
        Err(ConnectError::Handshake { reason: HandshakeFailure::GivenUpByPeer(_), .. }) => {}
        // The peer looks at it when everything stands, and on a busy machine that is noticed here first.
        Ok(connected) => drop(connected.peer.ended().await),
        other => panic!("{other:?}"),
    }
    assert_eq!(answer.into_parts().0.ended().await, EndReason::HandshakeFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_algorithm_in_capitals_is_known() {
    let in_capitals = |sdp: &str| sdp.replace("fingerprint:sha-256", "fingerprint:SHA-256");
    let offer = Offer::create(common::config(), &["a"], None).await.unwrap();
    let answer = Answer::create(common::config(), &in_capitals(offer.sdp()), false).await.unwrap();
    offer.accept(&in_capitals(answer.sdp())).await.unwrap();
}

/// Two peers with a relay between them.
async fn connected_by(relay: &Relay) -> ((Peer, Vec<Channel>), (Peer, IncomingChannels)) {
    let offer = Offer::create(common::config(), &["a"], None).await.unwrap();
    let offered = relay.for_second(offer.sdp());
    let answer = Answer::create(common::config(), &offered, false).await.unwrap();
    let answered = relay.for_first(answer.sdp());
    let (other, incoming, _) = answer.into_parts();
    let Connected { peer, channels, .. } = offer.accept(&answered).await.unwrap();
    ((peer, channels), (other, incoming))
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_what_is_lost_on_the_way() {
    let relay = Relay::new();
    let ((peer, channels), (_answering, mut incoming)) = connected_by(&relay).await;
    let mut channel = incoming.next().await.unwrap();
    channels[0].send_text("the first").await.unwrap();
    assert!(channel.recv().await.is_some());
    acknowledged(channels[0].sender()).await;
    relay.lose_one_in(1);
    channels[0].send_text("the last").await.unwrap();
    let closing = tokio::spawn({
        let peer = peer.clone();
        async move { peer.close().await }
    });
    // The first of the packets that repeat it are lost as well.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    relay.lose_one_in(0);
    assert!(channel.recv().await.is_some());
    assert_eq!(closing.await.unwrap().unacknowledged, 0);
}

async fn acknowledged(sender: &ChannelSender) {
    while sender.unacknowledged().await > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_says_what_was_not_acknowledged_and_aborting_does_not_wait() {
    let relay = Relay::new();
    let ((peer, channels), _answering) = connected_by(&relay).await;
    relay.lose_one_in(1);
    channels[0].send_text("never seen").await.unwrap();
    let closing = tokio::spawn({
        let peer = peer.clone();
        async move { peer.close().await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!closing.is_finished());
    let start = Instant::now();
    let aborted = peer.abort().await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(aborted.unacknowledged, "never seen".len());
    assert_eq!(closing.await.unwrap(), aborted);
    assert_eq!(peer.close().await, aborted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_begins_after_the_close_notify_gets_everything() {
    let ((peer, channels), (answering, mut incoming)) =
        common::connected(&["a"], |config| config).await;
    let mut channel = incoming.next().await.unwrap();
    for _ in 0..20 {
        channels[0].send(BytesMut::zeroed(49_152)).await.unwrap();
    }
    assert_eq!(peer.close().await.unacknowledged, 0);
    assert_eq!(answering.ended().await, EndReason::ClosedByPeer);
    let mut received = 0;
    while channel.recv().await.is_some() {
        received += 1;
    }
    assert_eq!(received, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_notify_that_is_lost_is_repeated() {
    let relay = Relay::new();
    let ((peer, _channels), (answering, _incoming)) = connected_by(&relay).await;
    relay.lose_one_in(1);
    peer.close().await;
    relay.lose_one_in(0);
    let ended = tokio::time::timeout(Duration::from_secs(5), answering.ended()).await;
    assert_eq!(ended.unwrap(), EndReason::ClosedByPeer);
}
