//! The shape in which detectors report boxes.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// What a detector found in one image.
///
/// The same shape goes over the wire from both the Roboflow server and this project's worker.
/// Fields beyond those named here (points, masks, tracker ids) are kept in [`Detection::extra`].
///
/// A box that cannot be read does not cost the others: it is in [`Detections::unreadable`]. Reading fails
/// when no box can be read, because then they are something else.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Detections {
    /// Size of the image that the boxes refer to.
    pub image: ImageSize,
    /// The boxes.
    pub predictions: Vec<Detection>,
    /// What stood among the boxes and is none, or has no number where a box needs one. Not written.
    #[serde(skip_serializing)]
    pub unreadable: Vec<Value>,
}

/// Size of an image in pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageSize {
    /// Width in pixels, where it is known.
    pub width: Option<u32>,
    /// Height in pixels, where it is known.
    pub height: Option<u32>,
}

/// One box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Horizontal centre, in pixels from the left.
    pub x: f64,
    /// Vertical centre, in pixels from the top.
    pub y: f64,
    /// Width in pixels.
    pub width: f64,
    /// Height in pixels.
    pub height: f64,
    /// Confidence from 0 to 1.
    pub confidence: f64,
    /// Name of the class.
    pub class: String,
    /// Number of the class.
    #[serde(default)]
    pub class_id: i64,
    /// Whatever else the server said about this box.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, Value>,
}

impl<'de> Deserialize<'de> for Detections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default)]
            image: Value,
            predictions: Vec<Value>,
        }
        let Wire { image, predictions } = Wire::deserialize(deserializer)?;
        let mut this = Self { image: image_size(&image), ..Self::default() };
        let mut first_error = None;
        for prediction in predictions {
            match Detection::deserialize(&prediction) {
                Ok(detection) => this.predictions.push(detection),
                Err(error) => {
                    first_error.get_or_insert(error);
                    this.unreadable.push(prediction);
                }
            }
        }
        match first_error.filter(|_| this.predictions.is_empty()) {
            Some(error) => Err(D::Error::custom(error)),
            None => Ok(this),
        }
    }
}

/// Each side on its own: an odd one does not cost the other.
fn image_size(image: &Value) -> ImageSize {
    let side = |name| image.get(name).and_then(Value::as_u64).and_then(|side| side.try_into().ok());
    ImageSize { width: side("width"), height: side("height") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_with_fields_of_its_own_goes_through_unharmed() {
        let text = r#"{"image":{"width":4,"height":3},"predictions":[{"x":1.0,"y":2.0,"width":3.0,"height":4.0,"confidence":0.5,"class":"cat","class_id":7,"tracker_id":9}]}"#;
        let parsed: Detections = serde_json::from_str(text).unwrap();
        assert_eq!(parsed.predictions[0].extra["tracker_id"], 9);
        assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
    }

    #[test]
    fn an_image_of_unknown_size_is_accepted() {
        let text = r#"{"image":{"width":null,"height":null},"predictions":[]}"#;
        assert_eq!(serde_json::from_str::<Detections>(text).unwrap(), Detections::default());
    }

    #[test]
    fn a_box_that_cannot_be_read_does_not_cost_the_others() {
        let good = r#"{"x":1,"y":2,"width":3,"height":4,"confidence":0.5,"class":"cat"}"#;
        for odd in [
            good.replace("\"x\":1", "\"x\":null"),
            good.replace("\"class\":\"cat\"", "\"class\":3"),
            "null".to_owned(),
            "[]".to_owned(),
        ] {
            let text =
                format!(r#"{{"image":{{"width":-1,"height":3}},"predictions":[{odd},{good}]}}"#);
            let parsed: Detections = serde_json::from_str(&text).unwrap();
            assert_eq!((parsed.predictions.len(), parsed.unreadable.len()), (1, 1), "{odd}");
            assert_eq!(parsed.image, ImageSize { width: None, height: Some(3) });
            let none = format!(r#"{{"predictions":[{odd}]}}"#);
            assert!(serde_json::from_str::<Detections>(&none).is_err(), "{odd}");
        }
        // Which of the two counts is left to the parser; neither costs the box.
        let twice = good.replace("\"x\":1", "\"x\":1,\"x\":9");
        let twice = format!(r#"{{"predictions":[{twice}]}}"#);
        assert_eq!(serde_json::from_str::<Detections>(&twice).unwrap().predictions[0].x, 9.0);
    }
}
