use std::time::Duration;

use streamsdk_capture::{
    CaptureError, CapturedFrame, FrameProducer, ManualSender, NetworkStream, ProducerFormat,
    Stopper, WhenFull,
};
use streamsdk_media::{TimeBase, Timestamp};
use tokio_util::task::TaskTracker;

use super::brought::Brought;

/// Frames that a lossless session keeps before it loses some: those of half a second.
const ROOM: usize = 16;
const PATIENCE: Duration = Duration::from_secs(10);

/// The frames of a camera, with times that begin at 0 in 90 kHz.
pub(super) fn frames(
    stream: NetworkStream,
    realtime: bool,
    threads: &TaskTracker,
) -> Box<dyn FrameProducer> {
    if realtime {
        return Box::new(FromZero { frames: stream, first: None });
    }
    let stopper = stream.stopper();
    let bring = move |frames: &ManualSender| bring(stream, frames);
    let kept = Brought::start(threads, (ROOM, WhenFull::Wait), stopper, bring);
    Box::new(FromZero { frames: kept, first: None })
}

fn bring(mut stream: NetworkStream, frames: &ManualSender) -> CaptureError {
    loop {
        match stream.next_frame(PATIENCE) {
            Ok(captured) => {
                if frames.send(captured.frame).is_err() {
                    return CaptureError::Stopped;
                }
            }
            Err(error) if error.is_timeout() => {}
            Err(error) => return error,
        }
    }
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

    fn stopper(&self) -> Stopper {
        self.frames.stopper()
    }
}
