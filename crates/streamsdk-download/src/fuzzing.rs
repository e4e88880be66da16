//! What fuzz targets reach beside the public API: the rules where nobody has set anything.

use std::ffi::OsString;

use url::Url;

use crate::DownloadError;
use crate::environment::Environment;
use crate::policy::{Policy, PolicyOverrides};

/// Whether that may be asked for; otherwise what is told of it.
pub fn check(url: &Url) -> Result<(), String> {
    told(policy().and_then(|policy| policy.check(url)))
}

/// Where a redirect leads, if it is followed; otherwise what is told of it.
pub fn check_redirect(from: &Url, location: &str) -> Result<Url, String> {
    told(policy().and_then(|policy| policy.check_redirect(from, location)))
}

fn policy() -> Result<Policy, DownloadError> {
    Policy::read(PolicyOverrides::default(), &Environment(|_: &str| None::<OsString>))
}

fn told<T>(result: Result<T, DownloadError>) -> Result<T, String> {
    result.map_err(|error| format!("{error} {error:?}"))
}
