//! What the test pattern shows.

use streamsdk_media::draw::{Area, Canvas, Color, text_size};
use streamsdk_media::{Frame, InvalidFrame, PixelFormat};

use crate::marker;

/// Coloured bars above gray steps, drawn once, and what moves in front of them.
pub(super) struct Scene {
    width: i32,
    height: i32,
    background: Canvas,
}

impl Scene {
    pub(super) fn new(width: u32, height: u32) -> Result<Self, InvalidFrame> {
        let mut canvas = Canvas::new(PixelFormat::I420, width, height)?;
        let (width, height) = (width as i32, height as i32);
        let bars_end = height * 2 / 3;
        let edge = |index: usize, count: usize| index as i32 * width / count as i32;
        for (index, color) in BARS.into_iter().enumerate() {
            let (left, right) = (edge(index, BARS.len()), edge(index + 1, BARS.len()));
            canvas.fill(Area::new(left, 0, right, bars_end), color);
        }
        for step in 0..GRAYS {
            let (left, right) = (edge(step, GRAYS), edge(step + 1, GRAYS));
            let gray = (step * 255 / (GRAYS - 1)) as u8;
            canvas.fill(Area::new(left, bars_end, right, height), Color::rgb(gray, gray, gray));
        }
        Ok(Self { width, height, background: canvas })
    }

    /// In I420: the number decides where things are, and `clock` is written below it.
    pub(super) fn draw(&self, number: u64, clock: &str) -> Frame {
        let mut canvas = self.background.clone();
        self.draw_shapes(&mut canvas, number);
        self.draw_text(&mut canvas, number, clock);
        let (width, height) = (canvas.width(), canvas.height());
        // Small pictures have no room for it.
        let _ = marker::draw(
            canvas.pixels_mut(),
            PixelFormat::I420,
            width,
            height,
            number as u32 & marker::MAX_NUMBER,
        );
        canvas.into_frame()
    }

    fn draw_shapes(&self, canvas: &mut Canvas, number: u64) {
        let size = (self.width.min(self.height) / 6).max(2);
        let (across, down) = ((self.width - size).max(0), (self.height - size).max(0));
        // Each direction at a speed of its own, in pixels per frame, so that the way is long.
        let at = |speed: u64, room: i32| bounce(number.wrapping_mul(speed), room);
        let square =
            |left: i32, top: i32, width: i32| Area::new(left, top, left + width, top + size);
        canvas.fill(square(at(5, across), at(3, down), size), ORANGE);
        let radius = f64::from(size) / 2.0;
        let center = |room: i32, speed: u64| f64::from(at(speed, room)) + radius;
        canvas.disc((center(across, 3), center(down, 4)), radius, Color::WHITE);
        canvas.fill(square(at(8, across), down, size / 2), Color::BLACK);
    }

    fn draw_text(&self, canvas: &mut Canvas, number: u64, clock: &str) {
        let number = format!("{number:06}");
        let scale = (self.width / 120).min(self.height / 60).max(1);
        let (x, y) = (self.width / 20, self.height / 3);
        let mut line = |text: &str, y, scale| {
            let (width, height) = text_size(text, scale);
            canvas.fill(Area::new(x, y, x + width + scale, y + height + 2 * scale), Color::BLACK);
            canvas.text(text, x + scale, y + scale, scale, Color::WHITE);
        };
        line(&number, y, scale * 2);
        line(clock, y + 20 * scale, scale);
    }
}

/// There and back again within the room.
fn bounce(way: u64, room: i32) -> i32 {
    let room = room.max(1) as u64;
    let place = way % (2 * room);
    place.min(2 * room - place) as i32
}

const GRAYS: usize = 16;
const ORANGE: Color = Color::rgb(255, 128, 0);

/// The colour bars of 75 %: white, yellow, cyan, green, magenta, red, blue, black.
const BARS: [Color; 8] = [
    Color::rgb(191, 191, 191),
    Color::rgb(191, 191, 0),
    Color::rgb(0, 191, 191),
    Color::rgb(0, 191, 0),
    Color::rgb(191, 0, 191),
    Color::rgb(191, 0, 0),
    Color::rgb(0, 0, 191),
    Color::rgb(0, 0, 0),
];
