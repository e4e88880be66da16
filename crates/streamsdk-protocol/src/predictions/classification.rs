//! What an image shows as a whole.

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::ImageSize;
use super::fields::{Fields, Writer, id, integer, text};

/// One class out of several, from single-label classification; from anomaly detection, too, whose scores
/// are in [`Classification::extra`].
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Classification {
    /// Size of the image.
    pub image: ImageSize,
    /// The class that fits best; empty if none does.
    pub top: String,
    /// Confidence of the best class, from 0 to 1; not a number (NaN) where the server gave none.
    pub confidence: f64,
    /// The classes, in the server's order, which is that of their confidence.
    pub predictions: Vec<ClassScore>,
    /// Name of the image, or of the part of an image, that was looked at.
    pub parent_id: Option<String>,
    /// What stood among the classes and is none. Not written.
    pub unreadable: Vec<Value>,
    /// Whatever else the server said.
    pub extra: Map<String, Value>,
}

/// Any number of classes, from multi-label classification.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct MultiLabel {
    /// Size of the image.
    pub image: ImageSize,
    /// The names of the classes that the image shows.
    pub predicted_classes: Vec<String>,
    /// All classes, also those that it does not show, in the order of their names.
    pub predictions: Vec<ClassScore>,
    /// Name of the image, or of the part of an image, that was looked at.
    pub parent_id: Option<String>,
    /// What stood among the classes, by name, and is none. Not written.
    pub unreadable: Map<String, Value>,
    /// Whatever else the server said.
    pub extra: Map<String, Value>,
}

/// How well a class fits.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ClassScore {
    /// Name of the class.
    pub class: String,
    /// Number of the class; 0 where there is none.
    pub class_id: i64,
    /// Confidence from 0 to 1; not a number (NaN, written as null) where the server gave none.
    pub confidence: f64,
    /// Whatever else the server said about the class.
    pub extra: Map<String, Value>,
}

impl Classification {
    /// Gives back what is no classification.
    pub(super) fn read(map: Map<String, Value>) -> Result<Self, Map<String, Value>> {
        let is_class = |value: &Value| class_name(value).is_some() && value.get("x").is_none();
        let holds_classes = match map.get("predictions").and_then(Value::as_array) {
            Some(list) if list.is_empty() => map.get("top").is_some_and(Value::is_string),
            Some(list) => list.iter().any(is_class),
            None => false,
        };
        if !holds_classes {
            return Err(map);
        }
        let mut fields = Fields::new(map);
        let mut this = Self {
            image: fields.take_image_size(),
            top: fields.take("top", text).unwrap_or_default(),
            confidence: fields.take_confidence(),
            parent_id: fields.take("parent_id", id),
            ..Self::default()
        };
        for prediction in fields.take_list("predictions").unwrap_or_default() {
            match ClassScore::read(prediction) {
                Ok(score) => this.predictions.push(score),
                Err(odd) => this.unreadable.push(odd),
            }
        }
        this.extra = fields.rest();
        Ok(this)
    }
}

/// The server's own name of the field is `class`; its documentation has `class_name` as well.
fn class_name(value: &Value) -> Option<&str> {
    value.get("class").or_else(|| value.get("class_name"))?.as_str()
}

impl ClassScore {
    /// A class of that name and number.
    pub fn new(class: impl Into<String>, class_id: i64, confidence: f64) -> Self {
        Self { class: class.into(), class_id, confidence, ..Self::default() }
    }

    fn read(value: Value) -> Result<Self, Value> {
        match (class_name(&value).map(str::to_owned), value) {
            (Some(class), Value::Object(map)) => {
                let mut fields = Fields::new(map);
                fields
                    .take("class", |_| Some(()))
                    .or_else(|| fields.take("class_name", |_| Some(())));
                Ok(Self::of_fields(class, fields))
            }
            (_, other) => Err(other),
        }
    }

    fn of_fields(class: String, mut fields: Fields) -> Self {
        Self {
            class,
            class_id: fields.take("class_id", integer).unwrap_or_default(),
            confidence: fields.take_confidence(),
            extra: fields.rest(),
        }
    }
}

impl MultiLabel {
    /// Gives back what is none.
    pub(super) fn read(map: Map<String, Value>) -> Result<Self, Map<String, Value>> {
        let is_score = |value: &Value| value.get("confidence").is_some();
        let holds_scores = match map.get("predictions").and_then(Value::as_object) {
            Some(scores) => map.contains_key("predicted_classes") || scores.values().any(is_score),
            None => false,
        };
        if !holds_scores {
            return Err(map);
        }
        let mut fields = Fields::new(map);
        let names = |value: &Value| value.as_array()?.iter().map(text).collect();
        let mut this = Self {
            image: fields.take_image_size(),
            predicted_classes: fields.take("predicted_classes", names).unwrap_or_default(),
            parent_id: fields.take("parent_id", id),
            ..Self::default()
        };
        for (class, score) in fields.take_map("predictions").unwrap_or_default() {
            match score {
                Value::Object(score) => {
                    this.predictions.push(ClassScore::of_fields(class, Fields::new(score)));
                }
                odd => drop(this.unreadable.insert(class, odd)),
            }
        }
        this.extra = fields.rest();
        Ok(this)
    }
}

impl Serialize for Classification {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut writer = Writer::new(serializer, &self.extra)?;
        writer.field("image", &self.image)?;
        writer.field("predictions", &self.predictions)?;
        writer.field("top", &self.top)?;
        writer.field("confidence", &self.confidence)?;
        writer.optional("parent_id", &self.parent_id)?;
        writer.end()
    }
}

impl Serialize for ClassScore {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut writer = Writer::new(serializer, &self.extra)?;
        writer.field("class", &self.class)?;
        writer.field("class_id", &self.class_id)?;
        writer.field("confidence", &self.confidence)?;
        writer.end()
    }
}

impl Serialize for MultiLabel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut writer = Writer::new(serializer, &self.extra)?;
        writer.field("image", &self.image)?;
        writer.field("predictions", &ByName(&self.predictions))?;
        writer.field("predicted_classes", &self.predicted_classes)?;
        writer.optional("parent_id", &self.parent_id)?;
        writer.end()
    }
}

/// Classes as an object, each under its name.
struct ByName<'a>(&'a [ClassScore]);

impl Serialize for ByName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for score in self.0 {
            map.serialize_entry(&score.class, &Score(score))?;
        }
        map.end()
    }
}

struct Score<'a>(&'a ClassScore);

impl Serialize for Score<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut writer = Writer::new(serializer, &self.0.extra)?;
        writer.field("confidence", &self.0.confidence)?;
        writer.field("class_id", &self.0.class_id)?;
        writer.end()
    }
}

impl<'de> Deserialize<'de> for Classification {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(Map::deserialize(deserializer)?)
            .map_err(|_| D::Error::custom("`predictions` is no list of classes"))
    }
}

impl<'de> Deserialize<'de> for MultiLabel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(Map::deserialize(deserializer)?)
            .map_err(|_| D::Error::custom("`predictions` holds no classes by name"))
    }
}
