//! Predictions: what a model says about an image, for each task that a server knows.
//!
//! [`Predictions`] finds out of which task an output is. Who knows it reads [`Detections`],
//! [`Classification`], [`MultiLabel`] or [`Segmentation`] right away.
//!
//! One odd item does not cost the others, and nothing gets lost: what has no field here, or is not of its
//! type, is in `extra` or in `unreadable`. Whole numbers may be written as floats, and ids as texts or as
//! numbers.

mod classification;
mod detection;
mod detections;
mod fields;
mod mask;
mod rle;
mod segmentation;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use classification::{ClassScore, Classification, MultiLabel};
pub use detection::{Detection, Keypoint, Point};
pub use detections::{Detections, ImageSize};
pub use mask::{Mask, MaskError, RleMask};
pub use segmentation::{EncodedMask, Segmentation};

/// What a model says about an image, by the shape in which it came.
///
/// Reading it from JSON never fails for a shape: one that is not known is [`Predictions::Other`].
///
/// ```
/// use streamsdk_protocol::predictions::Predictions;
///
/// let json = r#"{"top":"cat","confidence":0.9,"predictions":[{"class":"cat","class_id":1,"confidence":0.9}]}"#;
/// match serde_json::from_str(json)? {
///     Predictions::Classification(found) => assert_eq!(found.top, "cat"),
///     other => println!("not a classification: {other:?}"),
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Predictions {
    /// Boxes, perhaps with outlines, masks or keypoints.
    Detections(Detections),
    /// One class out of several.
    Classification(Classification),
    /// Any number of classes.
    MultiLabel(MultiLabel),
    /// A class for each pixel.
    Segmentation(Segmentation),
    /// Those of several images, such as the crops of one frame.
    List(Vec<Self>),
    /// Something else, as it came.
    Other(Value),
}

impl Predictions {
    /// The boxes, if it is boxes.
    pub fn as_detections(&self) -> Option<&Detections> {
        match self {
            Self::Detections(detections) => Some(detections),
            _ => None,
        }
    }

    /// The boxes, if it is boxes.
    pub fn into_detections(self) -> Option<Detections> {
        match self {
            Self::Detections(detections) => Some(detections),
            _ => None,
        }
    }
}

impl From<Value> for Predictions {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(map) => Detections::read(map)
                .map(Self::Detections)
                .or_else(|map| Classification::read(map).map(Self::Classification))
                .or_else(|map| Segmentation::read(map).map(Self::Segmentation))
                .or_else(|map| MultiLabel::read(map).map(Self::MultiLabel))
                .unwrap_or_else(|map| Self::Other(Value::Object(map))),
            Value::Array(list) => Self::of_list(list),
            other => Self::Other(other),
        }
    }
}

impl Predictions {
    /// A list of which nothing is known stays what it is.
    fn of_list(list: Vec<Value>) -> Self {
        let list: Vec<Self> = list.into_iter().map(Self::from).collect();
        if list.iter().any(|item| !matches!(item, Self::Other(_))) {
            return Self::List(list);
        }
        let raw = |item| match item {
            Self::Other(value) => Some(value),
            _ => None,
        };
        Self::Other(list.into_iter().filter_map(raw).collect())
    }
}

impl<'de> Deserialize<'de> for Predictions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests;
