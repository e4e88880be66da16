//! What is streamed, as people write it.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use streamsdk_protocol::redact_url;
use thiserror::Error;

/// What is streamed, as people write it in a command line or a file: `traffic.mp4`, `url:https://host/traffic.mp4`,
/// `rtsp://camera/1` and `http://camera/video.mjpeg` (which the server pulls), `local:rtsp://camera/1` (which this machine
/// pulls), `webcam`, `webcam:1`, `webcam:/dev/video1`, `webcam:NAME`, or `pattern:640x360@30`.
///
/// A URL may have a password in it; [`SourceName::label`] has none.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum SourceName {
    /// A video file of this machine, which is uploaded.
    File(PathBuf),
    /// A video file elsewhere, which is downloaded first.
    Url(String),
    /// A camera that the server pulls by RTSP.
    Rtsp(String),
    /// A camera that the server pulls by HTTP.
    Mjpeg(String),
    /// A camera or a server that this machine pulls, by RTSP, RTMP or HTTP.
    Local(String),
    /// A camera of this machine.
    Webcam(WebcamName),
    /// A drawing, for tests.
    Pattern(Pattern),
}

/// The sorts of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceKind {
    /// [`SourceName::File`]
    File,
    /// [`SourceName::Url`]
    Url,
    /// [`SourceName::Rtsp`]
    Rtsp,
    /// [`SourceName::Mjpeg`]
    Mjpeg,
    /// [`SourceName::Local`]
    Local,
    /// [`SourceName::Webcam`]
    Webcam,
    /// [`SourceName::Pattern`]
    Pattern,
}

/// A camera of this machine.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum WebcamName {
    /// That of `/dev/videoNUMBER`.
    Number(u32),
    /// Its path, or its name or a part of that.
    Text(String),
}

/// A text that names no source. It says what is wrong, without what is secret in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct InvalidSource(String);

impl SourceName {
    /// What `text` names. A file that exists comes before everything else that its name may mean.
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] if it names nothing.
    pub fn parse(text: &OsStr) -> Result<Self, InvalidSource> {
        Self::parse_where(text, |path| path.exists() && !path.is_dir())
    }

    fn parse_where(text: &OsStr, is_file: impl Fn(&Path) -> bool) -> Result<Self, InvalidSource> {
        let path = Path::new(text);
        match text.to_str() {
            Some(name) if !is_file(path) => name.parse(),
            _ => Ok(Self::File(path.to_owned())),
        }
    }

    /// Which sort it is.
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::File(_) => SourceKind::File,
            Self::Url(_) => SourceKind::Url,
            Self::Rtsp(_) => SourceKind::Rtsp,
            Self::Mjpeg(_) => SourceKind::Mjpeg,
            Self::Local(_) => SourceKind::Local,
            Self::Webcam(_) => SourceKind::Webcam,
            Self::Pattern(_) => SourceKind::Pattern,
        }
    }

    /// What people know it by, without passwords.
    pub fn label(&self) -> String {
        match self {
            Self::File(path) => {
                path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
            }
            Self::Url(url) | Self::Rtsp(url) | Self::Mjpeg(url) | Self::Local(url) => {
                redact_url(url)
            }
            Self::Webcam(WebcamName::Number(number)) => format!("webcam {number}"),
            Self::Webcam(WebcamName::Text(name)) => name.clone(),
            Self::Pattern(_) => "pattern".to_owned(),
        }
    }

    /// Whether a file is called as files with video are.
    pub fn is_called_like_a_video(path: &Path) -> bool {
        let extension = path.extension().and_then(OsStr::to_str);
        extension.is_some_and(is_video_extension)
    }

    /// Whether it is a video file, here or elsewhere.
    pub fn is_file(&self) -> bool {
        matches!(self, Self::File(_) | Self::Url(_))
    }

    /// What to write instead, for what means a file and something else as well.
    pub fn ambiguity(&self) -> Option<String> {
        let path = match self {
            Self::File(path) => path,
            Self::Mjpeg(url) if names_a_video_file(url) => return Some(ambiguity_of_url(url)),
            _ => return None,
        };
        let name = path.to_str()?;
        match name.parse().ok()? {
            Self::File(_) => None,
            Self::Webcam(_) if name == "webcam" => Some(
                "webcam is a file here, and taken as one; write ./webcam for the file, webcam:0 for the \
                 camera"
                    .to_owned(),
            ),
            _ => Some(format!("{name} is a file here, and taken as one; write ./{name} to say so")),
        }
    }

    /// When a session that is to end after so long is to be closed: a drawing ends by itself and is answered to its last
    /// frame, for which there is some time, and all that it takes where `every_frame` is wanted.
    pub fn closed_after(&self, duration: Duration, every_frame: bool) -> Option<Duration> {
        match self {
            Self::Pattern(_) if every_frame => None,
            Self::Pattern(_) => Some(duration + Duration::from_secs(5)),
            _ => Some(duration),
        }
    }
}

/// Whether a URL ends like one of a video file.
fn names_a_video_file(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let file_name = rest.split_once('/').and_then(|(_, path)| path.rsplit('/').next());
    let extension =
        file_name.and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    extension.is_some_and(is_video_extension)
}

fn is_video_extension(extension: &str) -> bool {
    VIDEO_EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str())
}

fn ambiguity_of_url(url: &str) -> String {
    let url = redact_url(url);
    format!(
        "{url} is taken as a camera that the server pulls; write url:{url} for a file that is downloaded and \
         uploaded"
    )
}

const VIDEO_EXTENSIONS: &[&str] = &["mp4", "mkv", "mov", "avi", "webm"];

/// Width and height in pixels, written `WIDTHxHEIGHT`: each from 1 to 8192.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// A drawing with the frame's number and the time in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pattern {
    /// How large it is.
    pub size: Size,
    /// Frames per second, from 0.1 to 240. Default is 30.
    pub fps: f64,
}

/// Without passwords.
impl fmt::Debug for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({:?})", self.kind(), self.label())
    }
}

impl FromStr for SourceName {
    type Err = InvalidSource;

    /// Takes a name that is not one of a file that exists.
    fn from_str(given: &str) -> Result<Self, InvalidSource> {
        // Spaces around a URL are left over from somewhere; those of a file are its name's.
        let text = given.trim();
        if let Some(pattern) = text.strip_prefix("pattern:") {
            return pattern.parse().map(Self::Pattern);
        }
        if let Some(url) = text.strip_prefix("url:") {
            return parse_file_url(url.trim()).map(Self::Url);
        }
        if let Some(url) = text.strip_prefix("local:") {
            return Ok(Self::Local(url.to_owned()));
        }
        if text == "webcam" {
            return Ok(Self::Webcam(WebcamName::Number(0)));
        }
        if let Some(name) = text.strip_prefix("webcam:") {
            return WebcamName::parse(name).map(Self::Webcam);
        }
        let Some((scheme, _)) = text.split_once("://") else { return Ok(Self::File(given.into())) };
        match scheme.to_ascii_lowercase().as_str() {
            "rtsp" | "rtsps" => Ok(Self::Rtsp(text.to_owned())),
            "http" | "https" => Ok(Self::Mjpeg(text.to_owned())),
            _ => {
                let said = format!("{} is not understood, nor is it a file", redact_url(text));
                Err(InvalidSource(said))
            }
        }
    }
}

fn parse_file_url(url: &str) -> Result<String, InvalidSource> {
    match url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
        Some("http" | "https") => Ok(url.to_owned()),
        _ => Err(expected("url:http://… or url:https://…")),
    }
}

fn expected(what: &str) -> InvalidSource {
    InvalidSource(format!("expected {what}"))
}

impl WebcamName {
    /// Takes what follows `webcam:`.
    fn parse(name: &str) -> Result<Self, InvalidSource> {
        if name.is_empty() {
            return Err(expected("webcam, webcam:NUMBER, webcam:PATH or webcam:NAME"));
        }
        Ok(name.parse().map_or_else(|_| Self::Text(name.to_owned()), Self::Number))
    }
}

impl FromStr for Size {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        let parse = || {
            let (width, height) = text.split_once('x')?;
            let size = Self { width: width.parse().ok()?, height: height.parse().ok()? };
            [size.width, size.height].iter().all(|side| (1..=8192).contains(side)).then_some(size)
        };
        parse().ok_or_else(|| expected("WIDTHxHEIGHT, each from 1 to 8192"))
    }
}

impl FromStr for Pattern {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        let parse = || {
            let (size, fps) = text.split_once('@').unwrap_or((text, "30"));
            let pattern = Self { size: size.parse().ok()?, fps: fps.parse().ok()? };
            (0.1..=240.0).contains(&pattern.fps).then_some(pattern)
        };
        parse().ok_or_else(|| expected("pattern:WIDTHxHEIGHT or pattern:WIDTHxHEIGHT@FPS"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart_by_how_they_begin() {
        let parse = |text: &str| text.parse::<SourceName>();
        assert_eq!(parse("a/b.mp4"), Ok(SourceName::File("a/b.mp4".into())));
        assert_eq!(parse(" b.mp4"), Ok(SourceName::File(" b.mp4".into())));
        for url in ["rtsp://u:p@h/1", "RTSP://u:p@h/1", " Rtsps://u:p@h/1"] {
            assert!(matches!(parse(url), Ok(SourceName::Rtsp(_))), "{url}");
        }
        assert!(matches!(parse("http://h/1.mjpeg"), Ok(SourceName::Mjpeg(_))));
        for url in ["https://h/1.mp4", "HTTP://u:p@h/a"] {
            assert_eq!(parse(&format!("url:{url}")), Ok(SourceName::Url(url.to_owned())));
        }
        let size = Size { width: 1280, height: 720 };
        let pattern = |fps| SourceName::Pattern(Pattern { size, fps });
        assert_eq!(parse("pattern:1280x720@25"), Ok(pattern(25.0)));
        assert_eq!(parse("pattern:1280x720"), Ok(pattern(30.0)));
        assert_eq!(parse("local:rtsp://h/1"), Ok(SourceName::Local("rtsp://h/1".to_owned())));
        let number = |number| Ok(SourceName::Webcam(WebcamName::Number(number)));
        assert_eq!((parse("webcam"), parse("webcam:2")), (number(0), number(2)));
        let path = WebcamName::Text("/dev/video1".to_owned());
        assert_eq!(parse("webcam:/dev/video1"), Ok(SourceName::Webcam(path)));
        for wrong in [
            "webcam:",
            "pattern:",
            "pattern:0x1",
            "pattern:1x1@0",
            "pattern:99999x1",
            "ftp://h/1",
            "url:",
            "url:a.mp4",
            "url:rtsp://h/1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        // What is wrong is told without the credentials that may be in it.
        assert!(!parse("gopher://user:secret@h").unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn a_file_that_exists_comes_first_and_its_name_can_be_written_otherwise() {
        let parse = |text: &str, is_file| SourceName::parse_where(OsStr::new(text), |_| is_file);
        for name in ["webcam", "webcam:1", "pattern:16x16", "http://h/1"] {
            let file = parse(name, true).unwrap();
            assert_eq!(file, SourceName::File(name.into()));
            let ambiguity = file.ambiguity().unwrap();
            assert!(ambiguity.contains(&format!("./{name}")), "{ambiguity}");
            assert_ne!(parse(name, false).unwrap().kind(), SourceKind::File, "{name}");
        }
        for name in ["webcam_front_door.mp4", "webcams", "./webcam", "patterns.mp4", "a.mp4"] {
            for is_file in [true, false] {
                let file = parse(name, is_file).unwrap();
                assert_eq!((file.kind(), file.ambiguity()), (SourceKind::File, None), "{name}");
            }
        }
    }

    #[test]
    fn a_url_that_ends_like_a_file_is_a_camera_and_may_be_meant_otherwise() {
        let ambiguity = |url: &str| url.parse::<SourceName>().unwrap().ambiguity();
        for url in ["http://h/a.mp4", "https://h/a/b.MOV?x=/1", "http://h:1/.a.webm#t"] {
            let ambiguity = ambiguity(url).unwrap();
            assert!(ambiguity.contains("write url:http"), "{ambiguity}");
        }
        for url in ["http://h/a.mjpeg", "http://h.mov", "http://h/a?b.mp4", "http://h/mp4"] {
            assert_eq!(ambiguity(url), None, "{url}");
        }
        assert_eq!(ambiguity("url:http://h/a.mp4"), None);
        assert!(!ambiguity("http://me:s3cret@h/a.mp4").unwrap().contains("s3cret"));
    }

    #[test]
    fn a_drawing_of_which_every_frame_is_wanted_is_not_cut_off() {
        let after = |source: &str, every_frame| {
            let source: SourceName = source.parse().unwrap();
            source.closed_after(Duration::from_secs(10), every_frame)
        };
        assert_eq!(after("rtsp://h/1", true), Some(Duration::from_secs(10)));
        assert_eq!(after("pattern:16x16", false), Some(Duration::from_secs(15)));
        assert_eq!(after("pattern:16x16", true), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_unicode_is_a_file() {
        use std::os::unix::ffi::OsStrExt;
        let name = OsStr::from_bytes(b"caf\xe9.mp4");
        assert_eq!(SourceName::parse(name), Ok(SourceName::File(name.into())));
    }
}
