//! Peers whose video goes around the engine of the one that sends.

use std::time::Duration;

use streamsdk_codec::VIDEO_CLOCK_RATE;
use tokio::time::timeout;

use super::*;
use crate::{
    Answer, Connected, IncomingFrame, Offer, Peer, PeerConfig, VideoDirection, VideoReceiver,
    VideoSender,
};

const LIMIT: Duration = Duration::from_secs(30);
const FRAMES: u32 = 60;
const FRAME_TICKS: u32 = 3000;

/// One that sends, with its way around the engine, and one that receives.
struct Peers {
    sender: VideoSender,
    fast_path: Arc<FastPath>,
    receiver: VideoReceiver,
    _peers: [Peer; 2],
}

async fn connected() -> Peers {
    let config = PeerConfig::default();
    let offer = Offer::create(config.clone(), &[], Some(VideoDirection::SendOnly)).await.unwrap();
    let fast_path = offer.fast_path();
    let answer = Answer::create(config, offer.sdp(), false).await.unwrap();
    let sdp = answer.sdp().to_owned();
    let (other, _, video) = answer.into_parts();
    let Connected { peer, video: sending, .. } = offer.accept(&sdp).await.unwrap();
    let sender = sending.unwrap().sender.unwrap();
    Peers { sender, fast_path, receiver: video.unwrap().receiver.unwrap(), _peers: [peer, other] }
}

/// What looks like a frame of VP8 from the outside; the first is a key frame.
fn frame(number: u32) -> Bytes {
    let mut frame = vec![u8::from(number > 0)];
    frame.resize(5_000, number as u8);
    frame.into()
}

async fn next(receiver: &mut VideoReceiver) -> IncomingFrame {
    timeout(LIMIT, receiver.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn most_packets_leave_around_the_engine_and_arrive_as_if_they_had_not() {
    let Peers { sender, fast_path, mut receiver, _peers } = connected().await;
    assert!(fast_path.sent().is_none());
    let mut times = Vec::new();
    for number in 0..FRAMES {
        sender.send(number * FRAME_TICKS, frame(number)).await.unwrap();
        let received = next(&mut receiver).await;
        assert_eq!((received.data, received.continuous), (frame(number), number > 0));
        times.push(received.rtp_time.wrapping_sub(sender.rtp_timestamp(0)));
    }
    assert!(times.iter().zip(0..).all(|(time, number)| *time == number * FRAME_TICKS));
    let (own, all) = (fast_path.sent().unwrap(), sender.stats());
    // Those of the first frame are the engine's, and perhaps those of some more.
    assert!(own.packets > all.packets / 2 && own.packets < all.packets, "{own:?} of {all:?}");
}

#[tokio::test]
async fn reports_say_what_has_left_around_the_engine() {
    let Peers { sender, fast_path, mut receiver, _peers } = connected().await;
    let mut number = 0;
    let report = loop {
        sender.send(number * FRAME_TICKS, frame(number)).await.unwrap();
        next(&mut receiver).await;
        number += 1;
        if let Some(report) = receiver.sender_report().filter(|_| fast_path.sent().is_some()) {
            break report;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    // Of the newest frame then, and some time after it.
    let newest = sender.rtp_timestamp((number - 1) * FRAME_TICKS);
    let behind = newest.wrapping_sub(report.rtp_time) as i32;
    assert!(
        behind > -(10 * VIDEO_CLOCK_RATE as i32) && behind < (number * FRAME_TICKS) as i32,
        "{behind}"
    );
}

#[test]
fn packets_that_are_alike_leave_together() {
    for (sizes, most, runs) in [
        (&[][..], 64, &[][..]),
        (&[70], 64, &[1]),
        (&[70, 1186, 1186, 112], 64, &[1, 3]),
        (&[1186, 592, 592], 64, &[2, 1]),
        (&[5, 5, 5, 5, 2], 2, &[2, 2, 1]),
        (&[3, 2, 1], 1, &[1, 1, 1]),
    ] {
        let bytes = vec![0; sizes.iter().sum()].into();
        let mut burst = SealedBurst { bytes, sizes: sizes.iter().copied().collect() };
        let packets: Vec<_> = burst.packets().map(|packet| packet.len()).collect();
        assert_eq!(packets, sizes);
        let mut found = Vec::new();
        while !burst.bytes.is_empty() {
            found.push(burst.next_run(most));
            burst.remove(burst.next_run(most));
        }
        assert_eq!(found, runs, "{sizes:?} by {most}");
    }
}
