use streamsdk_media::{ConvertError, Frame, PixelFormat};

use super::parameters::number;
use super::{FrameContext, Processor, ProcessorError, ProcessorOutputs};

/// Marks where brightness changes: white on black, by Sobel's operator.
pub(super) struct Edges;

impl Processor for Edges {
    fn process(
        &mut self,
        frame: &Frame,
        context: &FrameContext<'_>,
    ) -> Result<ProcessorOutputs, ProcessorError> {
        let expected = "a number from 0 to 255";
        let threshold =
            number(context.parameters(), "threshold", (0.0, 255.0), expected, 64.0)? as i32;
        if !context.wants("image") {
            return Ok(ProcessorOutputs::new());
        }
        let gray = Gray::of(frame)?;
        let marked = mark(&gray, threshold);
        let image = Frame::packed(PixelFormat::Gray8, frame.width(), frame.height(), marked)?;
        Ok(ProcessorOutputs::new().image("image", image))
    }
}

/// A picture of one byte a pixel, without padding between its rows.
struct Gray {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Gray {
    fn of(frame: &Frame) -> Result<Self, ConvertError> {
        let pixels = frame.convert(PixelFormat::Gray8)?.into_packed();
        Ok(Self { width: frame.width() as usize, height: frame.height() as usize, pixels })
    }

    fn row(&self, y: usize) -> &[u8] {
        &self.pixels[y * self.width..(y + 1) * self.width]
    }
}

/// Pixels on the border have no neighbours on one side and are never marked.
fn mark(gray: &Gray, threshold: i32) -> Vec<u8> {
    let mut marked = vec![0; gray.pixels.len()];
    for y in 1..gray.height.saturating_sub(1) {
        let (above, here, below) = (gray.row(y - 1), gray.row(y), gray.row(y + 1));
        let out = &mut marked[y * gray.width..(y + 1) * gray.width];
        for (x, mark) in out.iter_mut().enumerate().take(gray.width.saturating_sub(1)).skip(1) {
            let p = |row: &[u8], x: usize| i32::from(row[x]);
            let across = p(above, x + 1) + 2 * p(here, x + 1) + p(below, x + 1)
                - p(above, x - 1)
                - 2 * p(here, x - 1)
                - p(below, x - 1);
            let down = p(below, x - 1) + 2 * p(below, x) + p(below, x + 1)
                - p(above, x - 1)
                - 2 * p(above, x)
                - p(above, x + 1);
            // The sum of the absolute values is a fair and cheap stand-in for the length, and four
            // times the step that causes it.
            if (across.abs() + down.abs()) / 4 > threshold {
                *mark = 255;
            }
        }
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize, pixel: impl Fn(usize) -> u8) -> Gray {
        let pixels = (0..width * height).map(|at| pixel(at % width)).collect();
        Gray { width, height, pixels }
    }

    #[test]
    fn a_flat_picture_has_no_edges_and_a_step_has_one() {
        assert!(mark(&picture(8, 6, |_| 200), 0).iter().all(|pixel| *pixel == 0));
        let marked = mark(&picture(8, 6, |x| if x < 4 { 0 } else { 255 }), 64);
        let row = &marked[2 * 8..3 * 8];
        assert_eq!(row, [0, 0, 0, 255, 255, 0, 0, 0]);
    }

    #[test]
    fn a_step_below_the_threshold_is_not_an_edge() {
        let step = picture(8, 6, |x| if x < 4 { 0 } else { 60 });
        assert!(mark(&step, 64).iter().all(|pixel| *pixel == 0));
        assert!(mark(&step, 50).contains(&255));
    }
}
