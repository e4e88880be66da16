use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Seek;
use std::path::{Path, PathBuf};
use std::time::Duration;

use streamsdk_protocol::redact_url;
use tokio::time::timeout;
use url::Url;

use crate::attempts::{ReportProgress, Transfer};
use crate::cache::{self, Place};
use crate::environment::Environment;
use crate::part::Part;
use crate::policy::{Policy, PolicyOverrides, refused};
use crate::request::Requester;
use crate::{DownloadError, DownloadRefusal, backslash, cache_name};

const DEFAULT_SIZE_LIMIT: u64 = 10 << 30;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
const DEFAULT_REDIRECT_LIMIT: u32 = 30;
const DEFAULT_RETRIES: u32 = 8;

/// A file to be downloaded, and how.
#[must_use = "nothing is downloaded until `fetch` is called"]
pub struct Download {
    /// As it was given, because names in the cache are of that.
    given_url: String,
    url: Url,
    use_cache: bool,
    cache_dir: Option<PathBuf>,
    overrides: PolicyOverrides,
    size_limit: u64,
    timeout: Option<Duration>,
    total_timeout: Option<Duration>,
    redirect_limit: Option<u32>,
    retries: u32,
    on_progress: Option<ReportProgress>,
}

/// How far a download is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DownloadProgress {
    /// Bytes of the file that have come. Becomes less where the download has to start anew.
    pub received: u64,
    /// Size of the file in bytes, if the server tells it.
    pub total: Option<u64>,
}

/// A file that was downloaded, or that was in the cache.
#[derive(Debug)]
pub struct DownloadedFile {
    file: File,
    path: Option<PathBuf>,
    is_from_cache: bool,
}

impl Download {
    /// Takes an `http` or `https` URL. Credentials in it are sent as `Authorization: Basic`.
    ///
    /// # Errors
    ///
    /// When it is not a valid URL, has another scheme, or a backslash in its host.
    pub fn new(url: impl Into<String>) -> Result<Self, DownloadError> {
        let given_url = url.into();
        let url = Url::parse(given_url.trim())
            .map_err(|error| DownloadError::InvalidUrl { cause: error.into() })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(DownloadError::UnsupportedScheme { scheme: url.scheme().to_owned() });
        }
        if backslash::is_in_authority(&given_url) {
            return Err(refused(&url, DownloadRefusal::Backslash));
        }
        Ok(Self {
            given_url,
            url,
            use_cache: true,
            cache_dir: None,
            overrides: PolicyOverrides::default(),
            size_limit: DEFAULT_SIZE_LIMIT,
            timeout: None,
            total_timeout: None,
            redirect_limit: None,
            retries: DEFAULT_RETRIES,
            on_progress: None,
        })
    }

    /// Whether the file is taken from the cache if it is there, and kept there. Otherwise it is temporary, and
    /// gone when it is closed. Default is true.
    pub fn use_cache(mut self, use_cache: bool) -> Self {
        self.use_cache = use_cache;
        self
    }

    /// Folder of the cache, which is made when it is needed. Default is `INFERENCE_SDK_VIDEO_CACHE_DIR`, or else
    /// `~/.cache/inference-sdk/videos`.
    pub fn cache_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache_dir = Some(folder.into());
        self
    }

    /// Whether the file may come from an address that is not public: this machine, private networks and what is
    /// reserved. Allow it only for URLs that no stranger gives. Default is
    /// `ALLOW_URL_TO_NON_GLOBAL_ADDRESSES`, or else false.
    pub fn allow_private_addresses(mut self, allow: bool) -> Self {
        self.overrides.private_addresses = Some(allow);
        self
    }

    /// Whether `http` URLs are taken, also as what an `https` URL redirects to. Default is
    /// `ALLOW_NON_HTTPS_URL_INPUT`, or else that they are taken, but not where `https` redirects to one.
    pub fn allow_non_https(mut self, allow: bool) -> Self {
        self.overrides.non_https = Some(allow);
        self
    }

    /// Largest size in bytes. What is larger is given up before or while it comes. Default is 10 GiB.
    pub fn size_limit(mut self, bytes: u64) -> Self {
        self.size_limit = bytes;
        self
    }

    /// How long the server may be silent: before it answers, and between two pieces of the file. A connection
    /// takes at most 30 s of it. Default is `INFERENCE_SDK_VIDEO_DOWNLOAD_TIMEOUT`, or else 300 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Longest time for the whole. Default is that there is none but that of the size and the silence.
    pub fn total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = Some(timeout);
        self
    }

    /// Most redirects that are followed. Default is `MAX_IMAGE_URL_REDIRECTS`, or else 30.
    pub fn redirect_limit(mut self, redirects: u32) -> Self {
        self.redirect_limit = Some(redirects);
        self
    }

    /// How often a download that has begun is tried again when its connection breaks off, from where it was if
    /// the server can. Between attempts are 0.25 s, and then always twice as long, up to 8 s. Default is 8.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Has `report` called at the beginning, at the end, and in between at most 20 times a second; not for a file
    /// from the cache. It should return soon: nothing is received meanwhile. Default is that nothing is reported.
    pub fn on_progress(mut self, report: impl FnMut(DownloadProgress) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(report));
        self
    }

    /// Downloads the file, or takes it from the cache. Needs a Tokio runtime with time and I/O enabled. Dropping
    /// the future gives the download up and leaves nothing behind.
    ///
    /// # Errors
    ///
    /// When a URL or an address is not allowed, when the server cannot be reached, refuses, is silent for too
    /// long or breaks off too often, when the file is too large, empty or a web page, or cannot be written.
    pub async fn fetch(self) -> Result<DownloadedFile, DownloadError> {
        self.fetch_with(&Environment(|name: &str| env::var_os(name))).await
    }

    async fn fetch_with<F>(
        self,
        environment: &Environment<F>,
    ) -> Result<DownloadedFile, DownloadError>
    where
        F: Fn(&str) -> Option<OsString>,
    {
        let requester = self.requester(environment)?;
        requester.policy.check(&self.url)?;
        let target = self.target(environment)?;
        let Some(limit) = self.total_timeout else {
            return self.fetch_to(target, requester).await;
        };
        let url = redact_url(self.url.as_str());
        let fetched = timeout(limit, self.fetch_to(target, requester)).await;
        fetched.unwrap_or(Err(DownloadError::TooSlow { url, limit }))
    }

    async fn fetch_to(
        self,
        target: Option<PathBuf>,
        requester: Requester,
    ) -> Result<DownloadedFile, DownloadError> {
        let place = match target {
            Some(target) => {
                if let Some(file) = cache::find(&target).await? {
                    tracing::debug!(path = %target.display(), "the file is in the cache");
                    return Ok(DownloadedFile { file, path: Some(target), is_from_cache: true });
                }
                Place::in_cache(target).await?
            }
            None => Place::temporary().await?,
        };
        let (file, path) = place.file()?;
        let part = Part::new(file, path);
        Transfer::new(requester, self.size_limit, part, self.on_progress).run(self.retries).await?;
        let (mut file, path) = place.keep().await?;
        file.rewind().map_err(DownloadError::disk(path.as_deref().unwrap_or(Path::new(""))))?;
        Ok(DownloadedFile { file, path, is_from_cache: false })
    }

    fn requester<F>(&self, environment: &Environment<F>) -> Result<Requester, DownloadError>
    where
        F: Fn(&str) -> Option<OsString>,
    {
        let timeout = environment.seconds("INFERENCE_SDK_VIDEO_DOWNLOAD_TIMEOUT")?;
        let redirect_limit = environment.number("MAX_IMAGE_URL_REDIRECTS")?;
        Ok(Requester {
            url: self.url.clone(),
            policy: Policy::read(self.overrides, environment)?,
            timeout: self.timeout.or(timeout).unwrap_or(DEFAULT_TIMEOUT),
            redirect_limit: self
                .redirect_limit
                .or(redirect_limit)
                .unwrap_or(DEFAULT_REDIRECT_LIMIT),
        })
    }

    /// The file's place in the cache; `None` if it is not to be kept.
    fn target<F>(&self, environment: &Environment<F>) -> Result<Option<PathBuf>, DownloadError>
    where
        F: Fn(&str) -> Option<OsString>,
    {
        if !self.use_cache {
            return Ok(None);
        }
        let variable = || environment.path("INFERENCE_SDK_VIDEO_CACHE_DIR");
        let folder = match self.cache_dir.clone().or_else(variable) {
            Some(folder) => folder,
            None => cache::default_folder()?,
        };
        Ok(Some(folder.join(cache_name::name(&self.given_url))))
    }
}

/// Hides what is secret in the URL.
impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("url", &redact_url(self.url.as_str()))
            .field("use_cache", &self.use_cache)
            .field("cache_dir", &self.cache_dir)
            .field("size_limit", &self.size_limit)
            .finish_non_exhaustive()
    }
}

impl DownloadProgress {
    /// Whether everything has come, as far as the size is known.
    pub fn is_complete(&self) -> bool {
        self.total == Some(self.received)
    }
}

impl DownloadedFile {
    /// Where the file is in the cache; `None` if it is temporary.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Whether it was in the cache already, so that nobody was asked for it.
    pub fn is_from_cache(&self) -> bool {
        self.is_from_cache
    }

    /// The file, open for reading, at its start. A temporary one is gone when it is closed.
    pub fn into_file(self) -> File {
        self.file
    }
}
