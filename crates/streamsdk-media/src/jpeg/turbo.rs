//! Decoding and encoding by libjpeg-turbo.

use std::cell::RefCell;

use bytes::Bytes;
use turbojpeg::{Colorspace, Compressor, Decompressor, Image, Subsamp, YuvPlanesImage};

use super::header::Header;
use crate::{Frame, PixelFormat, Plane};

thread_local! {
    // Making one of these costs more than using it for a small picture.
    static DECOMPRESSOR: RefCell<Option<Decompressor>> = const { RefCell::new(None) };
    static COMPRESSOR: RefCell<Option<Compressor>> = const { RefCell::new(None) };
}

/// Decodes to RGB, BGR or gray; `None` if libjpeg-turbo does not like the picture.
pub(super) fn decode(data: &[u8], header: &Header, format: PixelFormat) -> Option<Frame> {
    DECOMPRESSOR.with_borrow_mut(|slot| {
        let decompressor = match slot {
            Some(decompressor) => decompressor,
            None => slot.insert(new_decompressor().ok()?),
        };
        decode_with(decompressor, data, header, format)
    })
}

fn new_decompressor() -> turbojpeg::Result<Decompressor> {
    let mut decompressor = Decompressor::new()?;
    decompressor.set_scan_limit(MAX_SCANS)?;
    Ok(decompressor)
}

fn decode_with(
    decompressor: &mut Decompressor,
    data: &[u8],
    header: &Header,
    format: PixelFormat,
) -> Option<Frame> {
    let found = decompressor.read_header(data).ok()?;
    let (width, height) = (header.width as usize, header.height as usize);
    let four_colours = matches!(found.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    if four_colours || (found.width, found.height) != (width, height) {
        return None;
    }
    let pitch = width * layout(format).size();
    let mut pixels = vec![0; pitch * height];
    let image = Image { pixels: &mut pixels[..], width, pitch, height, format: layout(format) };
    decompressor.decompress(data, image).ok()?;
    Frame::packed(format, header.width, header.height, pixels).ok()
}

/// Encodes gray, or I420 in full range.
pub(super) fn encode(frame: &Frame, quality: u8) -> Result<Vec<u8>, String> {
    COMPRESSOR.with_borrow_mut(|slot| {
        let compressor = match slot {
            Some(compressor) => compressor,
            None => slot.insert(Compressor::new().map_err(|error| error.to_string())?),
        };
        encode_with(compressor, frame, quality).map_err(|error| error.to_string())
    })
}

fn encode_with(
    compressor: &mut Compressor,
    frame: &Frame,
    quality: u8,
) -> turbojpeg::Result<Vec<u8>> {
    compressor.set_quality(i32::from(quality))?;
    match frame.planes() {
        [luma, blue, red] => {
            let (luma, luma_stride) = even_luma(frame, luma);
            compressor.compress_yuv_planes_to_vec(&YuvPlanesImage {
                y_plane: &luma[..],
                y_stride: luma_stride,
                u_plane: &blue.data[..],
                u_stride: blue.stride,
                v_plane: &red.data[..],
                v_stride: red.stride,
                width: frame.width() as usize,
                height: frame.height() as usize,
                subsamp: Subsamp::Sub2x2,
            })
        }
        _ => {
            compressor.set_subsamp(Subsamp::Gray)?;
            compressor.compress_to_vec(Image {
                pixels: &frame.to_packed()[..],
                width: frame.width() as usize,
                pitch: frame.width() as usize,
                height: frame.height() as usize,
                format: turbojpeg::PixelFormat::GRAY,
            })
        }
    }
}

/// Luma with its stride, grown to even size where it is odd: libjpeg-turbo wants two by two samples
/// of luma for each of chroma.
fn even_luma(frame: &Frame, luma: &Plane) -> (Bytes, usize) {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    if width.is_multiple_of(2) && height.is_multiple_of(2) {
        return (luma.data.clone(), luma.stride);
    }
    let stride = width.next_multiple_of(2);
    let mut grown = Vec::with_capacity(stride * height.next_multiple_of(2));
    let last_row = frame.rows(0).skip(height - 1);
    for row in frame.rows(0).chain(last_row.take(height % 2)) {
        grown.extend_from_slice(row);
        grown.extend_from_slice(&row[width - width % 2..]);
    }
    (grown.into(), stride)
}

const fn layout(format: PixelFormat) -> turbojpeg::PixelFormat {
    match format {
        PixelFormat::Gray8 => turbojpeg::PixelFormat::GRAY,
        PixelFormat::Bgr24 => turbojpeg::PixelFormat::BGR,
        _ => turbojpeg::PixelFormat::RGB,
    }
}

/// Most scans of a progressive picture: without a limit, a small file can take minutes.
const MAX_SCANS: u32 = 100;
