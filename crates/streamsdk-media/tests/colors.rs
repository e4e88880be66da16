//! Bars of known colours through encoders and decoders.
#![allow(clippy::unwrap_used)]

mod support;

use streamsdk_media::{ColorSpace, Frame, PixelFormat, Rotation, jpeg};

use self::support::bars::{LINES, SPACES, assert_bars, bars};

const FORMATS: [PixelFormat; 5] = {
    use PixelFormat::{Bgr24, I420, Nv12, Rgb24, Yuyv};
    [Bgr24, Rgb24, I420, Nv12, Yuyv]
};

#[test]
fn conversions_and_turns_keep_the_colours_and_the_colour_space() {
    for space in SPACES {
        for format in FORMATS {
            let frame = bars(48).convert_to(format, space).unwrap();
            assert_bars(&frame, &format!("{format} in {space:?}"));
            let turned = frame.rotate(Rotation::Half).unwrap().rotate(Rotation::Half).unwrap();
            assert_bars(&turned, &format!("{format} in {space:?}, turned"));
            assert_eq!(turned.color_space(), frame.color_space());
            for other in FORMATS {
                let there = frame.convert(other).unwrap();
                assert_bars(&there, &format!("{format} in {space:?} to {other}"));
                let back = there.convert_to(format, space).unwrap();
                assert_eq!(back.color_space(), frame.color_space());
            }
        }
    }
}

#[test]
fn a_jpeg_has_the_colours_whatever_the_frame_was_in() {
    for space in SPACES {
        for format in FORMATS {
            let frame = bars(LINES).convert_to(format, space).unwrap();
            let file = jpeg::Encoder::new(90).encode(&frame).unwrap();
            for target in [PixelFormat::Rgb24, PixelFormat::Bgr24] {
                let decoded = jpeg::decode(&file, target).unwrap();
                assert_bars(&decoded, &format!("{format} in {space:?} to {target}"));
            }
        }
    }
}

#[test]
fn a_frame_of_the_programs_own_is_bt601_at_every_size() {
    for (width, height) in [(64, 48), (1920, 1080)] {
        let samples = vec![90; width as usize * height as usize * 2];
        let frame = Frame::packed(PixelFormat::Yuyv, width, height, samples).unwrap();
        assert_eq!(frame.color_space(), ColorSpace::BT601);
    }
}

#[cfg(any(feature = "vp8", feature = "h264"))]
mod live {
    use streamsdk_media::video::{self, DecoderConfig, EncoderConfig, VideoCodec};
    use streamsdk_media::{ColorMatrix, ColorRange};

    use super::support::bars::bars_in;
    use super::support::{at, open_decoder, open_encoder, options};
    use super::*;

    /// The frame as it comes out of the decoder.
    fn through(codec: VideoCodec, config: EncoderConfig, frame: &Frame) -> Frame {
        let mut encoder = video::encoder(codec, config.bitrate(4_000_000)).unwrap();
        let mut decoder = open_decoder(codec);
        let mut last = None;
        for index in 0..10 {
            let frame = frame.clone().at(at(index));
            if let Some(encoded) = encoder.encode(&frame, &options(false)).unwrap() {
                last = decoder.decode(&encoded.data, at(index)).unwrap();
            }
        }
        last.unwrap()
    }

    #[test]
    fn video_has_the_colours_whatever_the_frame_was_in() {
        for codec in video::encoders() {
            for space in SPACES {
                for format in FORMATS {
                    let frame = bars(LINES).convert_to(format, space).unwrap();
                    let decoded = through(codec, EncoderConfig::default(), &frame);
                    let what = format!("{codec}: {format} in {space:?}");
                    assert_bars(&decoded, &what);
                    let says_it = codec == VideoCodec::H264;
                    let expected = if says_it { frame.color_space() } else { ColorSpace::BT601 };
                    assert_eq!(decoded.color_space(), expected, "{what}");
                }
            }
        }
    }

    #[test]
    fn video_is_in_the_colour_space_that_is_set() {
        for codec in video::encoders() {
            for space in SPACES {
                let config = EncoderConfig::default().color_space(ColorSpace::BT601);
                let decoded = through(codec, config, &bars_in(space, LINES));
                assert_bars(&decoded, &format!("{codec}: {space:?}"));
                assert_eq!(decoded.color_space(), ColorSpace::BT601);
            }
        }
    }

    #[test]
    fn another_colour_space_begins_anew_with_a_key_frame() {
        for codec in video::encoders() {
            let (mut encoder, mut decoder) = (open_encoder(codec), open_decoder(codec));
            let spaces = [ColorSpace::BT709, ColorSpace::BT709, ColorSpace::JPEG];
            let mut key_frames = Vec::new();
            for (index, space) in spaces.into_iter().enumerate() {
                let frame = bars_in(space, 48).at(at(index));
                let encoded = encoder.encode(&frame, &options(false)).unwrap().unwrap();
                key_frames.push(encoded.key_frame);
                let decoded = decoder.decode(&encoded.data, at(index)).unwrap().unwrap();
                assert_bars(&decoded, &format!("{codec}, {space:?}"));
            }
            assert_eq!(key_frames, [true, false, codec == VideoCodec::H264], "{codec}");
        }
    }

    #[cfg(feature = "h264")]
    #[test]
    fn h264_that_says_nothing_is_taken_by_its_size_or_as_set() {
        use super::support::bars::write_video;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("untagged.h264");
        for (lines, space) in [(LINES - 2, ColorSpace::BT601), (LINES, ColorSpace::BT709)] {
            write_video(&path, &bars_in(space, lines), &["-y", "-c:v", "libx264", "-bf", "0"]);
            let data = std::fs::read(&path).unwrap();
            let decode = |config| {
                let mut decoder = video::decoder(VideoCodec::H264, config).unwrap();
                decoder.decode(&data, at(0)).unwrap().unwrap()
            };
            let frame = decode(DecoderConfig::default());
            assert_bars(&frame, &format!("{lines} lines"));
            assert_eq!(frame.color_space(), space);
            let set = DecoderConfig::default().untagged(ColorMatrix::Bt2020);
            let expected = ColorSpace::new(ColorMatrix::Bt2020, ColorRange::Limited);
            assert_eq!(decode(set).color_space(), expected);
        }
    }
}
