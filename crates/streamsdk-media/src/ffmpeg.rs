//! The one place where FFmpeg is set up for the whole process.

use std::sync::Once;

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
