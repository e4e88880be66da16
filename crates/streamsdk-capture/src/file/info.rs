//! What a file says about its video.

use std::time::Duration;

use ffmpeg_next::codec::packet::side_data;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::{Rational, Stream, decoder};
use streamsdk_media::{Rotation, TimeBase};

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
        let (mut width, mut height) = (decoder.width(), decoder.height());
        if width == 0 || height == 0 {
            return None;
        }
        if rotation.swaps_sides() {
            (width, height) = (height, width);
        }
        Some(Self {
            width,
            height,
            declared_fps: rate(stream.avg_frame_rate()).or_else(|| rate(stream.rate())),
            frames: u64::try_from(stream.frames()).ok().filter(|&frames| frames > 0),
            duration: duration(input, stream),
            time_base: time_base(stream.time_base())?,
            rotation,
        })
    }

    /// Ticks from one frame to the next, where the file does not say when frames are shown.
    pub(super) fn ticks_per_frame(&self) -> i64 {
        let fps = self.declared_fps.unwrap_or(25.0);
        ((1.0 / fps / self.time_base.seconds()).round() as i64).max(1)
    }
}

fn rate(rate: Rational) -> Option<f64> {
    let fps = f64::from(rate.numerator()) / f64::from(rate.denominator());
    // FFmpeg gives the ticks of the clock if it cannot tell.
    (fps > 0.0 && fps <= 1000.0).then_some(fps)
}

fn duration(input: &Input, stream: &Stream<'_>) -> Option<Duration> {
    let seconds = match stream.duration() {
        ticks if ticks > 0 => ticks as f64 * f64::from(stream.time_base()),
        _ => input.duration() as f64 / f64::from(ffmpeg_next::ffi::AV_TIME_BASE),
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero())
}

fn time_base(base: Rational) -> Option<TimeBase> {
    let part = |part: i32| u32::try_from(part).ok();
    TimeBase::new(part(base.numerator())?, part(base.denominator())?)
}

fn rotation(stream: &Stream<'_>) -> Rotation {
    stream
        .side_data()
        .find(|data| data.kind() == side_data::Type::DisplayMatrix)
        .map_or(Rotation::None, |data| rotation_of(data.data()))
}

/// The rotation in a display matrix: nine numbers, of which the first two say where a row points.
fn rotation_of(matrix: &[u8]) -> Rotation {
    let number = |index: usize| {
        let bytes = matrix.as_chunks::<4>().0.get(index);
        bytes.map_or(0.0, |bytes| f64::from(i32::from_ne_bytes(*bytes)))
    };
    let (across, down) = (number(0), number(1));
    Rotation::from_degrees(down.atan2(across).to_degrees())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotated(a: i32, b: i32, c: i32, d: i32) -> Rotation {
        let matrix = [a, b, 0, c, d, 0, 0, 0, 1 << 14].map(|part: i32| part << 16);
        rotation_of(&matrix.map(i32::to_ne_bytes).concat())
    }

    #[test]
    fn display_matrices_become_rotations() {
        assert_eq!(rotated(1, 0, 0, 1), Rotation::None);
        assert_eq!(rotated(0, 1, -1, 0), Rotation::Clockwise90);
        assert_eq!(rotated(-1, 0, 0, -1), Rotation::Half);
        assert_eq!(rotated(0, -1, 1, 0), Rotation::Clockwise270);
        assert_eq!(rotation_of(&[]), Rotation::None);
        assert_eq!(rotation_of(&[0; 36]), Rotation::None);
    }

    #[test]
    fn a_rate_that_is_none_is_not_declared() {
        assert_eq!(rate(Rational::new(0, 0)), None);
        assert_eq!(rate(Rational::new(1, 0)), None);
        assert_eq!(rate(Rational::new(90_000, 1)), None);
        assert_eq!(rate(Rational::new(25, 2)), Some(12.5));
    }
}
