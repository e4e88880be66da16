use std::sync::Arc;
use std::time::Duration;

use streamsdk_capture::{CaptureError, CapturedFrame, FrameProducer, ManualSender};
use streamsdk_protocol::output::SERVER_STOPPED;
use tokio::sync::mpsc;
use tracing::{debug, info};

use super::pace::{SessionPace, Stop};
use super::processing::Processing;
use super::source::{SessionSource, SourceKind};
use crate::processor::SessionEnd;

/// How long the source may be silent before the session's state is looked at. Its end is noticed at once.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Takes frames from a source, processes them one by one, and hands on what the client wants of them.
pub(super) struct Pipeline {
    pub(super) source: SessionSource,
    pub(super) processing: Processing,
    /// Whether every frame is to be processed, at the pace of the client's acks.
    pub(super) lossless: bool,
    pub(super) pace: Arc<SessionPace>,
    /// Takes payloads with the number of their frame.
    pub(super) outgoing: mpsc::Sender<(u32, Vec<u8>)>,
    /// Takes pictures for the video track. Waits while it is full: what is processed also goes back, and
    /// what there is no time for is left out at the source.
    pub(super) returned: Option<ManualSender>,
}

const SHUT_DOWN: &str = "the worker is shutting down";

/// How a pipeline ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PipelineEnd {
    /// Number of the last frame.
    pub(super) frames: u32,
    pub(super) errors: Vec<String>,
    pub(super) termination_reason: Option<String>,
}

impl PipelineEnd {
    pub(super) fn failed(frames: u32, reason: &str, error: String) -> Self {
        Self { frames, errors: vec![error], termination_reason: Some(reason.to_owned()) }
    }

    fn complete(frames: u32) -> Self {
        Self { frames, ..Self::default() }
    }

    pub(super) fn stopped(frames: u32, stop: Stop) -> Self {
        let termination_reason = match stop {
            Stop::Cancelled => None,
            Stop::TimeLimit => Some("timeout_reached".to_owned()),
            Stop::ShutDown => return Self::failed(frames, SERVER_STOPPED, SHUT_DOWN.to_owned()),
            Stop::NoAck(limit) => {
                let error = format!("the client acknowledged no frame for {limit:?}");
                return Self::failed(frames, "client_stalled", error);
            }
        };
        Self { frames, errors: Vec::new(), termination_reason }
    }
}

/// Why there is no next frame.
enum NoFrame {
    Stop(Stop),
    SessionSource(CaptureError),
}

impl Pipeline {
    /// Blocks until the frames end, or the session does.
    pub(super) fn run(mut self) -> PipelineEnd {
        let (mut frames, mut left_out) = (0_u32, 0_u64);
        let end = loop {
            let captured = match self.next() {
                Ok(captured) => captured,
                Err(reason) => break self.end(frames, left_out, reason),
            };
            // Frames that are left out are not counted: that is how the real server does it.
            left_out = left_out.saturating_add(captured.dropped);
            let frame_id = frames.saturating_add(1);
            let turn = match self.lossless {
                true => self.pace.wait_for_turn(frame_id),
                false => Ok(()),
            };
            if let Err(stop) = turn.and_then(|()| self.process(&captured, frame_id)) {
                break PipelineEnd::stopped(frames, stop);
            }
            frames = frame_id;
        };
        let damage = self.source.producer.damage();
        if damage.is_loss() {
            info!(frames, left_out, %damage, "the frames have ended, and not all came whole");
        } else {
            debug!(frames, left_out, %damage, "the frames have ended");
        }
        self.processing.set_end(SessionEnd {
            frames: end.frames,
            reason: end.termination_reason.clone(),
            errors: end.errors.clone(),
        });
        end
    }

    fn next(&mut self) -> Result<CapturedFrame, NoFrame> {
        loop {
            self.pace.check().map_err(NoFrame::Stop)?;
            match self.source.producer.next_frame(self.pace.at_most(POLL_INTERVAL)) {
                Ok(captured) => return Ok(captured),
                Err(error) if error.is_timeout() => {}
                Err(error) => return Err(NoFrame::SessionSource(error)),
            }
        }
    }

    fn process(&mut self, captured: &CapturedFrame, frame_id: u32) -> Result<(), Stop> {
        let processed = self.processing.run(&captured.frame, frame_id, &self.pace.selection());
        let message = (frame_id, processed.payload);
        self.outgoing.blocking_send(message).map_err(|_| Stop::Cancelled)?;
        if let (Some(returned), Some(picture)) = (&self.returned, processed.picture)
            && returned.send(picture).is_err()
        {
            // The connection may stand all the same; if not, the next message says so.
            self.returned = None;
        }
        Ok(())
    }

    fn end(&self, frames: u32, left_out: u64, reason: NoFrame) -> PipelineEnd {
        // An error beside that reason would say that it could not go on.
        let is_time_limit = matches!(reason, NoFrame::Stop(Stop::TimeLimit));
        let mut end = match reason {
            NoFrame::Stop(stop) => PipelineEnd::stopped(frames, stop),
            NoFrame::SessionSource(CaptureError::Stopped) => {
                PipelineEnd::stopped(frames, Stop::Cancelled)
            }
            NoFrame::SessionSource(CaptureError::EndOfStream) if frames > 0 => {
                PipelineEnd::complete(frames)
            }
            NoFrame::SessionSource(CaptureError::EndOfStream) => {
                self.failed(frames, "the source ended without a frame".to_owned())
            }
            NoFrame::SessionSource(error) => self.failed(frames, error.to_string()),
        };
        if !is_time_limit {
            end.errors.extend(self.losses(left_out));
        }
        end
    }

    fn failed(&self, frames: u32, error: String) -> PipelineEnd {
        let reason = match self.source.kind {
            SourceKind::File => "video_decode_failed",
            SourceKind::Live => "source_failed",
        };
        PipelineEnd::failed(frames, reason, error)
    }

    /// What is missing of what was promised: all of a file, and every frame of a lossless session.
    fn losses(&self, left_out: u64) -> Vec<String> {
        let damage = self.source.producer.damage();
        let is_promised = self.lossless || self.source.kind == SourceKind::File;
        let damaged = (is_promised && damage.is_loss()).then(|| format!("of the video, {damage}"));
        let late = (self.lossless && left_out > 0).then(|| {
            format!("{left_out} frames were left out: they came faster than they were processed")
        });
        damaged.into_iter().chain(late).collect()
    }
}
