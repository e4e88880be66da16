//! What a server says of what it sends.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use ffmpeg_next::ffi::{
    AV_OPT_SEARCH_CHILDREN, AVIO_FLAG_READ, AVIOContext, av_dict_free, av_free, av_opt_get,
    avio_closep, avio_open2, avio_size,
};
use ffmpeg_next::util::interrupt;
use ffmpeg_next::{Dictionary, Stream};

use super::OpenInput;
use super::promise::promise;
use crate::text::clean;

impl OpenInput {
    /// Whether what comes over HTTP is known to end, so that its end is none of the connection's.
    pub(crate) fn has_end(&self, stream: &Stream<'_>) -> bool {
        match self.format().name() {
            // Pictures for as long as the connection stands.
            "mpjpeg" => false,
            // FFmpeg goes on looking at the playlist until that says that it is complete.
            "hls" => true,
            _ => self.size().is_some() || promise(self, stream).is_some(),
        }
    }

    /// The kind that the server calls it.
    pub(crate) fn content_type(&self) -> Option<String> {
        // SAFETY: the pointer is that of an input that is open, whose own `pb` is null or valid.
        content_type(unsafe { (*self.as_ptr()).pb })
    }

    /// In bytes, if the server says it.
    fn size(&self) -> Option<u64> {
        // SAFETY: as above; whoever holds the input is the only one who reads it.
        let size = unsafe {
            let io = (*self.as_ptr()).pb;
            if io.is_null() { -1 } else { avio_size(io) }
        };
        u64::try_from(size).ok().filter(|&size| size > 0)
    }
}

/// Asks a server for the kind alone.
pub(crate) fn ask_content_type(
    url: &CStr,
    options: Dictionary<'_>,
    interrupt: impl FnMut() -> bool + Send + 'static,
) -> Option<String> {
    let interrupt = interrupt::new(Box::new(interrupt));
    let mut io = ptr::null_mut();
    // SAFETY: the address ends with a zero; it and the callback outlive the call and what was opened,
    // which is closed below. The options are ours to free.
    let code = unsafe {
        let mut options = options.disown();
        let callback = &raw const interrupt.interrupt;
        let code = avio_open2(&mut io, url.as_ptr(), AVIO_FLAG_READ, callback, &mut options);
        av_dict_free(&mut options);
        code
    };
    let kind = if code < 0 { None } else { content_type(io) };
    // SAFETY: it is null or open, and used nowhere else.
    unsafe { avio_closep(&mut io) };
    kind
}

/// The pointer is null or that of something open.
fn content_type(io: *mut AVIOContext) -> Option<String> {
    if io.is_null() {
        return None;
    }
    let mut value: *mut u8 = ptr::null_mut();
    let name: *const c_char = c"mime_type".as_ptr();
    // SAFETY: options are looked up in an object that is open; what comes is a text of its own with a zero
    // at its end, which is copied and freed.
    let text = unsafe {
        let code = av_opt_get(io.cast::<c_void>(), name, AV_OPT_SEARCH_CHILDREN, &mut value);
        if code < 0 || value.is_null() {
            return None;
        }
        let text = CStr::from_ptr(value.cast_const().cast()).to_string_lossy().into_owned();
        av_free(value.cast());
        text
    };
    Some(clean(&text)).filter(|text| !text.is_empty())
}
