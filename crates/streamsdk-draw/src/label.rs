//! Texts on plates.

use streamsdk_media::draw::{Area, Canvas, Color, text_size};

/// What a label says: `#7 car 0.92`, as far as it is known.
pub(crate) fn text(tracker_id: Option<i64>, class: &str, confidence: f64) -> String {
    let printable = |character: char| if character.is_control() { ' ' } else { character };
    let mut text = tracker_id.map_or_else(String::new, |id| format!("#{id} "));
    text.extend(class.chars().take(MAX_CHARACTERS).map(printable));
    if confidence.is_finite() {
        text.push_str(&format!(" {:.2}", confidence.clamp(-99.0, 99.0)));
    }
    text
}

/// Above the box if there is room, else inside; always within the picture, as far as it fits.
pub(crate) fn draw_at(canvas: &mut Canvas, text: &str, above: Area, dot: i32, color: Color) {
    let (width, height) = plate_size(text, dot);
    let room = (canvas.width() as i32 - width).max(0);
    let left = above.left.clamp(0, room);
    let bottom = canvas.height() as i32;
    let top = match above.top.saturating_sub(height) {
        top if top >= 0 => top.min((bottom - height).max(0)),
        _ => above.top.clamp(0, (bottom - height).max(0)),
    };
    draw(canvas, text, (left, top), dot, color);
}

/// One below the other, from the upper left corner.
pub(crate) fn draw_list(
    canvas: &mut Canvas,
    lines: impl Iterator<Item = (String, Color)>,
    dot: i32,
) {
    let height = plate_size("", dot).1;
    let visible = canvas.height().div_ceil(height.max(1) as u32) as usize;
    for (place, (text, color)) in (0..).zip(lines.take(visible)) {
        draw(canvas, &text, (0, place * height), dot, color);
    }
}

fn draw(canvas: &mut Canvas, text: &str, (left, top): (i32, i32), dot: i32, color: Color) {
    let (width, height) = plate_size(text, dot);
    let plate = Area::new(left, top, left.saturating_add(width), top.saturating_add(height));
    let ink = color.contrast();
    canvas.fill(plate, color);
    canvas.outline(plate, dot, ink);
    let margin = MARGIN.saturating_mul(dot);
    canvas.text(text, left.saturating_add(margin), top.saturating_add(margin), dot, ink);
}

/// With a border of one dot, and one between it and the text.
fn plate_size(text: &str, dot: i32) -> (i32, i32) {
    let (width, height) = text_size(text, dot);
    let margins = (2 * MARGIN).saturating_mul(dot);
    // The gap behind the last character is the margin's.
    (width.saturating_add(margins).saturating_sub(dot), height.saturating_add(margins))
}

/// In dots, on each side.
const MARGIN: i32 = 2;
const MAX_CHARACTERS: usize = 40;
