use serde_json::{Map, Value};
use streamsdk_media::{Frame, PixelFormat};

use super::{Outputs, Processor, ProcessorError};

/// Gives the frame back without its colours.
pub(super) struct Grayscale;

impl Processor for Grayscale {
    fn process(
        &mut self,
        frame: &Frame,
        _parameters: &Map<String, Value>,
    ) -> Result<Outputs, ProcessorError> {
        Ok(Outputs::new().image("image", frame.convert(PixelFormat::Gray8)?))
    }
}
