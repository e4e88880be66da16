//! Boxes and what comes along with them.

use streamsdk_media::draw::{Area, Canvas, Color};
use streamsdk_protocol::predictions::{Detection, Detections, Keypoint, Point};

use crate::mask::{self, MaskBudget};
use crate::scale::Scale;
use crate::{DrawOptions, Drawable, label};

/// Masks lie below all lines, and labels above them. Of a mask, what is in its box is drawn.
impl Drawable for Detections {
    fn draw_on(&self, canvas: &mut Canvas, options: &DrawOptions) {
        let scale = Scale::new(self.image, canvas);
        let things: Vec<Thing<'_>> = self
            .iter()
            .take(options.limit())
            .filter_map(|detection| Thing::new(detection, scale, options))
            .collect();
        let mut budget = MaskBudget::new(canvas);
        things.iter().for_each(|thing| thing.draw_inside(canvas, options, &mut budget));
        things.iter().for_each(|thing| thing.draw_lines(canvas, options));
        if options.has_labels() {
            things.iter().for_each(|thing| thing.draw_label(canvas, options));
        }
    }
}

/// A box with its place on the canvas.
struct Thing<'a> {
    detection: &'a Detection,
    area: Area,
    outline: Vec<(f64, f64)>,
    scale: Scale,
    color: Color,
}

impl<'a> Thing<'a> {
    fn new(detection: &'a Detection, scale: Scale, options: &DrawOptions) -> Option<Self> {
        let points = detection.points.as_deref().unwrap_or_default();
        Some(Self {
            detection,
            area: scale.area(detection.edges())?,
            outline: points.iter().map(|Point { x, y }| scale.point(*x, *y)).collect(),
            scale,
            color: options.color_of(detection.class_id),
        })
    }

    fn draw_inside(&self, canvas: &mut Canvas, options: &DrawOptions, budget: &mut MaskBudget) {
        let Some(color) = options.mask_color(self.color) else { return };
        match &self.detection.mask {
            Some(mask) => mask::draw(canvas, mask, self.area, color, budget),
            None => canvas.polygon(&self.outline, color),
        }
    }

    fn draw_lines(&self, canvas: &mut Canvas, options: &DrawOptions) {
        let thickness = options.line(canvas);
        let border = self.color.contrast();
        if !self.outline.is_empty() {
            canvas.polyline(&self.outline, f64::from(thickness + 2), border);
            canvas.polyline(&self.outline, f64::from(thickness), self.color);
        }
        if options.has_boxes() {
            canvas.outline(self.area.grown(1), thickness.saturating_add(2), border);
            canvas.outline(self.area, thickness, self.color);
        }
        let keypoints = self.detection.keypoints.iter().flatten().take(options.limit());
        for Keypoint { x, y, .. } in keypoints {
            let (center, radius) = (self.scale.point(*x, *y), f64::from(thickness) + 1.0);
            canvas.disc(center, radius + 1.0, border);
            canvas.disc(center, radius, self.color);
        }
    }

    fn draw_label(&self, canvas: &mut Canvas, options: &DrawOptions) {
        let Detection { tracker_id, class, confidence, .. } = self.detection;
        let text = label::text(*tracker_id, class, *confidence);
        let dot = options.dot(canvas);
        label::draw_at(canvas, &text, self.area.grown(1), dot, self.color);
    }
}
