use streamsdk_media::{Frame, PixelFormat};

use super::{FrameContext, Processor, ProcessorError, ProcessorOutputs};

/// Gives the frame back without its colours.
pub(super) struct Grayscale;

impl Processor for Grayscale {
    fn process(
        &mut self,
        frame: &Frame,
        context: &FrameContext<'_>,
    ) -> Result<ProcessorOutputs, ProcessorError> {
        if !context.wants("image") {
            return Ok(ProcessorOutputs::new());
        }
        Ok(ProcessorOutputs::new().image("image", frame.convert(PixelFormat::Gray8)?))
    }
}
