//! Opening what a name stands for.

#[cfg(feature = "url")]
use std::fs::File;
use std::path::Path;
#[cfg(feature = "url")]
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[cfg(feature = "local-stream")]
use streamsdk::Transport;
#[cfg(feature = "url")]
use streamsdk::{DownloadProgress, VideoUrl};
use streamsdk::{
    MjpegSource, ProducerSource, RtspSource, SourceError, StreamSource, TestPattern,
    VideoFileSource,
};
use thiserror::Error as ThisError;

use crate::source_name::{Pattern, Size, SourceName, WebcamName};

/// How a source is opened. What is not for its sort has no effect.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct SourceOptions {
    published: bool,
    frames_by_track: bool,
    duration: Option<Duration>,
    allow_private: bool,
    without_cache: bool,
    #[cfg(feature = "url")]
    on_progress: Option<ProgressListener>,
    reconnect: Option<u32>,
    transcode: bool,
    #[cfg(feature = "local-stream")]
    rtsp_transport: Option<Transport>,
    resolution: Option<Size>,
    frame_rate: Option<f64>,
}

#[cfg(feature = "url")]
#[derive(Clone)]
struct ProgressListener(Arc<Mutex<dyn FnMut(DownloadProgress) + Send>>);

#[cfg(feature = "url")]
impl ProgressListener {
    fn tell(&self, progress: DownloadProgress) {
        let mut listener = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listener(progress);
    }
}

#[cfg(feature = "url")]
impl std::fmt::Debug for ProgressListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProgressListener")
    }
}

/// A source cannot be opened.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum OpenSourceError {
    /// It cannot be used as it is.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It takes a feature that this program was built without.
    #[error("this program was built without {what} (feature `{feature}`)")]
    NotBuilt {
        /// What is missing.
        what: &'static str,
        /// The feature that it takes.
        feature: &'static str,
    },
}

impl SourceOptions {
    /// Whether the video goes to a server that returns nothing, for which this machine plays a file. Default is `false`.
    pub fn published(mut self, is_published: bool) -> Self {
        self.published = is_published;
        self
    }

    /// Whether a file's frames come back as video instead of single images. Default is `false`.
    pub fn frames_by_track(mut self, by_track: bool) -> Self {
        self.frames_by_track = by_track;
        self
    }

    /// How long a drawing goes on. Default is for ever. Other sources do not end by this.
    pub fn duration(mut self, duration: impl Into<Option<Duration>>) -> Self {
        self.duration = duration.into();
        self
    }

    /// Whether a file may be downloaded from an address that is not public. Default is `false`.
    pub fn allow_private_addresses(mut self, is_allowed: bool) -> Self {
        self.allow_private = is_allowed;
        self
    }

    /// Whether a file that was downloaded is kept for the next time. Default is `true`.
    pub fn use_cache(mut self, is_used: bool) -> Self {
        self.without_cache = !is_used;
        self
    }

    /// Is called while a file is downloaded. Default is nobody.
    #[cfg(feature = "url")]
    pub fn on_progress(mut self, listener: impl FnMut(DownloadProgress) + Send + 'static) -> Self {
        self.on_progress = Some(ProgressListener(Arc::new(Mutex::new(listener))));
        self
    }

    /// How often in a row a stream that this machine pulls is connected again. Default is as often as it takes.
    pub fn reconnect(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.reconnect = attempts.into();
        self
    }

    /// Whether a stream that this machine pulls is encoded anew even where it could be passed on. Default is `false`.
    pub fn transcode(mut self, is_transcoded: bool) -> Self {
        self.transcode = is_transcoded;
        self
    }

    /// What carries an RTSP stream that this machine pulls. Default is [`Transport::Auto`].
    #[cfg(feature = "local-stream")]
    pub fn rtsp_transport(mut self, transport: impl Into<Option<Transport>>) -> Self {
        self.rtsp_transport = transport.into();
        self
    }

    /// What a webcam should give; it takes what comes closest. Default is what it likes.
    pub fn resolution(mut self, size: impl Into<Option<Size>>) -> Self {
        self.resolution = size.into();
        self
    }

    /// Frames per second that a webcam should give; it takes what comes closest. Default is what it likes.
    pub fn frame_rate(mut self, fps: impl Into<Option<f64>>) -> Self {
        self.frame_rate = fps.into();
        self
    }
}

impl SourceName {
    /// Opens it: a file is looked at, one elsewhere is downloaded, a camera of this machine is opened.
    ///
    /// # Errors
    ///
    /// [`OpenSourceError`] if it cannot be used.
    pub async fn open(
        &self,
        options: &SourceOptions,
    ) -> Result<Box<dyn StreamSource>, OpenSourceError> {
        Ok(match self {
            Self::File(path) if options.published => Box::new(played(path)?),
            Self::File(path) => {
                uploaded(VideoFileSource::open(path).map_err(SourceError::from)?, options)
            }
            Self::Url(url) if options.published => {
                Box::new(downloaded_to_play(url, options).await?)
            }
            Self::Url(url) => uploaded(downloaded(url, options).await?, options),
            Self::Rtsp(url) => Box::new(RtspSource::new(url).map_err(SourceError::from)?),
            Self::Mjpeg(url) => Box::new(MjpegSource::new(url).map_err(SourceError::from)?),
            Self::Local(url) => local_stream(url, options).await?,
            Self::Webcam(name) => webcam(name, options)?,
            Self::Pattern(pattern) => Box::new(drawing(*pattern, options.duration)),
        })
    }
}

fn uploaded(file: VideoFileSource, options: &SourceOptions) -> Box<dyn StreamSource> {
    match options.frames_by_track {
        true => Box::new(file.frames_by_track()),
        false => Box::new(file),
    }
}

#[cfg(feature = "url")]
async fn downloaded(
    url: &str,
    options: &SourceOptions,
) -> Result<VideoFileSource, OpenSourceError> {
    Ok(video_url(url, options)?.open().await?)
}

#[cfg(feature = "url")]
async fn downloaded_to_play(
    url: &str,
    options: &SourceOptions,
) -> Result<ProducerSource, OpenSourceError> {
    let downloaded = video_url(url, options)?.download().await?;
    match downloaded.path() {
        Some(path) => played(path),
        None => played_without_name(downloaded.into_file()),
    }
}

#[cfg(feature = "url")]
fn video_url(url: &str, options: &SourceOptions) -> Result<VideoUrl, SourceError> {
    let mut video = VideoUrl::new(url)?.use_cache(!options.without_cache);
    if options.allow_private {
        video = video.allow_private_addresses(true);
    }
    if let Some(listener) = options.on_progress.clone() {
        video = video.on_progress(move |progress| listener.tell(progress));
    }
    Ok(video)
}

#[cfg(not(feature = "url"))]
async fn downloaded(_: &str, _: &SourceOptions) -> Result<VideoFileSource, OpenSourceError> {
    Err(OpenSourceError::NotBuilt { what: "downloads", feature: "url" })
}

#[cfg(not(feature = "url"))]
async fn downloaded_to_play(_: &str, _: &SourceOptions) -> Result<ProducerSource, OpenSourceError> {
    Err(OpenSourceError::NotBuilt { what: "downloads", feature: "url" })
}

#[cfg(feature = "local-stream")]
async fn local_stream(
    url: &str,
    options: &SourceOptions,
) -> Result<Box<dyn StreamSource>, OpenSourceError> {
    use streamsdk::{LocalStreamSource, NetworkStream, Reconnect, Transcode};

    let reconnect = options.reconnect.map_or_else(Reconnect::always, Reconnect::attempts);
    let mut stream = NetworkStream::options(url).reconnect(reconnect);
    if let Some(transport) = options.rtsp_transport {
        stream = stream.transport(transport);
    }
    let transcode = if options.transcode { Transcode::Always } else { Transcode::Auto };
    Ok(Box::new(LocalStreamSource::open_with(stream).await?.transcode(transcode)))
}

#[cfg(not(feature = "local-stream"))]
async fn local_stream(
    _: &str,
    _: &SourceOptions,
) -> Result<Box<dyn StreamSource>, OpenSourceError> {
    Err(OpenSourceError::NotBuilt { what: "local streams", feature: "local-stream" })
}

#[cfg(all(feature = "webcam", target_os = "linux"))]
fn webcam(
    name: &WebcamName,
    options: &SourceOptions,
) -> Result<Box<dyn StreamSource>, OpenSourceError> {
    use streamsdk::{Webcam, WebcamSource};

    let mut camera = match name {
        WebcamName::Number(number) => Webcam::options(*number),
        WebcamName::Text(text) => Webcam::options(text.as_str()),
    };
    if let Some(size) = options.resolution {
        camera = camera.resolution(size.width, size.height);
    }
    if let Some(fps) = options.frame_rate {
        camera = camera.frame_rate(fps);
    }
    Ok(Box::new(WebcamSource::new(camera.open().map_err(SourceError::from)?)))
}

#[cfg(not(all(feature = "webcam", target_os = "linux")))]
fn webcam(_: &WebcamName, _: &SourceOptions) -> Result<Box<dyn StreamSource>, OpenSourceError> {
    Err(OpenSourceError::NotBuilt { what: "webcams on Linux", feature: "webcam" })
}

/// A file whose frames this machine sends, each at its time.
#[cfg(feature = "video")]
fn played(path: &Path) -> Result<ProducerSource, OpenSourceError> {
    let video = streamsdk_capture::VideoFile::options().paced(true).open(path);
    Ok(ProducerSource::new(video.map_err(|error| SourceError::Other(error.into()))?))
}

#[cfg(not(feature = "video"))]
fn played(_: &Path) -> Result<ProducerSource, OpenSourceError> {
    Err(OpenSourceError::NotBuilt { what: "publishing of files", feature: "video" })
}

/// A temporary file has no path but that of its descriptor, and is there for as long as it is open.
#[cfg(all(feature = "url", unix))]
fn played_without_name(file: File) -> Result<ProducerSource, OpenSourceError> {
    use std::os::fd::AsRawFd;

    played(Path::new(&format!("/dev/fd/{}", file.as_raw_fd())))
}

#[cfg(all(feature = "url", not(unix)))]
fn played_without_name(_: File) -> Result<ProducerSource, OpenSourceError> {
    let what = "a file that is not kept cannot be played on this system";
    Err(SourceError::Other(what.into()).into())
}

fn drawing(Pattern { size, fps }: Pattern, duration: Option<Duration>) -> ProducerSource {
    let pattern = TestPattern::new(size.width, size.height, fps);
    ProducerSource::new(match duration {
        Some(duration) => pattern.limit((duration.as_secs_f64() * fps).ceil() as u64),
        None => pattern,
    })
}
