//! What both encoders have in common: sizes, key frames, rates that change.

use bytes::Bytes;

use super::coarse::coarse;
use super::{Codec, EncodeError, EncodeOptions, EncodedFrame, EncoderConfig, VideoEncoder};
use crate::convert::Scratch;
use crate::{Frame, PixelFormat};

/// An encoder for pictures of one size.
pub(super) trait Engine: Send + Sized {
    /// What it encodes to.
    const CODEC: Codec;
    /// Largest width and height.
    const LIMIT: u32;

    /// Starts with the first picture's size.
    fn open(config: &EncoderConfig, width: u32, height: u32) -> Result<Self, String>;

    /// Takes over the rates of `config`; `false` if that takes a new engine.
    fn set_rates(&mut self, config: &EncoderConfig) -> Result<bool, String>;

    /// Encodes a picture in I420; `None` if it was left out.
    fn encode(&mut self, picture: &Frame, kind: Kind) -> Result<Option<Packet>, String>;
}

/// What a picture must become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whatever the engine likes.
    Any,
    /// A key frame.
    Key,
    /// A key frame as small as can be.
    SmallestKey,
}

/// What an engine makes of a picture.
pub(super) struct Packet {
    pub(super) data: Bytes,
    pub(super) key_frame: bool,
}

/// The encoder that callers see: an engine for the current size, and when its frames must be key frames.
pub(super) struct Live<E> {
    config: EncoderConfig,
    rates_changed: bool,
    engine: Option<(E, Size)>,
    key_frame_owed: bool,
    frames_since_key: u32,
    scratch: Scratch,
}

type Size = (u32, u32);

impl<E: Engine> Live<E> {
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

    fn encode_picture(&mut self, picture: &Frame) -> Result<Option<Packet>, String> {
        let kind = if self.is_key_frame_due() { Kind::Key } else { Kind::Any };
        let limit = self.config.max_key_frame_bytes as usize;
        let engine = self.prepare((picture.width(), picture.height()))?;
        match engine.encode(picture, kind)? {
            Some(packet) if packet.data.len() > limit => shrink(engine, picture, packet, limit),
            packet => Ok(packet),
        }
    }

    fn prepare(&mut self, size: Size) -> Result<&mut E, String> {
        let mut engine = self.engine.take().filter(|(_, opened_for)| *opened_for == size);
        if let Some((open, _)) = &mut engine
            && self.rates_changed
            && !open.set_rates(&self.config)?
        {
            engine = None;
        }
        let engine = match engine {
            Some(engine) => engine,
            None => (E::open(&self.config, size.0, size.1)?, size),
        };
        self.rates_changed = false;
        Ok(&mut self.engine.insert(engine).0)
    }

    fn is_key_frame_due(&self) -> bool {
        let interval = self.config.key_frame_interval;
        self.key_frame_owed || interval.is_some_and(|it| self.frames_since_key >= it.get())
    }

    fn count(&mut self, packet: &Packet) {
        if packet.key_frame {
            self.key_frame_owed = false;
            self.frames_since_key = 0;
        }
        self.frames_since_key = self.frames_since_key.saturating_add(1);
    }
}

impl<E: Engine> VideoEncoder for Live<E> {
    fn codec(&self) -> Codec {
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
        let picture = self.scratch.convert(frame, PixelFormat::I420)?;
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
fn shrink<E: Engine>(
    engine: &mut E,
    picture: &Frame,
    mut packet: Packet,
    limit: usize,
) -> Result<Option<Packet>, String> {
    let mut picture = picture.clone();
    for block in COARSER {
        if block > 1 {
            picture = coarse(&picture, block).map_err(|error| error.to_string())?;
        }
        if let Some(smaller) = engine.encode(&picture, Kind::SmallestKey)? {
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
