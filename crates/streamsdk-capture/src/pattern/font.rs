//! Digits of five by seven dots.

use super::canvas::{Canvas, Color};

/// Draws digits, colons and full stops, each dot a square of `scale` pixels; others are left blank.
pub(super) fn draw(
    canvas: &mut Canvas,
    text: &str,
    x: usize,
    y: usize,
    scale: usize,
    color: Color,
) {
    for (index, character) in text.bytes().enumerate() {
        let left = x + index * ADVANCE * scale;
        for (row, dots) in glyph(character).into_iter().enumerate() {
            for column in (0..WIDTH).filter(|column| dots >> (WIDTH - 1 - column) & 1 == 1) {
                canvas.fill(left + column * scale, y + row * scale, scale, scale, color);
            }
        }
    }
}

/// Width and height of a text in pixels.
pub(super) fn size(text: &str, scale: usize) -> (usize, usize) {
    (text.len() * ADVANCE * scale, HEIGHT * scale)
}

/// Rows from top to bottom; the leftmost dot is the most significant of five bits.
#[rustfmt::skip]
fn glyph(character: u8) -> [u8; HEIGHT] {
    match character {
        b'0' => [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
        b'1' => [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        b'2' => [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
        b'3' => [0b01110, 0b10001, 0b00001, 0b00110, 0b00001, 0b10001, 0b01110],
        b'4' => [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
        b'5' => [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
        b'6' => [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
        b'7' => [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
        b'8' => [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
        b'9' => [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
        b':' => [0b00000, 0b00100, 0b00100, 0b00000, 0b00100, 0b00100, 0b00000],
        b'.' => [0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b01100, 0b01100],
        _ => [0; HEIGHT],
    }
}

const WIDTH: usize = 5;
const HEIGHT: usize = 7;

/// A glyph and the gap behind it.
const ADVANCE: usize = WIDTH + 1;
