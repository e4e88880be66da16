//! Encoded video, without I/O: what a frame says about itself, and its way through RTP packets.
//!
//! - [`VideoCodec`] names the codecs, [`EncodedFrame`] is a frame in one of them, and [`Timestamp`] says
//!   when it belongs, in ticks of a [`TimeBase`].
//! - [`inspect`] tells key frames from others, and the size, without decoding anything.
//! - [`h264`] finds NAL units, and brings what containers and cameras hold to what live receivers want.
//! - [`GroupOfPictures`] keeps what a decoder needs that begins in the middle of a stream.
//! - [`rtp`] cuts frames into packets, and puts them together again.
//!
//! ```
//! use std::time::Instant;
//! use streamsdk_codec::VideoCodec;
//! use streamsdk_codec::rtp::{FrameAssembler, Packetizer};
//!
//! let frame = vec![0; 3000];
//! let packets = Packetizer::new(VideoCodec::Vp8, 1200).packetize(0, &frame.clone().into());
//! assert_eq!(packets.len(), 3);
//!
//! let (mut assembler, now) = (FrameAssembler::new(VideoCodec::Vp8), Instant::now());
//! packets.into_iter().for_each(|packet| assembler.push(packet, now));
//! assert_eq!(assembler.next_frame(now).unwrap().data, frame);
//! ```
//!
//! # Features
//!
//! - `serde`: `Serialize` for [`VideoCodec`]. Off by default.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod codec;
mod group;
pub mod h264;
mod inspect;
pub mod rtp;
mod time;
mod vp8;

pub use codec::{EncodedFrame, UnknownVideoCodec, VideoCodec};
pub use group::GroupOfPictures;
pub use inspect::{BitstreamError, FrameContent, FrameInfo, inspect};
pub use time::{TimeBase, Timestamp, VIDEO_CLOCK_RATE};
