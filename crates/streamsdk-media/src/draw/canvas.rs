//! A frame that is drawn on.

use std::fmt;

use super::surface::{Ink, Surface};
use super::{Color, font, shape};
use crate::frame::check_dimensions;
use crate::{ColorSpace, Frame, InvalidFrame, PixelFormat, PlaneSize, Timestamp};

/// A frame that is drawn on: of any format, in its own colour space.
///
/// In the formats whose chroma is at half the width or height, the colour of what is drawn may reach a pixel
/// further than its brightness.
#[derive(Clone)]
pub struct Canvas {
    surface: Surface,
    timestamp: Option<Timestamp>,
}

/// A rectangle of pixels, perhaps outside of the picture. Its right and bottom edges are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Area {
    /// Pixels from the left edge of the picture to the rectangle.
    pub left: i32,
    /// Pixels from the top edge of the picture to the rectangle.
    pub top: i32,
    /// Pixels from the left edge of the picture to the first column behind the rectangle.
    pub right: i32,
    /// Pixels from the top edge of the picture to the first row below the rectangle.
    pub bottom: i32,
}

impl Area {
    /// A rectangle by its edges.
    pub const fn new(left: i32, top: i32, right: i32, bottom: i32) -> Self {
        Self { left, top, right, bottom }
    }

    /// The rectangle with its edges moved outwards by that many pixels, or inwards.
    #[must_use]
    pub const fn grown(self, by: i32) -> Self {
        Self {
            left: self.left.saturating_sub(by),
            top: self.top.saturating_sub(by),
            right: self.right.saturating_add(by),
            bottom: self.bottom.saturating_add(by),
        }
    }
}

impl Canvas {
    /// A canvas that shows `frame`. Copies no pixels if they are in one plane without padding that nobody
    /// else holds.
    pub fn of(frame: Frame) -> Self {
        let timestamp = frame.timestamp();
        let surface = Surface {
            format: frame.format(),
            width: frame.width() as usize,
            height: frame.height() as usize,
            space: frame.color_space(),
            pixels: frame.into_packed(),
        };
        Self { surface, timestamp }
    }

    /// A black canvas; if its format is YUV, of [`ColorSpace::BT601`].
    ///
    /// # Errors
    ///
    /// If the size is zero or beyond [`MAX_DIMENSION`](crate::MAX_DIMENSION).
    pub fn new(format: PixelFormat, width: u32, height: u32) -> Result<Self, InvalidFrame> {
        check_dimensions(width, height)?;
        let bytes = format.plane_sizes(width, height).map(PlaneSize::bytes).sum();
        let surface = Surface {
            format,
            width: width as usize,
            height: height as usize,
            space: ColorSpace::default(),
            pixels: vec![0; bytes],
        };
        let mut canvas = Self { surface, timestamp: None };
        canvas.fill(canvas.area(), Color::BLACK);
        Ok(canvas)
    }

    /// The same samples, which stand for colours of another space.
    #[cfg(feature = "resize")]
    pub(crate) fn in_color_space(mut self, space: ColorSpace) -> Self {
        if self.surface.format.is_yuv() {
            self.surface.space = space;
        }
        self
    }

    /// Copies a picture of the same format that fits there. Where chroma has half the size, to an even place.
    #[cfg(feature = "resize")]
    pub(crate) fn paste(&mut self, frame: &Frame, left: usize, top: usize) {
        self.surface.paste(frame, left, top);
    }

    /// What was drawn, as a frame of the same format, colour space and time. Copies no pixels.
    pub fn into_frame(self) -> Frame {
        let Surface { format, width, height, space, pixels } = self.surface;
        Frame::of_packed(format, width as u32, height as u32, pixels.into())
            .in_color_space(space)
            .at(self.timestamp)
    }

    /// The pixels, laid out as [`Frame::packed`] takes them.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.surface.pixels
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.surface.width as u32
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.surface.height as u32
    }

    /// The whole picture.
    pub fn area(&self) -> Area {
        Area::new(0, 0, self.surface.width as i32, self.surface.height as i32)
    }

    /// Fills a rectangle.
    pub fn fill(&mut self, area: Area, color: Color) {
        let ink = self.surface.ink(color);
        for y in within(area.top, area.bottom, self.surface.height) {
            self.run(y, area.left, area.right, ink);
        }
    }

    /// Draws the border of a rectangle, inside of it, that many pixels thick.
    pub fn outline(&mut self, area: Area, thickness: i32, color: Color) {
        let inner = area.grown(-thickness.max(0));
        if inner.left >= inner.right || inner.top >= inner.bottom {
            return self.fill(area, color);
        }
        self.fill(Area { bottom: inner.top, ..area }, color);
        self.fill(Area { top: inner.bottom, ..area }, color);
        let sides = Area { top: inner.top, bottom: inner.bottom, ..area };
        self.fill(Area { right: inner.left, ..sides }, color);
        self.fill(Area { left: inner.right, ..sides }, color);
    }

    /// Draws a line with round ends, that many pixels thick.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), thickness: f64, color: Color) {
        let ink = self.surface.ink(color);
        shape::line(&mut self.surface, from, to, thickness / 2.0, ink);
    }

    /// Draws a disc around that place.
    pub fn disc(&mut self, center: (f64, f64), radius: f64, color: Color) {
        let ink = self.surface.ink(color);
        shape::line(&mut self.surface, center, center, radius, ink);
    }

    /// Fills a polygon. Where it crosses itself, what is inside twice is outside. Of one with more than
    /// [`Canvas::MAX_CORNERS`] corners, only every second one counts, or fewer.
    pub fn polygon(&mut self, corners: &[(f64, f64)], color: Color) {
        let ink = self.surface.ink(color);
        shape::polygon(&mut self.surface, corners, ink);
    }

    /// Draws the closed line through the corners of a polygon, as [`Canvas::polygon`] takes them.
    pub fn polyline(&mut self, corners: &[(f64, f64)], thickness: f64, color: Color) {
        let ink = self.surface.ink(color);
        let corners = shape::thinned(corners);
        for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
            shape::line(&mut self.surface, *from, *to, thickness / 2.0, ink);
        }
    }

    /// Writes a text in one line. Each of its dots is a square of `scale` pixels, and characters are five
    /// dots wide and seven high, with a dot between them; what is not ASCII is a frame.
    pub fn text(&mut self, text: &str, left: i32, top: i32, scale: i32, color: Color) {
        font::draw(self, text, left, top, scale, color);
    }

    /// Colours pixels of a row.
    pub fn row(&mut self, y: i32, columns: std::ops::Range<i32>, color: Color) {
        let ink = self.surface.ink(color);
        if let Ok(y) = usize::try_from(y) {
            self.run(y, columns.start, columns.end, ink);
        }
    }

    fn run(&mut self, y: usize, left: i32, right: i32, ink: Ink) {
        self.surface.run(y, within(left, right, self.surface.width), ink);
    }

    /// Most corners of a polygon that are regarded.
    pub const MAX_CORNERS: usize = 4_096;
}

/// The part of a range that is in a picture.
fn within(start: i32, end: i32, size: usize) -> std::ops::Range<usize> {
    let inside = |place: i32| usize::try_from(place).unwrap_or(0).min(size);
    inside(start)..inside(end)
}

impl fmt::Debug for Canvas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canvas")
            .field("format", &self.surface.format)
            .field("width", &self.surface.width)
            .field("height", &self.surface.height)
            .finish_non_exhaustive()
    }
}
