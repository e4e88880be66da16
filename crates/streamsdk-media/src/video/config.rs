//! What can be set.

use std::num::NonZeroU32;

use crate::{ColorMatrix, ColorSpace};

/// How to encode. What lies outside an option's bounds is taken as the nearest value inside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncoderConfig {
    pub(super) bitrate: u32,
    pub(super) frame_rate: f64,
    pub(super) threads: u32,
    pub(super) max_key_frame_bytes: u32,
    pub(super) key_frame_interval: Option<NonZeroU32>,
    pub(super) color_space: Option<ColorSpace>,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            bitrate: 2_500_000,
            frame_rate: DEFAULT_FRAME_RATE,
            threads: 1,
            max_key_frame_bytes: 120_000,
            key_frame_interval: None,
            color_space: None,
        }
    }
}

impl EncoderConfig {
    /// Bits per second, from 10,000 to 1,000,000,000. Default is 2,500,000.
    #[must_use]
    pub fn bitrate(self, bits_per_second: u32) -> Self {
        Self { bitrate: bits_per_second.clamp(10_000, 1_000_000_000), ..self }
    }

    /// Frames per second, from 1 to 240: how many frames share the bitrate. Timestamps are not
    /// regarded. Default is 30, also for what is not a number.
    #[must_use]
    pub fn frame_rate(self, frames_per_second: f64) -> Self {
        let is_number = !frames_per_second.is_nan();
        let frame_rate = if is_number { frames_per_second } else { DEFAULT_FRAME_RATE };
        Self { frame_rate: frame_rate.clamp(1.0, 240.0), ..self }
    }

    /// Threads for encoding, from 1 to 16. More than one pays only while as many cores are idle.
    /// Default is 1.
    #[must_use]
    pub fn threads(self, threads: u32) -> Self {
        Self { threads: threads.clamp(1, 16), ..self }
    }

    /// Largest size of a key frame in bytes, at least 2000.
    ///
    /// Receivers hold a limited number of packets and lose a frame that has more. A key frame is
    /// encoded with less quality and, where that is not enough, less detail until it fits; only one
    /// of a huge picture can still be larger. Another frame that is larger than this is replaced
    /// by such a key frame.
    ///
    /// Default is 120,000: 100 packets of 1200 bytes, where 128 is a common limit.
    #[must_use]
    pub fn max_key_frame_bytes(self, bytes: u32) -> Self {
        Self { max_key_frame_bytes: bytes.max(2000), ..self }
    }

    /// After how many frames a key frame follows without being asked for; zero for never. Default
    /// is never.
    #[must_use]
    pub fn key_frame_interval(self, frames: u32) -> Self {
        Self { key_frame_interval: NonZeroU32::new(frames), ..self }
    }

    /// The colour space of the video: frames of another one are converted. Where a receiver is known to
    /// disregard what H264 says of itself, the one that it expects. Default is that of each frame.
    ///
    /// VP8 is in [`ColorSpace::BT601`] always, and so is H264 of encoders other than libx264.
    #[must_use]
    pub fn color_space(self, color_space: ColorSpace) -> Self {
        Self { color_space: Some(color_space), ..self }
    }
}

/// How to decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecoderConfig {
    pub(super) max_pixels: u32,
    pub(super) untagged: Option<ColorMatrix>,
}

impl Default for DecoderConfig {
    fn default() -> Self {
        Self { max_pixels: 8192 * 4096, untagged: None }
    }
}

impl DecoderConfig {
    /// Pixels of the largest picture that is decoded, whole macroblocks of 16x16 counted. A larger
    /// one is an error before anything is allocated for it. Default is 33,554,432: 8192 by 4096.
    #[must_use]
    pub fn max_pixels(self, pixels: u32) -> Self {
        Self { max_pixels: pixels, ..self }
    }

    /// The matrix of H264 that does not say it. Default is [`ColorMatrix::untagged`].
    #[must_use]
    pub fn untagged(self, matrix: ColorMatrix) -> Self {
        Self { untagged: Some(matrix), ..self }
    }
}

const DEFAULT_FRAME_RATE: f64 = 30.0;
