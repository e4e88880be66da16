//! Which outputs are asked for where frames travel as data.

use serde_json::Value;

/// The outputs that are received as frames, and travel as data because there is no track for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct FramesAsData {
    frames: Vec<String>,
    /// The names of all outputs, where they are known.
    known: Option<Vec<String>>,
}

impl FramesAsData {
    /// The outputs `frames` of a workflow that was given in full, or not.
    pub(crate) fn new(frames: Vec<String>, specification: Option<&Value>) -> Self {
        let outputs = specification.and_then(|it| it.get("outputs")?.as_array());
        let name = |output: &Value| Some(output.get("name")?.as_str()?.to_owned());
        let known = outputs.map(|outputs| outputs.iter().filter_map(name).collect());
        Self { frames, known }
    }

    /// What to ask for when the caller wants `data`: the frames, too, in order and once.
    ///
    /// Roboflow's server takes `*` for all outputs but images only where nothing else is asked for, so the
    /// names of the outputs are put in its place.
    pub(crate) fn beside(&self, mut data: Vec<String>) -> Vec<String> {
        if self.frames.is_empty() {
            return data;
        }
        let all = data.iter().position(|name| name == "*");
        if let (Some(all), Some(known)) = (all, &self.known) {
            data.splice(all..=all, known.iter().cloned());
        }
        for name in &self.frames {
            if !data.contains(name) {
                data.push(name.clone());
            }
        }
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn frames_are_asked_for_in_order_and_once() {
        let frames = FramesAsData::new(names(&["image", "b"]), None);
        assert_eq!(frames.beside(names(&["b", "a"])), names(&["b", "a", "image"]));
        assert_eq!(frames.beside(Vec::new()), names(&["image", "b"]));
        assert_eq!(FramesAsData::default().beside(names(&["*"])), names(&["*"]));
    }

    #[test]
    fn all_data_beside_frames_is_asked_for_by_name_where_the_names_are_known() {
        let specification =
            serde_json::json!({ "outputs": [{ "name": "a" }, { "name": "image" }] });
        let known = FramesAsData::new(names(&["image"]), Some(&specification));
        assert_eq!(known.beside(names(&["*"])), names(&["a", "image"]));
        let unknown = FramesAsData::new(names(&["image"]), None);
        assert_eq!(unknown.beside(names(&["*"])), names(&["*", "image"]));
    }
}
