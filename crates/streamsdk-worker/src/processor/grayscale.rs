use streamsdk_media::{Frame, PixelFormat};

use super::{FrameContext, Outputs, Processor, ProcessorError};

/// Gives the frame back without its colours.
pub(super) struct Grayscale;

impl Processor for Grayscale {
    fn process(
        &mut self,
        frame: &Frame,
        context: &FrameContext<'_>,
    ) -> Result<Outputs, ProcessorError> {
        if !context.wants("image") {
            return Ok(Outputs::new());
        }
        Ok(Outputs::new().image("image", frame.convert(PixelFormat::Gray8)?))
    }
}
