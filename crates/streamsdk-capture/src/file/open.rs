//! Opening a file that may be hostile.

use std::ffi::CString;
use std::io;
use std::path::Path;

use ffmpeg_next::error::EINVAL;
use ffmpeg_next::{Dictionary, Error};

use super::VideoFileError;
use crate::ffmpeg::{self, CONTAINERS, DecoderOptions, OpenInput};

/// Opens a container and looks what streams it has.
pub(super) fn open(path: &Path, decoding: &DecoderOptions) -> Result<OpenInput, VideoFileError> {
    check_is_file(path)?;
    let url = file_url(path)?;
    let mut input = open_container(&url).map_err(|error| match error {
        // Both a container that is not on the list and an empty file give this.
        Error::Other { errno: EINVAL } => {
            VideoFileError::open(path, "it is not in a video container that can be opened")
        }
        error => VideoFileError::open(path, error),
    })?;
    ffmpeg::find_streams(&mut input, decoding)
        .map_err(|error| VideoFileError::open(path, error))?;
    Ok(input)
}

/// A pipe or a device could keep FFmpeg waiting for ever.
fn check_is_file(path: &Path) -> Result<(), VideoFileError> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(VideoFileError::open(path, "it is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(VideoFileError::NotFound { path: path.to_owned() })
        }
        Err(error) => Err(VideoFileError::open(path, error)),
    }
}

/// A name that FFmpeg takes for a local file, whatever it looks like.
fn file_url(path: &Path) -> Result<CString, VideoFileError> {
    let mut url = b"file:".to_vec();
    url.extend_from_slice(path.as_os_str().as_encoded_bytes());
    CString::new(url).map_err(|_| VideoFileError::open(path, "there is a zero in its path"))
}

fn open_container(url: &CString) -> Result<OpenInput, Error> {
    let mut options = Dictionary::new();
    options.set("protocol_whitelist", "file");
    options.set("format_whitelist", CONTAINERS);
    // A file keeps nobody waiting.
    ffmpeg::open(url, options, |_| false)
}
