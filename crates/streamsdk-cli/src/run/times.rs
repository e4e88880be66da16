//! When the frames of a saved video are shown.

use std::time::{Duration, Instant};

use streamsdk::{ReceivedFrame, TimeBase, Timestamp, VideoMetadata};
use streamsdk_media::StreamClock;

/// For streams that do not say how fast they are.
const DEFAULT_FPS: f64 = 30.0;
/// Frames per second that a stream may declare.
const POSSIBLE_FPS: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

/// Gives returned frames the times of the frames that they were made of.
pub(super) struct FrameTimes {
    is_file: bool,
    clock: Option<StreamClock>,
}

impl FrameTimes {
    /// The frames of a file come back when they are ready, those of a camera about when they were taken.
    pub(super) fn new(is_file: bool) -> Self {
        Self { is_file, clock: None }
    }

    /// The time of a frame that came back at that moment.
    pub(super) fn of(&mut self, received: &ReceivedFrame, at: Instant) -> Timestamp {
        self.next(received.metadata(), at)
    }

    fn next(&mut self, metadata: Option<&VideoMetadata>, at: Instant) -> Timestamp {
        let own = metadata.and_then(VideoMetadata::seconds).filter(|seconds| seconds.is_finite());
        let micros = own.map(|seconds| (seconds * 1e6).round() as i64);
        let own = micros.map(|micros| Timestamp::new(micros, TimeBase::MICROSECONDS));
        let clock = self.clock.get_or_insert_with(|| match self.is_file {
            true => StreamClock::recorded(TimeBase::MICROSECONDS, frame_time(metadata)),
            false => StreamClock::relayed(TimeBase::MICROSECONDS),
        });
        clock.stamp(own, at)
    }
}

fn frame_time(metadata: Option<&VideoMetadata>) -> Duration {
    let declared = metadata.and_then(|metadata| metadata.declared_fps);
    let fps = declared.filter(|fps| POSSIBLE_FPS.contains(fps)).unwrap_or(DEFAULT_FPS);
    Duration::from_secs_f64(1.0 / fps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(pts: Option<i64>) -> VideoMetadata {
        let time_base = pts.map(|_| 1.0 / 90_000.0);
        VideoMetadata { pts, time_base, declared_fps: Some(25.0), ..VideoMetadata::default() }
    }

    /// The times in milliseconds of frames with such times of their own, which come every 200 ms.
    fn times(is_file: bool, pts: impl IntoIterator<Item = Option<i64>>) -> Vec<i64> {
        let (mut times, start) = (FrameTimes::new(is_file), Instant::now());
        let frames = (0..).zip(pts);
        frames
            .map(|(n, pts)| {
                let at = start + Duration::from_millis(200) * n;
                times.next(Some(&metadata(pts)), at).pts / 1000
            })
            .collect()
    }

    #[test]
    fn frames_are_shown_when_they_say() {
        let variable = [0, 3600, 48_600, 93_600, 97_200].map(Some);
        for is_file in [true, false] {
            assert_eq!(times(is_file, variable), [0, 40, 540, 1040, 1080]);
        }
    }

    #[test]
    fn without_times_a_file_has_its_rate_and_a_camera_that_of_its_frames() {
        assert_eq!(times(true, [None; 4]), [0, 40, 80, 120]);
        assert_eq!(times(false, [None; 4]), [0, 200, 400, 600]);
    }

    #[test]
    fn steps_of_the_clock_are_not_shown() {
        let hour = 3600 * 90_000;
        let joined = [0, 3600, hour, hour + 3600].map(Some);
        assert_eq!(times(true, joined), [0, 40, 80, 120]);
        let set_back = [hour, hour + 18_000, 0, 18_000].map(Some);
        let times = times(false, set_back);
        assert_eq!(times, [0, 200, 400, 600].map(|time| 3_600_000 + time));
    }
}
