//! Video for live connections: encoders that follow a bitrate and decoders that add no delay.
//!
//! ```no_run
//! use streamsdk_media::video::{self, VideoCodec, EncodeOptions, EncoderConfig};
//! use streamsdk_media::{Frame, PixelFormat, TimeBase, Timestamp};
//!
//! let mut encoder = video::encoder(VideoCodec::Vp8, EncoderConfig::default().bitrate(1_000_000))?;
//! let mut decoder = video::decoder(VideoCodec::Vp8, Default::default())?;
//!
//! let frame = Frame::packed(PixelFormat::Gray8, 640, 480, vec![128; 640 * 480])?
//!     .at(Timestamp::new(0, TimeBase::RTP_VIDEO));
//! if let Some(encoded) = encoder.encode(&frame, &EncodeOptions::default())? {
//!     let decoded = decoder.decode(&encoded.data, encoded.timestamp)?;
//!     assert_eq!(decoded.and_then(|frame| frame.timestamp()), frame.timestamp());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Everything happens on the caller's thread, in the call. VP8 is encoded and decoded by libvpx (feature
//! `vp8`), H264 by FFmpeg, which encodes it with libx264 if it has that (feature `h264`).
//!
//! The module is there without these features too; [`encoder`] and [`decoder`] then say what is
//! missing, and [`encoders`] and [`decoders`] are empty.

#[cfg(any(feature = "vp8", feature = "h264"))]
mod coarse;
#[cfg_attr(not(any(feature = "vp8", feature = "h264")), allow(dead_code))]
mod config;
#[cfg(any(feature = "vp8", feature = "h264"))]
mod decode;
#[cfg(any(feature = "vp8", feature = "h264"))]
mod encode;
mod error;
#[cfg(feature = "h264")]
mod h264;
#[cfg(feature = "h264")]
mod picture;
#[cfg(feature = "vp8")]
mod vp8;

pub use self::config::{DecoderConfig, EncoderConfig};
pub use self::error::{DecodeError, EncodeError, OpenError};

pub use streamsdk_codec::{EncodedFrame, UnknownVideoCodec, VideoCodec};

use crate::{ColorSpace, Frame, Timestamp};

/// What the two sides of a WebRTC connection take each other's video for, whatever its size.
///
/// VP8 cannot say what it is in. H264 can, but aiortc and browsers do not, and aiortc disregards what
/// others say: all of them make BT.601 in limited range, and aiortc expects it.
///
/// So whoever sends on a track sets it with [`EncoderConfig::color_space`], and whoever receives, its
/// matrix with [`DecoderConfig::untagged`].
pub const TRACK_COLOR_SPACE: ColorSpace = ColorSpace::BT601;

/// Turns frames into one stream of encoded video.
pub trait VideoEncoder: Send {
    /// The codec of the stream.
    fn codec(&self) -> VideoCodec;

    /// Encodes a frame of any format. I420 of the video's colour space is read where it lies; all else
    /// is converted.
    ///
    /// The first frame, one of another size or [colour space](EncoderConfig::color_space) than the frame
    /// before it, and one for which `options` ask it become key frames; no other does, unless
    /// [`EncoderConfig::key_frame_interval`] or [`EncoderConfig::max_key_frame_bytes`] says so.
    ///
    /// `None` means that the encoder left the frame out to keep the bitrate. A key frame that was
    /// asked for is then owed: the next frame that comes out is one.
    ///
    /// H264 has even sizes only: the last column or row of an odd one is repeated, and the receiver
    /// sees the size rounded up. VP8 takes every size.
    ///
    /// # Errors
    ///
    /// If the frame has no timestamp or is too large for the codec, or if the encoder fails. The
    /// encoder can be used further: it starts anew, with a key frame, after a failure of its own.
    fn encode(
        &mut self,
        frame: &Frame,
        options: &EncodeOptions,
    ) -> Result<Option<EncodedFrame>, EncodeError>;

    /// Changes the bitrate from the next frame on, with the bounds of [`EncoderConfig::bitrate`].
    ///
    /// An encoder for H264 other than libx264 starts anew for that, with a key frame.
    fn set_bitrate(&mut self, bits_per_second: u32);

    /// Changes how many frames per second the bitrate is shared among, from the next frame on, with
    /// the bounds of [`EncoderConfig::frame_rate`]. Works as [`VideoEncoder::set_bitrate`] does.
    fn set_frame_rate(&mut self, frames_per_second: f64);
}

/// What is wanted of one frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// Whether the frame must be a key frame. Default is `false`.
    pub key_frame: bool,
}

impl EncodeOptions {
    /// Asks for a key frame, or not. Default is not to.
    #[must_use]
    pub fn key_frame(self, key_frame: bool) -> Self {
        Self { key_frame, ..self }
    }
}

/// Turns one stream of encoded video into frames.
pub trait VideoDecoder: Send {
    /// The codec of the stream.
    fn codec(&self) -> VideoCodec;

    /// Decodes what belongs to one frame: for H264 all NAL units, each behind a start code (Annex B).
    ///
    /// The frame is I420 and has the timestamp given here and the [colour space](Frame::color_space)
    /// that the stream says it has; if it says nothing, [`DecoderConfig::untagged`] does. VP8 is in
    /// [`ColorSpace::BT601`](crate::ColorSpace::BT601). It stays as it is while the decoder goes on, and frames that are kept do not hold that up.
    ///
    /// `None` means that there is nothing to show yet: the data is parameter sets alone or a frame
    /// that others only refer to, or the stream has its frames out of order, which live senders
    /// avoid. A frame that comes later has the timestamp given with its own data.
    ///
    /// # Errors
    ///
    /// If the data is damaged, too large or of a kind that is not decoded. After any error, and at
    /// the start, the decoder waits for a key frame and answers everything else with
    /// [`DecodeError::KeyFrameNeeded`].
    fn decode(&mut self, data: &[u8], timestamp: Timestamp) -> Result<Option<Frame>, DecodeError>;
}

/// An encoder of that codec.
///
/// # Errors
///
/// If the crate was built without the codec's feature, or if the system's FFmpeg cannot encode it.
#[cfg_attr(not(any(feature = "vp8", feature = "h264")), allow(unused_variables))]
pub fn encoder(
    codec: VideoCodec,
    config: EncoderConfig,
) -> Result<Box<dyn VideoEncoder>, OpenError> {
    match codec {
        #[cfg(feature = "vp8")]
        VideoCodec::Vp8 => Ok(Box::new(encode::ActiveEncoder::<vp8::Vp8Encoding>::new(config))),
        #[cfg(feature = "h264")]
        VideoCodec::H264 if h264::is_available() => {
            Ok(Box::new(encode::ActiveEncoder::<h264::H264Encoding>::new(config)))
        }
        #[cfg(feature = "h264")]
        VideoCodec::H264 => Err(OpenError::NoEncoder { codec }),
        #[cfg(not(all(feature = "vp8", feature = "h264")))]
        _ => Err(OpenError::NotBuilt { codec }),
    }
}

/// A decoder of that codec.
///
/// # Errors
///
/// If the crate was built without the codec's feature, or if the system's libraries cannot decode it.
#[cfg_attr(not(any(feature = "vp8", feature = "h264")), allow(unused_variables))]
pub fn decoder(
    codec: VideoCodec,
    config: DecoderConfig,
) -> Result<Box<dyn VideoDecoder>, OpenError> {
    match codec {
        #[cfg(feature = "vp8")]
        VideoCodec::Vp8 => Ok(Box::new(decode::ActiveDecoder::<vp8::Vp8Decoding>::new(config)?)),
        #[cfg(feature = "h264")]
        VideoCodec::H264 => Ok(Box::new(decode::ActiveDecoder::<h264::H264Decoding>::new(config)?)),
        #[cfg(not(all(feature = "vp8", feature = "h264")))]
        _ => Err(OpenError::NotBuilt { codec }),
    }
}

/// The codecs for which [`encoder`] gives an encoder here, the preferred one first.
pub fn encoders() -> Vec<VideoCodec> {
    let opens = |codec: &VideoCodec| encoder(*codec, EncoderConfig::default()).is_ok();
    VideoCodec::ALL.iter().copied().filter(opens).collect()
}

/// The codecs for which [`decoder`] gives a decoder here, the preferred one first.
pub fn decoders() -> Vec<VideoCodec> {
    let opens = |codec: &VideoCodec| decoder(*codec, DecoderConfig::default()).is_ok();
    VideoCodec::ALL.iter().copied().filter(opens).collect()
}

#[cfg(all(test, not(feature = "vp8")))]
mod tests {
    use super::*;

    #[test]
    fn a_codec_that_was_left_out_is_a_typed_error() {
        let codec = VideoCodec::Vp8;
        let error = OpenError::NotBuilt { codec };
        assert_eq!(encoder(codec, EncoderConfig::default()).err(), Some(error.clone()));
        assert_eq!(decoder(codec, DecoderConfig::default()).err(), Some(error));
        assert!(!encoders().contains(&codec) && !decoders().contains(&codec));
    }
}
