//! Between RGB or BGR and everything else, by the vector code of the `yuv` crate.

use yuv::{
    BufferStoreMut, YuvBiPlanarImage, YuvBiPlanarImageMut, YuvConversionMode, YuvGrayImageMut,
    YuvPackedImageMut, YuvPlanarImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
};

use super::chroma::{packed, planar_mut};
use super::{ConvertError, Target};
use crate::{ColorMatrix, ColorRange, ColorSpace, Frame, PixelFormat};

const MODE: YuvConversionMode = YuvConversionMode::Balanced;

/// RGB to BGR or back.
pub(super) fn swap_channels(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let (pixels, stride) = first_plane(source);
    let (width, height, target_stride) = (source.width(), source.height(), target.stride(0));
    yuv::rgb_to_bgr(pixels, stride, &mut target.data, target_stride as u32, width, height)
        .map_err(|error| ConvertError::failed(source.format(), target.format, error))
}

/// RGB to BGR or back in packed pixels, row by row: a second buffer of their size would cost more than
/// the swap, since the system has to provide its memory anew each time.
pub(crate) fn swap_in_place(pixels: &mut [u8], width: u32) -> Result<(), ConvertError> {
    let stride = width * 3;
    let mut row = vec![0; stride as usize];
    for target in pixels.chunks_exact_mut(stride as usize) {
        row.copy_from_slice(target);
        yuv::rgb_to_bgr(&row, stride, target, stride, width, 1)
            .map_err(|error| ConvertError::failed(PixelFormat::Rgb24, PixelFormat::Bgr24, error))?;
    }
    Ok(())
}

/// RGB or BGR to gray, which is the luma of JPEG.
pub(super) fn to_gray(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let (pixels, stride) = first_plane(source);
    let mut image = YuvGrayImageMut {
        y_stride: target.stride(0) as u32,
        width: source.width(),
        height: source.height(),
        y_plane: BufferStoreMut::Borrowed(&mut target.data),
    };
    let convert = match source.format() {
        PixelFormat::Bgr24 => yuv::bgr_to_yuv400,
        _ => yuv::rgb_to_yuv400,
    };
    let (range, matrix) = numbers(ColorSpace::JPEG);
    convert(&mut image, pixels, stride, range, matrix)
        .map_err(|error| ConvertError::failed(source.format(), target.format, error))
}

/// I420, NV12 or YUYV to RGB or BGR.
pub(super) fn from_yuv(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let (from, to) = (source.format(), target.format);
    let stride = target.stride(0) as u32;
    let (range, matrix) = numbers(source.color_space());
    let pixels = &mut target.data[..];
    let bgr = to == PixelFormat::Bgr24;
    match from {
        PixelFormat::Nv12 => {
            let convert = if bgr { yuv::yuv_nv12_to_bgr } else { yuv::yuv_nv12_to_rgb };
            convert(&bi_planar(source), pixels, stride, range, matrix, MODE)
        }
        PixelFormat::Yuyv => {
            let convert = if bgr { yuv::yuyv422_to_bgr } else { yuv::yuyv422_to_rgb };
            convert(&packed(source), pixels, stride, range, matrix)
        }
        _ => {
            let convert = if bgr { yuv::yuv420_to_bgr } else { yuv::yuv420_to_rgb };
            convert(&planar(source), pixels, stride, range, matrix)
        }
    }
    .map_err(|error| ConvertError::failed(from, to, error))
}

/// RGB or BGR to I420, NV12 or YUYV.
pub(super) fn to_yuv(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    match target.format {
        PixelFormat::Nv12 => to_nv12(source, target),
        PixelFormat::Yuyv => to_yuyv(source, target),
        _ => to_planar(source, target),
    }
}

fn to_planar(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let (from, to) = (source.format(), target.format);
    let (range, matrix) = numbers(target.space);
    let (pixels, stride) = first_plane(source);
    let convert = match from {
        PixelFormat::Bgr24 => yuv::bgr_to_yuv420,
        _ => yuv::rgb_to_yuv420,
    };
    convert(&mut planar_mut(target), pixels, stride, range, matrix, MODE)
        .map_err(|error| ConvertError::failed(from, to, error))
}

fn to_nv12(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let (range, matrix) = numbers(target.space);
    let (pixels, stride) = first_plane(source);
    let (y_stride, uv_stride) = (target.stride(0) as u32, target.stride(1) as u32);
    let (from, to) = (source.format(), target.format);
    let [luma, chroma, _] = target.planes();
    let mut image = YuvBiPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(luma),
        y_stride,
        uv_plane: BufferStoreMut::Borrowed(chroma),
        uv_stride,
        width: source.width(),
        height: source.height(),
    };
    let convert = match from {
        PixelFormat::Bgr24 => yuv::bgr_to_yuv_nv12,
        _ => yuv::rgb_to_yuv_nv12,
    };
    convert(&mut image, pixels, stride, range, matrix, MODE)
        .map_err(|error| ConvertError::failed(from, to, error))
}

fn to_yuyv(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let (from, to) = (source.format(), target.format);
    let (range, matrix) = numbers(target.space);
    let (pixels, stride) = first_plane(source);
    let (width, height) = (source.width(), source.height());
    let convert = match from {
        PixelFormat::Bgr24 => yuv::bgr_to_yuv422,
        _ => yuv::rgb_to_yuv422,
    };
    let mut planes = YuvPlanarImageMut::alloc(width, height, yuv::YuvChromaSubsampling::Yuv422);
    let mut image = YuvPackedImageMut {
        yuy_stride: target.stride(0) as u32,
        yuy: BufferStoreMut::Borrowed(&mut target.data),
        width,
        height,
    };
    convert(&mut planes, pixels, stride, range, matrix, MODE)
        .and_then(|()| yuv::yuv422_to_yuyv422(&mut image, &planes.to_fixed()))
        .map_err(|error| ConvertError::failed(from, to, error))
}

pub(super) fn planar(frame: &Frame) -> YuvPlanarImage<'_, u8> {
    let planes = frame.planes();
    YuvPlanarImage {
        y_plane: &planes[0].data,
        y_stride: planes[0].stride as u32,
        u_plane: &planes[1].data,
        u_stride: planes[1].stride as u32,
        v_plane: &planes[2].data,
        v_stride: planes[2].stride as u32,
        width: frame.width(),
        height: frame.height(),
    }
}

fn bi_planar(frame: &Frame) -> YuvBiPlanarImage<'_, u8> {
    let planes = frame.planes();
    YuvBiPlanarImage {
        y_plane: &planes[0].data,
        y_stride: planes[0].stride as u32,
        uv_plane: &planes[1].data,
        uv_stride: planes[1].stride as u32,
        width: frame.width(),
        height: frame.height(),
    }
}

fn numbers(space: ColorSpace) -> (YuvRange, YuvStandardMatrix) {
    let range = match space.range {
        ColorRange::Limited => YuvRange::Limited,
        ColorRange::Full => YuvRange::Full,
    };
    (range, standard(space.matrix))
}

pub(super) const fn standard(matrix: ColorMatrix) -> YuvStandardMatrix {
    match matrix {
        ColorMatrix::Bt601 => YuvStandardMatrix::Bt601,
        ColorMatrix::Bt709 => YuvStandardMatrix::Bt709,
        ColorMatrix::Bt2020 => YuvStandardMatrix::Bt2020,
        // The crate's own numbers for it are others than the standard's.
        ColorMatrix::Smpte240m => YuvStandardMatrix::Custom(0.212, 0.087),
    }
}

fn first_plane(frame: &Frame) -> (&[u8], u32) {
    let plane = &frame.planes()[0];
    (&plane.data, plane.stride as u32)
}
