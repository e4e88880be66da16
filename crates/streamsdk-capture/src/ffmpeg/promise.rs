//! What a container promises of its video.

#![allow(unsafe_code)]

use ffmpeg_next::Stream;
use ffmpeg_next::ffi::{
    AV_TIME_BASE, AVDurationEstimationMethod, avformat_index_get_entries_count,
};
use ffmpeg_next::format::context::Input;

/// How much there is to be, once everything was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Promise {
    /// So many packets of the video.
    Packets(u64),
    /// The video up to that time in seconds.
    VideoUntil(f64),
    /// Anything, sound too, up to that time in seconds.
    AnythingUntil(f64),
}

/// `None` where the container says nothing that can be relied on: streams, and files that were not
/// finished.
pub(super) fn promise(input: &Input, stream: &Stream<'_>) -> Option<Promise> {
    let format = input.format();
    match format.name().split(',').next()? {
        // Each sample has its entry. Those that an edit list leaves out have none.
        "mov" => u64::try_from(index_entries(stream)).ok().map(Promise::Packets),
        // The count is of ticks; a tick without a picture has no packet.
        "avi" => {
            let ticks = stream.frames() as f64;
            (ticks > 0.0).then(|| Promise::VideoUntil(ticks * f64::from(stream.time_base())))
        }
        "matroska" | "flv" | "live_flv" | "ivf" => declared_end(input).map(Promise::AnythingUntil),
        _ => None,
    }
}

fn index_entries(stream: &Stream<'_>) -> i32 {
    // SAFETY: the pointer is that of a stream of an input that is open. FFmpeg only reads it.
    unsafe { avformat_index_get_entries_count(stream.as_ptr()) }
}

/// In seconds, unless FFmpeg had to guess.
fn declared_end(input: &Input) -> Option<f64> {
    // SAFETY: the pointer is that of an input that is open; the value is copied.
    let method = unsafe { (*input.as_ptr()).duration_estimation_method };
    let seconds = input.duration() as f64 / f64::from(AV_TIME_BASE);
    let is_declared = method == AVDurationEstimationMethod::AVFMT_DURATION_FROM_STREAM;
    (is_declared && seconds > 0.0).then_some(seconds)
}

/// Whether reading stopped because the file or the connection could not be read.
pub(super) fn has_failed(input: &Input) -> bool {
    // SAFETY: the pointer is that of an input that is open, whose own `pb` is null or valid.
    unsafe { (*input.as_ptr()).pb.as_ref() }.is_some_and(|io| io.error < 0)
}
