//! Encoded video over loopback, with and without loss.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it fails")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use streamsdk_testkit::Relay;
use streamsdk_transport::{
    Answer, ConnectError, Connected, EndReason, IncomingChannels, IncomingFrame, Offer, Peer,
    PeerConfig, Video, VideoCodec, VideoDirection, VideoReceiver, VideoSender,
};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(10);

struct Side {
    peer: Peer,
    video: Video,
    _channels: Option<IncomingChannels>,
}

/// Two peers that send video to each other.
async fn connected(configure: impl Fn(PeerConfig) -> PeerConfig) -> (Side, Side) {
    let config = configure(common::config());
    let direction = Some(VideoDirection::SendAndReceive);
    let offer = Offer::create(config.clone(), &["data"], direction).await.unwrap();
    let answer = Answer::create(config, offer.sdp(), true).await.unwrap();
    let sdp = answer.sdp().to_owned();
    accepted(offer, answer, &sdp).await
}

async fn accepted(offer: Offer, answer: Answer, sdp: &str) -> (Side, Side) {
    let (peer, channels, video) = answer.into_parts();
    let answering = Side { peer, video: video.unwrap(), _channels: Some(channels) };
    let Connected { peer, video, .. } = offer.accept(sdp).await.unwrap();
    (Side { peer, video: video.unwrap(), _channels: None }, answering)
}

/// The same over a path that can lose packets.
async fn connected_by_relay() -> (Side, Side, Relay) {
    let config = common::config();
    let direction = Some(VideoDirection::SendAndReceive);
    let offer = Offer::create(config.clone(), &["data"], direction).await.unwrap();
    // The answering side must know the relay before it exists: its own address is put in afterwards.
    let relay = Relay::new();
    let answer = Answer::create(config, &relay.for_second(offer.sdp()), true).await.unwrap();
    let sdp = relay.for_first(answer.sdp());
    let (a, b) = accepted(offer, answer, &sdp).await;
    (a, b, relay)
}

/// Something that looks like a frame of the codec from the outside: its number is at its end.
fn frame(codec: VideoCodec, number: u32, bytes: usize, key: bool) -> Bytes {
    let mut frame = match (codec, key) {
        (VideoCodec::H264, true) => {
            vec![0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x68, 4, 0, 0, 0, 1, 0x65]
        }
        (VideoCodec::H264, false) => vec![0, 0, 0, 1, 0x41],
        (_, true) => vec![0x00],
        (_, false) => vec![0x01],
    };
    frame.resize(frame.len() + bytes, 0x5a);
    // No zeros, which would look like a start code.
    frame.extend_from_slice(&(number | 0x0101_0101 << 7).to_be_bytes());
    frame.into()
}

fn number(frame: &IncomingFrame) -> u32 {
    let bytes = *frame.data.last_chunk().unwrap();
    u32::from_be_bytes(bytes) & 0x7f
}

async fn next(receiver: &mut VideoReceiver) -> IncomingFrame {
    timeout(LIMIT, receiver.recv()).await.expect("a frame in time").expect("the track goes on")
}

/// Sends frames 33 ms apart on the frames' own clock, as fast as the sender takes them; those that were asked
/// for, and the first, are key frames.
async fn send(sender: &VideoSender, numbers: impl IntoIterator<Item = u32>, bytes: usize) {
    for n in numbers {
        let key = n == 0 || sender.take_key_frame_request();
        sender.send(n * 3000, frame(sender.codec(), n, bytes, key)).await.unwrap();
    }
}

#[tokio::test]
async fn frames_of_both_codecs_arrive_whole_in_order_and_with_their_times() {
    for codec in [VideoCodec::Vp8, VideoCodec::H264] {
        let mut codecs = [VideoCodec::Vp8, VideoCodec::H264];
        codecs.sort_by_key(|known| *known != codec);
        let (a, b) = connected(|config| config.codecs(codecs)).await;
        let ways = [(a.video.sender, b.video.receiver), (b.video.sender, a.video.receiver)];
        for (sender, receiver) in ways {
            let (sender, mut receiver) = (sender.unwrap(), receiver.unwrap());
            let sender = &sender;
            assert_eq!((sender.codec(), receiver.codec()), (codec, codec));
            send(sender, 0..20, 4_000).await;
            let first = next(&mut receiver).await;
            assert!(first.key_frame && first.begins_stream && number(&first) == 0);
            for n in 1..20 {
                let frame = next(&mut receiver).await;
                assert_eq!(number(&frame), n);
                assert_eq!(frame.rtp_time.wrapping_sub(first.rtp_time), n * 3000);
                assert!(frame.continuous && !frame.key_frame && !frame.begins_stream);
            }
            assert!(sender.stats().packets >= 20 * 4);
        }
        a.peer.close().await;
    }
}

#[tokio::test]
async fn an_answer_takes_video_that_is_offered_and_sends_none_unless_it_wants_to() {
    let config = common::config();
    let both = Some(VideoDirection::SendAndReceive);
    let offer = Offer::create(config.clone(), &["data"], both).await.unwrap();
    let answer = Answer::create(config.clone(), offer.sdp(), false).await.unwrap();
    assert!(answer.sdp().contains("a=recvonly"), "{}", answer.sdp());
    let (peer, _, video) = answer.into_parts();
    let video = video.unwrap();
    assert!(video.sender.is_none() && video.receiver.is_some());
    peer.abort().await;
    offer.abandon().await;

    let only_receive = Some(VideoDirection::ReceiveOnly);
    let offer = Offer::create(config.clone(), &["data"], only_receive).await.unwrap();
    let answer = Answer::create(config.clone(), offer.sdp(), false).await.unwrap();
    let sdp = answer.sdp().to_owned();
    let (other, _, video) = answer.into_parts();
    assert!(video.is_none() && sdp.contains("m=video 0 "), "{sdp}");
    let connected = offer.accept(&sdp).await.unwrap();
    assert!(connected.video.is_none());
    connected.peer.close().await;
    other.close().await;
}

#[tokio::test]
async fn video_goes_one_way_without_any_channel_and_the_end_is_known_on_both_sides() {
    let config = common::config();
    let offer = Offer::create(config.clone(), &[], Some(VideoDirection::SendOnly)).await.unwrap();
    assert!(!offer.sdp().contains("m=application"), "{}", offer.sdp());
    assert!(offer.sdp().contains("a=sendonly"), "{}", offer.sdp());
    let answer = Answer::create(config, offer.sdp(), false).await.unwrap();
    let sdp = answer.sdp().to_owned();
    let (a, b) = accepted(offer, answer, &sdp).await;
    assert!(a.video.receiver.is_none() && b.video.sender.is_none());
    let (sender, mut receiver) = (a.video.sender.unwrap(), b.video.receiver.unwrap());
    let sending = async {
        for n in 0.. {
            send(&sender, [n], 1_000).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = sending => {}
        _ = next(&mut receiver) => {}
    }
    b.peer.close().await;
    let ended = timeout(LIMIT, a.peer.ended()).await.expect("the end is known in time");
    assert_eq!(ended, EndReason::ClosedByPeer);
}

#[tokio::test]
async fn without_any_channel_a_peer_that_never_comes_is_given_up_in_time() {
    let config = common::config().connect_timeout(Duration::from_millis(200));
    let offer = Offer::create(config.clone(), &[], Some(VideoDirection::SendOnly)).await.unwrap();
    let answer = Answer::create(config, offer.sdp(), false).await.unwrap();
    let sdp = answer.sdp().to_owned();
    let (peer, ..) = answer.into_parts();
    peer.abort().await;
    let error = timeout(LIMIT, offer.accept(&sdp)).await.expect("an end in time").unwrap_err();
    assert!(matches!(error, ConnectError::NoPath { .. }), "{error}");
}

#[tokio::test]
async fn with_three_per_cent_loss_each_way_nearly_every_frame_arrives() {
    let (a, b, relay) = connected_by_relay().await;
    let (sender, mut receiver) = (a.video.sender.unwrap(), b.video.receiver.unwrap());
    relay.lose_one_in(33);
    let sending = tokio::spawn(async move {
        for n in 0..120 {
            send(&sender, [n], 8_000).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Something must follow, or a loss at the end is never noticed.
        send(&sender, 120..125, 100).await;
        sender
    });
    let mut seen = Vec::new();
    while seen.last() != Some(&119) {
        seen.push(number(&next(&mut receiver).await));
    }
    assert!(seen.is_sorted() && seen.len() >= 110, "{seen:?}");
    let sender = sending.await.unwrap();
    assert!(sender.stats().nacks > 0, "{:?}", sender.stats());
    a.peer.close().await;
    b.peer.close().await;
}

#[tokio::test]
async fn after_a_break_a_key_frame_is_asked_for_and_the_stream_goes_on_within_a_second() {
    let (a, b, relay) = connected_by_relay().await;
    let (sender, mut receiver) = (a.video.sender.unwrap(), b.video.receiver.unwrap());
    let sending = tokio::spawn(async move {
        for n in 0..127 {
            send(&sender, [n], 3_000).await;
            tokio::time::sleep(Duration::from_millis(33)).await;
        }
    });
    while number(&next(&mut receiver).await) < 5 {}
    relay.lose_one_in(1);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    relay.lose_one_in(0);
    let back = std::time::Instant::now();
    let frame = loop {
        let frame = next(&mut receiver).await;
        if !frame.continuous {
            break frame;
        }
    };
    assert!(back.elapsed() < Duration::from_secs(1), "{:?}", back.elapsed());
    assert!(frame.key_frame && !frame.begins_stream);
    assert!(receiver.stats().lost > 0 && receiver.stats().key_frame_requests > 0);
    sending.abort();
    a.peer.abort().await;
    b.peer.abort().await;
}
