//! Files by `http` and `https` URLs: cached, resumed, within limits, and only from addresses that are allowed.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use streamsdk_download::Download;
//!
//! let file = Download::new("https://example.com/clip.mp4")?
//!     .size_limit(1 << 30)
//!     .on_progress(|progress| println!("{} of {:?} bytes", progress.received, progress.total))
//!     .fetch()
//!     .await?;
//! println!("{:?}, from the cache: {}", file.path(), file.is_from_cache());
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! * A file is whole or it is not there. A body that ends early is asked for again from where it ended, if the
//!   server can tell that the content is still the same, and from its start otherwise; two contents are never
//!   mixed. A file in the cache is put in place at once, when it is complete.
//! * Downloads of the same URL at the same time do no harm to each other, in whatever processes.
//! * What is connected to is an address that was looked up and checked here, for each redirect anew. Addresses
//!   that are not public, as of this machine or its networks, are refused unless
//!   [`Download::allow_private_addresses`] says otherwise. Behind a proxy only names can be checked.
//! * Every wait has a limit, and so has the size.
//! * Credentials in URLs are in no error and no log line.
//!
//! # The cache
//!
//! It is that of Python's `inference-sdk`, with the same names, so that what one has downloaded the other does
//! not. A file that is there and not empty is used as it is; it is not asked for again. Nothing is ever deleted.
//! A program that is killed while it downloads leaves a file that ends in `.part`.
//!
//! # Environment variables
//!
//! They are read when a download starts, and those of Python's `inference-sdk`. A method of [`Download`] is
//! stronger than its variable; a value that cannot be understood is an error.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `INFERENCE_SDK_VIDEO_CACHE_DIR` | folder of the cache | `~/.cache/inference-sdk/videos` |
//! | `INFERENCE_SDK_VIDEO_DOWNLOAD_TIMEOUT` | seconds that a server may be silent | 300 |
//! | `ALLOW_URL_INPUT` | whether anything is downloaded at all | true |
//! | `ALLOW_NON_HTTPS_URL_INPUT` | whether `http` URLs are taken; if true, also where an `https` URL redirects to one | true, but not where `https` redirects |
//! | `ALLOW_URL_INPUT_WITHOUT_FQDN` | whether hosts may be addresses, single words or names of private networks | true |
//! | `WHITELISTED_DESTINATIONS_FOR_URL_INPUT` | the only hosts that are allowed, with commas between them | all |
//! | `BLACKLISTED_DESTINATIONS_FOR_URL_INPUT` | hosts that are not allowed, with commas between them | none |
//! | `VALIDATE_IMAGE_URL_REDIRECTS` | whether the five above hold for redirects as well | true (Python: false) |
//! | `MAX_IMAGE_URL_REDIRECTS` | most redirects that are followed | 30 |
//! | `ALLOW_URL_TO_NON_GLOBAL_ADDRESSES` | whether addresses may be private | false (Python: true) |
//!
//! And `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in capitals or not.
//!
//! # Features
//!
//! There are none but `fuzzing`, for the fuzz targets of this project: it adds nothing to the API.
#![forbid(unsafe_code)]

mod attempts;
mod backslash;
mod cache;
mod cache_name;
mod client;
mod content;
mod download;
mod environment;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod part;
mod policy;
mod request;
mod resolver;

pub use download::{Download, DownloadProgress, DownloadedFile};
pub use error::{DownloadError, DownloadRefusal};
