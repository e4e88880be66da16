//! The shape in which detectors report boxes.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::detection::{Detection, NO_BOX};
use super::fields::{Fields, Writer};

/// What a detector found in one image.
///
/// The same shape goes over the wire from both the Roboflow server and this project's worker: from object
/// detection, instance segmentation, keypoint detection, and from workflows' semantic segmentation, with a
/// box and a mask for each class.
///
/// A box that cannot be read does not cost the others: it is in [`Detections::unreadable`]. Reading fails
/// when no box can be read, because then they are something else.
///
/// ```
/// use streamsdk_protocol::predictions::Detections;
///
/// let json = r#"{"image":{"width":640,"height":480},"predictions":[
///     {"x":50,"y":40,"width":20,"height":10,"confidence":0.9,"class":"car","class_id":2,"tracker_id":7}]}"#;
/// let found: Detections = serde_json::from_str(json)?;
/// for car in &found {
///     println!("{} {:?} at {:?}", car.class, car.tracker_id, car.edges());
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Detections {
    /// Size of the image that the boxes refer to.
    pub image: ImageSize,
    /// The boxes.
    pub predictions: Vec<Detection>,
    /// What stood among the boxes and is none, or has no number where a box needs one. Not written.
    pub unreadable: Vec<Value>,
    /// Whatever else the server said about the image.
    pub extra: Map<String, Value>,
}

/// Size of an image in pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSize {
    /// Width in pixels, where it is known.
    pub width: Option<u32>,
    /// Height in pixels, where it is known.
    pub height: Option<u32>,
}

impl ImageSize {
    /// A known size, in pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width: Some(width), height: Some(height) }
    }
}

impl Detections {
    /// Boxes in an image of that size.
    pub fn new(image: ImageSize, predictions: Vec<Detection>) -> Self {
        Self { image, predictions, ..Self::default() }
    }

    /// Number of boxes that could be read.
    pub fn len(&self) -> usize {
        self.predictions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.predictions.is_empty()
    }

    /// The boxes.
    pub fn iter(&self) -> std::slice::Iter<'_, Detection> {
        self.predictions.iter()
    }

    /// Gives back what holds no boxes.
    pub(super) fn read(map: Map<String, Value>) -> Result<Self, Map<String, Value>> {
        let holds_boxes = match map.get("predictions").and_then(Value::as_array) {
            // A classification may be without a class, too.
            Some(list) if list.is_empty() => !map.contains_key("top"),
            Some(list) => list.iter().any(is_box),
            None => false,
        };
        if !holds_boxes {
            return Err(map);
        }
        let mut fields = Fields::new(map);
        let mut this = Self { image: fields.take_image_size(), ..Self::default() };
        for prediction in fields.take_list("predictions").unwrap_or_default() {
            match Detection::read(prediction) {
                Ok(detection) => this.predictions.push(detection),
                Err(odd) => this.unreadable.push(odd),
            }
        }
        this.extra = fields.rest();
        Ok(this)
    }
}

/// Whether [`Detection::read`] takes it.
fn is_box(value: &Value) -> bool {
    let is_number = |name| value.get(name).is_some_and(Value::is_number);
    ["x", "y", "width", "height"].into_iter().all(is_number)
        && value.get("class").is_some_and(Value::is_string)
}

impl<'de> Deserialize<'de> for Detections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        Self::read(map).map_err(|map| match map.get("predictions") {
            Some(Value::Array(_)) => D::Error::custom(NO_BOX),
            Some(_) => D::Error::custom("`predictions` is no list"),
            None => D::Error::missing_field("predictions"),
        })
    }
}

impl Serialize for Detections {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut writer = Writer::new(serializer, &self.extra)?;
        writer.field("image", &self.image)?;
        writer.field("predictions", &self.predictions)?;
        writer.end()
    }
}

impl IntoIterator for Detections {
    type Item = Detection;
    type IntoIter = std::vec::IntoIter<Detection>;

    fn into_iter(self) -> Self::IntoIter {
        self.predictions.into_iter()
    }
}

impl<'a> IntoIterator for &'a Detections {
    type Item = &'a Detection;
    type IntoIter = std::slice::Iter<'a, Detection>;

    fn into_iter(self) -> Self::IntoIter {
        self.predictions.iter()
    }
}

impl<'a> IntoIterator for &'a mut Detections {
    type Item = &'a mut Detection;
    type IntoIter = std::slice::IterMut<'a, Detection>;

    fn into_iter(self) -> Self::IntoIter {
        self.predictions.iter_mut()
    }
}
