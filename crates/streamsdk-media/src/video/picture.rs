//! Pictures on their way into FFmpeg's encoder and out of its decoder.

use std::sync::Arc;

use bytes::Bytes;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::util::frame::Video;

use super::h264::raw;
use crate::convert::Target;
use crate::{ColorMatrix, ColorRange, ColorSpace, Frame, InvalidFrame, PixelFormat, Plane};

/// The frame itself if its size is even; otherwise with the last row or column repeated.
pub(super) fn padded(frame: &Frame) -> Result<Frame, String> {
    let (width, height) = (frame.width(), frame.height());
    if width.is_multiple_of(2) && height.is_multiple_of(2) {
        return Ok(frame.clone());
    }
    let even = (width.next_multiple_of(2), height.next_multiple_of(2));
    let mut target = Target::new(PixelFormat::I420, even.0, even.1, frame.color_space());
    let strides = [0, 1, 2].map(|plane| target.stride(plane));
    for (index, plane) in target.planes().into_iter().enumerate() {
        let last = frame.rows(index).next_back();
        let rows = frame.rows(index).chain(last);
        for (target, row) in plane.chunks_exact_mut(strides[index]).zip(rows) {
            let (target, padding) = target.split_at_mut(row.len());
            target.copy_from_slice(row);
            padding.fill(row.last().copied().unwrap_or_default());
        }
    }
    target.into_frame().map_err(|error| error.to_string())
}

/// A decoded picture as a frame that shares its planes; `None` if it is not 4:2:0 with 8 bits.
///
/// `untagged` is the matrix of a stream that says none.
pub(super) fn into_frame(
    picture: Video,
    untagged: Option<ColorMatrix>,
) -> Result<Option<Frame>, String> {
    let range = match picture.format() {
        Pixel::YUV420P => raw::range(&picture),
        Pixel::YUVJ420P => ColorRange::Full,
        _ => return Ok(None),
    };
    let untagged = untagged.unwrap_or(ColorMatrix::untagged(picture.height()));
    let matrix = ColorMatrix::from_cicp(raw::matrix(&picture)).unwrap_or(untagged);
    let frame = share(picture).map_err(|error| error.to_string())?;
    Ok(Some(frame.in_color_space(ColorSpace::new(matrix, range))))
}

fn share(picture: Video) -> Result<Frame, InvalidFrame> {
    let (width, height) = (picture.width(), picture.height());
    let picture = Arc::new(picture);
    let planes = [0, 1, 2].map(|index| Plane {
        stride: picture.stride(index),
        data: Bytes::from_owner(SharedPlane { picture: Arc::clone(&picture), index }),
    });
    Frame::with_planes(PixelFormat::I420, width, height, &planes)
}

/// A plane of a picture that FFmpeg keeps as long as this lives.
///
/// Decoders write to a picture until they give it out and only read it afterwards. (The exception
/// is a picture of two fields, and interlaced video is refused before it is decoded.)
struct SharedPlane {
    picture: Arc<Video>,
    index: usize,
}

impl AsRef<[u8]> for SharedPlane {
    fn as_ref(&self) -> &[u8] {
        self.picture.data(self.index)
    }
}
