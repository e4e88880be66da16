//! What both encoders have in common: sizes, key frames, rates that change.

use bytes::Bytes;

use super::coarse::coarse;
use super::{EncodeError, EncodeOptions, EncodedFrame, EncoderConfig, VideoCodec, VideoEncoder};
use crate::convert::Scratch;
use crate::{ColorSpace, Frame, PixelFormat};

/// An encoder for pictures of one shape.
pub(super) trait EncoderEngine: Send + Sized {
    /// What it encodes to.
    const CODEC: VideoCodec;
    /// Largest width and height.
    const LIMIT: u32;

    /// The colour space in which it can encode what is in, or wanted in, another.
    fn color_space(wanted: ColorSpace) -> ColorSpace;

    /// Starts with the first picture's shape.
    fn open(config: &EncoderConfig, shape: Shape) -> Result<Self, String>;

    /// Takes over the rates of `config`; `false` if that takes a new engine.
    fn set_rates(&mut self, config: &EncoderConfig) -> Result<bool, String>;

    /// Encodes a picture in I420 of the shape that was opened; `None` if it was left out.
    fn encode(
        &mut self,
        picture: &Frame,
        kind: PictureKind,
    ) -> Result<Option<EncodedPicture>, String>;
}

/// What the pictures of one engine have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) color_space: ColorSpace,
}

/// What a picture must become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PictureKind {
    /// Whatever the engine likes.
    Any,
    /// A key frame.
    Key,
    /// A key frame as small as can be.
    SmallestKey,
}

/// What an engine makes of a picture.
pub(super) struct EncodedPicture {
    pub(super) data: Bytes,
    pub(super) key_frame: bool,
}

/// The encoder that callers see: an engine for the current shape, and when its frames must be key frames.
pub(super) struct ActiveEncoder<E> {
    config: EncoderConfig,
    rates_changed: bool,
    engine: Option<(E, Shape)>,
    key_frame_owed: bool,
    frames_since_key: u32,
    scratch: Scratch,
}

impl<E: EncoderEngine> ActiveEncoder<E> {
    pub(super) fn new(config: EncoderConfig) -> Self {
        Self {
            config,
            rates_changed: false,
            engine: None,
            key_frame_owed: false,
            frames_since_key: 0,
            scratch: Scratch::default(),
        }
    }

    fn encode_picture(&mut self, picture: &Frame) -> Result<Option<EncodedPicture>, String> {
        let kind = if self.is_key_frame_due() { PictureKind::Key } else { PictureKind::Any };
        let limit = self.config.max_key_frame_bytes as usize;
        let engine = self.prepare(Shape::of(picture))?;
        match engine.encode(picture, kind)? {
            Some(packet) if packet.data.len() > limit => shrink(engine, picture, packet, limit),
            packet => Ok(packet),
        }
    }

    fn prepare(&mut self, shape: Shape) -> Result<&mut E, String> {
        let mut engine = self.engine.take().filter(|(_, opened_for)| *opened_for == shape);
        if let Some((open, _)) = &mut engine
            && self.rates_changed
            && !open.set_rates(&self.config)?
        {
            engine = None;
        }
        let engine = match engine {
            Some(engine) => engine,
            None => (E::open(&self.config, shape)?, shape),
        };
        self.rates_changed = false;
        Ok(&mut self.engine.insert(engine).0)
    }

    fn is_key_frame_due(&self) -> bool {
        let interval = self.config.key_frame_interval;
        self.key_frame_owed || interval.is_some_and(|it| self.frames_since_key >= it.get())
    }

    fn count(&mut self, packet: &EncodedPicture) {
        if packet.key_frame {
            self.key_frame_owed = false;
            self.frames_since_key = 0;
        }
        self.frames_since_key = self.frames_since_key.saturating_add(1);
    }
}

impl Shape {
    fn of(picture: &Frame) -> Self {
        let (width, height) = (picture.width(), picture.height());
        Self { width, height, color_space: picture.color_space() }
    }
}

impl<E: EncoderEngine> VideoEncoder for ActiveEncoder<E> {
    fn codec(&self) -> VideoCodec {
        E::CODEC
    }

    fn encode(
        &mut self,
        frame: &Frame,
        options: &EncodeOptions,
    ) -> Result<Option<EncodedFrame>, EncodeError> {
        let (codec, width, height) = (E::CODEC, frame.width(), frame.height());
        self.key_frame_owed |= options.key_frame;
        let timestamp = frame.timestamp().ok_or(EncodeError::NoTimestamp)?;
        if width.max(height) > E::LIMIT {
            return Err(EncodeError::TooLarge { codec, width, height, limit: E::LIMIT });
        }
        let space = E::color_space(self.config.color_space.unwrap_or(frame.kept_space()));
        let picture = self.scratch.convert_to(frame, PixelFormat::I420, space)?;
        let packet = self.encode_picture(&picture).map_err(|reason| {
            self.engine = None;
            EncodeError::Encoder { codec, width, height, reason }
        })?;
        Ok(packet.map(|packet| {
            self.count(&packet);
            EncodedFrame { codec, data: packet.data, key_frame: packet.key_frame, timestamp }
        }))
    }

    fn set_bitrate(&mut self, bits_per_second: u32) {
        self.config = self.config.bitrate(bits_per_second);
        self.rates_changed = true;
    }

    fn set_frame_rate(&mut self, frames_per_second: f64) {
        self.config = self.config.frame_rate(frames_per_second);
        self.rates_changed = true;
    }
}

/// Replaces a packet that is too large by a key frame: the receiver will not have seen the packet, so
/// nothing may refer to it.
fn shrink<E: EncoderEngine>(
    engine: &mut E,
    picture: &Frame,
    mut packet: EncodedPicture,
    limit: usize,
) -> Result<Option<EncodedPicture>, String> {
    let mut picture = picture.clone();
    for block in COARSER {
        if block > 1 {
            picture = coarse(&picture, block).map_err(|error| error.to_string())?;
        }
        if let Some(smaller) = engine.encode(&picture, PictureKind::SmallestKey)? {
            packet = smaller;
        }
        if packet.data.len() <= limit {
            break;
        }
    }
    Ok(Some(packet))
}

/// Widths of the blocks in which a picture loses its detail, one step after the other.
const COARSER: [usize; 5] = [1, 2, 4, 8, 16];
