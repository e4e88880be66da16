//! One box, with all that may come along with it.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::RleMask;
use super::fields::{Fields, Writer, id, integer, text};

/// One box, and what else is known of the thing in it.
///
/// A field that is not of the type that it has here stays in [`Detection::extra`] as it came.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Detection {
    /// Horizontal centre, in pixels from the left.
    pub x: f64,
    /// Vertical centre, in pixels from the top.
    pub y: f64,
    /// Width in pixels.
    pub width: f64,
    /// Height in pixels.
    pub height: f64,
    /// Confidence from 0 to 1; not a number (NaN, written as null) where the server gave none.
    pub confidence: f64,
    /// Name of the class.
    pub class: String,
    /// Number of the class; 0 where there is none.
    pub class_id: i64,
    /// Corners of the outline, from instance segmentation. One that cannot be read does not cost the
    /// others; the list is then in [`Detection::extra`], too.
    pub points: Option<Vec<Point>>,
    /// Pixels of the thing, from segmentation with masks.
    pub mask: Option<RleMask>,
    /// Keypoints, from keypoint detection. One that cannot be read does not cost the others; the list is
    /// then in [`Detection::extra`], too.
    pub keypoints: Option<Vec<Keypoint>>,
    /// Number that a tracker gave the thing, the same in each frame.
    pub tracker_id: Option<i64>,
    /// Name of this box, another one in each frame.
    pub detection_id: Option<String>,
    /// Name of the image, or of the part of an image, that the box was found in.
    pub parent_id: Option<String>,
    /// Whatever else the server said about this box.
    pub extra: Map<String, Value>,
}

impl Detection {
    /// A box from its left, top, right and bottom edges, in pixels.
    pub fn new(
        class: impl Into<String>,
        confidence: f64,
        [left, top, right, bottom]: [f64; 4],
    ) -> Self {
        Self {
            x: (left + right) / 2.0,
            y: (top + bottom) / 2.0,
            width: right - left,
            height: bottom - top,
            confidence,
            class: class.into(),
            ..Self::default()
        }
    }

    /// Left, top, right and bottom edges, in pixels.
    pub fn edges(&self) -> [f64; 4] {
        let (half_width, half_height) = (self.width / 2.0, self.height / 2.0);
        [self.x - half_width, self.y - half_height, self.x + half_width, self.y + half_height]
    }

    /// Gives back what is no box.
    pub(super) fn read(value: Value) -> Result<Self, Value> {
        let required = |fields: &Map<String, Value>| {
            let number = |name| fields.get(name).and_then(Value::as_f64);
            Some((number("x")?, number("y")?, number("width")?, number("height")?))
                .filter(|_| fields.get("class").is_some_and(Value::is_string))
        };
        match value {
            Value::Object(map) => match required(&map) {
                Some(area) => Ok(Self::of_fields(area, Fields::new(map))),
                None => Err(Value::Object(map)),
            },
            other => Err(other),
        }
    }

    fn of_fields((x, y, width, height): (f64, f64, f64, f64), mut fields: Fields) -> Self {
        for name in ["x", "y", "width", "height"] {
            fields.take(name, |_| Some(()));
        }
        Self {
            x,
            y,
            width,
            height,
            confidence: fields.take_confidence(),
            class: fields.take("class", text).unwrap_or_default(),
            class_id: fields.take("class_id", integer).unwrap_or_default(),
            points: take_readable(&mut fields, "points", Point::read),
            mask: RleMask::take(&mut fields),
            keypoints: take_readable(&mut fields, "keypoints", Keypoint::read),
            tracker_id: fields.take("tracker_id", integer),
            detection_id: fields.take("detection_id", id),
            parent_id: fields.take("parent_id", id),
            extra: fields.rest(),
        }
    }
}

/// What can be read of a list, which stays in the fields if that is not all.
fn take_readable<T>(
    fields: &mut Fields,
    name: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Option<Vec<T>> {
    let mut readable = None;
    fields.take(name, |value| {
        let list = value.as_array()?;
        let items: Vec<T> = list.iter().filter_map(read).collect();
        let is_all = items.len() == list.len();
        readable = Some(items);
        is_all.then_some(())
    });
    readable
}

impl<'de> Deserialize<'de> for Detection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(Value::deserialize(deserializer)?).map_err(|_| D::Error::custom(NO_BOX))
    }
}

pub(super) const NO_BOX: &str =
    "a box needs numbers `x`, `y`, `width` and `height` and a text `class`";

impl Serialize for Detection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut writer = Writer::new(serializer, &self.extra)?;
        writer.field("x", &self.x)?;
        writer.field("y", &self.y)?;
        writer.field("width", &self.width)?;
        writer.field("height", &self.height)?;
        writer.field("confidence", &self.confidence)?;
        writer.field("class", &self.class)?;
        writer.field("class_id", &self.class_id)?;
        writer.optional("points", &self.points)?;
        writer.optional(self.mask.as_ref().map_or("", RleMask::field_name), &self.mask)?;
        writer.optional("keypoints", &self.keypoints)?;
        writer.optional("tracker_id", &self.tracker_id)?;
        writer.optional("detection_id", &self.detection_id)?;
        writer.optional("parent_id", &self.parent_id)?;
        writer.end()
    }
}

/// A corner of an outline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Point {
    /// Pixels from the left.
    pub x: f64,
    /// Pixels from the top.
    pub y: f64,
}

impl Point {
    /// A point has nothing but its place: one that says more is left to those who know it.
    fn read(value: &Value) -> Option<Self> {
        let fields = value.as_object().filter(|fields| fields.len() == 2)?;
        Some(Self { x: fields.get("x")?.as_f64()?, y: fields.get("y")?.as_f64()? })
    }
}

/// A point that has a meaning, such as an elbow.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Keypoint {
    /// Pixels from the left.
    pub x: f64,
    /// Pixels from the top.
    pub y: f64,
    /// How sure it is that the point can be seen, from 0 to 1; not a number (NaN, written as null) where
    /// the server gave none.
    pub confidence: f64,
    /// Which point it is.
    pub class: String,
    /// Number of [`Keypoint::class`]; 0 where there is none.
    pub class_id: i64,
    /// Whatever else the server said about this point.
    pub extra: Map<String, Value>,
}

impl Keypoint {
    /// A point called `class` at that place, in pixels.
    pub fn new(class: impl Into<String>, confidence: f64, x: f64, y: f64) -> Self {
        Self { x, y, confidence, class: class.into(), ..Self::default() }
    }

    fn read(value: &Value) -> Option<Self> {
        let mut fields = Fields::new(value.as_object()?.clone());
        Some(Self {
            x: fields.take("x", Value::as_f64)?,
            y: fields.take("y", Value::as_f64)?,
            confidence: fields.take_confidence(),
            class: fields.take("class", id).unwrap_or_default(),
            class_id: fields.take("class_id", integer).unwrap_or_default(),
            extra: fields.rest(),
        })
    }
}

impl Serialize for Keypoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut writer = Writer::new(serializer, &self.extra)?;
        writer.field("x", &self.x)?;
        writer.field("y", &self.y)?;
        writer.field("confidence", &self.confidence)?;
        writer.field("class_id", &self.class_id)?;
        writer.field("class", &self.class)?;
        writer.end()
    }
}
