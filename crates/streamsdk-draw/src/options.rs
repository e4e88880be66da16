use streamsdk_media::draw::{Canvas, Color};

/// How predictions are drawn.
#[derive(Debug, Clone)]
#[must_use]
pub struct DrawOptions {
    boxes: bool,
    labels: bool,
    mask_opacity: f32,
    color: Option<Color>,
    thickness: Option<u16>,
    text_scale: Option<u16>,
    max_items: usize,
}

impl Default for DrawOptions {
    fn default() -> Self {
        Self {
            boxes: true,
            labels: true,
            mask_opacity: 0.4,
            color: None,
            thickness: None,
            text_scale: None,
            max_items: 1_000,
        }
    }
}

impl DrawOptions {
    /// Whether boxes are drawn. Default is `true`.
    pub fn boxes(self, boxes: bool) -> Self {
        Self { boxes, ..self }
    }

    /// Whether labels are drawn, with tracker id, class and confidence. Default is `true`.
    pub fn labels(self, labels: bool) -> Self {
        Self { labels, ..self }
    }

    /// How much of the picture masks and insides of outlines cover, from 0 to 1. With 0 they are left out.
    /// Default is 0.4.
    pub fn mask_opacity(self, share: f32) -> Self {
        Self { mask_opacity: share, ..self }
    }

    /// One colour for all. Default is a colour for each class, by its number.
    pub fn color(self, color: Color) -> Self {
        Self { color: Some(color), ..self }
    }

    /// Thickness of lines, in pixels; there is a border around them. At least 1. Default is by the size of
    /// the picture: 3 at 1080 lines, 1 in small pictures.
    pub fn thickness(self, pixels: u16) -> Self {
        Self { thickness: Some(pixels), ..self }
    }

    /// Size of a dot of the labels, whose letters are seven dots high, in pixels. At least 1. Default is by
    /// the size of the picture: 3 at 1080 lines.
    pub fn text_scale(self, pixels: u16) -> Self {
        Self { text_scale: Some(pixels), ..self }
    }

    /// How many boxes or classes are drawn of one prediction, and how many keypoints of one box. Default is
    /// 1,000.
    pub fn max_items(self, items: usize) -> Self {
        Self { max_items: items, ..self }
    }

    pub(crate) fn has_boxes(&self) -> bool {
        self.boxes
    }

    pub(crate) fn has_labels(&self) -> bool {
        self.labels
    }

    pub(crate) fn limit(&self) -> usize {
        self.max_items
    }

    pub(crate) fn color_of(&self, class_id: i64) -> Color {
        self.color.unwrap_or_else(|| Color::of_kind(class_id))
    }

    /// `None` if masks are left out.
    pub(crate) fn mask_color(&self, color: Color) -> Option<Color> {
        (self.mask_opacity > 0.0).then(|| color.opacity(self.mask_opacity))
    }

    pub(crate) fn line(&self, canvas: &Canvas) -> i32 {
        by_size(self.thickness, canvas)
    }

    pub(crate) fn dot(&self, canvas: &Canvas) -> i32 {
        by_size(self.text_scale, canvas)
    }
}

fn by_size(wanted: Option<u16>, canvas: &Canvas) -> i32 {
    let side = canvas.width().min(canvas.height());
    wanted.map_or((side + LINES / 2) / LINES, u32::from).max(1) as i32
}

/// So many lines of a picture have one pixel of thickness.
const LINES: u32 = 360;
