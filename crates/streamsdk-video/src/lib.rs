//! What stands between frames and a video track: a [`TrackSender`] encodes the frames of a producer onto
//! a track, at a bitrate that follows the network, or passes on what is encoded already; a
//! [`LazyDecoder`] decodes what comes back when somebody asks for it, a [`TrackDecoder`] as it comes.
//!
//! The client and the worker both stand on this crate; it knows neither.
//!
//! # Features
//!
//! None is on by default; without them no codec is [available](codecs).
//!
//! - `vp8`: VP8. Needs the development package of libvpx and a C compiler.
//! - `h264`: H264. Needs FFmpeg's development packages, and libclang.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod decode;
mod encoding;
mod forwarding;
mod pace;
mod rate;
mod send;
mod stats;
mod track_decoder;

pub use decode::{DecodeStats, LazyDecoder, LazyPicture, PictureError};
pub use rate::{BitrateLimits, RateControl};
pub use send::{Forwarded, SendFramesError, SendOptions, SentFrame, TrackSender};
pub use stats::EncodeStats;
pub use track_decoder::TrackDecoder;

use streamsdk_codec::VideoCodec;
use streamsdk_media::video;

/// The codecs that can be both encoded and decoded here, the preferred one first.
pub fn codecs() -> Vec<VideoCodec> {
    let decoders = video::decoders();
    video::encoders().into_iter().filter(|codec| decoders.contains(codec)).collect()
}
