//! Decoding through FFmpeg.

use ffmpeg_next::decoder::Video as VideoDecoding;
use ffmpeg_next::util::frame::Video;
use ffmpeg_next::{Dictionary, Error, Packet, codec, decoder};

use super::bitstream::{Content, look};
use super::{Codec, DecodeError, DecoderConfig, OpenError, VideoDecoder, picture};
use crate::{Frame, TimeBase, Timestamp};

/// One of FFmpeg's decoders, which is given nothing that cannot be decoded.
pub(super) struct Decoder {
    codec: Codec,
    decoding: VideoDecoding,
    config: DecoderConfig,
    /// What came without a picture, for a new decoder.
    headers: Vec<u8>,
    /// Whether it has the frames to which the next one may refer.
    is_in_step: bool,
    /// Whether a picture broke off since the last key frame.
    is_damaged: bool,
}

impl Decoder {
    pub(super) fn new(codec: Codec, config: DecoderConfig) -> Result<Self, OpenError> {
        crate::ffmpeg::init();
        let decoding = open(codec, config)
            .map_err(|error| OpenError::NoDecoder { codec, reason: error.to_string() })?;
        Ok(Self {
            codec,
            decoding,
            config,
            headers: Vec::new(),
            is_in_step: false,
            is_damaged: false,
        })
    }

    fn try_decode(&mut self, data: &[u8], at: Timestamp) -> Result<Option<Frame>, DecodeError> {
        match look(self.codec, data, self.config.max_pixels)? {
            Content::OtherFrame if !self.is_in_step => {
                return Err(DecodeError::KeyFrameNeeded { codec: self.codec });
            }
            Content::KeyFrame => {
                self.come_into_step().map_err(|error| self.corrupt(error.to_string()))?;
            }
            Content::OtherFrame => {}
            Content::Headers => {
                self.take_headers(data);
                return Ok(None);
            }
        }
        let picture = self.run(data, at).map_err(|error| self.corrupt(error.to_string()))?;
        let Some(picture) = picture else { return Ok(None) };
        if picture.is_corrupt() || picture.has_decode_errors() {
            return Err(self.corrupt("parts of a picture are missing"));
        }
        let pts = picture.pts().unwrap_or(at.pts);
        let format = picture.format();
        match picture::into_frame(picture).map_err(|reason| self.corrupt(reason))? {
            Some(frame) => Ok(Some(frame.at(Timestamp { pts, ..at }))),
            None => {
                Err(DecodeError::Unsupported { codec: self.codec, what: format!("{format:?}") })
            }
        }
    }

    /// Gets ready to decode a key frame: after damage with a new decoder.
    ///
    /// FFmpeg's H264 decoder would keep coefficients of the block in which a picture broke off, and
    /// add them to the next picture; and a delay that was read from damaged headers.
    fn come_into_step(&mut self) -> Result<(), Error> {
        if self.is_damaged {
            self.decoding = open(self.codec, self.config)?;
            self.is_damaged = false;
            let headers = std::mem::take(&mut self.headers);
            self.take_headers(&headers);
        }
        self.is_in_step = true;
        Ok(())
    }

    /// Takes headers that come on their own, and keeps them: the sender need not repeat them.
    fn take_headers(&mut self, headers: &[u8]) {
        if (1..=MOST_HEADER_BYTES).contains(&headers.len()) {
            // FFmpeg remembers them and then complains that there was no picture.
            let _ = self.run(headers, NO_TIME);
            if self.headers.len() + headers.len() > MOST_HEADER_BYTES {
                self.headers.clear();
            }
            self.headers.extend_from_slice(headers);
        }
    }

    fn run(&mut self, data: &[u8], at: Timestamp) -> Result<Option<Video>, Error> {
        let mut packet = Packet::copy(data);
        packet.set_pts(Some(at.pts));
        self.decoding.send_packet(&packet)?;
        let mut picture = Video::empty();
        match self.decoding.receive_frame(&mut picture) {
            Ok(()) => Ok(Some(picture)),
            Err(Error::Other { errno: ffmpeg_next::error::EAGAIN }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn corrupt(&self, reason: impl Into<String>) -> DecodeError {
        DecodeError::Corrupt { codec: self.codec, reason: reason.into() }
    }
}

impl VideoDecoder for Decoder {
    fn codec(&self) -> Codec {
        self.codec
    }

    fn decode(&mut self, data: &[u8], timestamp: Timestamp) -> Result<Option<Frame>, DecodeError> {
        let result = self.try_decode(data, timestamp);
        self.is_in_step &= result.is_ok();
        self.is_damaged |= matches!(result, Err(DecodeError::Corrupt { .. }));
        result
    }
}

fn open(codec: Codec, config: DecoderConfig) -> Result<VideoDecoding, Error> {
    let id = match codec {
        Codec::Vp8 => codec::Id::VP8,
        Codec::H264 => codec::Id::H264,
    };
    let implementation = decoder::find(id).ok_or(Error::DecoderNotFound)?;
    let mut context = codec::Context::new_with_codec(implementation);
    context.set_threading(codec::threading::Config::count(1));
    context.set_flags(codec::Flags::LOW_DELAY | codec::Flags::UNALIGNED);
    let mut options = Dictionary::new();
    options.set("max_pixels", &config.max_pixels.to_string());
    context.decoder().open_as_with(implementation, options)?.video()
}

const MOST_HEADER_BYTES: usize = 4096;

const NO_TIME: Timestamp = Timestamp::new(0, TimeBase::RTP_VIDEO);
