//! What it takes to connect, and what becomes of it when packets of the handshake are lost.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::time::Duration;

use bytes::BytesMut;
use streamsdk_testkit::Relay;
use streamsdk_transport::{Answer, Connected, IncomingChannels, Offer};
use tokio::task::JoinSet;

/// Connects over the relay, and sends a message as soon as that is possible. Gives both ends.
async fn connect(relay: &Relay) -> (Connected, IncomingChannels) {
    connect_with(relay, |offer| offer).await
}

/// The same with what the peer is to make of the offer.
async fn connect_with(
    relay: &Relay,
    read: impl Fn(String) -> String,
) -> (Connected, IncomingChannels) {
    let config = common::config();
    let offer = Offer::create(config.clone(), &["a"], None).await.unwrap();
    let offered = read(relay.for_second(offer.sdp()));
    let answer = Answer::create(config, &offered, false).await.unwrap();
    let answered = relay.for_first(answer.sdp());
    let (_, incoming, _) = answer.into_parts();
    let connected = offer.accept(&answered).await.unwrap();
    connected.channels[0].send(BytesMut::from("hello")).await.unwrap();
    (connected, incoming)
}

async fn first_message(mut incoming: IncomingChannels) {
    incoming.next().await.unwrap().recv().await.unwrap();
}

const COOKIE: &str = "a=x-dtls-cookie";

/// Hello, server's flight, client's flight, finished; INIT and its answer, and right behind it what
/// is to be said, with the opening of its channel. What answers it may have passed as well when it is looked.
const TURNS: u32 = 7;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_message_waits_for_no_answer_but_those_of_the_handshakes() {
    let mut fewest = u32::MAX;
    // On a machine that is busy a flight may seem to be lost, and leave twice.
    for _ in 0..5 {
        let relay = Relay::new();
        relay.delay(Duration::from_millis(30));
        let (_connected, incoming) = connect(&relay).await;
        first_message(incoming).await;
        fewest = fewest.min(relay.turns());
        if fewest <= TURNS {
            return;
        }
    }
    panic!("{fewest} turns");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_knows_nothing_of_the_cookie_in_the_offer_connects() {
    let relay = Relay::new();
    let (_connected, incoming) = connect_with(&relay, |offer| {
        let lines = offer.split_inclusive('\n');
        let without: String = lines.filter(|line| !line.starts_with(COOKIE)).collect();
        assert_ne!(without, offer);
        without
    })
    .await;
    first_message(incoming).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_packet_of_the_handshake_is_lost_the_peers_connect() {
    connect_and_lose(Relay::lose_handshake_packet, 6).await;
}

/// INIT, its answer, and what is said right behind it; the echo of the cookie, and what answers the rest.
#[tokio::test(flavor = "multi_thread")]
async fn whichever_packet_of_the_association_is_lost_the_peers_connect() {
    connect_and_lose(Relay::lose_data_packet, 8).await;
}

/// Loses each of the first packets. Several times each: which of the peers is the first to say the same again is up to
/// chance.
async fn connect_and_lose(lose: fn(&Relay, u32), packets: u32) {
    let mut sessions = JoinSet::new();
    for lost in (1..=packets).cycle().take(6 * packets as usize) {
        sessions.spawn(async move {
            let relay = Relay::new();
            lose(&relay, lost);
            let (_connected, incoming) = connect(&relay).await;
            first_message(incoming).await;
        });
    }
    sessions.join_all().await;
}
