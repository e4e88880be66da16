//! Predictions drawn on frames.
//!
//! [`draw`] takes a frame and gives it back with boxes, labels, outlines, masks and keypoints on it. A kind of
//! thing has the same colour in every frame. Every stroke has a border that contrasts with it, so that it can
//! be seen on any background, and labels are on plates.
//!
//! ```
//! use streamsdk_draw::{DrawOptions, draw};
//! use streamsdk_media::{Frame, PixelFormat};
//! use streamsdk_protocol::predictions::{Detection, Detections, ImageSize};
//!
//! let frame = Frame::packed(PixelFormat::Rgb24, 640, 480, vec![0; 640 * 480 * 3])?;
//! let car = Detection::new("car", 0.92, [40.0, 60.0, 200.0, 180.0]);
//! let found = Detections::new(ImageSize::new(640, 480), vec![car]);
//! let frame = draw(frame, &found, &DrawOptions::default());
//! # Ok::<(), streamsdk_media::InvalidFrame>(())
//! ```
//!
//! Boxes refer to the size of [`Detections::image`](streamsdk_protocol::predictions::Detections::image); on a
//! frame of another size they are drawn where they belong. What lies outside of the picture, or is no number,
//! is left out: nothing that a peer sends does harm, and all there is to draw has a bound.
//!
//! # Features
//!
//! There are none.
#![forbid(unsafe_code)]

mod classes;
mod detections;
mod label;
mod mask;
mod options;
mod scale;

use streamsdk_media::Frame;
use streamsdk_media::draw::Canvas;
use streamsdk_protocol::predictions::Predictions;

pub use options::DrawOptions;

/// The frame with `what` drawn on it; its format, colour space and time stay.
///
/// Copies the frame's pixels only if somebody else holds them, or they are in several planes.
pub fn draw(frame: Frame, what: &impl Drawable, options: &DrawOptions) -> Frame {
    let mut canvas = Canvas::of(frame);
    what.draw_on(&mut canvas, options);
    canvas.into_frame()
}

/// What can be drawn: predictions, and what a program makes so.
pub trait Drawable {
    /// Draws on what is there already.
    fn draw_on(&self, canvas: &mut Canvas, options: &DrawOptions);
}

/// Nothing is drawn of a [`Segmentation`](Predictions::Segmentation), whose masks are PNG files, of a list,
/// whose items belong to several images, and of what is not known.
impl Drawable for Predictions {
    fn draw_on(&self, canvas: &mut Canvas, options: &DrawOptions) {
        match self {
            Self::Detections(found) => found.draw_on(canvas, options),
            Self::Classification(found) => found.draw_on(canvas, options),
            Self::MultiLabel(found) => found.draw_on(canvas, options),
            _ => {}
        }
    }
}
