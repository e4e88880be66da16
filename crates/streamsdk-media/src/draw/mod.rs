//! Drawing on frames: areas, lines, outlines, discs and text, opaque or translucent.
//!
//! A [`Canvas`] is a frame that is drawn on, in whatever format and colour space it has. What lies outside
//! of the picture is left out, wherever that is: no coordinate can do harm.
//!
//! ```
//! use streamsdk_media::draw::{Area, Canvas, Color};
//! use streamsdk_media::{Frame, PixelFormat};
//!
//! let frame = Frame::packed(PixelFormat::Gray8, 64, 48, vec![0; 64 * 48])?;
//! let mut canvas = Canvas::of(frame);
//! canvas.outline(Area::new(8, 8, 40, 30), 2, Color::WHITE);
//! canvas.fill(Area::new(10, 10, 38, 28), Color::rgb(255, 0, 0).opacity(0.5));
//! canvas.text("car", 10, 32, 1, Color::WHITE);
//! let frame = canvas.into_frame();
//! # Ok::<(), streamsdk_media::InvalidFrame>(())
//! ```

mod canvas;
mod color;
mod font;
mod shape;
mod surface;
#[cfg(test)]
mod tests;

pub use canvas::{Area, Canvas};
pub use color::Color;
pub use font::text_size;
