//! What `ffmpeg-next` has no safe call for.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

use bytes::Bytes;
use ffmpeg_next::encoder::video::Encoder;
use ffmpeg_next::ffi;
use ffmpeg_next::util::frame::Video;

use crate::{ColorRange, Frame, PixelFormat};

/// A picture for FFmpeg that shares the planes of a frame in I420: nothing is copied.
pub(super) fn lend(frame: &Frame) -> Result<Video, String> {
    if frame.format() != PixelFormat::I420 {
        return Err("the picture is not in I420".to_owned());
    }
    let mut picture = Video::empty();
    // SAFETY: the picture is a new one of its own. Its data are the frame's planes, which `Frame` has
    // checked to be long enough for their rows; each buffer holds a share of its plane until FFmpeg
    // releases it, and is marked as not to be written to.
    unsafe {
        let raw = picture.as_mut_ptr().as_mut().ok_or("no memory for a picture")?;
        raw.format = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as c_int;
        raw.width = frame.width() as c_int;
        raw.height = frame.height() as c_int;
        for (index, plane) in frame.planes().iter().enumerate() {
            raw.data[index] = plane.data.as_ptr().cast_mut();
            raw.linesize[index] = plane.stride as c_int;
            raw.buf[index] = share(&plane.data).ok_or("no memory for a picture")?;
        }
    }
    Ok(picture)
}

fn share(data: &Bytes) -> Option<*mut ffi::AVBufferRef> {
    let owner = Box::into_raw(Box::new(data.clone())).cast::<c_void>();
    // SAFETY: the bytes live as long as their owner, which `release` frees when FFmpeg is done with
    // them; if there is no buffer, FFmpeg will not call it, and the owner is freed here.
    unsafe {
        let buffer = ffi::av_buffer_create(
            data.as_ptr().cast_mut(),
            data.len(),
            Some(release),
            owner,
            ffi::AV_BUFFER_FLAG_READONLY as c_int,
        );
        if buffer.is_null() {
            drop(Box::from_raw(owner.cast::<Bytes>()));
            return None;
        }
        Some(buffer)
    }
}

unsafe extern "C" fn release(owner: *mut c_void, _data: *mut u8) {
    // SAFETY: FFmpeg calls this once, with the pointer that `share` gave it.
    drop(unsafe { Box::from_raw(owner.cast::<Bytes>()) });
}

/// The matrix that a picture says it has, as a number of ITU-T H.273. A stream can name one that the
/// bindings do not know.
pub(in crate::video) fn matrix(picture: &Video) -> u32 {
    // SAFETY: the picture is borrowed, and the field is as large as the number that is read.
    unsafe { (&raw const (*picture.as_ptr()).colorspace).cast::<u32>().read() }
}

/// The range that a picture says it has.
pub(in crate::video) fn range(picture: &Video) -> ColorRange {
    // SAFETY: as above.
    let range = unsafe { (&raw const (*picture.as_ptr()).color_range).cast::<u32>().read() };
    if range == ffi::AVColorRange::AVCOL_RANGE_JPEG as u32 {
        ColorRange::Full
    } else {
        ColorRange::Limited
    }
}

/// Changes how many bits an encoder may send at once; it looks at this before every frame.
pub(super) fn set_buffer(encoder: &mut Encoder, bits: u32) {
    // SAFETY: the context belongs to the encoder, which is borrowed.
    unsafe { (*encoder.as_mut_ptr()).rc_buffer_size = bits as c_int };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Plane;

    #[test]
    fn a_lent_picture_shares_the_planes_and_gives_them_back() {
        let samples = Bytes::from(vec![9; 8]);
        let plane = |length, stride| Plane { data: samples.slice(..length), stride };
        let planes = [plane(8, 4), plane(2, 2), plane(2, 2)];
        let frame = Frame::with_planes(PixelFormat::I420, 4, 2, &planes).unwrap();
        let picture = lend(&frame).unwrap();
        for (index, plane) in frame.planes().iter().enumerate() {
            assert_eq!(picture.data(index).as_ptr(), plane.data.as_ptr());
        }
        drop((frame, planes));
        assert_eq!(picture.data(0), [9; 8]);
        assert!(!samples.is_unique());
        drop(picture);
        assert!(samples.is_unique());
    }
}
