//! The shape in which detectors report boxes.

use serde::{Deserialize, Serialize};

/// What a detector found in one image.
///
/// The same shape goes over the wire from both the Roboflow server and this project's worker.
/// Fields beyond those named here (points, masks, tracker ids) are kept in [`Detection::extra`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Detections {
    /// Size of the image that the boxes refer to.
    #[serde(default)]
    pub image: ImageSize,
    /// The boxes.
    pub predictions: Vec<Detection>,
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
    pub extra: serde_json::Map<String, serde_json::Value>,
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
}
