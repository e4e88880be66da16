//! Cameras that the server pulls itself.

use std::fmt;

use async_trait::async_trait;
use streamsdk_protocol::init::InitRequest;
use streamsdk_transport::VideoDirection;

use super::{AfterBreak, ConnectionRequirements, SourceError, SourceIo, StreamSource, UrlError};
use crate::config::StreamConfig;

/// A camera that the server pulls by RTSP: the URL must be one that the server can reach.
///
/// With stream outputs the frames come back on a video track; without, there is data only.
pub struct RtspSource {
    url: String,
}

impl RtspSource {
    /// Takes a URL that begins with `rtsp://` or `rtsps://`. It can have credentials in it: they go to
    /// the server and into no message of this crate.
    ///
    /// # Errors
    ///
    /// For any other URL.
    pub fn new(url: impl Into<String>) -> Result<Self, UrlError> {
        let url = url.into();
        check_scheme(&url, &["rtsp", "rtsps"], "rtsp:// or rtsps://")?;
        Ok(Self { url })
    }
}

#[async_trait]
impl StreamSource for RtspSource {
    fn requirements(&self, config: &StreamConfig) -> ConnectionRequirements {
        requirements(config)
    }

    fn init_parameters(&self, _config: &StreamConfig, request: &mut InitRequest) {
        request.rtsp_url = Some(self.url.clone());
    }

    async fn run(&mut self, _io: SourceIo) -> Result<(), SourceError> {
        Ok(())
    }

    fn after_break(&self) -> AfterBreak {
        AfterBreak::GoOn
    }
}

/// A camera that the server pulls as MJPEG over HTTP: the URL must be one that the server can reach.
///
/// With stream outputs the frames come back on a video track; without, there is data only.
pub struct MjpegSource {
    url: String,
}

impl MjpegSource {
    /// Takes a URL that begins with `http://` or `https://`. It can have credentials in it: they go to
    /// the server and into no message of this crate.
    ///
    /// # Errors
    ///
    /// For any other URL.
    pub fn new(url: impl Into<String>) -> Result<Self, UrlError> {
        let url = url.into();
        check_scheme(&url, &["http", "https"], "http:// or https://")?;
        Ok(Self { url })
    }
}

#[async_trait]
impl StreamSource for MjpegSource {
    fn requirements(&self, config: &StreamConfig) -> ConnectionRequirements {
        requirements(config)
    }

    fn init_parameters(&self, _config: &StreamConfig, request: &mut InitRequest) {
        request.mjpeg_url = Some(self.url.clone());
    }

    async fn run(&mut self, _io: SourceIo) -> Result<(), SourceError> {
        Ok(())
    }

    fn after_break(&self) -> AfterBreak {
        AfterBreak::GoOn
    }
}

/// A track is of use only for outputs that are to come on it.
fn requirements(config: &StreamConfig) -> ConnectionRequirements {
    let wanted = !config.frame_outputs().is_empty();
    ConnectionRequirements::default().video(wanted.then_some(VideoDirection::ReceiveOnly))
}

fn check_scheme(url: &str, known: &[&str], expected: &'static str) -> Result<(), UrlError> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    match known.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        true => Ok(()),
        false => Err(UrlError { expected, found: scheme.chars().take(20).collect() }),
    }
}

impl fmt::Debug for RtspSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RtspSource")
    }
}

impl fmt::Debug for MjpegSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MjpegSource")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_schemes_of_the_source_are_taken_and_nothing_else_is_told() {
        for url in ["rtsp://camera/1", "RTSPS://user:secret@camera/1"] {
            assert!(
                RtspSource::new(url).is_ok_and(|source| !format!("{source:?}").contains("secret"))
            );
        }
        assert!(MjpegSource::new("https://camera/mjpeg").is_ok());
        for url in ["http://user:secret@camera", "camera", "", "file:///etc/passwd"] {
            let error = RtspSource::new(url).unwrap_err().to_string();
            assert!(error.contains("rtsp://") && !error.contains("secret"), "{error}");
        }
        assert!(MjpegSource::new("rtsp://camera").is_err());
    }
}
