use serde_json::{Map, Value};
use streamsdk_media::Frame;

use super::{Outputs, Processor, ProcessorError};

/// Gives the frame back.
pub(super) struct Passthrough;

impl Processor for Passthrough {
    fn process(
        &mut self,
        frame: &Frame,
        _parameters: &Map<String, Value>,
    ) -> Result<Outputs, ProcessorError> {
        Ok(Outputs::new().image("image", frame.clone()))
    }
}
