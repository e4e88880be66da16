//! Drawn frames over a real track, and back.

#![cfg(all(feature = "vp8", feature = "h264"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it fails")]

#[path = "../../streamsdk-media/tests/support/bars.rs"]
mod bars;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use streamsdk_capture::{FrameProducer, StopHandle, TestPattern, WhenFull, manual_with, marker};
use streamsdk_codec::GroupOfPictures;
use streamsdk_media::video::{self, EncodeOptions, EncodedFrame, EncoderConfig};
use streamsdk_media::{ColorSpace, Frame, TimeBase, Timestamp};
use streamsdk_transport::{
    Answer, Connected, Interfaces, Offer, Peer, PeerConfig, VideoCodec, VideoDirection,
    VideoReceiver, VideoSender,
};
use streamsdk_video::{
    BitrateLimits, EncodeStats, Forwarded, LazyDecoder, PictureError, SendOptions, TrackSender,
};
use tokio::time::timeout;

use self::bars::{LINES, assert_bars, bars_in};

const LIMIT: Duration = Duration::from_secs(10);

struct Bed {
    sender: VideoSender,
    receiver: VideoReceiver,
    _peers: [Peer; 2],
}

async fn bed(codec: VideoCodec) -> Bed {
    let config = PeerConfig::default().interfaces(Interfaces::Loopback).codecs([codec]);
    let direction = Some(VideoDirection::SendAndReceive);
    let offer = Offer::create(config.clone(), &["data"], direction).await.unwrap();
    let answer = Answer::create(config, offer.sdp(), false).await.unwrap();
    let sdp = answer.sdp().to_owned();
    let (other, _channels, incoming) = answer.into_parts();
    let Connected { peer, video, .. } = offer.accept(&sdp).await.unwrap();
    let (sender, receiver) = (video.unwrap().sender.unwrap(), incoming.unwrap().receiver.unwrap());
    Bed { sender, receiver, _peers: [peer, other] }
}

/// Sends so many frames of a pattern as fast as they are taken; says when each was sent.
fn send(sender: VideoSender, frames: u64) -> std::thread::JoinHandle<(EncodeStats, Vec<i64>)> {
    std::thread::spawn(move || {
        let mut pattern = TestPattern::new(320, 180, 30.0).paced(false).limit(frames);
        let (stats, mut times) = (EncodeStats::default(), Vec::new());
        let mut feed = TrackSender::new(sender, SendOptions::default(), stats.clone());
        feed.send_frames(&mut pattern, |sent| times.push(sent.time)).unwrap();
        (stats, times)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_comes_back_with_its_number_and_its_time() {
    for codec in [VideoCodec::Vp8, VideoCodec::H264] {
        let mut bed = bed(codec).await;
        let chain = Arc::new(LazyDecoder::new(codec, || {}).unwrap());
        let sending = send(bed.sender.clone(), 60);
        let mut first = None;
        for number in 0..60 {
            let frame = timeout(LIMIT, bed.receiver.recv()).await.expect("in time").unwrap();
            let first = *first.get_or_insert(frame.rtp_time);
            assert_eq!(frame.rtp_time.wrapping_sub(first), number * 3000);
            let picture = chain.add(&frame).decode().unwrap();
            assert_eq!((picture.width(), picture.height()), (320, 180));
            assert_eq!(marker::read(&picture), Some(number), "{codec}");
        }
        let (stats, times) = sending.join().unwrap();
        assert_eq!((stats.encoded(), stats.left_out(), stats.failed()), (60, 0, 0));
        assert!(times.iter().eq((0..60).map(|n| n * 3000).collect::<Vec<_>>().iter()));
        assert_eq!(chain.stats().decoded, 60);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_is_in_bt601_whatever_the_frames_were_in() {
    for codec in [VideoCodec::Vp8, VideoCodec::H264] {
        for space in [ColorSpace::BT601, ColorSpace::BT709, ColorSpace::JPEG] {
            let mut bed = bed(codec).await;
            let chain = Arc::new(LazyDecoder::new(codec, || {}).unwrap());
            let sending = send_frames(bed.sender.clone(), vec![bars_in(space, LINES); 10]);
            let mut last = None;
            for _ in 0..10 {
                let frame = timeout(LIMIT, bed.receiver.recv()).await.expect("in time").unwrap();
                last = Some(chain.add(&frame).decode().unwrap());
            }
            let last = last.unwrap();
            assert_eq!(last.color_space(), ColorSpace::BT601);
            assert_bars(&last, &format!("{codec}, {space:?}"));
            sending.join().unwrap();
        }
    }
}

/// Sends frames as fast as they are taken, in good quality.
fn send_frames(sender: VideoSender, frames: Vec<Frame>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let (manual, mut producer) = manual_with(frames.len(), WhenFull::Wait);
        for (index, frame) in frames.into_iter().enumerate() {
            let stamp = Timestamp::new(index as i64 * 3000, TimeBase::RTP_VIDEO);
            manual.send(frame.at(stamp)).unwrap();
        }
        manual.end();
        let options = SendOptions::default().bitrate(BitrateLimits::fixed(6_000_000));
        let mut feed = TrackSender::new(sender, options, EncodeStats::default());
        feed.send_frames(&mut producer, |_| {}).unwrap();
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_decoded_when_it_is_asked_for_and_with_it_what_it_builds_on() {
    let mut bed = bed(VideoCodec::Vp8).await;
    let chain = Arc::new(LazyDecoder::new(VideoCodec::Vp8, || {}).unwrap());
    let sending = send(bed.sender.clone(), 20);
    let mut pictures = Vec::new();
    for _ in 0..20 {
        let frame = timeout(LIMIT, bed.receiver.recv()).await.expect("in time").unwrap();
        pictures.push(chain.add(&frame));
    }
    assert_eq!(chain.stats().decoded, 0);
    assert_eq!(marker::read(&pictures[9].decode().unwrap()), Some(9));
    assert_eq!(chain.stats().decoded, 10);
    // Decoded on the way, and kept because it is still held.
    assert_eq!(marker::read(&pictures[3].decode().unwrap()), Some(3));
    assert_eq!(chain.stats().decoded, 10);
    sending.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_asks_for_is_let_go_and_a_key_frame_asked_for_when_somebody_does() {
    let mut bed = bed(VideoCodec::Vp8).await;
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let chain = LazyDecoder::new(VideoCodec::Vp8, move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let chain = Arc::new(chain.unwrap());
    let sending = send(bed.sender.clone(), 200);
    let mut last = None;
    for _ in 0..200 {
        let frame = timeout(LIMIT, bed.receiver.recv()).await.expect("in time").unwrap();
        last = Some(chain.add(&frame));
    }
    assert!(chain.stats().let_go > 100 && asked.load(Ordering::Relaxed) == 0);
    assert_eq!(last.unwrap().decode().unwrap_err(), PictureError::LetGo);
    assert_eq!((chain.stats().decoded, asked.load(Ordering::Relaxed)), (0, 1));
    sending.join().unwrap();
}

fn frame_of(bytes: usize, number: i64, key_frame: bool) -> EncodedFrame {
    let timestamp = Timestamp::new(3000 * number, TimeBase::RTP_VIDEO);
    EncodedFrame { codec: VideoCodec::H264, data: vec![0; bytes].into(), key_frame, timestamp }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_track_can_take_is_forwarded_and_from_a_key_frame_on() {
    const LARGEST: usize = 120_000;
    let bed = bed(VideoCodec::H264).await;
    let stats = EncodeStats::default();
    let mut track = TrackSender::new(bed.sender.clone(), SendOptions::default(), stats.clone());
    let forwarding = move || {
        let (nothing, stop) = (GroupOfPictures::default(), StopHandle::default());
        let mut forward = |frame| track.forward(frame, &nothing, &stop, |_| {}).unwrap();
        let vp8 = EncodedFrame { codec: VideoCodec::Vp8, ..frame_of(10, 0, true) };
        [
            forward(frame_of(10, 0, false)),
            forward(frame_of(LARGEST, 1, true)),
            forward(frame_of(LARGEST + 1, 2, true)),
            forward(frame_of(LARGEST, 3, false)),
            forward(vp8),
        ]
    };
    use Forwarded::{LeftOut, Sent, Unsuitable};
    let forwarded = tokio::task::spawn_blocking(forwarding).await.unwrap();
    assert_eq!(forwarded, [LeftOut, Sent, Unsuitable, Sent, Unsuitable]);
    assert_eq!((stats.forwarded(), stats.left_out()), (2, 1));
}

/// What a camera sends: numbered pictures in H264, every so many of them a key frame.
fn camera(frames: u64, key_frame_interval: u64) -> Vec<EncodedFrame> {
    let mut pattern = TestPattern::new(320, 180, 30.0).paced(false).limit(frames);
    let config = EncoderConfig::default().bitrate(2_000_000);
    let mut encoder = video::encoder(VideoCodec::H264, config).unwrap();
    let next = |number| {
        let frame = pattern.next_frame(LIMIT).unwrap().frame;
        let options = EncodeOptions::default().key_frame(number % key_frame_interval == 0);
        encoder.encode(&frame, &options).unwrap().unwrap()
    };
    (0..frames).map(next).collect()
}

/// Forwards the frames of a stream from one of them on; `after` is told of each that was sent.
fn forward_from(
    sender: VideoSender,
    stream: Vec<EncodedFrame>,
    first: usize,
    mut after: impl FnMut(usize) + Send + 'static,
) -> std::thread::JoinHandle<EncodeStats> {
    std::thread::spawn(move || {
        let (stats, stop) = (EncodeStats::default(), StopHandle::default());
        let mut track = TrackSender::new(sender, SendOptions::default(), stats.clone());
        let mut before = GroupOfPictures::default();
        for (number, frame) in stream.into_iter().enumerate() {
            if number >= first {
                let sent = track.forward(frame.clone(), &before, &stop, |_| {}).unwrap();
                assert_eq!(sent, Forwarded::Sent, "{number}");
                after(number);
            }
            before.push(frame);
        }
        track.end();
        stats
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_that_begins_between_two_key_frames_of_a_stream_has_every_picture() {
    let mut bed = bed(VideoCodec::H264).await;
    let chain = Arc::new(LazyDecoder::new(VideoCodec::H264, || {}).unwrap());
    let sending = forward_from(bed.sender.clone(), camera(60, 40), 20, |_| {});
    for number in 20..60 {
        let frame = timeout(LIMIT, bed.receiver.recv()).await.expect("in time").unwrap();
        let picture = chain.add(&frame).decode().unwrap();
        assert_eq!(marker::read(&picture), Some(number));
    }
    let stats = sending.join().unwrap();
    assert_eq!((stats.encoded(), stats.forwarded(), stats.left_out()), (20, 20, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_of_a_stream_that_asks_for_a_key_frame_gets_one() {
    let mut bed = bed(VideoCodec::H264).await;
    let chain = Arc::new(LazyDecoder::new(VideoCodec::H264, || {}).unwrap());
    let (go_on, goes_on) = std::sync::mpsc::channel();
    let sending = forward_from(bed.sender.clone(), camera(60, 50), 0, move |number| {
        if number == 20 {
            goes_on.recv_timeout(LIMIT).unwrap();
        }
    });
    let mut key_frames = Vec::new();
    for number in 0..60 {
        let frame = timeout(LIMIT, bed.receiver.recv()).await.expect("in time").unwrap();
        key_frames.extend(frame.key_frame.then_some(number));
        assert_eq!(marker::read(&chain.add(&frame).decode().unwrap()), Some(number));
        if number == 20 {
            bed.receiver.request_key_frame();
            let asked = async {
                while bed.sender.stats().key_frame_requests == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            timeout(LIMIT, asked).await.expect("in time");
            go_on.send(()).unwrap();
        }
    }
    assert_eq!(key_frames, [0, 21, 50]);
    let stats = sending.join().unwrap();
    assert_eq!((stats.forwarded(), stats.encoded()), (31, 29));
}
