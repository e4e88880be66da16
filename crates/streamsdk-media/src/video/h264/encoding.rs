use std::sync::OnceLock;

use bytes::Bytes;
use ffmpeg_next::encoder::video::Encoder;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::util::frame::Video;
use ffmpeg_next::util::picture;
use ffmpeg_next::{Codec as FfmpegCodec, Dictionary, Error, Rational, codec, encoder};

use super::raw;
use crate::video::encode::{EncodedPicture, EncoderEngine, PictureKind, Shape};
use crate::video::{EncoderConfig, VideoCodec, picture::padded};
use crate::{ColorSpace, Frame, ffmpeg};

/// An encoder of FFmpeg's.
pub(in crate::video) struct H264Encoding {
    encoder: Encoder,
    codec: FfmpegCodec,
    /// What the encoder believes. It counts frames, not time.
    opened_with: EncoderConfig,
    frames: i64,
}

/// Whether FFmpeg has an encoder that works here.
pub(in crate::video) fn is_available() -> bool {
    find().is_some()
}

/// The best encoder that can be opened: some are in every FFmpeg but need a certain device.
fn find() -> Option<FfmpegCodec> {
    static NAME: OnceLock<Option<String>> = OnceLock::new();
    let name = NAME.get_or_init(|| {
        crate::ffmpeg::init();
        let named = ["libx264", "libopenh264"].into_iter().map(encoder::find_by_name);
        let mut found = named.chain([encoder::find(codec::Id::H264)]).flatten();
        let shape = Shape { width: 640, height: 480, color_space: ColorSpace::BT601 };
        let opens = |it: &FfmpegCodec| open(*it, &EncoderConfig::default(), shape).is_ok();
        found.find(opens).map(|it| it.name().to_owned())
    });
    encoder::find_by_name(name.as_ref()?)
}

impl EncoderEngine for H264Encoding {
    const CODEC: VideoCodec = VideoCodec::H264;
    /// libx264's; FFmpeg takes a little less when both are as large.
    const LIMIT: u32 = 16_384;

    /// Not every encoder writes down which one it is.
    fn color_space(wanted: ColorSpace) -> ColorSpace {
        let is_default = wanted == ColorSpace::BT601;
        if is_default || find().is_some_and(is_x264) { wanted } else { ColorSpace::BT601 }
    }

    fn open(config: &EncoderConfig, shape: Shape) -> Result<Self, String> {
        let codec = find().ok_or("there is no encoder")?;
        let encoder =
            open(codec, config, shape).map_err(|error| format!("{}: {error}", codec.name()))?;
        Ok(Self { encoder, codec, opened_with: *config, frames: 0 })
    }

    fn set_rates(&mut self, config: &EncoderConfig) -> Result<bool, String> {
        if !is_x264(self.codec) {
            return Ok(false);
        }
        let faster = self.opened_with.frame_rate / config.frame_rate;
        let bitrate = f64::from(sustainable_bitrate(config)) * faster;
        self.encoder.set_bit_rate(bitrate as usize);
        self.encoder.set_max_bit_rate(bitrate as usize);
        raw::set_buffer(&mut self.encoder, buffer_bits(config));
        Ok(true)
    }

    fn encode(
        &mut self,
        picture: &Frame,
        kind: PictureKind,
    ) -> Result<Option<EncodedPicture>, String> {
        let mut picture = raw::lend(&padded(picture)?)?;
        picture.set_pts(Some(self.frames));
        self.frames += 1;
        if kind != PictureKind::Any {
            picture.set_kind(picture::Type::I);
        }
        self.run(&picture).map_err(|error| error.to_string())
    }
}

impl H264Encoding {
    fn run(&mut self, picture: &Video) -> Result<Option<EncodedPicture>, Error> {
        self.encoder.send_frame(picture)?;
        let mut packet = codec::packet::Packet::empty();
        match self.encoder.receive_packet(&mut packet) {
            Ok(()) => {}
            Err(Error::Other { errno: ffmpeg_next::error::EAGAIN }) => return Ok(None),
            Err(error) => return Err(error),
        }
        let data = Bytes::copy_from_slice(packet.data().unwrap_or_default());
        Ok(Some(EncodedPicture { data, key_frame: packet.is_key() }))
    }
}

fn open(codec: FfmpegCodec, config: &EncoderConfig, shape: Shape) -> Result<Encoder, Error> {
    let mut context = codec::Context::new_with_codec(codec);
    context.set_threading(codec::threading::Config::count(config.threads as usize));
    let mut encoder = context.encoder().video()?;
    encoder.set_width(shape.width.next_multiple_of(2));
    encoder.set_height(shape.height.next_multiple_of(2));
    encoder.set_format(Pixel::YUV420P);
    encoder.set_colorspace(ffmpeg::matrix(shape.color_space.matrix));
    encoder.set_color_range(ffmpeg::range(shape.color_space.range));
    let rate = Rational::new((config.frame_rate * 1000.0).round() as i32, 1000);
    encoder.set_time_base(rate.invert());
    encoder.set_frame_rate(Some(rate));
    encoder.set_bit_rate(sustainable_bitrate(config) as usize);
    encoder.set_max_bit_rate(sustainable_bitrate(config) as usize);
    encoder.set_max_b_frames(0);
    encoder.set_gop(1 << 30);
    let mut options = Dictionary::new();
    options.set("bufsize", &buffer_bits(config).to_string());
    if is_x264(codec) {
        options.set("preset", "ultrafast");
        options.set("tune", "zerolatency");
        options.set("profile", "baseline");
        options.set("forced-idr", "1");
    }
    encoder.open_as_with(codec, options)
}

fn is_x264(codec: FfmpegCodec) -> bool {
    codec.name() == "libx264"
}

/// What may be sent at once: a second of video, and never more than the largest key frame.
fn buffer_bits(config: &EncoderConfig) -> u32 {
    config.bitrate.min(config.max_key_frame_bytes.saturating_mul(8))
}

/// The bitrate, unless every frame would have to be of the largest size: libx264 would widen the
/// buffer to fit the rate.
fn sustainable_bitrate(config: &EncoderConfig) -> u32 {
    let most = f64::from(buffer_bits(config)) * config.frame_rate;
    config.bitrate.min(most as u32)
}
