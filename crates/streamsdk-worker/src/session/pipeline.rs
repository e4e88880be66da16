use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use streamsdk_capture::VideoFile;
use streamsdk_media::Frame;
use streamsdk_protocol::output::{OutgoingMessage, VideoMetadata};
use tokio::sync::mpsc;

use super::encode::{Encoder, timestamp};
use super::pace::{Pace, Stop};
use crate::init::SessionPlan;
use crate::processor::Processor;
use crate::workflow::DataSelection;

/// Decodes a file, processes every frame, and encodes what the client wants of it. Blocks.
pub(crate) struct Pipeline {
    pub(crate) plan: SessionPlan,
    pub(crate) jpeg_quality: u8,
    pub(crate) pace: Arc<Pace>,
    /// Takes payloads with the number of their frame.
    pub(crate) outgoing: mpsc::Sender<(u32, Vec<u8>)>,
}

/// How a pipeline ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PipelineEnd {
    /// Number of the last frame.
    pub(crate) frames: u32,
    pub(crate) errors: Vec<String>,
    pub(crate) termination_reason: Option<String>,
}

impl PipelineEnd {
    pub(crate) fn failed(frames: u32, reason: &str, error: String) -> Self {
        Self { frames, errors: vec![error], termination_reason: Some(reason.to_owned()) }
    }

    fn stopped(frames: u32, stop: Stop) -> Self {
        let termination_reason = match stop {
            Stop::Cancelled => None,
            Stop::TimeLimit => Some("timeout_reached".to_owned()),
        };
        Self { frames, errors: Vec::new(), termination_reason }
    }
}

impl Pipeline {
    pub(crate) fn run(self, file: &Path) -> PipelineEnd {
        let undecodable = |frames, error: &dyn std::fmt::Display| {
            PipelineEnd::failed(frames, "video_decode_failed", error.to_string())
        };
        let mut video = match VideoFile::open(file) {
            Ok(video) => video,
            Err(error) => return undecodable(0, &error),
        };
        let fps = self.plan.declared_fps.or(video.info().declared_fps);
        let mut processing = Processing::new(&self.plan, self.jpeg_quality, fps);
        let mut clock = Clock::default();
        let mut frames = 0;
        loop {
            let frame = match video.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return PipelineEnd { frames, ..PipelineEnd::default() },
                Err(error) => return undecodable(frames, &error),
            };
            frames += 1;
            let turn = if self.plan.realtime {
                clock.wait(&frame, fps, &self.pace)
            } else {
                self.pace.wait_for_turn(frames).map(|()| Turn::Process)
            };
            match turn {
                Ok(Turn::Process) => {}
                Ok(Turn::Late) => continue,
                Err(stop) => return PipelineEnd::stopped(frames - 1, stop),
            }
            let payload = processing.run(&frame, frames, &self.pace.selection());
            if self.outgoing.blocking_send((frames, payload)).is_err() {
                return PipelineEnd::stopped(frames, Stop::Cancelled);
            }
        }
    }
}

/// What is to be done with a frame of a realtime session.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Process,
    Late,
}

/// Plays a file at its own speed.
#[derive(Default)]
struct Clock {
    /// When playing began, and the presentation time of the frame that it began with.
    started: Option<(Instant, f64)>,
}

impl Clock {
    /// Blocks until the frame is due; says whether its time has passed already.
    fn wait(&mut self, frame: &Frame, fps: Option<f64>, pace: &Pace) -> Result<Turn, Stop> {
        let seconds = frame.timestamp().map_or(0.0, |timestamp| timestamp.seconds());
        let (started, first) = *self.started.get_or_insert((Instant::now(), seconds));
        let into = Duration::try_from_secs_f64(seconds - first).unwrap_or_default();
        let due = started + into;
        let frame_time = Duration::try_from_secs_f64(1.0 / fps.unwrap_or(30.0).max(1.0));
        if Instant::now() > due + frame_time.unwrap_or_default() {
            return Ok(Turn::Late);
        }
        pace.wait_until(due).map(|()| Turn::Process)
    }
}

/// The processor of one session with its parameters, and the encoder behind it.
struct Processing {
    processor: Box<dyn Processor>,
    parameters: Map<String, Value>,
    encoder: Encoder,
    fps: Option<f64>,
    gzip: bool,
}

impl Processing {
    fn new(plan: &SessionPlan, jpeg_quality: u8, fps: Option<f64>) -> Self {
        let mut parameters = plan.workflow.step_parameters.clone();
        parameters.extend(plan.parameters.clone());
        Self {
            processor: plan.workflow.processor.create(),
            parameters,
            encoder: Encoder::new(plan.workflow.outputs.clone(), jpeg_quality),
            fps,
            gzip: plan.gzip,
        }
    }

    fn run(&mut self, frame: &Frame, frame_id: u32, selection: &DataSelection) -> Vec<u8> {
        let metadata = VideoMetadata {
            frame_id,
            received_at: Some(timestamp()),
            pts: frame.timestamp().map(|timestamp| timestamp.pts),
            time_base: frame.timestamp().map(|timestamp| timestamp.time_base.seconds()),
            declared_fps: self.fps,
            measured_fps: None,
            width: Some(frame.width()),
            height: Some(frame.height()),
        };
        let mut errors = Vec::new();
        let outputs = match self.processor.process(frame, &self.parameters) {
            Ok(outputs) => self.encoder.encode(frame, outputs, selection, &metadata),
            Err(error) => {
                errors.push(error.to_string());
                None
            }
        };
        let message = OutgoingMessage { outputs, metadata, errors, ..OutgoingMessage::default() };
        message.encode(self.gzip)
    }
}
