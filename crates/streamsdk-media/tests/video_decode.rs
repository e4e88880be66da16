//! What the video decoders make of good, damaged and hostile streams.
#![cfg(any(feature = "vp8", feature = "h264"))]
#![allow(clippy::unwrap_used)]

mod support;

use streamsdk_media::ColorSpace;
use streamsdk_media::video::{self, DecodeError, DecoderConfig, VideoCodec, VideoDecoder};

use self::support::{Random, at, likeness, open_decoder, scene, stream};

#[test]
fn frames_stay_what_they_are_while_the_decoder_goes_on() {
    for codec in video::decoders() {
        let mut decoder = open_decoder(codec);
        let stream = stream(codec, 320, 180, 40);
        let decode = |(index, encoded): (usize, &video::EncodedFrame)| {
            let frame = decoder.decode(&encoded.data, at(index)).unwrap().unwrap();
            let copy = frame.to_packed();
            (frame, copy)
        };
        let kept: Vec<_> = stream.iter().enumerate().map(decode).collect();
        drop(decoder);
        for (index, (frame, copy)) in kept.into_iter().enumerate() {
            assert_eq!(frame.timestamp(), Some(at(index)), "{codec}");
            assert_eq!(frame.to_packed(), copy, "{codec}");
            assert!(likeness(&frame, &scene(320, 180, index)) > 30.0, "{codec} {index}");
        }
    }
}

#[test]
fn a_stream_that_does_not_begin_with_a_key_frame_asks_for_one() {
    for codec in video::decoders() {
        let mut decoder = open_decoder(codec);
        let stream = stream(codec, 320, 180, 3);
        for _ in 0..2 {
            let error = decoder.decode(&stream[1].data, at(1)).unwrap_err();
            assert_eq!(error, DecodeError::KeyFrameNeeded { codec });
            assert!(error.needs_key_frame());
        }
        assert!(decoder.decode(&stream[0].data, at(0)).unwrap().is_some());
        assert!(decoder.decode(&stream[1].data, at(1)).unwrap().is_some());
    }
}

#[test]
fn after_damage_only_a_key_frame_is_decoded() {
    for codec in video::decoders() {
        let mut decoder = open_decoder(codec);
        let stream = stream(codec, 320, 180, 3);
        decoder.decode(&stream[0].data, at(0)).unwrap();
        for rubbish in [&b""[..], b"\0", b"rubbish", &[0; 100]] {
            assert!(matches!(
                decoder.decode(rubbish, at(1)),
                Err(DecodeError::Corrupt { .. } | DecodeError::KeyFrameNeeded { .. })
            ));
        }
        let error = decoder.decode(&stream[1].data, at(1)).unwrap_err();
        assert_eq!(error, DecodeError::KeyFrameNeeded { codec });
        assert_recovers(&mut *decoder, &stream[0].data);
    }
}

/// Even if the damage before went unnoticed, what follows noticed damage is clean.
fn assert_recovers(decoder: &mut dyn VideoDecoder, key_frame: &[u8]) {
    assert!(decoder.decode(b"\0", at(0)).is_err());
    let frame = decoder.decode(key_frame, at(0)).unwrap().unwrap();
    let likeness = likeness(&frame, &scene(frame.width(), frame.height(), 0));
    assert!(likeness > 30.0, "{}: {likeness} dB", decoder.codec());
}

#[cfg(feature = "h264")]
#[test]
fn headers_that_came_once_on_their_own_outlive_damage() {
    let key_frame = &stream(VideoCodec::H264, 96, 64, 1)[0].data;
    let is_picture = |window: &[u8]| window == [0, 0, 1, 0x65];
    let split = key_frame.windows(4).position(is_picture).unwrap();
    let (headers, picture) = key_frame.split_at(split);
    let mut decoder = open_decoder(VideoCodec::H264);
    assert!(decoder.decode(headers, at(0)).unwrap().is_none());
    assert!(decoder.decode(picture, at(0)).unwrap().is_some());
    assert!(decoder.decode(b"rubbish", at(0)).is_err());
    assert_recovers(&mut *decoder, picture);
}

#[test]
fn damaged_frames_never_crash_and_the_next_key_frame_is_whole() {
    for codec in video::decoders() {
        let mut decoder = open_decoder(codec);
        let mut random = Random(42);
        let stream = stream(codec, 96, 64, 6);
        for round in 0..3000 {
            let mut data = stream[round % stream.len()].data.to_vec();
            if round % 3 == 0 {
                data.truncate(random.below(data.len()));
            }
            for _ in 0..random.below(4) {
                let range = if round % 2 == 0 { data.len() } else { data.len().min(40) };
                let Some(byte) = data.get_mut(random.below(range.max(1))) else { continue };
                *byte ^= 1 << random.below(8);
            }
            // Whatever comes of it.
            let _ = decoder.decode(&data, at(round));
            if round % 50 == 0 {
                assert_recovers(&mut *decoder, &stream[0].data);
            }
        }
    }
}

#[test]
fn a_picture_beyond_the_limit_is_refused_by_its_header() {
    for codec in video::decoders() {
        let mut decoder = open_decoder(codec);
        let error = decoder.decode(&huge(codec), at(0)).unwrap_err();
        assert!(matches!(error, DecodeError::TooLarge { width: 16_384, height: 16_384, .. }));
        assert!(!error.needs_key_frame());

        let encoded = stream(codec, 128, 64, 1).remove(0);
        let decode = |max_pixels| {
            let config = DecoderConfig::default().max_pixels(max_pixels);
            video::decoder(codec, config).unwrap().decode(&encoded.data, at(0))
        };
        assert!(decode(128 * 64).unwrap().is_some());
        assert!(matches!(decode(128 * 64 - 1), Err(DecodeError::TooLarge { .. })), "{codec}");
    }
}

/// The beginning of a key frame of 16383 by 16383, or as near to that as the codec has.
fn huge(codec: VideoCodec) -> Vec<u8> {
    match codec {
        VideoCodec::Vp8 => vec![0x10, 0, 0, 0x9d, 1, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0, 0, 0, 0],
        // Baseline, level 6.2; 1024 macroblocks in each direction, progressive.
        _ => [0, 0, 0, 1, 0x67, 66, 0, 62].into_iter().chain(bits(&HUGE_PARAMETERS)).collect(),
    }
}

/// Identifier, frame numbers, order, references, gaps, width and height (1023, which is ten zeros
/// and 1024), progressive.
const HUGE_PARAMETERS: [(u32, usize); 10] = [
    (1, 1),
    (1, 1),
    (1, 1),
    (1, 1),
    (0b010, 3),
    (0, 1),
    (1024, 21),
    (1024, 21),
    (1, 1),
    (0b1000_0000, 8),
];

fn bits(values: &[(u32, usize)]) -> Vec<u8> {
    let text: String = values.iter().map(|&(value, width)| format!("{value:0width$b}")).collect();
    let byte = |chunk: &[u8]| chunk.iter().fold(0, |byte, &bit| byte << 1 | (bit - b'0'));
    text.as_bytes().chunks(8).map(byte).collect()
}

#[cfg(feature = "h264")]
#[test]
fn full_range_is_left_as_it_is() {
    let white = foreign_h264("full_range.h264", &["-pix_fmt", "yuvj420p", "-bf", "0"]);
    let frame = open_decoder(VideoCodec::H264).decode(&white, at(0)).unwrap().unwrap();
    let middle = |plane| frame.rows(plane).nth(20).unwrap()[20];
    assert!(middle(0).abs_diff(255) <= 2, "{}", middle(0));
    assert!(middle(1).abs_diff(128) <= 2, "{}", middle(1));
    assert_eq!(frame.color_space(), ColorSpace::JPEG);
}

#[cfg(feature = "h264")]
#[test]
fn video_that_is_not_decoded_is_refused_by_its_header() {
    for (name, arguments) in [
        ("interlaced.h264", &["-pix_fmt", "yuv420p", "-x264-params", "tff=1"][..]),
        ("ten_bits.h264", &["-pix_fmt", "yuv420p10"]),
        ("high_chroma.h264", &["-pix_fmt", "yuv444p"]),
    ] {
        let data = foreign_h264(name, arguments);
        let error = open_decoder(VideoCodec::H264).decode(&data, at(0)).unwrap_err();
        assert!(matches!(error, DecodeError::Unsupported { .. }), "{name}: {error}");
        assert!(!error.needs_key_frame());
    }
}

/// One white picture, encoded as this crate never does.
#[cfg(feature = "h264")]
fn foreign_h264(name: &str, arguments: &[&str]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    let status = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "color=white:size=64x64", "-frames:v", "1"])
        .args(["-c:v", "libx264"])
        .args(arguments)
        .arg(&path)
        .status()
        .unwrap();
    assert!(status.success());
    std::fs::read(path).unwrap()
}
