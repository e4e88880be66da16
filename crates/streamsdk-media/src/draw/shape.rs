//! Shapes that are no rectangles, row by row.

use std::ops::Range;

use super::Canvas;
use super::surface::{Ink, Surface};

/// All points that are as near as `radius` to the line between two points: a line with round ends, or a disc.
pub(super) fn line(surface: &mut Surface, from: (f64, f64), to: (f64, f64), radius: f64, ink: Ink) {
    let numbers = [from.0, from.1, to.0, to.1, radius];
    if !numbers.iter().all(|number| number.is_finite()) || radius <= 0.0 {
        return;
    }
    let sides = sides(from, to, radius);
    let rows = from.1.min(to.1) - radius..from.1.max(to.1) + radius;
    for y in pixels(rows, surface.height) {
        let middle = y as f64 + 0.5;
        let mut columns = Columns::default();
        for center in [from, to] {
            columns.add_disc(center, radius, middle);
        }
        // The shape bulges nowhere, so what lies between its outermost points is in it.
        for (start, end) in sides {
            columns.add_crossing(start, end, middle);
        }
        let columns = pixels(columns.left..columns.right, surface.width);
        surface.run(y, columns, ink);
    }
}

/// The straight edges of a thick line.
fn sides(from: (f64, f64), to: (f64, f64), radius: f64) -> [((f64, f64), (f64, f64)); 2] {
    let (across, down) = (to.0 - from.0, to.1 - from.1);
    let length = across.hypot(down);
    let (right, below) = if length > 0.0 && length.is_finite() {
        (-down / length * radius, across / length * radius)
    } else {
        (0.0, 0.0)
    };
    let moved = |(x, y): (f64, f64), by: f64| (x + right * by, y + below * by);
    [(moved(from, 1.0), moved(to, 1.0)), (moved(from, -1.0), moved(to, -1.0))]
}

/// From the leftmost point of a row to the rightmost one.
struct Columns {
    left: f64,
    right: f64,
}

impl Default for Columns {
    fn default() -> Self {
        Self { left: f64::INFINITY, right: f64::NEG_INFINITY }
    }
}

impl Columns {
    fn add(&mut self, left: f64, right: f64) {
        self.left = self.left.min(left);
        self.right = self.right.max(right);
    }

    fn add_disc(&mut self, (x, y): (f64, f64), radius: f64, row: f64) {
        let below = row - y;
        // Of two rows that a thin line just touches, one has it.
        if (-radius..radius).contains(&below) {
            let half = (radius * radius - below * below).sqrt();
            self.add(x - half, x + half);
        }
    }

    fn add_crossing(&mut self, start: (f64, f64), end: (f64, f64), row: f64) {
        if let Some(x) = crossing(start, end, row) {
            self.add(x, x);
        }
    }
}

/// Where an edge crosses a row. Of two edges that meet in a row, one does.
fn crossing(start: (f64, f64), end: (f64, f64), row: f64) -> Option<f64> {
    let crosses = (start.1 <= row) != (end.1 <= row);
    crosses.then(|| start.0 + (row - start.1) / (end.1 - start.1) * (end.0 - start.0))
}

/// Fills between the first and the second edge, the third and the fourth, and so on.
pub(super) fn polygon(surface: &mut Surface, corners: &[(f64, f64)], ink: Ink) {
    let corners = thinned(corners);
    let edges = || corners.iter().zip(corners.iter().cycle().skip(1));
    let rows = corners.iter().fold(f64::INFINITY..f64::NEG_INFINITY, |rows, (_, y)| {
        rows.start.min(*y)..rows.end.max(*y)
    });
    let mut crossings = Vec::new();
    for y in pixels(rows, surface.height) {
        let middle = y as f64 + 0.5;
        crossings.clear();
        crossings.extend(edges().filter_map(|(start, end)| crossing(*start, *end, middle)));
        crossings.sort_unstable_by(f64::total_cmp);
        for pair in crossings.as_chunks::<2>().0 {
            surface.run(y, pixels(pair[0]..pair[1], surface.width), ink);
        }
    }
}

/// The corners that are numbers, and few enough.
pub(super) fn thinned(corners: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let step = corners.len().div_ceil(Canvas::MAX_CORNERS).max(1);
    let is_finite = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
    corners.iter().step_by(step).copied().filter(is_finite).collect()
}

/// The pixels of a side whose middle is in the range.
fn pixels(range: Range<f64>, size: usize) -> Range<usize> {
    // What is no number becomes nothing, and what is too large the largest.
    let first = |place: f64| ((place - 0.5).ceil().max(0.0) as usize).min(size);
    first(range.start)..first(range.end)
}
