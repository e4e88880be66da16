//! Paths on which full packets vanish.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use bytes::BytesMut;
use streamsdk_transport::{Answer, ConnectError, Connected, Offer, PeerConfig};

use streamsdk_testkit::Relay;

/// What a path carries of UDP whose links all have the MTU of IPv6's narrowest.
const NARROWEST: u32 = 1280 - 48;

async fn connect(relay: &Relay, config: &PeerConfig) -> Result<Connected, ConnectError> {
    let offer = Offer::create(config.clone(), &["a"], None).await.unwrap();
    let offered = relay.for_second(offer.sdp());
    let answer = Answer::create(config.clone(), &offered, false).await.unwrap();
    let answered = relay.for_first(answer.sdp());
    let (_peer, mut incoming, _) = answer.into_parts();
    tokio::spawn(async move {
        while let Some(mut channel) = incoming.next().await {
            while let Some(message) = channel.recv().await {
                drop(message);
            }
        }
    });
    offer.accept(&answered).await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_full_packets_vanish_the_connection_does_not_count_as_made() {
    let relay = Relay::new();
    relay.lose_larger_than(NARROWEST);
    match connect(&relay, &common::config()).await {
        Err(ConnectError::PathTooNarrow { size }) => assert!(size > NARROWEST as usize),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_packets_get_through_where_full_ones_vanish() {
    let relay = Relay::new();
    relay.lose_larger_than(NARROWEST);
    let config = common::config().narrow_path(true);
    let Connected { peer, channels, .. } = connect(&relay, &config).await.unwrap();
    channels[0].send(BytesMut::zeroed(200_000)).await.unwrap();
    assert_eq!(peer.close().await.unacknowledged, 0);
    assert_eq!(peer.stats().packets_fragmented, 0);
}
