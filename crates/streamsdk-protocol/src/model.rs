//! A model by itself, as the workflow of one step that runs it.

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};
use thiserror::Error;

/// What a model does, as Roboflow names it.
///
/// ```
/// use streamsdk_protocol::model::TaskType;
///
/// assert_eq!("object-detection".parse(), Ok(TaskType::ObjectDetection));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskType {
    /// Boxes around objects.
    ObjectDetection,
    /// Objects with their outlines.
    InstanceSegmentation,
    /// One class for each picture.
    Classification,
    /// Any number of classes for each picture.
    MultiLabelClassification,
    /// Objects with named points on them.
    KeypointDetection,
    /// A class for each pixel.
    SemanticSegmentation,
}

/// A task for which there is no workflow of one step.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "models of the task {task:?} cannot be run by their id alone, only those of {}; \
     give a whole workflow that runs the model instead",
    names()
)]
pub struct UnsupportedTask {
    task: String,
}

impl TaskType {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ObjectDetection,
        Self::InstanceSegmentation,
        Self::Classification,
        Self::MultiLabelClassification,
        Self::KeypointDetection,
        Self::SemanticSegmentation,
    ];

    /// Its name, such as `object-detection`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ObjectDetection => "object-detection",
            Self::InstanceSegmentation => "instance-segmentation",
            Self::Classification => "classification",
            Self::MultiLabelClassification => "multi-label-classification",
            Self::KeypointDetection => "keypoint-detection",
            Self::SemanticSegmentation => "semantic-segmentation",
        }
    }

    /// The block of a workflow that runs models of this task.
    fn block(self) -> String {
        format!("roboflow_core/roboflow_{}_model@v2", self.as_str().replace('-', "_"))
    }
}

impl fmt::Display for TaskType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TaskType {
    type Err = UnsupportedTask;

    fn from_str(text: &str) -> Result<Self, UnsupportedTask> {
        let task = Self::ALL.into_iter().find(|task| task.as_str() == text);
        task.ok_or_else(|| UnsupportedTask { task: text.chars().take(MAX_SHOWN_CHARS).collect() })
    }
}

const MAX_SHOWN_CHARS: usize = 100;

fn names() -> String {
    TaskType::ALL.map(TaskType::as_str).join(", ")
}

/// The output of [`workflow`] that has the frame.
pub const IMAGE_OUTPUT: &str = "image";

/// The output of [`workflow`] that has what the model says.
pub const PREDICTIONS_OUTPUT: &str = "predictions";

/// The workflow that runs a model on each frame. Its input is `image`; its outputs are [`IMAGE_OUTPUT`], the
/// frame as it came, and [`PREDICTIONS_OUTPUT`].
pub fn workflow(model_id: &str, task: TaskType) -> Value {
    json!({
        "version": "1.0",
        "inputs": [{ "type": "InferenceImage", "name": "image" }],
        "steps": [{
            "type": task.block(),
            "name": "model",
            "images": "$inputs.image",
            "model_id": model_id,
        }],
        "outputs": [
            {
                "type": "JsonField",
                "name": PREDICTIONS_OUTPUT,
                "coordinates_system": "own",
                "selector": "$steps.model.predictions",
            },
            { "type": "JsonField", "name": IMAGE_OUTPUT, "selector": "$inputs.image" },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workflow_is_the_one_that_the_python_sdk_builds() {
        // build_model_workflow("rfdetr-nano", "multi-label-classification") of inference-sdk 1.8.3.
        let of_python = r#"{"version": "1.0", "inputs": [{"type": "InferenceImage", "name": "image"}], "steps": [{"type": "roboflow_core/roboflow_multi_label_classification_model@v2", "name": "model", "images": "$inputs.image", "model_id": "rfdetr-nano"}], "outputs": [{"type": "JsonField", "name": "predictions", "coordinates_system": "own", "selector": "$steps.model.predictions"}, {"type": "JsonField", "name": "image", "selector": "$inputs.image"}]}"#;
        let ours = workflow("rfdetr-nano", TaskType::MultiLabelClassification);
        assert_eq!(ours, serde_json::from_str::<Value>(of_python).unwrap());
    }

    #[test]
    fn every_task_has_a_name_that_is_read_back_and_a_block() {
        for task in TaskType::ALL {
            assert_eq!(task.to_string().parse(), Ok(task));
        }
        let block = TaskType::KeypointDetection.block();
        assert_eq!(block, "roboflow_core/roboflow_keypoint_detection_model@v2");
    }

    #[test]
    fn another_task_is_an_error_that_lists_those_there_are_and_shows_the_way_out() {
        let error = "text-image-pairs".parse::<TaskType>().unwrap_err().to_string();
        for part in ["text-image-pairs", "semantic-segmentation", "whole workflow"] {
            assert!(error.contains(part), "{error}");
        }
        let long = "x".repeat(100_000).parse::<TaskType>().unwrap_err();
        assert!(long.to_string().len() < 500);
    }
}
