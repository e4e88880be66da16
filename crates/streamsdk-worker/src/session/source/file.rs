use std::time::Duration;

use streamsdk_capture::{
    CaptureError, CapturedFrame, Damage, FrameProducer, ProducerFormat, StopHandle, VideoFile,
};

use super::super::spool::Spool;

/// What errors say instead of the path of a temporary file.
const ORIGIN: &str = "the uploaded file";

/// How an uploaded file is played.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Playing {
    /// Every frame, as soon as it is asked for.
    EveryFrame,
    /// At its own speed, without what is late, and without waiting any longer for a frame.
    Realtime { max_wait: Duration },
}

/// The frames of an uploaded file.
pub(super) struct UploadedFile {
    video: VideoFile,
    _file: Spool,
}

impl UploadedFile {
    pub(super) fn open(file: Spool, playing: Playing) -> Result<Self, CaptureError> {
        let options = match playing {
            Playing::EveryFrame => VideoFile::options(),
            Playing::Realtime { max_wait } => {
                VideoFile::options().paced(true).drop_late(true).max_wait(max_wait)
            }
        };
        let video = options.open(file.path()).map_err(|error| error.about(ORIGIN))?;
        Ok(Self { video, _file: file })
    }
}

impl FrameProducer for UploadedFile {
    fn format(&self) -> Option<&ProducerFormat> {
        self.video.format()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        FrameProducer::next_frame(&mut self.video, timeout).map_err(without_path)
    }

    fn stop_handle(&self) -> StopHandle {
        self.video.stop_handle()
    }

    fn damage(&self) -> Damage {
        self.video.damage()
    }
}

fn without_path(error: CaptureError) -> CaptureError {
    let origin = ORIGIN.to_owned();
    match error {
        CaptureError::NotVideo { reason, .. } => CaptureError::NotVideo { origin, reason },
        CaptureError::Decode { reason, .. } => CaptureError::Decode { origin, reason },
        CaptureError::Failed { reason, .. } => CaptureError::Failed { origin, reason },
        error => error,
    }
}
