//! Turning pictures by quarters.

use crate::convert::Target;
use crate::{ConvertError, Frame, PixelFormat};

/// By how much a picture is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rotation {
    /// Not at all.
    #[default]
    None,
    /// A quarter to the right: the left edge becomes the top edge.
    Clockwise90,
    /// Upside down.
    Half,
    /// A quarter to the left: the right edge becomes the top edge.
    Clockwise270,
}

impl Rotation {
    /// The rotation nearest to an angle in degrees, clockwise.
    pub fn from_degrees(clockwise: f64) -> Self {
        match (clockwise / 90.0).round().rem_euclid(4.0) {
            1.0 => Self::Clockwise90,
            2.0 => Self::Half,
            3.0 => Self::Clockwise270,
            _ => Self::None,
        }
    }

    /// Degrees, clockwise.
    pub const fn degrees(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Clockwise90 => 90,
            Self::Half => 180,
            Self::Clockwise270 => 270,
        }
    }

    /// Whether width and height change places.
    pub const fn swaps_sides(self) -> bool {
        matches!(self, Self::Clockwise90 | Self::Clockwise270)
    }
}

impl Frame {
    /// The same picture turned, with the same timestamp.
    ///
    /// YUYV, whose pixels come in pairs, goes through I420 and loses half of its chroma's height.
    ///
    /// # Errors
    ///
    /// As [`Frame::convert`].
    pub fn rotate(&self, rotation: Rotation) -> Result<Self, ConvertError> {
        match (rotation, self.format()) {
            (Rotation::None, _) => Ok(self.clone()),
            (_, PixelFormat::Yuyv) => {
                self.convert(PixelFormat::I420)?.rotate(rotation)?.convert(PixelFormat::Yuyv)
            }
            _ => self.rotate_planes(rotation),
        }
    }

    fn rotate_planes(&self, rotation: Rotation) -> Result<Self, ConvertError> {
        let (width, height) = match rotation.swaps_sides() {
            true => (self.height(), self.width()),
            false => (self.width(), self.height()),
        };
        let mut target = Target::new(self.format(), width, height, self.color_space());
        let strides = [target.stride(0), target.stride(1), target.stride(2)];
        for (index, plane) in target.planes().into_iter().enumerate() {
            let source = Source { frame: self, plane: index };
            match sample_bytes(self.format(), index) {
                1 => rotate_plane::<1>(&source, plane, strides[index], rotation),
                2 => rotate_plane::<2>(&source, plane, strides[index], rotation),
                _ => rotate_plane::<3>(&source, plane, strides[index], rotation),
            }
        }
        Ok(target.into_frame()?.at(self.timestamp()))
    }
}

/// Bytes that belong together and keep their order.
const fn sample_bytes(format: PixelFormat, plane: usize) -> usize {
    match (format, plane) {
        (PixelFormat::Bgr24 | PixelFormat::Rgb24, _) => 3,
        (PixelFormat::Nv12, 1) => 2,
        _ => 1,
    }
}

struct Source<'a> {
    frame: &'a Frame,
    plane: usize,
}

impl<'a> Source<'a> {
    fn rows(&self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.frame.rows(self.plane)
    }
}

fn rotate_plane<const N: usize>(
    source: &Source<'_>,
    target: &mut [u8],
    stride: usize,
    rotation: Rotation,
) {
    if stride == 0 {
        return;
    }
    if rotation.swaps_sides() {
        transpose::<N>(source, target, stride, rotation);
    } else {
        turn_over::<N>(source, target, stride);
    }
}

fn turn_over<const N: usize>(source: &Source<'_>, target: &mut [u8], stride: usize) {
    for (source, target) in source.rows().zip(target.chunks_exact_mut(stride).rev()) {
        let samples = source.as_chunks::<N>().0.iter();
        for (sample, place) in samples.zip(target.as_chunks_mut::<N>().0.iter_mut().rev()) {
            *place = *sample;
        }
    }
}

/// Goes through the picture in blocks, so that neither reading nor writing jumps far.
fn transpose<const N: usize>(
    source: &Source<'_>,
    target: &mut [u8],
    stride: usize,
    rotation: Rotation,
) {
    let rows: Vec<&[[u8; N]]> = source.rows().map(|row| row.as_chunks::<N>().0).collect();
    let mut target_rows: Vec<&mut [[u8; N]]> =
        target.chunks_exact_mut(stride).map(|row| row.as_chunks_mut::<N>().0).collect();
    // To the right: the lowest row comes first. To the left: the rightmost column comes first.
    let rows: Vec<_> = match rotation {
        Rotation::Clockwise90 => rows.into_iter().rev().collect(),
        _ => {
            target_rows.reverse();
            rows
        }
    };
    for (first_row, rows) in (0..).step_by(BLOCK).zip(rows.chunks(BLOCK)) {
        for (first_column, columns) in (0..).step_by(BLOCK).zip(target_rows.chunks_mut(BLOCK)) {
            transpose_block(rows, columns, first_row, first_column);
        }
    }
}

fn transpose_block<const N: usize>(
    rows: &[&[[u8; N]]],
    columns: &mut [&mut [[u8; N]]],
    first_row: usize,
    first_column: usize,
) {
    for (column, target) in columns.iter_mut().enumerate() {
        let places = &mut target[first_row..first_row + rows.len()];
        for (place, row) in places.iter_mut().zip(rows) {
            *place = row[first_column + column];
        }
    }
}

const BLOCK: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn gray(width: u32, height: u32, data: &[u8]) -> Frame {
        Frame::packed(PixelFormat::Gray8, width, height, data.to_vec()).unwrap()
    }

    #[test]
    fn each_rotation_puts_the_corners_where_they_belong() {
        let frame = gray(3, 2, &[1, 2, 3, 4, 5, 6]);
        let turned = |rotation| {
            let frame = frame.rotate(rotation).unwrap();
            (frame.width(), frame.height(), frame.into_packed())
        };
        assert_eq!(turned(Rotation::None), (3, 2, vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(turned(Rotation::Clockwise90), (2, 3, vec![4, 1, 5, 2, 6, 3]));
        assert_eq!(turned(Rotation::Half), (3, 2, vec![6, 5, 4, 3, 2, 1]));
        assert_eq!(turned(Rotation::Clockwise270), (2, 3, vec![3, 6, 2, 5, 1, 4]));
    }

    #[test]
    fn turning_back_gives_the_same_picture_in_every_format_and_size() {
        for (width, height) in [(1, 1), (1, 70), (33, 65), (64, 32), (161, 121)] {
            let pixels = (0..width * height * 3).map(|index| (index * 31 % 251) as u8);
            let rgb = Frame::packed(PixelFormat::Rgb24, width, height, pixels.collect::<Vec<_>>());
            for format in [PixelFormat::Rgb24, PixelFormat::I420, PixelFormat::Nv12] {
                let frame = rgb.as_ref().unwrap().convert(format).unwrap();
                for (there, back) in [
                    (Rotation::Clockwise90, Rotation::Clockwise270),
                    (Rotation::Half, Rotation::Half),
                ] {
                    let turned = frame.rotate(there).unwrap();
                    assert!(width * height == 1 || turned.to_packed() != frame.to_packed());
                    assert_eq!(turned.rotate(back).unwrap().to_packed(), frame.to_packed());
                }
                let twice = frame.rotate(Rotation::Clockwise90).unwrap();
                let twice = twice.rotate(Rotation::Clockwise90).unwrap();
                assert_eq!(twice.to_packed(), frame.rotate(Rotation::Half).unwrap().to_packed());
            }
        }
    }

    #[test]
    fn yuyv_turns_too() {
        let frame = Frame::packed(PixelFormat::Yuyv, 2, 2, [50, 128, 60, 128].repeat(2)).unwrap();
        let turned = frame.rotate(Rotation::Clockwise90).unwrap();
        assert_eq!(turned.to_packed()[..], [50, 128, 50, 128, 60, 128, 60, 128]);
    }

    #[test]
    fn angles_are_taken_as_the_nearest_quarter() {
        assert_eq!(Rotation::from_degrees(-90.0), Rotation::Clockwise270);
        assert_eq!(Rotation::from_degrees(450.2), Rotation::Clockwise90);
        assert_eq!(Rotation::from_degrees(f64::NAN), Rotation::None);
    }
}
