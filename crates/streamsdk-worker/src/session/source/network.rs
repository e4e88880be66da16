use std::time::Duration;

use streamsdk_capture::{
    CaptureError, CapturedFrame, Damage, FrameProducer, NetworkStream, ProducerFormat, StopHandle,
};
use streamsdk_media::{TimeBase, Timestamp};

/// The frames of a camera, with times that begin at 0 in 90 kHz.
pub(super) fn frames(camera: NetworkStream) -> impl FrameProducer {
    FromZero { frames: camera, first: None }
}

/// Counts time from the first frame on.
struct FromZero<P> {
    frames: P,
    first: Option<i64>,
}

impl<P: FrameProducer> FrameProducer for FromZero<P> {
    fn format(&self) -> Option<&ProducerFormat> {
        self.frames.format()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        let mut captured = self.frames.next_frame(timeout)?;
        let own = captured.frame.timestamp();
        let ticks = own.and_then(|own| own.rescale(TimeBase::RTP_VIDEO)).map_or(0, |own| own.pts);
        let since_first = ticks.saturating_sub(*self.first.get_or_insert(ticks));
        captured.frame = captured.frame.at(Timestamp::new(since_first, TimeBase::RTP_VIDEO));
        Ok(captured)
    }

    fn stop_handle(&self) -> StopHandle {
        self.frames.stop_handle()
    }

    fn damage(&self) -> Damage {
        self.frames.damage()
    }
}
