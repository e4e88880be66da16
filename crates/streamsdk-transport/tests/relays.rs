//! TURN servers that cannot be used. Those that can are tested with coturn, by `cargo xtask turn`.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use streamsdk_protocol::init::IceServer;
use streamsdk_transport::{
    Answer, AnswerError, ConnectError, IceTransportPolicy, Offer, OfferError, PeerConfig,
    ServerFailure, ServerOutcome, TriedServers,
};

/// A server that is there and says nothing.
fn silent() -> (UdpSocket, IceServer) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("turn:127.0.0.1:{}", socket.local_addr().unwrap().port());
    (socket, IceServer::new(url).credentials("us3r", "s3cret"))
}

async fn time_of_offer(config: PeerConfig) -> Duration {
    let started = Instant::now();
    Offer::create(config, &["a"], None).await.unwrap().abandon().await;
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_holds_up_one_offer_for_two_seconds_and_no_other() {
    let (_socket, server) = silent();
    let config = common::config().ice_servers([server]);
    let first = time_of_offer(config.clone()).await;
    assert!(first > Duration::from_secs(1) && first < Duration::from_secs(4), "{first:?}");
    let second = time_of_offer(config).await;
    assert!(second < Duration::from_secs(1), "{second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_of_no_use_hold_nobody_up() {
    let config = common::config().ice_servers([
        IceServer::new("turn:192.0.2.1"),
        IceServer::new("nonsense"),
        IceServer::new("turns:192.0.2.1?transport=udp").credentials("us3r", "s3cret"),
        IceServer::new("turn:us3r:s3cret@192.0.2.1").credentials("us3r", "s3cret"),
    ]);
    let time = time_of_offer(config).await;
    assert!(time < Duration::from_secs(1), "{time:?}");
}

fn failures(servers: &TriedServers) -> Vec<&ServerFailure> {
    let outcomes = servers.iter().map(|server| &server.outcome);
    let failures = outcomes.map(|outcome| match outcome {
        ServerOutcome::Skipped(failure) => failure,
        other => panic!("{other:?}"),
    });
    failures.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_only_be_relayed_needs_a_server_that_relays() {
    let relayed = || common::config().ice_transport_policy(IceTransportPolicy::Relay);
    let offer = Offer::create(relayed(), &["a"], None).await;
    assert!(matches!(&offer, Err(OfferError::NoRelay { servers }) if servers.is_empty()));

    let (_socket, silent) = silent();
    let config = relayed().gather_timeout(Duration::from_millis(300)).ice_servers([
        IceServer::new("stun:192.0.2.1"),
        IceServer::new("turn:a"),
        silent,
    ]);
    let Err(OfferError::NoRelay { servers }) = Offer::create(config.clone(), &["a"], None).await
    else {
        panic!("there is no relay")
    };
    let [
        ServerFailure::NoAnswer { .. },
        ServerFailure::NoCredentials,
        ServerFailure::NoAnswer { .. },
    ] = failures(&servers)[..]
    else {
        panic!("{servers}")
    };

    let offer = Offer::create(common::config(), &["a"], None).await.unwrap();
    let answer = Answer::create(config, offer.sdp(), false).await;
    assert!(matches!(answer, Err(AnswerError::NoRelay { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_past_all_clocks_is_none_for_servers_too() {
    let closed = IceServer::new("turn:127.0.0.1:1?transport=tcp").credentials("us3r", "s3cret");
    let config = common::config()
        .ice_transport_policy(IceTransportPolicy::Relay)
        .gather_timeout(Duration::MAX)
        .ice_servers([closed]);
    let offer = Offer::create(config, &["a"], None).await;
    assert!(matches!(offer, Err(OfferError::NoRelay { servers }) if servers.iter().count() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_is_told_with_what_became_of_candidates_and_servers_and_without_credentials() {
    let (_socket, silent) = silent();
    let config = common::config()
        .connect_timeout(Duration::from_millis(300))
        .ice_servers([silent, IceServer::new("turn:us3r:s3cret@a").credentials("us3r", "s3cret")]);
    let offer = Offer::create(config, &["a"], None).await.unwrap();
    let answer = Answer::create(common::config(), offer.sdp(), false).await.unwrap();
    let sdp = answer.sdp().to_owned();
    answer.into_parts().0.abort().await;
    let error = offer.accept(&sdp).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoPath { .. }));
    let said = error.to_string();
    for part in ["host 127.0.0.1: no answer from 127.0.0.1", "(UDP): no answer in", "turn:…"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("us3r") && !said.contains("s3cret"), "{said}");
}
