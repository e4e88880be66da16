use streamsdk_codec::VIDEO_CLOCK_RATE;

use super::libvpx::{VpxEncoder, VpxSettings};
use crate::video::encode::{EncodedPicture, EncoderEngine, PictureKind, Shape};
use crate::video::{EncoderConfig, VideoCodec};
use crate::{ColorSpace, Frame};

/// libvpx, set for live video at the least CPU time whose quality is that of its common settings.
pub(in crate::video) struct Vp8Encoding {
    libvpx: VpxEncoder,
    /// Ticks that are over, and the length of a frame.
    clock: i64,
    frame_ticks: u32,
}

impl EncoderEngine for Vp8Encoding {
    const CODEC: VideoCodec = VideoCodec::Vp8;
    /// A key frame has 14 bits for each.
    const LIMIT: u32 = 16_383;

    /// A key frame has no room to say another.
    fn color_space(_wanted: ColorSpace) -> ColorSpace {
        ColorSpace::BT601
    }

    fn open(config: &EncoderConfig, shape: Shape) -> Result<Self, String> {
        let libvpx = VpxEncoder::open(for_live_video(config, shape))?;
        let mut encoding = Self { libvpx, clock: 0, frame_ticks: 0 };
        encoding.libvpx.set_speed(SPEED, STATIC_THRESHOLD)?;
        encoding.limit_key_frames(config)?;
        Ok(encoding)
    }

    fn set_rates(&mut self, config: &EncoderConfig) -> Result<bool, String> {
        self.libvpx.configure(|settings| settings.bitrate_kbit = kilobits(config))?;
        self.limit_key_frames(config)?;
        Ok(true)
    }

    fn encode(
        &mut self,
        picture: &Frame,
        kind: PictureKind,
    ) -> Result<Option<EncodedPicture>, String> {
        if kind == PictureKind::SmallestKey {
            return self.encode_smallest(picture);
        }
        let start = self.clock;
        self.clock += i64::from(self.frame_ticks);
        self.libvpx.encode(picture, start, self.frame_ticks, kind == PictureKind::Key)
    }
}

impl Vp8Encoding {
    fn encode_smallest(&mut self, picture: &Frame) -> Result<Option<EncodedPicture>, String> {
        self.libvpx.configure(|settings| settings.min_quantizer = MAX_QUANTIZER)?;
        let packet = self.encode(picture, PictureKind::Key);
        self.libvpx.configure(|settings| settings.min_quantizer = MIN_QUANTIZER)?;
        packet
    }

    /// Makes key frames aim at their largest size, which libvpx takes in percent of an average frame.
    fn limit_key_frames(&mut self, config: &EncoderConfig) -> Result<(), String> {
        self.frame_ticks = (f64::from(VIDEO_CLOCK_RATE) / config.frame_rate).round() as u32;
        let average = f64::from(config.bitrate) / 8.0 / config.frame_rate;
        let percent = f64::from(config.max_key_frame_bytes) / average * 100.0;
        self.libvpx.limit_key_frames(percent.clamp(1.0, 1e6) as u32)
    }
}

fn for_live_video(config: &EncoderConfig, shape: Shape) -> VpxSettings {
    VpxSettings {
        width: shape.width,
        height: shape.height,
        threads: config.threads,
        ticks_per_second: VIDEO_CLOCK_RATE,
        bitrate_kbit: kilobits(config),
        min_quantizer: MIN_QUANTIZER,
        max_quantizer: MAX_QUANTIZER,
        undershoot_percent: 100,
        overshoot_percent: 15,
        buffer_ms: 1000,
        buffer_initial_ms: 500,
        buffer_optimal_ms: 600,
        drop_frames_below_percent: 30,
    }
}

fn kilobits(config: &EncoderConfig) -> u32 {
    config.bitrate.div_ceil(1000)
}

/// `cpu-used`: -16 would be the fastest, but towards it the quality falls steeply.
const SPEED: i32 = -10;

/// Blocks that differ less than this from the frame before are not encoded again: saves time where
/// nothing moves, and the bits serve where something does.
const STATIC_THRESHOLD: u32 = 100;

const MIN_QUANTIZER: u32 = 2;
const MAX_QUANTIZER: u32 = 63;
