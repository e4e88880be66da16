//! What a container says about its video. It need not be true.

use std::time::Duration;

use ffmpeg_next::codec::packet::side_data;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::format::stream::Disposition;
use ffmpeg_next::{Rational, Stream, decoder, media};
use streamsdk_media::{Rotation, TimeBase};

/// The stream to decode. A cover picture is none.
pub(crate) fn video(input: &Input) -> Option<Stream<'_>> {
    let is_picture = |stream: &Stream<'_>| stream.disposition().contains(Disposition::ATTACHED_PIC);
    input.streams().best(media::Type::Video).filter(|stream| !is_picture(stream))
}

/// Width and height in pixels after turning; `None` if they are not known.
pub(crate) fn shown_size(decoder: &decoder::Video, rotation: Rotation) -> Option<(u32, u32)> {
    match (decoder.width(), decoder.height()) {
        (0, _) | (_, 0) => None,
        (width, height) if rotation.swaps_sides() => Some((height, width)),
        size => Some(size),
    }
}

/// Frames per second; `None` if that is no rate of frames.
fn rate(rate: Rational) -> Option<f64> {
    let fps = f64::from(rate.numerator()) / f64::from(rate.denominator());
    // FFmpeg gives the ticks of the clock if it cannot tell.
    (fps > 0.0 && fps <= 1000.0).then_some(fps)
}

/// How long a frame is shown at a rate that is declared, or at a common one.
pub(crate) fn frame_time(declared: Option<f64>) -> Duration {
    let seconds = Duration::try_from_secs_f64(1.0 / declared.unwrap_or(DEFAULT_RATE));
    seconds.unwrap_or(Duration::MAX)
}

/// Frames per second as the container says, on average or else as a rule.
pub(crate) fn declared_rate(stream: &Stream<'_>) -> Option<f64> {
    rate(stream.avg_frame_rate()).or_else(|| rate(stream.rate()))
}

pub(crate) fn time_base(base: Rational) -> Option<TimeBase> {
    let part = |part: i32| u32::try_from(part).ok();
    TimeBase::new(part(base.numerator())?, part(base.denominator())?)
}

/// How frames have to be turned to be shown.
pub(crate) fn rotation(stream: &Stream<'_>) -> Rotation {
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

/// In frames per second.
const DEFAULT_RATE: f64 = 25.0;

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
