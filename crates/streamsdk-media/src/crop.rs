//! Parts of pictures.

use bytes::Bytes;

use crate::{Frame, InvalidFrame, PixelFormat, Plane};

impl Frame {
    /// A part of the picture, by its upper left corner and its size in pixels, with the same colour space and
    /// timestamp.
    ///
    /// Copies no pixels: the part shares them with the whole, and keeps them alive. Only YUYV is copied where
    /// `left` is odd.
    ///
    /// Where chroma has half the width or height, a part that begins at an odd place has the chroma of the
    /// pixels that it cuts apart: colours are shifted by one pixel then, brightness is not.
    ///
    /// # Errors
    ///
    /// [`InvalidFrame::Empty`] if the part has no pixels, [`InvalidFrame::Outside`] if it is not within the
    /// picture.
    pub fn crop(&self, left: u32, top: u32, width: u32, height: u32) -> Result<Self, InvalidFrame> {
        if width == 0 || height == 0 {
            return Err(InvalidFrame::Empty { width, height });
        }
        let is_within = |start: u32, length: u32, size: u32| {
            start.checked_add(length).is_some_and(|end| end <= size)
        };
        if !is_within(left, width, self.width()) || !is_within(top, height, self.height()) {
            let (of_width, of_height) = (self.width(), self.height());
            return Err(InvalidFrame::Outside { left, top, width, height, of_width, of_height });
        }
        let planes: Vec<Plane> = match self.format() {
            PixelFormat::Yuyv if left % 2 == 1 => {
                vec![self.crop_between_pairs(left, top, width, height)]
            }
            format => (0..format.planes())
                .map(|plane| self.crop_plane(plane, left as usize, top as usize))
                .collect(),
        };
        let part = Self::with_planes(self.format(), width, height, &planes)?;
        Ok(part.in_color_space(self.color_space()).at(self.timestamp()))
    }

    /// What is left of a plane to the right of and below a pixel.
    fn crop_plane(&self, index: usize, left: usize, top: usize) -> Plane {
        let (bytes, row) = match (self.format(), index) {
            (PixelFormat::Bgr24 | PixelFormat::Rgb24, _) => (left * 3, top),
            (PixelFormat::Yuyv, _) => (left / 2 * 4, top),
            (PixelFormat::Gray8 | PixelFormat::I420 | PixelFormat::Nv12, 0) => (left, top),
            (PixelFormat::Nv12, _) => (left / 2 * 2, top / 2),
            (PixelFormat::Gray8 | PixelFormat::I420, _) => (left / 2, top / 2),
        };
        let Plane { data, stride } = &self.planes()[index];
        Plane { data: data.slice(row * stride + bytes..), stride: *stride }
    }

    /// The pairs of YUYV cannot be taken apart: luma moves by one place.
    fn crop_between_pairs(&self, left: u32, top: u32, width: u32, height: u32) -> Plane {
        let stride = width.div_ceil(2) as usize * 4;
        let mut data = Vec::with_capacity(stride * height as usize);
        for row in self.rows(0).skip(top as usize).take(height as usize) {
            let (pairs, _) = row.as_chunks::<4>();
            let pairs = pairs.get(left as usize / 2..).unwrap_or_default();
            for pair in 0..width.div_ceil(2) as usize {
                let [_, u, luma, v] = pairs[pair];
                // Behind the last pixel of a picture of odd width there is no other.
                let next = pairs.get(pair + 1).map_or(luma, |[next, ..]| *next);
                data.extend_from_slice(&[luma, u, next, v]);
            }
        }
        Plane { data: Bytes::from(data), stride }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColorSpace, TimeBase, Timestamp};

    const FORMATS: [PixelFormat; 6] = {
        use PixelFormat::{Bgr24, Gray8, I420, Nv12, Rgb24, Yuyv};
        [Bgr24, Rgb24, I420, Nv12, Yuyv, Gray8]
    };

    /// Every pixel has a brightness of its own.
    fn numbered(format: PixelFormat, width: u32, height: u32) -> Frame {
        let pixels: Vec<u8> = (0..width * height).map(|at| 20 + at as u8 * 2).collect();
        Frame::packed(PixelFormat::Gray8, width, height, pixels).unwrap().convert(format).unwrap()
    }

    fn gray(frame: &Frame) -> Vec<Vec<u8>> {
        let gray = frame.convert(PixelFormat::Gray8).unwrap();
        gray.rows(0).map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn every_part_has_the_pixels_of_its_place_in_every_format() {
        let (width, height) = (9, 7);
        for format in FORMATS {
            let whole = numbered(format, width, height);
            let expected = gray(&whole);
            for (left, top) in (0..width).flat_map(|left| (0..height).map(move |top| (left, top))) {
                for (w, h) in [(1, 1), (2, 3), (width - left, height - top)] {
                    let Ok(part) = whole.crop(left, top, w, h) else {
                        assert!(left + w > width || top + h > height);
                        continue;
                    };
                    let rows = expected[top as usize..][..h as usize].iter();
                    let rows: Vec<_> =
                        rows.map(|row| row[left as usize..][..w as usize].to_vec()).collect();
                    assert_eq!(gray(&part), rows, "{format} {left},{top} {w}x{h}");
                }
            }
        }
    }

    #[test]
    fn colours_stay_with_their_pixels() {
        let mut rgb = [200, 30, 40].repeat(8 * 8);
        for y in 0..8 {
            rgb[y * 24 + 12..y * 24 + 24].copy_from_slice(&[30, 40, 200].repeat(4));
        }
        let frame = Frame::packed(PixelFormat::Rgb24, 8, 8, rgb).unwrap();
        for format in FORMATS.into_iter().filter(|format| *format != PixelFormat::Gray8) {
            let part = frame.convert(format).unwrap().crop(4, 2, 3, 3).unwrap();
            let part = part.convert(PixelFormat::Rgb24).unwrap();
            let near =
                |pixel: &[u8]| pixel.iter().zip([30, 40, 200]).all(|(a, b)| a.abs_diff(b) < 5);
            assert!(part.to_packed().chunks(3).all(near), "{format} {:?}", part.to_packed());
        }
    }

    #[test]
    fn a_part_shares_the_pixels_and_keeps_time_and_color_space() {
        let stamp = Timestamp::new(7, TimeBase::MILLISECONDS);
        for format in FORMATS {
            let whole = numbered(format, 8, 6).in_color_space(ColorSpace::BT709).at(stamp);
            let part = whole.crop(2, 2, 5, 3).unwrap();
            let data = &whole.planes()[0].data;
            assert!(data.as_ptr_range().contains(&part.planes()[0].data.as_ptr()), "{format}");
            assert_eq!((part.timestamp(), part.color_space()), (Some(stamp), ColorSpace::BT709));
        }
    }

    #[test]
    fn parts_that_are_none_are_typed_errors() {
        let whole = numbered(PixelFormat::I420, 8, 6);
        assert_eq!(
            whole.crop(0, 0, 0, 3).unwrap_err(),
            InvalidFrame::Empty { width: 0, height: 3 }
        );
        for (left, top, width, height) in
            [(0, 0, 9, 1), (0, 0, 1, 7), (8, 0, 1, 1), (u32::MAX, 0, 1, 1), (1, 1, u32::MAX, 1)]
        {
            let error = whole.crop(left, top, width, height).unwrap_err();
            let (of_width, of_height) = (8, 6);
            let outside = InvalidFrame::Outside { left, top, width, height, of_width, of_height };
            assert_eq!(error, outside);
        }
    }
}
