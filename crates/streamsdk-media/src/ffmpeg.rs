//! The one place where FFmpeg is set up for the whole process.

use std::sync::Once;

use ffmpeg_next::color;

use crate::{ColorMatrix, ColorRange};

/// Prepares FFmpeg and silences what it writes to the standard error output: what goes wrong is in
/// the errors. Can be called any number of times, from any thread; only the first call does something.
///
/// What this project does with FFmpeg calls this by itself. A program that wants FFmpeg's own words
/// can set its log level after the first use.
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It only registers error names, and cannot fail.
        let _ = ffmpeg_next::init();
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
    });
}

/// What an encoder is told so that the stream says it.
pub(crate) fn matrix(matrix: ColorMatrix) -> color::Space {
    match matrix {
        ColorMatrix::Bt601 => color::Space::SMPTE170M,
        ColorMatrix::Bt709 => color::Space::BT709,
        ColorMatrix::Bt2020 => color::Space::BT2020NCL,
        ColorMatrix::Smpte240m => color::Space::SMPTE240M,
    }
}

/// What an encoder is told so that the stream says it.
pub(crate) fn range(range: ColorRange) -> color::Range {
    match range {
        ColorRange::Limited => color::Range::MPEG,
        ColorRange::Full => color::Range::JPEG,
    }
}
