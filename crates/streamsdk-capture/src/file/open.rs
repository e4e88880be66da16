//! Opening a file that may be hostile.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::path::Path;
use std::ptr;

use ffmpeg_next::error::EINVAL;
use ffmpeg_next::ffi::{
    AVDictionary, av_dict_free, avformat_find_stream_info, avformat_open_input,
};
use ffmpeg_next::format::context::Input;
use ffmpeg_next::format::stream::Disposition;
use ffmpeg_next::{Dictionary, Error, Stream, media};

use super::{VideoFileError, VideoFileOptions};

/// Opens a container and looks what streams it has.
pub(super) fn open(path: &Path, options: &VideoFileOptions) -> Result<Input, VideoFileError> {
    check_is_file(path)?;
    let url = file_url(path)?;
    let mut input = open_container(&url).map_err(|error| match error {
        // Both a container that is not on the list and an empty file give this.
        Error::Other { errno: EINVAL } => {
            VideoFileError::open(path, "it is not in a video container that can be opened")
        }
        error => VideoFileError::open(path, error),
    })?;
    find_streams(&mut input, options).map_err(|error| VideoFileError::open(path, error))?;
    Ok(input)
}

/// The stream to decode. A cover picture is none.
pub(super) fn video_stream(input: &Input) -> Option<Stream<'_>> {
    let is_picture = |stream: &Stream<'_>| stream.disposition().contains(Disposition::ATTACHED_PIC);
    input.streams().best(media::Type::Video).filter(|stream| !is_picture(stream))
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

fn open_container(url: &CString) -> Result<Input, Error> {
    let mut options = Dictionary::new();
    options.set("protocol_whitelist", "file");
    options.set("format_whitelist", CONTAINERS);
    let mut context = ptr::null_mut();
    // SAFETY: the name ends with a zero and outlives the call; a null context and format ask FFmpeg to
    // make and find them. FFmpeg takes the options and leaves those it did not use, which are ours
    // to free.
    let code = unsafe {
        let mut options = options.disown();
        let code = avformat_open_input(&mut context, url.as_ptr(), ptr::null(), &mut options);
        av_dict_free(&mut options);
        code
    };
    if code < 0 {
        return Err(Error::from(code));
    }
    // SAFETY: the context was opened just now, and nobody else holds it.
    Ok(unsafe { Input::wrap(context) })
}

/// Reads as far as is needed to know the streams. This decodes frames where the container does not say
/// enough, so the limits of decoding have to hold here too.
fn find_streams(input: &mut Input, options: &VideoFileOptions) -> Result<(), Error> {
    // SAFETY: FFmpeg takes one set of options for each stream there is, may replace them, and leaves
    // them to us to free.
    let code = unsafe {
        let mut per_stream: Vec<*mut AVDictionary> =
            (0..input.nb_streams()).map(|_| options.for_decoder().disown()).collect();
        let code = avformat_find_stream_info(input.as_mut_ptr(), per_stream.as_mut_ptr());
        per_stream.iter_mut().for_each(|options| av_dict_free(options));
        code
    };
    if code < 0 { Err(Error::from(code)) } else { Ok(()) }
}

/// FFmpeg's names of the containers that hold their own frames. Playlists (`hls`, `concat`, `dash`,
/// `image2` and others) would make FFmpeg read whatever they name.
const CONTAINERS: &str = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,av1,obu,ivf,\
    flv,ogg,asf,mxf,mjpeg,gif,dv,nut,yuv4mpegpipe";
