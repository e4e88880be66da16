//! Writing video files.
//!
//! ```no_run
//! use streamsdk_media::{Frame, PixelFormat, mp4::Mp4Writer};
//!
//! let mut writer = Mp4Writer::create("out.mp4", 640, 480, 30.0)?;
//! let frame = Frame::packed(PixelFormat::Gray8, 640, 480, vec![128; 640 * 480])?;
//! writer.write(&frame)?;
//! writer.finish()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod clock;
mod cut;
mod picture;

use std::path::{Path, PathBuf};

use ffmpeg_next::format::{context::Output, flag::Flags, output_as};
use ffmpeg_next::{Codec, Dictionary, Packet, Rational, codec, encoder, format::Pixel};
use thiserror::Error;

use self::clock::SampleClock;
pub use self::cut::drop_cut_index;
use self::picture::FrameScaler;
use crate::{
    ColorMatrix, ColorRange, ColorSpace, ConvertError, Frame, MAX_DIMENSION, TimeBase, ffmpeg,
};

/// Writes frames into an MP4 file: H264 if this FFmpeg has libx264, MPEG-4 otherwise.
///
/// The video has the size given at the start; odd sizes are padded to even ones, which these codecs
/// need, and frames of another size are scaled. Encoding happens in [`Mp4Writer::write`], on the
/// caller's thread.
///
/// The file can be played only after [`Mp4Writer::finish`], unless it was made by
/// [`Mp4Writer::create_fragmented`]. Dropping the writer does the same as far as possible, but cannot
/// report what went wrong.
pub struct Mp4Writer {
    path: PathBuf,
    output: Output,
    encoder: encoder::video::Encoder,
    encoder_base: Rational,
    pictures: FrameScaler,
    clock: SampleClock,
    finished: bool,
}

/// Where a file says what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IndexLayout {
    /// At its end, once.
    Whole,
    /// With every second of video.
    Fragmented,
}

impl IndexLayout {
    /// What the muxer is told.
    fn options(self) -> Dictionary<'static> {
        let mut options = Dictionary::new();
        if self == Self::Fragmented {
            options.set("movflags", "empty_moov+default_base_moof+frag_keyframe");
            options.set("frag_duration", FRAGMENT_MICROSECONDS);
            // Into the file, not into memory.
            options.set("flush_packets", "1");
        }
        options
    }
}

const FRAGMENT_MICROSECONDS: &str = "1000000";

/// When the frames of a file are shown.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum FrameTiming {
    /// So many frames per second, whatever their timestamps say.
    Rate(f64),
    /// When their timestamps say, to this precision, counted from the first frame. A frame that is
    /// not later than the one before it is moved behind it by one tick.
    Timestamps(TimeBase),
}

impl From<f64> for FrameTiming {
    fn from(frames_per_second: f64) -> Self {
        Self::Rate(frames_per_second)
    }
}

impl From<TimeBase> for FrameTiming {
    fn from(precision: TimeBase) -> Self {
        Self::Timestamps(precision)
    }
}

impl Mp4Writer {
    /// Creates or overwrites a file.
    ///
    /// `timing` is a number of frames per second, or a [`TimeBase`] for frames that are shown when
    /// their timestamps say.
    ///
    /// # Errors
    ///
    /// If the size or rate is out of bounds, the file cannot be created, or FFmpeg has no encoder.
    pub fn create(
        path: impl AsRef<Path>,
        width: u32,
        height: u32,
        timing: impl Into<FrameTiming>,
    ) -> Result<Self, Mp4Error> {
        Self::open(path.as_ref(), (width, height), timing.into(), IndexLayout::Whole)
    }

    /// As [`Mp4Writer::create`], for recordings that must survive whatever happens to the program: the
    /// file can be played at any time up to its last whole second. It can be a pipe, too.
    ///
    /// It is a fragmented MP4, which players and browsers take; few programs for cutting do not.
    ///
    /// # Errors
    ///
    /// As [`Mp4Writer::create`].
    pub fn create_fragmented(
        path: impl AsRef<Path>,
        width: u32,
        height: u32,
        timing: impl Into<FrameTiming>,
    ) -> Result<Self, Mp4Error> {
        Self::open(path.as_ref(), (width, height), timing.into(), IndexLayout::Fragmented)
    }

    fn open(
        path: &Path,
        (width, height): (u32, u32),
        timing: FrameTiming,
        layout: IndexLayout,
    ) -> Result<Self, Mp4Error> {
        crate::ffmpeg::init();
        check_size(width, height)?;
        let clock = SampleClock::new(timing)?;
        let codec = encoder::find_by_name("libx264")
            .or_else(|| encoder::find(codec::Id::MPEG4))
            .ok_or(Mp4Error::NoEncoder)?;
        let output = output_as(&file_url(path)?, "mp4").map_err(|error| Mp4Error::Create {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let pictures = FrameScaler::new(width, height, color_space(codec, height));
        let encoder = open_encoder(codec, &output, &pictures, &clock, layout)
            .map_err(|error| Mp4Error::Encoder { reason: error.to_string() })?;
        let encoder_base = rational(clock.base());
        let mut writer = Self {
            path: path.to_owned(),
            output,
            encoder,
            encoder_base,
            pictures,
            clock,
            finished: true,
        };
        writer.write_header(codec, layout).map_err(|error| writer.failed(error))?;
        writer.finished = false;
        Ok(writer)
    }

    /// Appends a frame of any format and size.
    ///
    /// # Errors
    ///
    /// If the frame lacks a timestamp where one is needed, or if encoding or writing fails.
    pub fn write(&mut self, frame: &Frame) -> Result<(), Mp4Error> {
        let pts = self.clock.next(frame.timestamp())?;
        let mut picture = self.pictures.make(frame)?;
        picture.set_pts(Some(pts));
        self.encoder
            .send_frame(&picture)
            .map_err(|error| Mp4Error::Encoder { reason: error.to_string() })?;
        self.write_packets()
    }

    /// Writes what is left and makes the file complete.
    ///
    /// # Errors
    ///
    /// If encoding or writing fails.
    pub fn finish(mut self) -> Result<(), Mp4Error> {
        self.complete()
    }

    fn complete(&mut self) -> Result<(), Mp4Error> {
        if std::mem::replace(&mut self.finished, true) {
            return Ok(());
        }
        self.encoder.send_eof().map_err(|error| Mp4Error::Encoder { reason: error.to_string() })?;
        self.write_packets()?;
        self.output.write_trailer().map_err(|error| self.failed(error))
    }

    fn write_header(
        &mut self,
        codec: Codec,
        layout: IndexLayout,
    ) -> Result<(), ffmpeg_next::Error> {
        let mut stream = self.output.add_stream(codec)?;
        stream.set_parameters(&self.encoder);
        stream.set_time_base(self.encoder_base);
        self.output.write_header_with(layout.options()).map(drop)
    }

    fn write_packets(&mut self) -> Result<(), Mp4Error> {
        let stream_base = self.output.stream(0).map_or(self.encoder_base, |it| it.time_base());
        let mut packet = Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            packet.set_stream(0);
            packet.set_duration(self.clock.step());
            packet.rescale_ts(self.encoder_base, stream_base);
            packet.write_interleaved(&mut self.output).map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    fn failed(&self, error: ffmpeg_next::Error) -> Mp4Error {
        Mp4Error::Write { path: self.path.clone(), reason: error.to_string() }
    }
}

impl Drop for Mp4Writer {
    fn drop(&mut self) {
        // There is nobody to tell; whoever wants to know calls `finish`.
        let _ = self.complete();
    }
}

impl std::fmt::Debug for Mp4Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mp4Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

fn open_encoder(
    codec: Codec,
    output: &Output,
    pictures: &FrameScaler,
    clock: &SampleClock,
    layout: IndexLayout,
) -> Result<encoder::video::Encoder, ffmpeg_next::Error> {
    let mut encoder = codec::Context::new_with_codec(codec).encoder().video()?;
    encoder.set_width(pictures.width());
    encoder.set_height(pictures.height());
    encoder.set_format(Pixel::YUV420P);
    encoder.set_colorspace(ffmpeg::matrix(pictures.color_space().matrix));
    encoder.set_color_range(ffmpeg::range(pictures.color_space().range));
    encoder.set_time_base(rational(clock.base()));
    encoder.set_frame_rate(Some(clock.rate_hint()));
    if output.format().flags().contains(Flags::GLOBAL_HEADER) {
        encoder.set_flags(codec::Flags::GLOBAL_HEADER);
    }
    if layout == IndexLayout::Fragmented {
        // A frame that waits for later ones is lost with them, and the first one would not be at zero.
        encoder.set_max_b_frames(0);
    }
    let mut options = Dictionary::new();
    if is_x264(codec) {
        options.set("preset", "veryfast");
    } else {
        // Without it, the other encoder aims at a bit rate that suits nothing larger than a stamp.
        encoder.set_bit_rate(pictures.width() as usize * pictures.height() as usize * 4);
    }
    encoder.open_as_with(codec, options)
}

/// H264 says which it is, and BT.601 is right also where nobody listens. Nothing says it for MPEG-4, so
/// that it has to be what players take it for.
fn color_space(codec: Codec, height: u32) -> ColorSpace {
    match is_x264(codec) {
        true => ColorSpace::BT601,
        false => ColorSpace::new(ColorMatrix::untagged(height), ColorRange::Limited),
    }
}

fn is_x264(codec: Codec) -> bool {
    codec.name() == "libx264"
}

fn check_size(width: u32, height: u32) -> Result<(), Mp4Error> {
    let fits = |side| (1..=MAX_DIMENSION).contains(&side);
    if fits(width) && fits(height) { Ok(()) } else { Err(Mp4Error::Size { width, height }) }
}

/// A name that FFmpeg takes for a local file, whatever it looks like.
fn file_url(path: &Path) -> Result<String, Mp4Error> {
    let name = path.to_str().filter(|name| !name.contains('\0'));
    let name = name.ok_or_else(|| Mp4Error::Path { path: path.to_owned() })?;
    Ok(format!("file:{name}"))
}

fn rational(base: TimeBase) -> Rational {
    let clamped = |part: u32| i32::try_from(part).unwrap_or(i32::MAX);
    Rational::new(clamped(base.num()), clamped(base.den()))
}

/// Why a video file cannot be written.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Mp4Error {
    /// The path cannot be handed to FFmpeg: it is not Unicode, or has a zero in it.
    #[error("FFmpeg cannot take the path {}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// Width or height is zero or too large.
    #[error("a video of {width}x{height} is out of bounds: 1 to {MAX_DIMENSION} in each direction")]
    Size {
        /// The width that was asked for.
        width: u32,
        /// The height that was asked for.
        height: u32,
    },
    /// The number of frames per second is not a number, not positive, or too large.
    #[error("{rate} frames per second are out of bounds: 0.01 to 1000")]
    Rate {
        /// The rate that was asked for.
        rate: f64,
    },
    /// FFmpeg has neither libx264 nor its own MPEG-4 encoder.
    #[error("this FFmpeg has no encoder for H264 or MPEG-4")]
    NoEncoder,
    /// The file cannot be created.
    #[error("creating {} failed: {reason}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What FFmpeg said.
        reason: String,
    },
    /// The encoder refused its settings or a frame.
    #[error("encoding video failed: {reason}")]
    Encoder {
        /// What FFmpeg said.
        reason: String,
    },
    /// A frame came without a timestamp although the file's frames are shown by them.
    #[error("a frame has no timestamp that can be used")]
    Timestamp,
    /// A frame could not be brought to I420.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// Writing to the file failed.
    #[error("writing {} failed: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What FFmpeg said.
        reason: String,
    },
}
