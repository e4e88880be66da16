use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error as ThisError;

/// A file that was not downloaded.
///
/// URLs are in it without credentials and the values of their queries.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum DownloadError {
    /// The URL cannot be parsed. It is not repeated, because it is not known where its credentials stand.
    #[error("the URL is not valid ({cause}); it should look like https://example.com/clip.mp4")]
    InvalidUrl {
        /// What is wrong with it.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The URL is not an HTTP URL.
    #[error("the URL must begin with http:// or https://, not with {scheme:?}")]
    UnsupportedScheme {
        /// The scheme of the URL.
        scheme: String,
    },
    /// A variable of the environment has a value that cannot be understood.
    #[error("the environment variable {name} must be {expected}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What its value may be.
        expected: &'static str,
    },
    /// The URL, or one that it redirects to, is not allowed.
    #[error("{url} is not downloaded: {refusal}")]
    Refused {
        /// The URL that is not allowed.
        url: String,
        /// Why.
        refusal: DownloadRefusal,
    },
    /// No connection to the server could be made: nobody listens, the name is unknown, TLS failed.
    #[error("cannot connect to {url}: {}", root_cause(cause.as_ref()))]
    Connect {
        /// The URL that was asked.
        url: String,
        /// What failed.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The server was silent for too long.
    #[error(
        "{url} was silent for {:.1} s; {}",
        waited.as_secs_f64(),
        so_far(*received)
    )]
    Silent {
        /// The URL that was asked.
        url: String,
        /// How long it was waited for.
        waited: Duration,
        /// Bytes of the file that had come.
        received: u64,
    },
    /// The whole took longer than it may.
    #[error("{url} could not be downloaded within {:.1} s", limit.as_secs_f64())]
    TooSlow {
        /// The URL that was asked.
        url: String,
        /// Longest time for the whole.
        limit: Duration,
    },
    /// The connection broke off, as often as it was made anew.
    #[error(
        "the download of {url} broke off: {}; {}",
        root_cause(cause.as_ref()),
        so_far(*received)
    )]
    Broken {
        /// The URL that was asked.
        url: String,
        /// Bytes of the file that had come.
        received: u64,
        /// What failed.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The server did not give the file.
    #[error("{url} answered with status {status}{}", advice(*status))]
    Status {
        /// The URL that was asked.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// A redirect that leads nowhere.
    #[error("{url} redirects without saying where to")]
    BadRedirect {
        /// The URL that was asked.
        url: String,
    },
    /// More redirects than are followed.
    #[error("{url} redirects more than {limit} times")]
    TooManyRedirects {
        /// The URL that was asked.
        url: String,
        /// Most redirects that are followed.
        limit: u32,
    },
    /// The file is larger than it may be.
    #[error("the file at {url} has more than {limit} bytes, which is the limit")]
    TooLarge {
        /// The URL that was asked.
        url: String,
        /// Largest size in bytes.
        limit: u64,
    },
    /// The file has no bytes.
    #[error("the file at {url} is empty")]
    Empty {
        /// The URL that was asked.
        url: String,
    },
    /// The server sends a page for people, such as one to log in.
    #[error("{url} is a web page, not a file; give the URL of the file itself")]
    WebPage {
        /// The URL that was asked.
        url: String,
    },
    /// The server compresses what was asked for as it is.
    #[error("{url} is sent with the encoding {encoding:?}, though it was asked for without one")]
    Encoded {
        /// The URL that was asked.
        url: String,
        /// The content encoding.
        encoding: String,
    },
    /// There is no home directory for the cache to be in.
    #[error(
        "there is no home directory for the cache; set INFERENCE_SDK_VIDEO_CACHE_DIR, \
         or download without the cache"
    )]
    NoCacheDirectory,
    /// The file cannot be written or read here.
    #[error("{} cannot be used: {cause}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The HTTP client could not be prepared; mostly because of the system's certificates.
    #[error("the HTTP client cannot be prepared: {cause}")]
    Client {
        /// What failed.
        cause: Box<dyn Error + Send + Sync>,
    },
}

/// Why a URL is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum DownloadRefusal {
    /// `ALLOW_URL_INPUT` is false.
    #[error("downloads are switched off by ALLOW_URL_INPUT")]
    SwitchedOff,
    /// Another scheme than `https`, which alone is allowed.
    #[error("only https URLs are allowed")]
    NotHttps,
    /// A redirect from `https` to `http`.
    #[error("it is an http URL that an https URL redirects to; allow non-https URLs to follow it")]
    Downgrade,
    /// A redirect to something that is no HTTP URL.
    #[error("it is not an http or https URL")]
    NotHttp,
    /// A backslash in the host, which programs read in different ways.
    #[error("there is a backslash in its host")]
    Backslash,
    /// The host is no full domain name.
    #[error("its host is not a full domain name, as ALLOW_URL_INPUT_WITHOUT_FQDN demands")]
    NoFullName,
    /// The host is not among those that are allowed.
    #[error("its host is not in WHITELISTED_DESTINATIONS_FOR_URL_INPUT")]
    NotOnAllowList,
    /// The host is among those that are not allowed.
    #[error("its host is in BLACKLISTED_DESTINATIONS_FOR_URL_INPUT")]
    OnBlockList,
    /// The host is, or its name leads to, an address that is not public.
    #[error(
        "it leads to {address}, which is not a public address; allow private addresses if it is meant"
    )]
    PrivateAddress {
        /// The address.
        address: IpAddr,
    },
}

impl DownloadError {
    /// Whether the same may succeed later, with nothing changed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect { cause, .. } => {
                !chain(cause.as_ref()).any(|cause| cause.is::<rustls::Error>())
            }
            Self::Silent { .. } | Self::TooSlow { .. } | Self::Broken { .. } => true,
            Self::Status { status, .. } => {
                matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
            }
            _ => false,
        }
    }

    /// Whether something took longer than its limit.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Silent { .. } | Self::TooSlow { .. })
    }

    /// The HTTP status with which the server refused.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    pub(crate) fn disk(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |cause| Self::Disk { path, cause }
    }

    pub(crate) fn client(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::Client { cause: Box::new(cause) }
    }
}

fn so_far(received: u64) -> String {
    match received {
        0 => "nothing of the file had come".to_owned(),
        received => format!("{received} bytes of the file had come"),
    }
}

fn advice(status: u16) -> &'static str {
    match status {
        401 => "; it wants credentials, as in https://user:password@host/",
        403 => "; it is not given to everybody, or its URL has expired",
        404 | 410 => "; there is no such file",
        _ => "",
    }
}

/// The errors of which `error` came, from itself to the deepest.
pub(crate) fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    // An io::Error does not name the error inside it as its source.
    let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inside.map(|inside| inside as &(dyn Error + 'static)).or_else(|| error.source())
}

/// The deepest cause: above it, HTTP libraries only say that there is one.
fn root_cause(error: &(dyn Error + Send + Sync + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}
