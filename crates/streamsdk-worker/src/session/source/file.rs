use std::time::{Duration, Instant};

use streamsdk_capture::{
    CaptureError, CapturedFrame, Damage, FrameProducer, ProducerFormat, Stopper, VideoFile,
};
use streamsdk_media::{Frame, PixelFormat};

use super::super::spool::Spool;

/// What errors say instead of the path of a temporary file.
const ORIGIN: &str = "the uploaded file";

/// The frames of an uploaded file.
pub(super) struct UploadedFile {
    video: VideoFile,
    format: ProducerFormat,
    playback: Option<Playback>,
    stopper: Stopper,
    /// A frame whose time had not come.
    early: Option<Frame>,
    next_sequence: u64,
    /// Frames that were left out since the last one that was given.
    left_out: u64,
    _file: Spool,
}

impl UploadedFile {
    /// `realtime` plays the file at its own speed and leaves out what is late; otherwise every frame is
    /// given as soon as it is asked for.
    pub(super) fn open(file: Spool, realtime: bool) -> Result<Self, CaptureError> {
        let video = VideoFile::open(file.path()).map_err(|error| error.about(ORIGIN))?;
        let info = video.info();
        let format = ProducerFormat::new(PixelFormat::I420, info.width, info.height);
        let playback = realtime.then(|| Playback::new(info.declared_fps));
        Ok(Self {
            format: format.frame_rate(info.declared_fps),
            video,
            playback,
            stopper: Stopper::default(),
            early: None,
            next_sequence: 0,
            left_out: 0,
            _file: file,
        })
    }

    fn decode(&mut self) -> Result<Frame, CaptureError> {
        let early = self.early.take().map(Ok);
        early.or_else(|| self.video.next_frame().transpose()).map_or_else(
            || Err(CaptureError::EndOfStream),
            |frame| frame.map_err(|error| error.about(ORIGIN)),
        )
    }

    fn give(&mut self, frame: Frame) -> CapturedFrame {
        let dropped = std::mem::take(&mut self.left_out);
        let sequence = self.next_sequence + dropped;
        self.next_sequence = sequence + 1;
        CapturedFrame::new(frame, sequence).dropped(dropped)
    }
}

impl FrameProducer for UploadedFile {
    fn format(&self) -> Option<&ProducerFormat> {
        Some(&self.format)
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        loop {
            if self.stopper.is_stopped() {
                return Err(CaptureError::Stopped);
            }
            let frame = self.decode()?;
            let playback = self.playback.as_mut();
            let Some(wait) = playback.map_or(Some(Duration::ZERO), |it| it.wait_for(&frame)) else {
                self.left_out += 1;
                continue;
            };
            if self.stopper.wait(wait.min(timeout)) {
                return Err(CaptureError::Stopped);
            }
            if wait <= timeout {
                return Ok(self.give(frame));
            }
            self.early = Some(frame);
            return Err(CaptureError::TimedOut { waited: timeout });
        }
    }

    fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    fn damage(&self) -> Damage {
        self.video.damage()
    }
}

/// When frames are due, at a file's own speed.
struct Playback {
    frame_time: Duration,
    /// When playing began, and the presentation time of the frame that it began with.
    started: Option<(Instant, f64)>,
}

impl Playback {
    fn new(fps: Option<f64>) -> Self {
        let frame_time = Duration::try_from_secs_f64(1.0 / fps.unwrap_or(30.0).max(1.0));
        Self { frame_time: frame_time.unwrap_or_default(), started: None }
    }

    /// How long it is until the frame is due; `None` if its time has passed.
    fn wait_for(&mut self, frame: &Frame) -> Option<Duration> {
        let seconds = frame.timestamp().map_or(0.0, |timestamp| timestamp.seconds());
        let now = Instant::now();
        let (started, first) = *self.started.get_or_insert((now, seconds));
        let into = Duration::try_from_secs_f64(seconds - first).unwrap_or_default();
        // A time that no clock can show is now.
        let due = started.checked_add(into).unwrap_or(now);
        let is_late = now.saturating_duration_since(due) > self.frame_time;
        (!is_late).then(|| due.saturating_duration_since(now))
    }
}
