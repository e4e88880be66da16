use streamsdk_media::draw::{Area, Canvas};
use streamsdk_protocol::predictions::ImageSize;

/// From the image that predictions refer to, to the canvas.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    across: f64,
    down: f64,
}

impl Scale {
    pub(crate) fn new(image: ImageSize, canvas: &Canvas) -> Self {
        let factor = |of: Option<u32>, to: u32| match of {
            Some(size) if size > 0 => f64::from(to) / f64::from(size),
            _ => 1.0,
        };
        Self {
            across: factor(image.width, canvas.width()),
            down: factor(image.height, canvas.height()),
        }
    }

    pub(crate) fn point(&self, x: f64, y: f64) -> (f64, f64) {
        (x * self.across, y * self.down)
    }

    /// Every pixel that a box touches; `None` if the box is not one.
    pub(crate) fn area(&self, edges: [f64; 4]) -> Option<Area> {
        let [left, top, right, bottom] = edges;
        let is_box = edges.iter().all(|edge| edge.is_finite()) && left <= right && top <= bottom;
        // What is larger than any number of pixels becomes the largest one.
        let area = Area::new(
            (left * self.across).floor() as i32,
            (top * self.down).floor() as i32,
            (right * self.across).ceil() as i32,
            (bottom * self.down).ceil() as i32,
        );
        is_box.then_some(area)
    }
}
