use streamsdk_media::{ConvertError, Frame, PixelFormat};

/// A picture of one byte a pixel without padding between its rows.
pub(super) struct Gray {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

impl Gray {
    pub(super) fn of(frame: &Frame) -> Result<Self, ConvertError> {
        let gray = frame.convert(PixelFormat::Gray8)?;
        Ok(Self {
            width: gray.width() as usize,
            height: gray.height() as usize,
            pixels: gray.to_packed().to_vec(),
        })
    }

    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.pixels[y * self.width..(y + 1) * self.width]
    }

    /// The picture with sides divided by `factor`, each pixel the mean of the square it came from.
    pub(super) fn shrunk(&self, factor: usize) -> Self {
        let (width, height) = (self.width.div_ceil(factor), self.height.div_ceil(factor));
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            let rows = y * factor..self.height.min((y + 1) * factor);
            for x in 0..width {
                let columns = x * factor..self.width.min((x + 1) * factor);
                let count = (rows.len() * columns.len()).max(1) as u32;
                let sum: u32 = rows
                    .clone()
                    .map(|y| {
                        self.row(y)[columns.clone()].iter().map(|p| u32::from(*p)).sum::<u32>()
                    })
                    .sum();
                pixels.push((sum / count) as u8);
            }
        }
        Self { width, height, pixels }
    }
}

/// A box in pixels; the right and bottom edges are outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

/// Draws outlines of `areas` into packed RGB pixels.
pub(super) fn outline(
    rgb: &mut [u8],
    width: usize,
    height: usize,
    areas: &[Area],
    colour: [u8; 3],
) {
    let thickness = (width.min(height) / 240).max(1);
    let mut fill = |left: usize, top: usize, right: usize, bottom: usize| {
        for y in top..bottom.min(height) {
            for x in left..right.min(width) {
                let at = (y * width + x) * 3;
                rgb[at..at + 3].copy_from_slice(&colour);
            }
        }
    };
    for Area { left, top, right, bottom } in areas.iter().copied() {
        let (inner_left, inner_top) = (left + thickness, top + thickness);
        fill(left, top, right, inner_top);
        fill(left, bottom.saturating_sub(thickness), right, bottom);
        fill(left, top, inner_left, bottom);
        fill(right.saturating_sub(thickness), top, right, bottom);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_takes_means_and_keeps_ragged_edges() {
        let gray = Gray { width: 3, height: 2, pixels: vec![0, 100, 7, 100, 200, 9] };
        let shrunk = gray.shrunk(2);
        assert_eq!((shrunk.width, shrunk.height), (2, 1));
        assert_eq!(shrunk.pixels, [100, 8]);
    }

    #[test]
    fn outlines_stay_inside_the_picture() {
        let mut rgb = vec![0; 4 * 4 * 3];
        let area = Area { left: 2, top: 2, right: 9, bottom: 9 };
        outline(&mut rgb, 4, 4, &[area], [1, 2, 3]);
        let drawn = |x: usize, y: usize| rgb[(y * 4 + x) * 3] == 1;
        assert!(drawn(2, 2) && drawn(3, 2) && drawn(2, 3));
        assert!(!drawn(1, 1) && !drawn(3, 3));
    }
}
