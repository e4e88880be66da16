//! Which option applies to which source. What does not apply is refused: whoever gives an option expects something of it.

use crate::source_name::SourceKind::{self, File, Local, Mjpeg, Pattern, Rtsp, Url, Webcam};

/// An option that not every source can obey.
#[derive(Debug)]
#[non_exhaustive]
pub struct OptionRule {
    /// Its name, with underscores.
    pub option: &'static str,
    applies_to: &'static [SourceKind],
    /// Those that it is for as well when they are published.
    and_published: &'static [SourceKind],
    /// What it is for, in words.
    pub about: &'static str,
}

/// Options that are not here apply to every source.
pub const SOURCE_RULES: &[OptionRule] = &[
    rule("realtime", &[File, Url], "video files; live sources are realtime"),
    OptionRule {
        option: "every_frame",
        applies_to: &[Rtsp, Mjpeg, Local, Webcam, Pattern],
        and_published: &[File, Url],
        about: "live sources; every frame of a file is processed anyway",
    },
    rule("frames_by_track", &[File, Url], "video files"),
    rule("allow_private", &[Url], "url: files"),
    rule("no_cache", &[Url], "url: files"),
    rule("resolution", &[Webcam], "webcams"),
    rule("fps", &[Webcam], "webcams"),
    rule("reconnect", &[Local], "local: streams"),
    rule("transcode", &[Local], "local: streams"),
    rule("rtsp_transport", &[Local], "local:rtsp:// streams"),
    OptionRule {
        option: "bitrate",
        applies_to: &[Local, Webcam, Pattern],
        and_published: &[File, Url],
        about: "video that this program sends: local: streams, webcams and drawings",
    },
];

const fn rule(
    option: &'static str,
    applies_to: &'static [SourceKind],
    about: &'static str,
) -> OptionRule {
    OptionRule { option, applies_to, and_published: &[], about }
}

impl OptionRule {
    /// Whether it is for a source of that kind, which is published or not.
    pub fn takes(&self, kind: SourceKind, is_published: bool) -> bool {
        self.applies_to.contains(&kind) || is_published && self.and_published.contains(&kind)
    }
}
