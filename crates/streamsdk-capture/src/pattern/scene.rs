//! What the test pattern shows.

use streamsdk_media::PixelFormat;

use super::canvas::{Canvas, Color};
use super::font;
use crate::marker;

/// Coloured bars above gray steps, drawn once, and what moves in front of them.
pub(super) struct Scene {
    width: usize,
    height: usize,
    background: Canvas,
}

impl Scene {
    pub(super) fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        let mut background = Canvas::new(width, height);
        let bars_end = height * 2 / 3;
        let edge = |index: usize, count: usize| index * width / count;
        for (index, color) in BARS.into_iter().enumerate() {
            let (left, right) = (edge(index, BARS.len()), edge(index + 1, BARS.len()));
            background.fill(left, 0, right - left, bars_end, color);
        }
        for step in 0..GRAYS {
            let (left, right) = (edge(step, GRAYS), edge(step + 1, GRAYS));
            let luma = 16 + step * (235 - 16) / (GRAYS - 1);
            let gray = Color(luma as u8, 128, 128);
            background.fill(left, bars_end, right - left, height - bars_end, gray);
        }
        Self { width, height, background }
    }

    /// The pixels in I420: the number decides where things are, and `clock` is written below it.
    pub(super) fn draw(&self, number: u64, clock: &str) -> Vec<u8> {
        let mut canvas = self.background.copy();
        self.draw_shapes(&mut canvas, number);
        self.draw_text(&mut canvas, number, clock);
        let (width, height) = (self.width as u32, self.height as u32);
        // Small pictures have no room for it.
        let _ = marker::draw(
            canvas.pixels_mut(),
            PixelFormat::I420,
            width,
            height,
            number as u32 & marker::MAX_NUMBER,
        );
        canvas.into_pixels()
    }

    fn draw_shapes(&self, canvas: &mut Canvas, number: u64) {
        let size = (self.width.min(self.height) / 6).max(2);
        let (across, down) = (self.width.saturating_sub(size), self.height.saturating_sub(size));
        // Each direction at a speed of its own, in pixels per frame, so that the way is long.
        let at = |speed: u64, room: usize| bounce(number.wrapping_mul(speed), room);
        canvas.fill(at(5, across), at(3, down), size, size, ORANGE);
        canvas.disc(at(3, across), at(4, down), size, WHITE);
        canvas.fill(at(8, across), down, size / 2, size, BLACK);
    }

    fn draw_text(&self, canvas: &mut Canvas, number: u64, clock: &str) {
        let number = format!("{number:06}");
        let scale = (self.width / 120).min(self.height / 60).max(1);
        let (x, y) = (self.width / 20, self.height / 3);
        let mut line = |text: &str, y, scale| {
            let (width, height) = font::size(text, scale);
            canvas.fill(x, y, width + scale, height + 2 * scale, BLACK);
            font::draw(canvas, text, x + scale, y + scale, scale, WHITE);
        };
        line(&number, y, scale * 2);
        line(clock, y + 20 * scale, scale);
    }
}

/// There and back again within the room.
fn bounce(way: u64, room: usize) -> usize {
    let room = room.max(1) as u64;
    let place = way % (2 * room);
    place.min(2 * room - place) as usize
}

const GRAYS: usize = 16;
const BLACK: Color = Color(16, 128, 128);
const WHITE: Color = Color(235, 128, 128);
const ORANGE: Color = Color(146, 51, 193);

/// The colour bars of 75 %: white, yellow, cyan, green, magenta, red, blue, black.
const BARS: [Color; 8] = [
    Color(180, 128, 128),
    Color(162, 44, 142),
    Color(131, 156, 44),
    Color(112, 72, 58),
    Color(84, 184, 198),
    Color(65, 100, 212),
    Color(35, 212, 114),
    Color(16, 128, 128),
];
