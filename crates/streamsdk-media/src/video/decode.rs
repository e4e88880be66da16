//! What both decoders have in common: what they are given, and how they find back into a stream.

use streamsdk_codec::FrameContent;

use super::{DecodeError, DecoderConfig, OpenError, VideoCodec, VideoDecoder};
use crate::{Frame, MAX_DIMENSION, TimeBase, Timestamp};

/// A decoder that is given nothing that cannot be decoded.
pub(super) trait DecoderEngine: Send + Sized {
    /// What it decodes.
    const CODEC: VideoCodec;

    fn open(config: &DecoderConfig) -> Result<Self, String>;

    /// Decodes what belongs to one frame to I420; `None` if that shows nothing.
    fn decode(&mut self, data: &[u8], at: Timestamp) -> Result<Option<Frame>, DecodeError>;

    fn corrupt(reason: impl Into<String>) -> DecodeError {
        DecodeError::Corrupt { codec: Self::CODEC, reason: reason.into() }
    }
}

/// The decoder that callers see: an engine, and what it may be given next.
pub(super) struct ActiveDecoder<E> {
    engine: E,
    config: DecoderConfig,
    /// What came without a picture, for a new engine.
    headers: Vec<u8>,
    /// Whether it has the frames to which the next one may refer.
    is_in_step: bool,
    /// Whether a picture broke off since the last key frame.
    is_damaged: bool,
}

impl<E: DecoderEngine> ActiveDecoder<E> {
    pub(super) fn new(config: DecoderConfig) -> Result<Self, OpenError> {
        let engine =
            E::open(&config).map_err(|reason| OpenError::NoDecoder { codec: E::CODEC, reason })?;
        let headers = Vec::new();
        Ok(Self { engine, config, headers, is_in_step: false, is_damaged: false })
    }

    fn try_decode(&mut self, data: &[u8], at: Timestamp) -> Result<Option<Frame>, DecodeError> {
        match inspect(E::CODEC, data, self.config.max_pixels)? {
            FrameContent::OtherFrame if !self.is_in_step => {
                return Err(DecodeError::KeyFrameNeeded { codec: E::CODEC });
            }
            FrameContent::KeyFrame => self.come_into_step()?,
            FrameContent::OtherFrame => {}
            FrameContent::Headers => {
                self.take_headers(data);
                return Ok(None);
            }
        }
        self.engine.decode(data, at)
    }

    /// Gets ready to decode a key frame: after damage with a new engine.
    ///
    /// FFmpeg's H264 decoder would keep coefficients of the block in which a picture broke off, and
    /// add them to the next picture; and a delay that was read from damaged headers.
    fn come_into_step(&mut self) -> Result<(), DecodeError> {
        if self.is_damaged {
            self.engine = E::open(&self.config).map_err(E::corrupt)?;
            self.is_damaged = false;
            let headers = std::mem::take(&mut self.headers);
            self.take_headers(&headers);
        }
        self.is_in_step = true;
        Ok(())
    }

    /// Takes headers that come on their own, and keeps them: the sender need not repeat them.
    fn take_headers(&mut self, headers: &[u8]) {
        if (1..=MAX_HEADER_BYTES).contains(&headers.len()) {
            // FFmpeg remembers them and then complains that there was no picture.
            let _ = self.engine.decode(headers, NO_TIME);
            if self.headers.len() + headers.len() > MAX_HEADER_BYTES {
                self.headers.clear();
            }
            self.headers.extend_from_slice(headers);
        }
    }
}

impl<E: DecoderEngine> VideoDecoder for ActiveDecoder<E> {
    fn codec(&self) -> VideoCodec {
        E::CODEC
    }

    fn decode(&mut self, data: &[u8], timestamp: Timestamp) -> Result<Option<Frame>, DecodeError> {
        let result = self.try_decode(data, timestamp);
        self.is_in_step &= result.is_ok();
        self.is_damaged |= matches!(result, Err(DecodeError::Corrupt { .. }));
        result
    }
}

const MAX_HEADER_BYTES: usize = 4096;

const NO_TIME: Timestamp = Timestamp::new(0, TimeBase::RTP_VIDEO);

/// What belongs to one frame, if it may be decoded.
fn inspect(codec: VideoCodec, data: &[u8], max_pixels: u32) -> Result<FrameContent, DecodeError> {
    if data.len() > MAX_FRAME_BYTES {
        let reason = format!("{} bytes for one frame", data.len());
        return Err(DecodeError::Corrupt { codec, reason });
    }
    let info = streamsdk_codec::inspect(codec, data)?;
    if let Some((width, height)) = info.size {
        check_size(codec, width, height, max_pixels)?;
    }
    Ok(info.content)
}

fn check_size(
    codec: VideoCodec,
    width: u32,
    height: u32,
    max_pixels: u32,
) -> Result<(), DecodeError> {
    let pixels = u64::from(width) * u64::from(height);
    match pixels {
        0 => Err(DecodeError::Corrupt { codec, reason: "a picture without pixels".to_owned() }),
        _ if pixels > max_pixels.into() || width.max(height) > MAX_DIMENSION => {
            Err(DecodeError::TooLarge { codec, width, height, max_pixels })
        }
        _ => Ok(()),
    }
}

/// More than any frame takes, and less than FFmpeg can take, in bytes.
const MAX_FRAME_BYTES: usize = 1 << 28;
