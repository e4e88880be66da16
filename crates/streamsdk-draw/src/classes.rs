//! What an image shows as a whole, written in its corner.

use streamsdk_media::draw::Canvas;
use streamsdk_protocol::predictions::{ClassScore, Classification, MultiLabel};

use crate::label;
use crate::{DrawOptions, Drawable};

/// The best class and its confidence, in the upper left corner.
impl Drawable for Classification {
    fn draw_on(&self, canvas: &mut Canvas, options: &DrawOptions) {
        let top = self.predictions.iter().find(|score| score.class == self.top);
        let class_id = top.map_or(0, |score| score.class_id);
        let text = label::text(None, &self.top, self.confidence);
        let line = (!self.top.is_empty()).then(|| (text, options.color_of(class_id)));
        draw(canvas, line.into_iter(), options);
    }
}

/// The classes that the image shows, in the upper left corner.
impl Drawable for MultiLabel {
    fn draw_on(&self, canvas: &mut Canvas, options: &DrawOptions) {
        let lines = self.predicted_classes.iter().map(|class| {
            let score = self.predictions.iter().find(|score| score.class == *class);
            let (class_id, confidence) = score.map_or((0, f64::NAN), of_score);
            (label::text(None, class, confidence), options.color_of(class_id))
        });
        draw(canvas, lines, options);
    }
}

fn of_score(score: &ClassScore) -> (i64, f64) {
    (score.class_id, score.confidence)
}

fn draw(
    canvas: &mut Canvas,
    lines: impl Iterator<Item = (String, streamsdk_media::draw::Color)>,
    options: &DrawOptions,
) {
    if options.has_labels() {
        let dot = options.dot(canvas);
        label::draw_list(canvas, lines.take(options.limit()), dot);
    }
}
