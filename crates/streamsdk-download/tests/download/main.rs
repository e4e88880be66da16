//! Downloads from a server in this process.
// Clippy takes only functions marked as tests for test code.
#![allow(clippy::unwrap_used, clippy::panic)]

mod breaks;
mod cache;
mod environment;
mod limits;
mod redirects;
mod refusals;
mod server;
mod tls;

use std::error::Error;
use std::fs;
use std::io::Read;
use std::path::Path;

use streamsdk_download::{Download, DownloadError, DownloadedFile};
use tempfile::TempDir;

use self::server::Server;

/// More than what is written at once.
fn video() -> Vec<u8> {
    (0..3_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A download from this machine into a folder of the test's.
fn download(url: &str, folder: &TempDir) -> Download {
    Download::new(url).unwrap().allow_private_addresses(true).cache_dir(folder.path())
}

fn content(file: DownloadedFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.into_file().read_to_end(&mut bytes).unwrap();
    bytes
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The error of a download, after which nothing may be left.
async fn failed(download: Download, folder: &TempDir) -> DownloadError {
    let error = download.fetch().await.unwrap_err();
    assert_eq!(names_in(folder.path()), [""; 0], "{error}");
    error
}

/// Everything that an error shows to anybody.
fn all_texts(error: &(dyn Error + 'static)) -> String {
    let mut texts = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        texts.push_str(&format!("{error}\n{error:?}\n"));
        next = error.source();
        let repeats = next.is_some_and(|source| error.to_string().contains(&source.to_string()));
        assert!(!repeats, "{error} says what its source says");
    }
    texts
}

async fn serving(answer: server::Answer) -> Server {
    server::start(vec![answer]).await
}
