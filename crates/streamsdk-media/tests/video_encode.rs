//! What comes out of the video encoders, as a decoder sees it.
#![cfg(any(feature = "vp8", feature = "h264"))]
#![allow(clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use streamsdk_media::video::{self, EncodeError, EncoderConfig, VideoCodec, VideoEncoder};
use streamsdk_media::{Frame, PixelFormat, Plane};

use self::support::{
    Random, at, likeness, noisy, open_decoder, open_encoder, options, scene, stream,
};

#[test]
fn what_was_built_is_available() {
    let built: Vec<_> =
        [(VideoCodec::Vp8, cfg!(feature = "vp8")), (VideoCodec::H264, cfg!(feature = "h264"))]
            .into_iter()
            .filter_map(|(codec, is_built)| is_built.then_some(codec))
            .collect();
    assert_eq!(video::encoders(), built);
    assert_eq!(video::decoders(), built);
}

#[test]
fn a_picture_of_any_format_and_size_comes_back_like_it_was() {
    use PixelFormat::{Bgr24, Gray8, I420, Nv12, Rgb24, Yuyv};
    let sizes = [(1, 1), (2, 2), (17, 33), (641, 359), (1280, 720), (8192, 32), (32, 8192)];
    for codec in video::encoders() {
        for (width, height) in sizes {
            for format in [I420, Nv12, Yuyv, Bgr24, Rgb24, Gray8] {
                let frame = scene(width, height, 0).convert(format).unwrap();
                let encoded = open_encoder(codec).encode(&frame, &options(false)).unwrap().unwrap();
                assert!(encoded.key_frame);
                let decoded = open_decoder(codec).decode(&encoded.data, encoded.timestamp);
                let decoded = decoded.unwrap().unwrap();
                assert_eq!(decoded.timestamp(), frame.timestamp());
                let likeness = likeness(&cropped(&decoded, width, height), &frame);
                assert!(likeness > 30.0, "{codec} {format} {width}x{height}: {likeness} dB");
            }
        }
    }
}

/// The upper left of a picture: what is left of an odd one when H264's padding is taken away.
fn cropped(frame: &Frame, width: u32, height: u32) -> Frame {
    Frame::with_planes(PixelFormat::I420, width, height, frame.planes()).unwrap()
}

#[test]
fn odd_sizes_are_kept_by_vp8_and_rounded_up_by_h264() {
    for codec in video::encoders() {
        let encoded = &stream(codec, 641, 359, 1)[0];
        let decoded = open_decoder(codec).decode(&encoded.data, at(0)).unwrap().unwrap();
        let expected = if codec == VideoCodec::H264 { (642, 360) } else { (641, 359) };
        assert_eq!((decoded.width(), decoded.height()), expected);
    }
}

#[test]
fn rows_with_padding_are_encoded_as_rows_without() {
    for codec in video::encoders() {
        let tight = scene(322, 178, 0);
        let planes: Vec<_> = (0..3).map(|plane| with_padding(&tight, plane)).collect();
        let padded = Frame::with_planes(PixelFormat::I420, 322, 178, &planes).unwrap().at(at(0));
        let [one, other] =
            [tight, padded].map(|it| open_encoder(codec).encode(&it, &options(false)).unwrap());
        assert_eq!(one.unwrap().data, other.unwrap().data, "{codec}");
    }
}

/// A plane whose rows are followed by rubbish, except the last one.
fn with_padding(frame: &Frame, plane: usize) -> Plane {
    let mut data = Vec::new();
    for row in frame.rows(plane) {
        data.extend_from_slice(row);
        data.extend_from_slice(&[0xa5; 29]);
    }
    data.truncate(data.len() - 29);
    Plane { data: Bytes::from(data), stride: frame.planes()[plane].stride + 29 }
}

#[test]
fn a_frame_of_another_size_begins_anew_with_a_key_frame() {
    for codec in video::encoders() {
        let (mut encoder, mut decoder) = (open_encoder(codec), open_decoder(codec));
        let sizes = [(320, 180), (320, 180), (640, 480), (640, 480), (160, 120), (161, 120)];
        let mut key_frames = Vec::new();
        for (index, (width, height)) in sizes.into_iter().enumerate() {
            let frame = scene(width, height, index);
            let encoded = encoder.encode(&frame, &options(false)).unwrap().unwrap();
            key_frames.push(encoded.key_frame);
            let decoded = decoder.decode(&encoded.data, at(index)).unwrap().unwrap();
            let likeness = likeness(&cropped(&decoded, width, height), &frame);
            assert!(likeness > 30.0, "{codec} {width}x{height}: {likeness} dB");
        }
        assert_eq!(key_frames, [true, false, true, false, true, true], "{codec}");
    }
}

#[test]
fn key_frames_come_first_when_asked_for_and_at_the_interval() {
    for codec in video::encoders() {
        let key_frames = |interval, asked: &[usize]| {
            let config = EncoderConfig::default().key_frame_interval(interval);
            let mut encoder = video::encoder(codec, config).unwrap();
            let is_key = |index: usize| {
                let options = options(asked.contains(&index));
                let encoded = encoder.encode(&scene(160, 120, index), &options).unwrap().unwrap();
                assert_eq!(encoded.timestamp, at(index));
                encoded.key_frame
            };
            let flags: Vec<_> = (0..60).map(is_key).collect();
            (0..60).filter(|&index| flags[index]).collect::<Vec<_>>()
        };
        assert_eq!(key_frames(0, &[7, 8, 40]), [0, 7, 8, 40], "{codec}");
        assert_eq!(key_frames(25, &[10]), [0, 10, 35], "{codec}");
    }
}

#[test]
fn the_bitrate_follows_what_is_set() {
    for codec in video::encoders() {
        let config = EncoderConfig::default().bitrate(300_000);
        let mut encoder = video::encoder(codec, config).unwrap();
        let frames: Vec<_> = (0..30).map(|index| noisy(640, 360, index, 24)).collect();
        for (bitrate, rate) in
            [(300_000, 30.0), (3_000_000, 30.0), (1_000_000, 30.0), (1_000_000, 15.0)]
        {
            encoder.set_bitrate(bitrate);
            encoder.set_frame_rate(rate);
            // The first second is for the encoder to come to the rate.
            send(&mut *encoder, &frames);
            let bits = (0..3).map(|_| send(&mut *encoder, &frames)).sum::<usize>() * 8;
            let measured = bits as f64 / 90.0 * rate;
            let ratio = measured / f64::from(bitrate);
            println!("{codec} {bitrate} at {rate}: {measured:.0}");
            assert!((0.7..1.3).contains(&ratio), "{codec} {bitrate} at {rate}: {measured:.0}");
        }
    }
}

fn send(encoder: &mut dyn VideoEncoder, frames: &[Frame]) -> usize {
    let encode = |frame| encoder.encode(frame, &options(false)).unwrap();
    frames.iter().filter_map(encode).map(|it| it.data.len()).sum()
}

#[test]
fn no_frame_is_larger_than_the_largest_key_frame_even_if_it_is_noise() {
    for codec in video::encoders() {
        for (bitrate, limit) in [(300_000, 120_000), (2_500_000, 120_000), (50_000_000, 40_000)] {
            let config = EncoderConfig::default().max_key_frame_bytes(limit).bitrate(bitrate);
            let mut encoder = video::encoder(codec, config).unwrap();
            let mut decoder = open_decoder(codec);
            for index in 0..6 {
                let frame = noise(1280, 720, index);
                let encoded = encoder.encode(&frame, &options(index == 3)).unwrap();
                assert!(encoded.is_some() || (index != 0 && index != 3), "{codec} {index}");
                let Some(encoded) = encoded else { continue };
                let bytes = encoded.data.len();
                assert!(bytes <= limit as usize, "{codec} at {bitrate}: {bytes} bytes");
                assert!(decoder.decode(&encoded.data, at(index)).unwrap().is_some());
            }
        }
    }
}

/// Nothing that could be predicted or left out.
fn noise(width: u32, height: u32, index: usize) -> Frame {
    let mut random = Random(index as u64 + 1);
    let samples: Vec<u8> = (0..width * height * 3 / 2).map(|_| random.next() as u8).collect();
    Frame::packed(PixelFormat::I420, width, height, samples).unwrap().at(at(index))
}

#[test]
fn options_out_of_bounds_are_taken_as_the_nearest() {
    for codec in video::encoders() {
        for (bitrate, rate) in [(0, 0.0), (u32::MAX, f64::INFINITY), (1, f64::NAN)] {
            let config = EncoderConfig::default().threads(0).max_key_frame_bytes(0);
            let config = config.bitrate(bitrate).frame_rate(rate);
            let mut encoder = video::encoder(codec, config).unwrap();
            let encoded = encoder.encode(&scene(640, 360, 0), &options(false)).unwrap().unwrap();
            assert!(encoded.data.len() <= 2000, "{codec}: {} bytes", encoded.data.len());
            encoder.set_bitrate(u32::MAX - bitrate);
            encoder.set_frame_rate(-rate);
            encoder.encode(&scene(640, 360, 1), &options(false)).unwrap();
        }
    }
}

#[test]
fn frames_that_cannot_be_encoded_are_typed_errors_and_do_no_harm() {
    for codec in video::encoders() {
        let mut encoder = open_encoder(codec);
        encoder.encode(&scene(64, 64, 0), &options(false)).unwrap().unwrap();
        let error = encoder.encode(&scene(64, 64, 1).at(None), &options(true)).unwrap_err();
        assert_eq!(error, EncodeError::NoTimestamp);

        // The key frame is still owed.
        assert!(encoder.encode(&scene(64, 64, 2), &options(false)).unwrap().unwrap().key_frame);
        assert!(!encoder.encode(&scene(64, 64, 3), &options(false)).unwrap().unwrap().key_frame);
    }
    if cfg!(feature = "vp8") {
        let error = open_encoder(VideoCodec::Vp8).encode(&scene(16_384, 2, 0), &options(false));
        assert!(matches!(error, Err(EncodeError::TooLarge { limit: 16_383, .. })));
    }
}
