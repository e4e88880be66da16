//! Frames of video and what is done to their pixels. No network; files only where video is written.
//!
//! A [`Frame`] is a picture in one of the [`PixelFormat`]s that cameras, codecs and servers use. Its
//! planes are shared: cloning one copies no pixels. From there:
//!
//! - [`Frame::convert`] changes the pixel format, [`Frame::rotate`] turns the picture, [`Frame::crop`] takes a
//!   part of it; with the feature `resize`, `Frame::resized` and `Frame::letterbox` give it another size;
//! - [`draw`] draws on it: areas, lines, outlines, text;
//! - [`jpeg`] decodes and encodes;
//! - [`video`] encodes and decodes VP8 and H264 for live connections;
//! - [`Timestamp`] says when a frame belongs, in ticks of a [`TimeBase`], and [`StreamClock`] when it
//!   is presented, whatever its camera says.
//!
//! ```
//! use streamsdk_media::{Frame, PixelFormat, jpeg};
//!
//! let gray = Frame::packed(PixelFormat::Gray8, 64, 48, vec![128; 64 * 48])?;
//! let file = jpeg::Encoder::default().encode(&gray)?;
//! let frame = jpeg::decode(&file, PixelFormat::Rgb24)?;
//! assert_eq!((frame.width(), frame.height()), (64, 48));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Colours
//!
//! What the samples of a YUV format ([`I420`](PixelFormat::I420), [`Nv12`](PixelFormat::Nv12),
//! [`Yuyv`](PixelFormat::Yuyv)) stand for, a frame says: [`Frame::color_space`]. It travels with the
//! frame, from the decoder or the camera through conversions and turns into the next encoder, and every
//! conversion goes by it.
//!
//! | a frame from | has |
//! |---|---|
//! | [`Frame::packed`], [`Frame::with_planes`] | BT.601 in limited range, unless [`Frame::in_color_space`] says otherwise |
//! | [`Frame::convert`] of RGB or gray to YUV | BT.601 in limited range |
//! | a decoder | what the stream says; if it says nothing, [`ColorMatrix::untagged`] in limited range |
//! | VP8, which cannot say it | BT.601 in limited range |
//!
//! [`Gray8`](PixelFormat::Gray8) is luma in full range (0 to 255): that of the picture's own matrix if
//! it was YUV, that of BT.601 if it was RGB.
//!
//! # Features
//!
//! None is on by default, and none changes what the others do.
//!
//! - `image`: conversions from and to the buffers of the `image` crate.
//! - `ndarray`: conversions from and to arrays of the `ndarray` crate.
//! - `resize`: `Frame::resized` and `Frame::letterbox`, by the crate `fast_image_resize`.
//! - `turbojpeg`: [`jpeg`] uses libjpeg-turbo, built from source; faster, above all for encoding.
//! - `ffmpeg`: the module `mp4`, which writes video files. Needs FFmpeg's development packages, and libclang.
//! - `vp8`: VP8 in [`video`]. Needs libvpx's development package and a C compiler, and neither FFmpeg
//!   nor libclang.
//! - `h264`: H264 in [`video`]. Needs FFmpeg's development packages, and libclang.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod alpha;
#[cfg(feature = "ndarray")]
mod arrays;
mod color;
mod convert;
mod crop;
pub mod draw;
#[cfg(feature = "ffmpeg")]
pub mod ffmpeg;
mod format;
mod frame;
#[cfg(feature = "image")]
mod image_buffers;
mod invalid_frame;
pub mod jpeg;
#[cfg(feature = "resize")]
mod letterbox;
#[cfg(feature = "ffmpeg")]
pub mod mp4;
#[cfg(feature = "resize")]
mod resize;
mod rotate;
mod stream_clock;
pub mod video;

pub use color::{ColorMatrix, ColorRange, ColorSpace};
pub use convert::ConvertError;
pub use format::{PixelFormat, PlaneSize};
pub use frame::{Frame, MAX_DIMENSION, Plane};
pub use invalid_frame::InvalidFrame;
#[cfg(feature = "resize")]
pub use letterbox::Letterbox;
#[cfg(feature = "resize")]
pub use resize::{Filter, ResizeError};
pub use rotate::Rotation;
pub use stream_clock::StreamClock;
pub use streamsdk_codec::{TimeBase, Timestamp};
