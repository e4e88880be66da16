//! What a file says about its video.

use std::time::Duration;

use ffmpeg_next::format::context::Input;
use ffmpeg_next::{Stream, decoder};
use streamsdk_media::{Rotation, TimeBase};

use crate::ffmpeg::{declared_rate, frame_time, rotation, shown_size, time_base};

/// What a file says about its video. It need not be true.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VideoInfo {
    /// Width in pixels, as shown.
    pub width: u32,
    /// Height in pixels, as shown.
    pub height: u32,
    /// Frames per second on average.
    pub declared_fps: Option<f64>,
    /// Number of frames by the container's count. A hint: frames may be damaged or left out.
    pub frames: Option<u64>,
    /// How long the video is.
    pub duration: Option<Duration>,
    /// How long a tick of the frames' timestamps is.
    pub time_base: TimeBase,
    /// How the stored frames have to be turned. Those that are delivered have been.
    pub rotation: Rotation,
}

impl VideoInfo {
    /// `None` if there is no size or no time base.
    pub(super) fn read(
        input: &Input,
        stream: &Stream<'_>,
        decoder: &decoder::Video,
    ) -> Option<Self> {
        let rotation = rotation(stream);
        let (width, height) = shown_size(decoder, rotation)?;
        Some(Self {
            width,
            height,
            declared_fps: declared_rate(stream),
            frames: u64::try_from(stream.frames()).ok().filter(|&frames| frames > 0),
            duration: duration(input, stream),
            time_base: time_base(stream.time_base())?,
            rotation,
        })
    }

    /// How long a frame is shown, where the file does not say when the next one is.
    pub(super) fn frame_time(&self) -> Duration {
        frame_time(self.declared_fps)
    }

    /// The same in ticks.
    pub(super) fn ticks_per_frame(&self) -> i64 {
        let seconds = self.frame_time().as_secs_f64();
        ((seconds / self.time_base.seconds()).round() as i64).max(1)
    }
}

fn duration(input: &Input, stream: &Stream<'_>) -> Option<Duration> {
    let seconds = match stream.duration() {
        ticks if ticks > 0 => ticks as f64 * f64::from(stream.time_base()),
        _ => input.duration() as f64 / f64::from(ffmpeg_next::ffi::AV_TIME_BASE),
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero())
}
