/// A picture of three bytes a pixel, without padding between its rows.
pub(super) struct Rgb {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<[u8; 3]>,
}

impl Rgb {
    /// The picture in `packed`, with sides divided by `factor`: each pixel is the mean of the square
    /// that it came from.
    pub(super) fn shrunk(packed: &[u8], width: usize, height: usize, factor: usize) -> Self {
        let pixels_of = |y: usize| packed[y * width * 3..(y + 1) * width * 3].as_chunks::<3>().0;
        let mut pixels = Vec::with_capacity(width.div_ceil(factor) * height.div_ceil(factor));
        let mut sums = vec![[0u32; 3]; width.div_ceil(factor)];
        for top in (0..height).step_by(factor) {
            sums.fill([0; 3]);
            let bottom = height.min(top + factor);
            for y in top..bottom {
                for (sum, square) in sums.iter_mut().zip(pixels_of(y).chunks(factor)) {
                    for pixel in square {
                        for channel in 0..3 {
                            sum[channel] += u32::from(pixel[channel]);
                        }
                    }
                }
            }
            pixels.extend(sums.iter().enumerate().map(|(x, sum)| {
                let columns = width.min((x + 1) * factor) - x * factor;
                let count = (columns * (bottom - top)) as u32;
                sum.map(|sum| (sum / count) as u8)
            }));
        }
        Self { width: width.div_ceil(factor), height: height.div_ceil(factor), pixels }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_takes_means_and_keeps_ragged_edges() {
        let packed: Vec<u8> = [0, 100, 7, 100, 200, 9].iter().flat_map(|p| [*p, 0, 255]).collect();
        let shrunk = Rgb::shrunk(&packed, 3, 2, 2);
        assert_eq!((shrunk.width, shrunk.height), (2, 1));
        assert_eq!(shrunk.pixels, [[100, 0, 255], [8, 0, 255]]);
    }
}
