use std::path::{Path, PathBuf};
use std::time::Duration;

use streamsdk_download::{Download, DownloadError, DownloadProgress, DownloadedFile};
use streamsdk_protocol::redact_url;

use super::{SourceError, VideoFileSource};

/// A video file by its `http` or `https` URL. It is downloaded before a session is asked for, and uploaded like any
/// other.
///
/// Files are kept in the cache of Python's `inference-sdk`, and a file that is there is used without being asked for
/// again. A connection that breaks off is made again, and the rest asked for. Only addresses that are public are
/// connected to, unless it is allowed. [`streamsdk-download`](https://docs.rs/streamsdk-download) says what is promised, and
/// which environment variables are read.
///
/// ```no_run
/// # async fn example(client: streamsdk::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use streamsdk::VideoUrl;
///
/// let clip = VideoUrl::new("https://example.com/clip.mp4")?
///     .on_progress(|progress| println!("{} of {:?} bytes", progress.received, progress.total))
///     .open()
///     .await?;
/// let session = client.stream(clip);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is downloaded until `open` or `download` is called"]
pub struct VideoUrl {
    download: Download,
    shown_url: String,
}

impl VideoUrl {
    /// Takes an `http` or `https` URL. Credentials in it are sent as `Authorization: Basic`.
    ///
    /// # Errors
    ///
    /// When it is not a valid URL, has another scheme, or a backslash in its host.
    pub fn new(url: impl Into<String>) -> Result<Self, DownloadError> {
        let url = url.into();
        let shown_url = redact_url(url.trim());
        Ok(Self { download: Download::new(url)?, shown_url })
    }

    /// Whether the file is taken from the cache if it is there, and kept there. Otherwise it is temporary, and gone
    /// with the source. Default is true.
    pub fn use_cache(self, use_cache: bool) -> Self {
        self.with(|download| download.use_cache(use_cache))
    }

    /// Folder of the cache. Default is `INFERENCE_SDK_VIDEO_CACHE_DIR`, or else `~/.cache/inference-sdk/videos`.
    pub fn cache_dir(self, folder: impl Into<PathBuf>) -> Self {
        self.with(|download| download.cache_dir(folder))
    }

    /// Whether the file may come from an address that is not public: this machine, private networks and what is
    /// reserved. Allow it only for URLs that no stranger gives. Default is `ALLOW_URL_TO_NON_GLOBAL_ADDRESSES`, or
    /// else false.
    pub fn allow_private_addresses(self, allow: bool) -> Self {
        self.with(|download| download.allow_private_addresses(allow))
    }

    /// Whether `http` URLs are taken, also as what an `https` URL redirects to. Default is
    /// `ALLOW_NON_HTTPS_URL_INPUT`, or else that they are taken, but not where `https` redirects to one.
    pub fn allow_non_https(self, allow: bool) -> Self {
        self.with(|download| download.allow_non_https(allow))
    }

    /// Largest size in bytes. Default is 10 GiB.
    pub fn size_limit(self, bytes: u64) -> Self {
        self.with(|download| download.size_limit(bytes))
    }

    /// How long the server may be silent. Default is `INFERENCE_SDK_VIDEO_DOWNLOAD_TIMEOUT`, or else 300 s.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|download| download.timeout(timeout))
    }

    /// Longest time for the whole download. Default is that there is none.
    pub fn total_timeout(self, timeout: Duration) -> Self {
        self.with(|download| download.total_timeout(timeout))
    }

    /// Most redirects that are followed. Default is `MAX_IMAGE_URL_REDIRECTS`, or else 30.
    pub fn redirect_limit(self, redirects: u32) -> Self {
        self.with(|download| download.redirect_limit(redirects))
    }

    /// How often a download that has begun is tried again when its connection breaks off. Default is 8.
    pub fn retries(self, retries: u32) -> Self {
        self.with(|download| download.retries(retries))
    }

    /// Has `report` called while the file is downloaded, at most 20 times a second. It should return soon. Default
    /// is that nothing is reported.
    pub fn on_progress(self, report: impl FnMut(DownloadProgress) + Send + 'static) -> Self {
        self.with(|download| download.on_progress(report))
    }

    /// Downloads the file, or takes it from the cache. Dropping the future gives the download up.
    ///
    /// # Errors
    ///
    /// When the file cannot be had ([`SourceError::Download`]), or is larger than the upload format can count.
    pub async fn open(self) -> Result<VideoFileSource, SourceError> {
        let shown_url = self.shown_url.clone();
        let downloaded = self.download().await?;
        let path = downloaded.path().unwrap_or(Path::new(&shown_url)).to_path_buf();
        Ok(VideoFileSource::of_open_file(path, downloaded.into_file())?)
    }

    /// The same for a file that is not to be uploaded, but played, say.
    ///
    /// # Errors
    ///
    /// When the file cannot be had ([`SourceError::Download`]).
    pub async fn download(self) -> Result<DownloadedFile, SourceError> {
        Ok(self.download.fetch().await?)
    }

    fn with(self, change: impl FnOnce(Download) -> Download) -> Self {
        Self { download: change(self.download), ..self }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;

    use super::*;
    use crate::{Error, ErrorKind};

    /// The URL of a server in this process that gives a video of four bytes.
    async fn serve() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/clip.mp4", get(|| async { "clip" }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    #[tokio::test]
    async fn a_file_is_a_source_whether_it_is_kept_or_not() {
        let (folder, url) = (tempfile::tempdir().unwrap(), serve().await);
        for use_cache in [false, true, true] {
            let clip = VideoUrl::new(format!("{url}/clip.mp4")).unwrap();
            let clip = clip.use_cache(use_cache).cache_dir(folder.path());
            let source = clip.allow_private_addresses(true).open().await.unwrap();
            assert_eq!(source.size(), 4);
            let kept = std::fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(kept, usize::from(use_cache));
        }
    }

    #[tokio::test]
    async fn what_is_not_to_be_had_is_an_error_of_the_source_that_says_why() {
        let url = serve().await;
        let clip = VideoUrl::new(format!("{url}/clip.mp4")).unwrap().use_cache(false);
        let error = Error::from(clip.allow_private_addresses(false).open().await.unwrap_err());
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Source, false));
        assert!(error.to_string().contains("not a public address"), "{error}");

        let none = VideoUrl::new(format!("{url}/none.mp4")).unwrap().use_cache(false);
        let error = none.allow_private_addresses(true).open().await.unwrap_err();
        assert!(matches!(error, SourceError::Download(_)));
        assert!(error.to_string().contains("status 404"), "{error}");
    }

    #[test]
    fn an_error_that_may_pass_can_be_tried_again() {
        let silent = |waited| DownloadError::TooSlow { url: "u".into(), limit: waited };
        assert!(Error::from(silent(Duration::ZERO)).is_retryable());
        assert!(Error::from(SourceError::from(silent(Duration::ZERO))).is_retryable());
        assert!(!Error::from(VideoUrl::new("clip.mp4").unwrap_err()).is_retryable());
    }
}
