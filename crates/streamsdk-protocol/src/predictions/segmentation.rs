//! A class for each pixel.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::ImageSize;
use super::fields::{Fields, Writer, integer, text};
use crate::output::{OutputError, decode_image};

/// A class for each pixel, as a model's own answer has it.
///
/// The blocks of workflows report semantic segmentation as [`Detections`](super::Detections), with a mask
/// for each class.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Segmentation {
    /// Size of the image.
    pub image: ImageSize,
    /// The number of the class of each pixel.
    pub segmentation_mask: EncodedMask,
    /// How sure each pixel's class is.
    pub confidence_mask: Option<EncodedMask>,
    /// Names of the classes, by the number that pixels have. What cannot be read is left out.
    pub class_map: BTreeMap<i64, String>,
    /// The numbers that occur in the mask, where the server says so.
    pub present_class_ids: Option<Vec<i64>>,
    /// Whatever else the server said about the masks.
    pub mask_extra: Map<String, Value>,
    /// Whatever else the server said about the image.
    pub extra: Map<String, Value>,
}

/// A picture of one number for each pixel: base64 of PNG, in gray of eight bits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct EncodedMask(String);

impl EncodedMask {
    /// The PNG file. Decodes the base64 at every call.
    ///
    /// # Errors
    ///
    /// [`OutputError::Base64`] when it is none. Whether it is a PNG is found out by who decodes it.
    pub fn png(&self) -> Result<Bytes, OutputError> {
        decode_image(self.0.as_bytes())
    }

    fn read(value: &Value) -> Option<Self> {
        text(value).map(Self)
    }
}

impl Segmentation {
    /// Gives back what is none.
    pub(super) fn read(map: Map<String, Value>) -> Result<Self, Map<String, Value>> {
        let has_mask = map
            .get("predictions")
            .and_then(|masks| masks.get("segmentation_mask"))
            .is_some_and(Value::is_string);
        if !has_mask {
            return Err(map);
        }
        let mut fields = Fields::new(map);
        let image = fields.take_image_size();
        let mut masks = Fields::new(fields.take_map("predictions").unwrap_or_default());
        Ok(Self {
            image,
            segmentation_mask: masks
                .take("segmentation_mask", EncodedMask::read)
                .unwrap_or_default(),
            confidence_mask: masks.take("confidence_mask", EncodedMask::read),
            class_map: take_class_map(&mut masks),
            present_class_ids: masks
                .take("present_class_ids", |value| value.as_array()?.iter().map(integer).collect()),
            mask_extra: masks.rest(),
            extra: fields.rest(),
        })
    }
}

/// The readable entries; the map stays in the fields if these are not all.
fn take_class_map(fields: &mut Fields) -> BTreeMap<i64, String> {
    let mut classes = BTreeMap::new();
    fields.take("class_map", |value| {
        let map = value.as_object()?;
        let entry = |(number, name): (&String, &Value)| Some((number.parse().ok()?, text(name)?));
        classes = map.iter().filter_map(entry).collect();
        (classes.len() == map.len()).then_some(())
    });
    classes
}

impl Serialize for Segmentation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut writer = Writer::new(serializer, &self.extra)?;
        writer.field("image", &self.image)?;
        writer.field("predictions", &Masks(self))?;
        writer.end()
    }
}

struct Masks<'a>(&'a Segmentation);

impl Serialize for Masks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut writer = Writer::new(serializer, &self.0.mask_extra)?;
        writer.field("segmentation_mask", &self.0.segmentation_mask)?;
        writer.field("class_map", &self.0.class_map)?;
        writer.optional("confidence_mask", &self.0.confidence_mask)?;
        writer.optional("present_class_ids", &self.0.present_class_ids)?;
        writer.end()
    }
}

impl<'de> Deserialize<'de> for Segmentation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(Map::deserialize(deserializer)?)
            .map_err(|_| D::Error::custom("`predictions` has no `segmentation_mask`"))
    }
}
