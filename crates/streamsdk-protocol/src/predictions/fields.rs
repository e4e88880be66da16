//! Fields of an object, taken out one by one. What is not taken stays as it is.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::ImageSize;

/// The fields of an object that were not taken yet.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// Takes a field if it can be read. One that cannot stays.
    pub(super) fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = read(self.0.get(name)?)?;
        self.0.remove(name);
        Some(value)
    }

    pub(super) fn take_list(&mut self, name: &str) -> Option<Vec<Value>> {
        match self.0.get_mut(name)? {
            Value::Array(list) => {
                let list = std::mem::take(list);
                self.0.remove(name);
                Some(list)
            }
            _ => None,
        }
    }

    pub(super) fn take_map(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.0.get_mut(name)? {
            Value::Object(map) => {
                let map = std::mem::take(map);
                self.0.remove(name);
                Some(map)
            }
            _ => None,
        }
    }

    /// A confidence: not a number where there is none.
    pub(super) fn take_confidence(&mut self) -> f64 {
        let read = |value: &Value| if value.is_null() { Some(f64::NAN) } else { value.as_f64() };
        self.take("confidence", read).unwrap_or(f64::NAN)
    }

    /// Each side on its own: an odd one does not cost the other.
    pub(super) fn take_image_size(&mut self) -> ImageSize {
        let side = |image: &Value, name| {
            image.get(name).and_then(integer).and_then(|side| u32::try_from(side).ok())
        };
        self.take("image", |image| {
            let size = ImageSize { width: side(image, "width"), height: side(image, "height") };
            image.is_object().then_some(size)
        })
        .unwrap_or_default()
    }

    pub(super) fn rest(self) -> Map<String, Value> {
        self.0
    }
}

/// A whole number, also one that is written as 7.0 or "7".
pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64()?;
            let is_whole = number.fract() == 0.0 && number.abs() <= MAX_EXACT;
            is_whole.then_some(number as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A text, or a number as text.
pub(super) fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Largest number up to which a float holds every whole number.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Writes what has a type, and then the rest. What is in the rest under the same name is what was read, so
/// it takes precedence.
pub(super) struct Writer<'a, S: Serializer> {
    map: S::SerializeMap,
    rest: &'a Map<String, Value>,
}

impl<'a, S: Serializer> Writer<'a, S> {
    pub(super) fn new(serializer: S, rest: &'a Map<String, Value>) -> Result<Self, S::Error> {
        Ok(Self { map: serializer.serialize_map(None)?, rest })
    }

    pub(super) fn field(&mut self, name: &str, value: &impl Serialize) -> Result<(), S::Error> {
        if self.rest.contains_key(name) {
            return Ok(());
        }
        self.map.serialize_entry(name, value)
    }

    pub(super) fn optional(
        &mut self,
        name: &str,
        value: &Option<impl Serialize>,
    ) -> Result<(), S::Error> {
        value.as_ref().map_or(Ok(()), |value| self.field(name, value))
    }

    pub(super) fn end(mut self) -> Result<S::Ok, S::Error> {
        for (name, value) in self.rest {
            self.map.serialize_entry(name, value)?;
        }
        self.map.end()
    }
}
