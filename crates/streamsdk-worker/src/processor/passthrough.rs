use streamsdk_media::Frame;

use super::{FrameContext, Processor, ProcessorError, ProcessorOutputs};

/// Gives the frame back.
pub(super) struct Passthrough;

impl Processor for Passthrough {
    fn process(
        &mut self,
        frame: &Frame,
        _context: &FrameContext<'_>,
    ) -> Result<ProcessorOutputs, ProcessorError> {
        Ok(ProcessorOutputs::new().image("image", frame.clone()))
    }
}
