//! Rectangles in a picture in I420.

/// Luma and both chromas, in limited range.
#[derive(Clone, Copy)]
pub(super) struct Color(pub(super) u8, pub(super) u8, pub(super) u8);

/// A picture in I420 whose planes follow one another without padding.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        let chroma = width.div_ceil(2) * height.div_ceil(2);
        Self { width, height, pixels: vec![128; width * height + 2 * chroma] }
    }

    /// The same picture, to be drawn on.
    pub(super) fn copy(&self) -> Self {
        Self { pixels: self.pixels.clone(), ..*self }
    }

    pub(super) fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    pub(super) fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// Fills a rectangle; what lies outside the picture is left out.
    pub(super) fn fill(
        &mut self,
        x: usize,
        y: usize,
        width: usize,
        height: usize,
        Color(luma, u, v): Color,
    ) {
        let (right, bottom) = ((x + width).min(self.width), (y + height).min(self.height));
        let (luma_plane, chroma) = self.pixels.split_at_mut(self.width * self.height);
        let (u_plane, v_plane) = chroma.split_at_mut(chroma.len() / 2);
        fill_plane(luma_plane, self.width, (x, right), (y, bottom), luma);
        let columns = (x / 2, right.div_ceil(2));
        let rows = (y / 2, bottom.div_ceil(2));
        fill_plane(u_plane, self.width.div_ceil(2), columns, rows, u);
        fill_plane(v_plane, self.width.div_ceil(2), columns, rows, v);
    }

    /// Fills a disc with its rectangle's upper left corner at that place.
    pub(super) fn disc(&mut self, x: usize, y: usize, diameter: usize, color: Color) {
        let radius = diameter as f64 / 2.0;
        for row in 0..diameter {
            let from_middle = row as f64 + 0.5 - radius;
            let half = (radius * radius - from_middle * from_middle).max(0.0).sqrt() as usize;
            self.fill(x + diameter / 2 - half.min(diameter / 2), y + row, 2 * half, 1, color);
        }
    }
}

fn fill_plane(
    plane: &mut [u8],
    stride: usize,
    (left, right): (usize, usize),
    (top, bottom): (usize, usize),
    value: u8,
) {
    if left >= right || top >= bottom {
        return;
    }
    for row in plane.chunks_exact_mut(stride).take(bottom).skip(top) {
        row[left..right].fill(value);
    }
}
