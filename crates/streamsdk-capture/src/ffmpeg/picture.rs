//! From FFmpeg's pictures to frames in I420.

#![allow(unsafe_code)]

use std::slice;
use std::sync::Arc;

use bytes::Bytes;
use ffmpeg_next::ffi::{
    AV_PIX_FMT_FLAG_RGB, AVColorRange, AVPixelFormat, av_frame_get_plane_buffer,
    av_pix_fmt_desc_get,
};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video;
use ffmpeg_next::software::scaling::{Context, Flags};
use streamsdk_media::{
    ColorMatrix, ColorRange, ColorSpace, Frame, PixelFormat, Plane, PlaneSize, Rotation,
};

/// Makes frames of pictures, whatever format and size each of them has.
pub(crate) struct FrameConverter {
    rotation: Rotation,
    converter: Option<Converter>,
}

impl FrameConverter {
    pub(crate) fn new(rotation: Rotation) -> Self {
        Self { rotation, converter: None }
    }

    /// Shares the picture's memory where it is in I420 already; says what is wrong otherwise. The frame
    /// has the colour space that the picture says it has.
    pub(crate) fn frame(&mut self, mut picture: Video) -> Result<Frame, String> {
        let color_space = color_space(&picture);
        forget_full_range(&mut picture);
        let picture = match is_i420(&picture) {
            true => picture,
            false => self.convert(&picture)?,
        };
        let frame = share(picture)?.in_color_space(color_space);
        frame.rotate(self.rotation).map_err(|error| error.to_string())
    }

    fn convert(&mut self, picture: &Video) -> Result<Video, String> {
        let converter = match self.converter.take() {
            Some(converter) if converter.takes(picture) => self.converter.insert(converter),
            _ => self.converter.insert(Converter::new(picture)?),
        };
        converter.run(picture)
    }
}

/// FFmpeg's converter from one format and size to I420. YUV keeps its matrix and range; what is RGB or
/// gray becomes [`ColorSpace::BT601`].
struct Converter(Context);

// SAFETY: the context belongs to this value alone and has no ties to the thread that made it.
unsafe impl Send for Converter {}

impl Converter {
    fn new(picture: &Video) -> Result<Self, String> {
        let (width, height) = (picture.width(), picture.height());
        let (from, to) = (picture.format(), Pixel::YUV420P);
        Context::get(from, width, height, to, width, height, Flags::BILINEAR)
            .map(Self)
            .map_err(|_| format!("pixels in the format {from:?} cannot be converted"))
    }

    fn takes(&self, picture: &Video) -> bool {
        let input = self.0.input();
        (input.format, input.width, input.height)
            == (picture.format(), picture.width(), picture.height())
    }

    fn run(&mut self, picture: &Video) -> Result<Video, String> {
        let mut converted = Video::empty();
        self.0.run(picture, &mut converted).map_err(|error| error.to_string())?;
        Ok(converted)
    }
}

/// The colour space of what becomes of a picture.
fn color_space(picture: &Video) -> ColorSpace {
    if !is_yuv(picture.format()) {
        return ColorSpace::BT601;
    }
    let (matrix, range) = tags(picture);
    let untagged = ColorMatrix::untagged(picture.height());
    let matrix = ColorMatrix::from_cicp(matrix).unwrap_or(untagged);
    let is_full =
        range == AVColorRange::AVCOL_RANGE_JPEG as u32 || limited(picture.format()).is_some();
    ColorSpace::new(matrix, if is_full { ColorRange::Full } else { ColorRange::Limited })
}

/// The numbers of matrix and range. A container can name some that the bindings do not know.
fn tags(picture: &Video) -> (u32, u32) {
    // SAFETY: the pointer is that of a picture that lives for the call, and the fields are as large as the
    // numbers that are read.
    unsafe {
        let picture = picture.as_ptr();
        let matrix = (&raw const (*picture).colorspace).cast::<u32>().read();
        (matrix, (&raw const (*picture).color_range).cast::<u32>().read())
    }
}

fn is_yuv(format: Pixel) -> bool {
    // SAFETY: FFmpeg gives null or a description that is never freed.
    let description = unsafe { av_pix_fmt_desc_get(AVPixelFormat::from(format)).as_ref() };
    description.is_some_and(|it| it.nb_components > 2 && it.flags & AV_PIX_FMT_FLAG_RGB as u64 == 0)
}

/// FFmpeg's converter would bring these to limited range, whereas a frame has its own.
fn forget_full_range(picture: &mut Video) {
    if let Some(format) = limited(picture.format()) {
        picture.set_format(format);
    }
}

/// The same layout under its other name; `None` if that of the format does not speak of full range.
fn limited(format: Pixel) -> Option<Pixel> {
    match format {
        Pixel::YUVJ411P => Some(Pixel::YUV411P),
        Pixel::YUVJ420P => Some(Pixel::YUV420P),
        Pixel::YUVJ422P => Some(Pixel::YUV422P),
        Pixel::YUVJ440P => Some(Pixel::YUV440P),
        Pixel::YUVJ444P => Some(Pixel::YUV444P),
        _ => None,
    }
}

fn is_i420(picture: &Video) -> bool {
    picture.format() == Pixel::YUV420P && line_sizes(picture).iter().all(|&size| size > 0)
}

/// Bytes from row to row of the three planes; negative if the picture is stored upside down.
fn line_sizes(picture: &Video) -> [i32; 3] {
    // SAFETY: the pointer is that of a picture that lives for the call.
    let sizes = unsafe { (*picture.as_ptr()).linesize };
    [sizes[0], sizes[1], sizes[2]]
}

/// A frame that keeps a picture in I420 alive and uses its memory.
fn share(picture: Video) -> Result<Frame, String> {
    let (width, height) = (picture.width(), picture.height());
    let picture = Arc::new(picture);
    let planes = (0..PixelFormat::I420.planes())
        .map(|index| PicturePlane::new(&picture, index).map(PicturePlane::into_plane))
        .collect::<Option<Vec<_>>>()
        .ok_or("the decoder gave a picture without pixels")?;
    Frame::with_planes(PixelFormat::I420, width, height, &planes).map_err(|error| error.to_string())
}

/// One plane of a picture that is shared.
struct PicturePlane {
    picture: Arc<Video>,
    index: usize,
    stride: usize,
    length: usize,
}

impl PicturePlane {
    /// `None` if the plane is not there, or smaller than it should be.
    fn new(picture: &Arc<Video>, index: usize) -> Option<Self> {
        let size = PixelFormat::I420.plane_size(picture.width(), picture.height(), index)?;
        let stride = usize::try_from(*line_sizes(picture).get(index)?).ok()?;
        let length = usable_bytes(picture, index, stride, size)?;
        Some(Self { picture: Arc::clone(picture), index, stride, length })
    }

    fn into_plane(self) -> Plane {
        let stride = self.stride;
        Plane { data: Bytes::from_owner(self), stride }
    }
}

impl AsRef<[u8]> for PicturePlane {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `usable_bytes` found that many bytes in the buffer from there on. The picture, which
        // holds a reference on the buffer, lives as long as this value, and FFmpeg does not write to
        // a buffer that others hold a reference on.
        unsafe { slice::from_raw_parts((*self.picture.as_ptr()).data[self.index], self.length) }
    }
}

/// How many bytes of a plane can be read: all its rows, the last one with its padding if the buffer has
/// room for it.
fn usable_bytes(picture: &Video, index: usize, stride: usize, size: PlaneSize) -> Option<usize> {
    // SAFETY: FFmpeg only reads the picture, and gives null or a buffer that the picture holds.
    let available = unsafe {
        let start = (*picture.as_ptr()).data[index].addr();
        let buffer =
            av_frame_get_plane_buffer(picture.as_ptr().cast_mut(), i32::try_from(index).ok()?);
        let buffer = buffer.as_ref()?;
        let end = buffer.data.addr().checked_add(buffer.size)?;
        end.checked_sub(start)?
    };
    let all_rows = stride.checked_mul(size.rows)?;
    let without_padding = all_rows.checked_sub(stride)?.checked_add(size.row_bytes)?;
    (stride >= size.row_bytes && without_padding <= available).then(|| all_rows.min(available))
}
