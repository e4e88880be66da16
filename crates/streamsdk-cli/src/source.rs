//! What is streamed, as the command line names it.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What is streamed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    File(PathBuf),
    Rtsp(String),
    Mjpeg(String),
    Pattern(Pattern),
}

impl Source {
    /// How much longer than it was asked for a session may take: a drawing ends by itself, and is
    /// answered to its last frame.
    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs(if let Self::Pattern(_) = self { 5 } else { 0 })
    }
}

/// A drawing with the frame's number and the time in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pattern {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) fps: f64,
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(pattern) = text.strip_prefix("pattern:") {
            return pattern.parse().map(Self::Pattern);
        }
        Ok(match text.split_once("://").map(|(scheme, _)| scheme) {
            Some("rtsp" | "rtsps") => Self::Rtsp(text.to_owned()),
            Some("http" | "https") => Self::Mjpeg(text.to_owned()),
            Some(scheme) => return Err(format!("{scheme}:// is not understood")),
            None => Self::File(text.into()),
        })
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (size, fps) = text.split_once('@').unwrap_or((text, "30"));
            let (width, height) = size.split_once('x')?;
            let pattern = Self {
                width: width.parse().ok()?,
                height: height.parse().ok()?,
                fps: fps.parse().ok()?,
            };
            let sized = (1..=8192).contains(&pattern.width) && (1..=8192).contains(&pattern.height);
            (sized && (0.1..=240.0).contains(&pattern.fps)).then_some(pattern)
        };
        parse()
            .ok_or_else(|| "expected pattern:WIDTHxHEIGHT or pattern:WIDTHxHEIGHT@FPS".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart_by_how_they_begin() {
        let parse = |text: &str| text.parse::<Source>();
        assert_eq!(parse("a/b.mp4"), Ok(Source::File("a/b.mp4".into())));
        assert!(matches!(parse("rtsp://u:p@h/1"), Ok(Source::Rtsp(_))));
        assert!(matches!(parse("http://h/1.mjpeg"), Ok(Source::Mjpeg(_))));
        let pattern = |fps| Source::Pattern(Pattern { width: 1280, height: 720, fps });
        assert_eq!(parse("pattern:1280x720@25"), Ok(pattern(25.0)));
        assert_eq!(parse("pattern:1280x720"), Ok(pattern(30.0)));
        for wrong in ["pattern:", "pattern:0x1", "pattern:1x1@0", "pattern:99999x1", "ftp://h/1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        // What is wrong is told without the credentials that may be in it.
        assert!(!parse("gopher://user:secret@h").unwrap_err().contains("secret"));
    }
}
