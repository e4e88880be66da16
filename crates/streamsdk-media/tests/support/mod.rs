//! Pictures for the tests of video.
#![allow(dead_code, clippy::unwrap_used)]

pub(crate) mod bars;

use streamsdk_media::video::{
    self, EncodeOptions, EncodedFrame, EncoderConfig, VideoCodec, VideoDecoder, VideoEncoder,
};
use streamsdk_media::{Frame, PixelFormat, TimeBase, Timestamp};

/// xorshift64*: the same numbers in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound
    }
}

pub(crate) fn options(key_frame: bool) -> EncodeOptions {
    EncodeOptions::default().key_frame(key_frame)
}

pub(crate) fn at(frame: usize) -> Timestamp {
    Timestamp::new(frame as i64 * 3000 + 7, TimeBase::RTP_VIDEO)
}

pub(crate) fn open_encoder(codec: VideoCodec) -> Box<dyn VideoEncoder> {
    video::encoder(codec, EncoderConfig::default()).unwrap()
}

pub(crate) fn open_decoder(codec: VideoCodec) -> Box<dyn VideoDecoder> {
    video::decoder(codec, Default::default()).unwrap()
}

/// A soft pattern that moves by two pixels a frame, in I420.
pub(crate) fn scene(width: u32, height: u32, index: usize) -> Frame {
    let wave = |at: f64, length: f64| (at / length * std::f64::consts::TAU).sin();
    let shift = index as f64 * 2.0;
    let mut samples = Vec::new();
    let mut plane = |width: u32, height: u32, scale: f64, size: f64| {
        for y in 0..height {
            for x in 0..width {
                let (x, y) = (f64::from(x) * scale + shift, f64::from(y) * scale);
                samples.push((126.0 + size * (wave(x, 97.0) + wave(y + x / 3.0, 61.0))) as u8);
            }
        }
    };
    plane(width, height, 1.0, 50.0);
    plane(width.div_ceil(2), height.div_ceil(2), 2.0, 25.0);
    plane(width.div_ceil(2), height.div_ceil(2), 2.0, -25.0);
    Frame::packed(PixelFormat::I420, width, height, samples).unwrap().at(at(index))
}

/// The scene with noise of that strength on top of its luma.
pub(crate) fn noisy(width: u32, height: u32, index: usize, strength: usize) -> Frame {
    let mut samples = scene(width, height, index).into_packed();
    let mut random = Random(index as u64 + 1);
    for luma in &mut samples[..(width * height) as usize] {
        *luma = luma.saturating_add(random.below(strength) as u8);
    }
    Frame::packed(PixelFormat::I420, width, height, samples).unwrap().at(at(index))
}

/// A stream that begins with a key frame, all others not being one.
pub(crate) fn stream(
    codec: VideoCodec,
    width: u32,
    height: u32,
    frames: usize,
) -> Vec<EncodedFrame> {
    let mut encoder = open_encoder(codec);
    let encode = |index| encoder.encode(&scene(width, height, index), &options(false)).unwrap();
    (0..frames).filter_map(encode).collect()
}

/// How alike two pictures of the same size are, in decibels; above 30 is good.
pub(crate) fn likeness(one: &Frame, other: &Frame) -> f64 {
    let [one, other] = [one, other].map(|it| it.convert(PixelFormat::I420).unwrap().to_packed());
    assert_eq!(one.len(), other.len());
    let square = |(&a, &b): (&u8, &u8)| f64::from(a.abs_diff(b)).powi(2);
    let error = one.iter().zip(&other).map(square).sum::<f64>() / one.len() as f64;
    10.0 * (255.0 * 255.0 / error.max(1e-3)).log10()
}
