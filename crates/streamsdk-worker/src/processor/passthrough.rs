use streamsdk_media::Frame;

use super::{FrameContext, Outputs, Processor, ProcessorError};

/// Gives the frame back.
pub(super) struct Passthrough;

impl Processor for Passthrough {
    fn process(
        &mut self,
        frame: &Frame,
        _context: &FrameContext<'_>,
    ) -> Result<Outputs, ProcessorError> {
        Ok(Outputs::new().image("image", frame.clone()))
    }
}
