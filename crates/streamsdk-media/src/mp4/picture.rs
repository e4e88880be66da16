//! From frames to the pictures that the encoder takes.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video;
use ffmpeg_next::software::scaling::{Context, Flags};

use super::Mp4Error;
use crate::{ColorSpace, Frame, PixelFormat};

/// Makes pictures of one size, whatever the frames' size.
pub(super) struct FrameScaler {
    width: u32,
    height: u32,
    color_space: ColorSpace,
    scaler: Option<Scaler>,
}

/// FFmpeg's scaler for frames of one size.
struct Scaler(Context);

// SAFETY: the context belongs to this value alone and has no ties to the thread that made it.
#[allow(unsafe_code)]
unsafe impl Send for Scaler {}

impl FrameScaler {
    pub(super) fn new(width: u32, height: u32, color_space: ColorSpace) -> Self {
        Self { width, height, color_space, scaler: None }
    }

    /// Width of the pictures, even.
    pub(super) fn width(&self) -> u32 {
        self.width.next_multiple_of(2)
    }

    /// Height of the pictures, even.
    pub(super) fn height(&self) -> u32 {
        self.height.next_multiple_of(2)
    }

    pub(super) fn color_space(&self) -> ColorSpace {
        self.color_space
    }

    pub(super) fn make(&mut self, frame: &Frame) -> Result<Video, Mp4Error> {
        let frame = frame.convert_to(PixelFormat::I420, self.color_space)?;
        if (frame.width(), frame.height()) == (self.width, self.height) {
            return copy(&frame, self.width(), self.height());
        }
        let source = copy(&frame, frame.width(), frame.height())?;
        self.scale(&source)
    }

    fn scale(&mut self, source: &Video) -> Result<Video, Mp4Error> {
        let mut picture = new_picture(self.width(), self.height())?;
        let scaler = match self.scaler.take() {
            Some(scaler) if scaler.takes(source) => self.scaler.insert(scaler),
            _ => self.scaler.insert(Scaler::new(source, &picture)?),
        };
        scaler.0.run(source, &mut picture).map_err(failed)?;
        Ok(picture)
    }
}

impl Scaler {
    fn new(source: &Video, target: &Video) -> Result<Self, Mp4Error> {
        Context::get(
            Pixel::YUV420P,
            source.width(),
            source.height(),
            Pixel::YUV420P,
            target.width(),
            target.height(),
            Flags::BILINEAR,
        )
        .map(Self)
        .map_err(failed)
    }

    fn takes(&self, source: &Video) -> bool {
        let input = self.0.input();
        (input.width, input.height) == (source.width(), source.height())
    }
}

/// Copies the planes; rows and columns that a larger picture has repeat the last one.
fn copy(frame: &Frame, width: u32, height: u32) -> Result<Video, Mp4Error> {
    let mut picture = new_picture(width, height)?;
    for plane in 0..PixelFormat::I420.planes() {
        let stride = picture.stride(plane);
        let rows = picture.plane_height(plane) as usize;
        let row_bytes = picture.plane_width(plane) as usize;
        let data = picture.data_mut(plane);
        let last = frame.rows(plane).next_back().into_iter().cycle();
        let sources = frame.rows(plane).chain(last);
        for (target, source) in data.chunks_mut(stride).take(rows).zip(sources) {
            let (target, padding) = target[..row_bytes].split_at_mut(source.len());
            target.copy_from_slice(source);
            padding.fill(source.last().copied().unwrap_or_default());
        }
    }
    Ok(picture)
}

fn new_picture(width: u32, height: u32) -> Result<Video, Mp4Error> {
    let picture = Video::new(Pixel::YUV420P, width, height);
    // Nothing else tells that there was no memory.
    if picture.planes() == PixelFormat::I420.planes() {
        Ok(picture)
    } else {
        Err(Mp4Error::Encoder { reason: "no memory for a picture".to_owned() })
    }
}

fn failed(error: ffmpeg_next::Error) -> Mp4Error {
    Mp4Error::Encoder { reason: error.to_string() }
}
