//! Whole pictures in a size of another shape.

use crate::draw::{Canvas, Color};
use crate::frame::check_dimensions;
use crate::resize::{Filter, ResizeError};
use crate::{Frame, PixelFormat};

/// Where a picture lies in a larger one, and how to get back from there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Letterbox {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    of_width: u32,
    of_height: u32,
}

impl Letterbox {
    /// Pixels from the left edge to the picture.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Pixels from the top edge to the picture.
    pub fn top(&self) -> u32 {
        self.top
    }

    /// Width of the picture in there, in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height of the picture in there, in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// From a place in the letterbox to the place in the picture that was put into it, in pixels. May be
    /// outside of it.
    pub fn to_picture(&self, x: f64, y: f64) -> (f64, f64) {
        let (across, down) = self.scale();
        ((x - f64::from(self.left)) / across, (y - f64::from(self.top)) / down)
    }

    /// From a place in the picture to the place in the letterbox, in pixels.
    pub fn to_letterbox(&self, x: f64, y: f64) -> (f64, f64) {
        let (across, down) = self.scale();
        (x * across + f64::from(self.left), y * down + f64::from(self.top))
    }

    /// From a box in the letterbox to the box in the picture: left, top, right and bottom edges. What is outside of
    /// the picture is cut off.
    pub fn box_to_picture(&self, [left, top, right, bottom]: [f64; 4]) -> [f64; 4] {
        let (width, height) = (f64::from(self.of_width), f64::from(self.of_height));
        let ((left, top), (right, bottom)) =
            (self.to_picture(left, top), self.to_picture(right, bottom));
        [
            left.clamp(0.0, width),
            top.clamp(0.0, height),
            right.clamp(0.0, width),
            bottom.clamp(0.0, height),
        ]
    }

    /// Pixels of the letterbox for a pixel of the picture, across and down. They differ by what rounding to
    /// whole pixels takes.
    pub fn scale(&self) -> (f64, f64) {
        (
            f64::from(self.width) / f64::from(self.of_width),
            f64::from(self.height) / f64::from(self.of_height),
        )
    }
}

impl Frame {
    /// The whole picture in another size, as large as it fits, in the middle, with `fill` beside it or above and
    /// below: what many models take. Keeps format, colour space and timestamp.
    ///
    /// Says where the picture lies, so that boxes can be mapped back.
    ///
    /// ```
    /// use streamsdk_media::draw::Color;
    /// use streamsdk_media::{Filter, Frame, PixelFormat};
    ///
    /// let frame = Frame::packed(PixelFormat::Gray8, 200, 100, vec![9; 200 * 100])?;
    /// let (square, letterbox) = frame.letterbox(100, 100, Color::BLACK, Filter::Bilinear)?;
    /// assert_eq!((square.width(), square.height(), letterbox.top()), (100, 100, 25));
    /// assert_eq!(letterbox.box_to_picture([0.0, 25.0, 50.0, 75.0]), [0.0, 0.0, 100.0, 100.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Frame::resized`].
    pub fn letterbox(
        &self,
        width: u32,
        height: u32,
        fill: Color,
        filter: Filter,
    ) -> Result<(Self, Letterbox), ResizeError> {
        check_dimensions(width, height)?;
        let place = Letterbox::of(self, width, height);
        let inner = self.resized(place.width, place.height, filter)?;
        let mut canvas =
            Canvas::new(self.format(), width, height)?.in_color_space(self.color_space());
        canvas.fill(canvas.area(), fill);
        canvas.paste(&inner, place.left as usize, place.top as usize);
        Ok((canvas.into_frame().at(self.timestamp()), place))
    }
}

impl Letterbox {
    fn of(frame: &Frame, width: u32, height: u32) -> Self {
        let (of_width, of_height) = (frame.width(), frame.height());
        let sides =
            (u64::from(width) * u64::from(of_height), u64::from(height) * u64::from(of_width));
        let scaled = |side: u32, to: u32, by: u32| {
            let (side, to, by) = (u64::from(side), u64::from(to), u64::from(by));
            ((side * to + by / 2) / by).max(1) as u32
        };
        let (inner_width, inner_height) = if sides.0 <= sides.1 {
            (width, scaled(of_height, width, of_width).min(height))
        } else {
            (scaled(of_width, height, of_height).min(width), height)
        };
        // Chroma at half the size lies on even places.
        let grid = match frame.format() {
            PixelFormat::I420 | PixelFormat::Nv12 | PixelFormat::Yuyv => !1,
            _ => !0,
        };
        Self {
            left: ((width - inner_width) / 2) & grid,
            top: ((height - inner_height) / 2) & grid,
            width: inner_width,
            height: inner_height,
            of_width,
            of_height,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColorSpace, InvalidFrame};

    const FORMATS: [PixelFormat; 6] = {
        use PixelFormat::{Bgr24, Gray8, I420, Nv12, Rgb24, Yuyv};
        [Bgr24, Rgb24, I420, Nv12, Yuyv, Gray8]
    };

    fn flat(format: PixelFormat, width: u32, height: u32) -> Frame {
        let pixels = [200, 60, 90].repeat((width * height) as usize);
        Frame::packed(PixelFormat::Rgb24, width, height, pixels).unwrap().convert(format).unwrap()
    }

    #[test]
    fn the_picture_is_in_the_middle_and_the_rest_is_filled() {
        for format in FORMATS {
            for (from, to) in
                [((64, 32), (48, 48)), ((33, 77), (40, 40)), ((1, 1), (7, 3)), ((9, 5), (9, 5))]
            {
                let frame = flat(format, from.0, from.1).in_color_space(ColorSpace::BT709);
                let (boxed, place) =
                    frame.letterbox(to.0, to.1, Color::WHITE, Filter::Bilinear).unwrap();
                assert_eq!((boxed.width(), boxed.height(), boxed.format()), (to.0, to.1, format));
                assert!(!format.is_yuv() || boxed.color_space() == ColorSpace::BT709);
                let luma = boxed.convert(PixelFormat::Gray8).unwrap();
                let inner = frame.convert(PixelFormat::Gray8).unwrap().to_packed()[0];
                for (y, row) in (0..).zip(luma.rows(0)) {
                    for (x, sample) in (0..).zip(row) {
                        let is_inside = (place.left()..place.left() + place.width()).contains(&x)
                            && (place.top()..place.top() + place.height()).contains(&y);
                        let expected = if is_inside { inner } else { 255 };
                        assert!(
                            sample.abs_diff(expected) <= 3,
                            "{format} {from:?} {to:?} {x},{y}: {sample}"
                        );
                    }
                }
                let margins = (to.0 - place.width(), to.1 - place.height());
                assert!(margins.0 == 0 || margins.1 == 0, "{place:?}");
                assert!((margins.0 / 2).abs_diff(place.left()) <= 1, "{place:?}");
                assert!((margins.1 / 2).abs_diff(place.top()) <= 1, "{place:?}");
            }
        }
    }

    #[test]
    fn places_go_there_and_back() {
        let (_, place) = flat(PixelFormat::I420, 1920, 1080)
            .letterbox(640, 640, Color::BLACK, Filter::Nearest)
            .unwrap();
        assert_eq!((place.left(), place.top(), place.width(), place.height()), (0, 140, 640, 360));
        assert_eq!(place.to_letterbox(1920.0, 1080.0), (640.0, 500.0));
        for (x, y) in [(0.0, 0.0), (333.3, 77.7), (1920.0, 1080.0)] {
            let (there_x, there_y) = place.to_letterbox(x, y);
            let (back_x, back_y) = place.to_picture(there_x, there_y);
            assert!((back_x - x).abs() < 1e-9 && (back_y - y).abs() < 1e-9);
        }
        assert_eq!(place.box_to_picture([-9.0, 0.0, 320.0, 700.0]), [0.0, 0.0, 960.0, 1080.0]);
    }

    #[test]
    fn extreme_shapes_keep_at_least_one_pixel_and_bad_sizes_are_typed_errors() {
        let wide = flat(PixelFormat::Gray8, 300, 1);
        let (_, place) = wide.letterbox(10, 10, Color::BLACK, Filter::Lanczos3).unwrap();
        assert_eq!((place.width(), place.height()), (10, 1));
        let error = wide.letterbox(0, 9, Color::BLACK, Filter::Nearest).unwrap_err();
        assert_eq!(error, ResizeError::Size(InvalidFrame::Empty { width: 0, height: 9 }));
    }
}
