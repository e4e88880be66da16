//! Masks, as far as they are in a box.

use std::ops::Range;

use streamsdk_media::draw::{Area, Canvas, Color};
use streamsdk_protocol::predictions::{MaskError, RleMask};

/// How many pixels of masks may still be looked at for one picture: a mask of a few bytes can be a large one.
pub(crate) struct MaskBudget {
    for_each: usize,
    for_all: usize,
}

impl MaskBudget {
    pub(crate) fn new(canvas: &Canvas) -> Self {
        let pixels = canvas.width() as usize * canvas.height() as usize;
        Self { for_each: pixels.saturating_mul(16), for_all: pixels.saturating_mul(128) }
    }

    fn take(&mut self, pixels: usize) -> Option<()> {
        self.for_all = self.for_all.checked_sub(pixels)?;
        (pixels <= self.for_each).then_some(())
    }
}

/// Lays a mask over the whole canvas, whatever its own size is, and draws what is in `area` of it. Draws
/// nothing if the mask cannot be read, or is too large.
pub(crate) fn draw(
    canvas: &mut Canvas,
    mask: &RleMask,
    area: Area,
    color: Color,
    budget: &mut MaskBudget,
) {
    let columns = Axis::new(area.left..area.right, canvas.width(), mask.width());
    let rows = Axis::new(area.top..area.bottom, canvas.height(), mask.height());
    let Some(crop) = Crop::new(mask, columns.on_mask(), rows.on_mask(), budget) else { return };
    for y in rows.on_canvas.clone() {
        for run in runs(crop.row(rows.to_mask(y))) {
            let column = |place: usize| columns.to_canvas(columns.on_mask().start + place) as i32;
            canvas.row(y as i32, column(run.start)..column(run.end), color);
        }
    }
}

/// One direction: a part of the canvas, and how many pixels canvas and mask have.
struct Axis {
    on_canvas: Range<usize>,
    canvas: usize,
    mask: usize,
}

impl Axis {
    fn new(part: Range<i32>, canvas: u32, mask: u32) -> Self {
        let (canvas, mask) = (canvas as usize, mask as usize);
        let inside = |place: i32| usize::try_from(place).unwrap_or(0).min(canvas);
        Self { on_canvas: inside(part.start)..inside(part.end), canvas, mask }
    }

    /// The pixels of the mask that lie there.
    fn on_mask(&self) -> Range<usize> {
        let Range { start, end } = self.on_canvas;
        start * self.mask / self.canvas..(end * self.mask).div_ceil(self.canvas)
    }

    fn to_mask(&self, place: usize) -> usize {
        place * self.mask / self.canvas
    }

    /// The first pixel of the part of the canvas that shows this pixel of the mask, or a later one.
    fn to_canvas(&self, place: usize) -> usize {
        let place = (place * self.canvas).div_ceil(self.mask.max(1));
        place.clamp(self.on_canvas.start, self.on_canvas.end)
    }
}

/// A part of a mask, one byte for each pixel.
struct Crop {
    first_row: usize,
    width: usize,
    pixels: Vec<bool>,
}

impl Crop {
    fn new(
        mask: &RleMask,
        columns: Range<usize>,
        rows: Range<usize>,
        budget: &mut MaskBudget,
    ) -> Option<Self> {
        let pixels = columns.len().checked_mul(rows.len())?;
        budget.take(pixels)?;
        // All lengths are checked before memory is taken for what they say.
        mask.area().ok()?;
        let mut crop =
            Self { first_row: rows.start, width: columns.len(), pixels: vec![false; pixels] };
        crop.cover(mask, columns, rows).ok()?;
        Some(crop)
    }

    fn cover(
        &mut self,
        mask: &RleMask,
        columns: Range<usize>,
        rows: Range<usize>,
    ) -> Result<(), MaskError> {
        let height = mask.height() as usize;
        let (first, end) = (columns.start * height, columns.end * height);
        for run in mask.runs() {
            let run = run?;
            let (mut at, run_end) = ((run.start as usize).max(first), (run.end as usize).min(end));
            while at < run_end {
                let (column, row) = (at / height, at % height);
                let column_end = run_end.min((column + 1) * height);
                let covered = row.max(rows.start)..(row + column_end - at).min(rows.end);
                self.cover_column(column - columns.start, covered);
                at = column_end;
            }
        }
        Ok(())
    }

    fn cover_column(&mut self, column: usize, rows: Range<usize>) {
        if rows.is_empty() {
            return;
        }
        let first = (rows.start - self.first_row) * self.width + column;
        let places = self.pixels.iter_mut().skip(first).step_by(self.width);
        places.take(rows.len()).for_each(|pixel| *pixel = true);
    }

    fn row(&self, row: usize) -> &[bool] {
        let start = (row - self.first_row) * self.width;
        self.pixels.get(start..start + self.width).unwrap_or_default()
    }
}

/// Where a row is covered.
fn runs(row: &[bool]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + row.get(at..)?.iter().position(|covered| *covered)?;
        let length = row[start..].iter().position(|covered| !*covered);
        at = length.map_or(row.len(), |length| start + length);
        Some(start..at)
    })
}
