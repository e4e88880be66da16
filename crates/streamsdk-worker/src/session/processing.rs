use serde_json::{Map, Value};
use streamsdk_media::Frame;
use streamsdk_protocol::output::{OutgoingMessage, VideoMetadata};

use super::ActiveProcessor;
use super::encode::{ResultEncoder, timestamp};
use super::source::{SessionSource, SourceKind};
use super::track_times::TrackTimes;
use crate::init::SessionPlan;
use crate::processor::{FrameContext, ProcessorOutputs, SessionEnd};
use crate::workflow::Selection;

/// The processor of one session with its parameters, and the encoder behind it.
pub(super) struct Processing {
    processor: ActiveProcessor,
    parameters: Map<String, Value>,
    encoder: ResultEncoder,
    fps: Option<f64>,
    gzip: bool,
    /// Of the video track on which frames go back.
    track_times: Option<TrackTimes>,
}

/// What goes back to the client.
pub(super) struct Processed {
    pub(super) payload: Vec<u8>,
    /// The picture for the video track, with its time there.
    pub(super) picture: Option<Frame>,
}

impl Processing {
    pub(super) fn new(
        processor: ActiveProcessor,
        plan: &SessionPlan,
        source: &SessionSource,
        jpeg_quality: u8,
        track_times: Option<TrackTimes>,
    ) -> Self {
        let comes_from_file = source.kind == SourceKind::File;
        Self {
            processor,
            parameters: plan.parameters.clone(),
            encoder: ResultEncoder::new(
                plan.workflow.outputs.clone(),
                jpeg_quality,
                comes_from_file,
            ),
            fps: plan.declared_fps.or_else(|| source.declared_fps()),
            gzip: plan.gzip,
            track_times,
        }
    }

    pub(super) fn run(&mut self, frame: &Frame, frame_id: u32, selection: &Selection) -> Processed {
        let on_track = self.track_times.as_mut().map(|times| times.next(frame));
        let (track_time, rtp_timestamp) = on_track.unzip();
        let metadata = VideoMetadata { rtp_timestamp, ..self.metadata(frame, frame_id) };
        let mut errors = Vec::new();
        let wanted = self.encoder.wanted(selection, track_time.is_some());
        let context = FrameContext::new(frame_id, &self.parameters).wanted(wanted);
        let made = self.processor.process(frame, &context);
        let made = made.map_err(|error| errors.push(error.to_string())).ok();
        let picture = track_time
            .map(|time| self.picture(frame, made.as_ref(), selection, &mut errors).at(time));
        let outputs =
            made.and_then(|made| self.encoder.encode(frame, &made, &selection.data, &metadata));
        errors.extend(self.encoder.unknown_outputs(&selection.data));
        let message = OutgoingMessage { outputs, metadata, errors, ..OutgoingMessage::default() };
        Processed { payload: message.encode(self.gzip), picture }
    }

    /// What the processor will be told of the session's end.
    pub(super) fn set_end(&mut self, end: SessionEnd) {
        self.processor.set_end(end);
    }

    fn metadata(&self, frame: &Frame, frame_id: u32) -> VideoMetadata {
        VideoMetadata {
            frame_id,
            received_at: Some(timestamp()),
            pts: frame.timestamp().map(|timestamp| timestamp.pts),
            time_base: frame.timestamp().map(|timestamp| timestamp.time_base.seconds()),
            declared_fps: self.fps,
            measured_fps: None,
            width: Some(frame.width()),
            height: Some(frame.height()),
            rtp_timestamp: None,
        }
    }

    /// The selected image. Like the real server, the worker returns a frame as it came when there is none,
    /// and says why.
    fn picture(
        &self,
        frame: &Frame,
        made: Option<&ProcessorOutputs>,
        selection: &Selection,
        errors: &mut Vec<String>,
    ) -> Frame {
        let picture = match made {
            Some(made) => self.encoder.picture(selection.image.as_deref(), frame, made),
            // Why has been said already.
            None => Ok(frame.clone()),
        };
        picture.unwrap_or_else(|missing| {
            errors.push(missing);
            frame.clone()
        })
    }
}
