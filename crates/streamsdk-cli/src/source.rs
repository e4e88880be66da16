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
    Local(String),
    Webcam(WebcamName),
    Pattern(Pattern),
}

/// A camera of this machine.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(not(all(feature = "webcam", target_os = "linux")), allow(dead_code))]
pub(crate) enum WebcamName {
    Number(u32),
    /// Its path, or its name or a part of that.
    Text(String),
}

impl Source {
    /// How much longer than it was asked for a session may take: a drawing ends by itself, and is
    /// answered to its last frame.
    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs(if let Self::Pattern(_) = self { 5 } else { 0 })
    }
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// A drawing with the frame's number and the time in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pattern {
    pub(crate) size: Size,
    pub(crate) fps: f64,
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(pattern) = text.strip_prefix("pattern:") {
            return pattern.parse().map(Self::Pattern);
        }
        if let Some(url) = text.strip_prefix("local:") {
            return Ok(Self::Local(url.to_owned()));
        }
        if let Some(name) = text.strip_prefix("webcam") {
            return WebcamName::parse(name).map(Self::Webcam);
        }
        Ok(match text.split_once("://").map(|(scheme, _)| scheme) {
            Some("rtsp" | "rtsps") => Self::Rtsp(text.to_owned()),
            Some("http" | "https") => Self::Mjpeg(text.to_owned()),
            Some(scheme) => return Err(format!("{scheme}:// is not understood")),
            None => Self::File(text.into()),
        })
    }
}

impl WebcamName {
    /// Takes what follows `webcam`.
    fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix(':') {
            None if text.is_empty() => Ok(Self::Number(0)),
            Some(name) if !name.is_empty() => {
                Ok(name.parse().map_or_else(|_| Self::Text(name.to_owned()), Self::Number))
            }
            _ => Err("expected webcam, webcam:NUMBER, webcam:PATH or webcam:NAME".to_owned()),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (width, height) = text.split_once('x')?;
            let size = Self { width: width.parse().ok()?, height: height.parse().ok()? };
            [size.width, size.height].iter().all(|side| (1..=8192).contains(side)).then_some(size)
        };
        parse().ok_or_else(|| "expected WIDTHxHEIGHT, each from 1 to 8192".to_owned())
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (size, fps) = text.split_once('@').unwrap_or((text, "30"));
            let pattern = Self { size: size.parse().ok()?, fps: fps.parse().ok()? };
            (0.1..=240.0).contains(&pattern.fps).then_some(pattern)
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
        let size = Size { width: 1280, height: 720 };
        let pattern = |fps| Source::Pattern(Pattern { size, fps });
        assert_eq!(parse("pattern:1280x720@25"), Ok(pattern(25.0)));
        assert_eq!(parse("pattern:1280x720"), Ok(pattern(30.0)));
        assert_eq!(parse("local:rtsp://h/1"), Ok(Source::Local("rtsp://h/1".to_owned())));
        let number = |number| Ok(Source::Webcam(WebcamName::Number(number)));
        assert_eq!((parse("webcam"), parse("webcam:2")), (number(0), number(2)));
        let path = WebcamName::Text("/dev/video1".to_owned());
        assert_eq!(parse("webcam:/dev/video1"), Ok(Source::Webcam(path)));
        for wrong in [
            "webcam:",
            "webcams",
            "pattern:",
            "pattern:0x1",
            "pattern:1x1@0",
            "pattern:99999x1",
            "ftp://h/1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        // What is wrong is told without the credentials that may be in it.
        assert!(!parse("gopher://user:secret@h").unwrap_err().contains("secret"));
    }
}
