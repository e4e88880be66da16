//! What both decoders have in common: what they are given, and how they find back into a stream.

use super::bitstream::{Content, look};
use super::{Codec, DecodeError, DecoderConfig, OpenError, VideoDecoder};
use crate::{Frame, TimeBase, Timestamp};

/// A decoder that is given nothing that cannot be decoded.
pub(super) trait DecoderEngine: Send + Sized {
    /// What it decodes.
    const CODEC: Codec;

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
        match look(E::CODEC, data, self.config.max_pixels)? {
            Content::OtherFrame if !self.is_in_step => {
                return Err(DecodeError::KeyFrameNeeded { codec: E::CODEC });
            }
            Content::KeyFrame => self.come_into_step()?,
            Content::OtherFrame => {}
            Content::Headers => {
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
    fn codec(&self) -> Codec {
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
