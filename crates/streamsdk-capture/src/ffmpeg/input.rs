//! Opening what may be hostile, with a way out of every wait.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use ffmpeg_next::error::ENOMEM;
use ffmpeg_next::ffi::{
    AVDictionary, AVFormatContext, av_dict_free, avformat_alloc_context, avformat_find_stream_info,
    avformat_open_input,
};
use ffmpeg_next::format::context::Input;
use ffmpeg_next::util::interrupt;
use ffmpeg_next::{Dictionary, Error};

use super::DecoderOptions;

/// An open file or address.
pub(crate) struct OpenInput {
    input: Input,
    watched: Watched,
}

/// How far FFmpeg is when it asks whether to go on.
pub(crate) enum Progress<'a> {
    /// The server's answer is waited for.
    Opening {
        /// The address that a server has sent on to: FFmpeg is about to say something there. Not told for HTTP.
        redirected: Option<&'a CStr>,
    },
    /// The input is open, and so many bytes were read since, where FFmpeg counts them: not for RTSP.
    Reading(u64),
}

impl Progress<'_> {
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Opening { .. } => 0,
            Self::Reading(bytes) => *bytes,
        }
    }
}

/// What a callback looks at: null where it may not.
#[derive(Clone, Default)]
struct Watched {
    opening: Arc<AtomicPtr<AVFormatContext>>,
    open: Arc<AtomicPtr<AVFormatContext>>,
}

/// Opens a file or an address. While FFmpeg waits for data, then and whenever the input is read, it
/// asks `interrupt` several times a second and before each piece of data; `true` ends the call with
/// [`Error::Exit`].
pub(crate) fn open(
    url: &CStr,
    options: Dictionary<'_>,
    mut interrupt: impl FnMut(Progress<'_>) -> bool + Send + 'static,
) -> Result<OpenInput, Error> {
    let watched = Watched::default();
    let (asked, given) = (watched.clone(), url.to_owned());
    let interrupt = interrupt::new(Box::new(move || interrupt(asked.progress(&given))));
    // SAFETY: the context is a new one or null, which is checked before it is written to.
    let mut context = unsafe {
        let context = avformat_alloc_context();
        let Some(fields) = context.as_mut() else {
            return Err(Error::Other { errno: ENOMEM });
        };
        fields.interrupt_callback = interrupt.interrupt;
        context
    };
    watched.opening.store(context, Ordering::SeqCst);
    // SAFETY: the address ends with a zero and outlives the call, as does the callback; a null format
    // asks FFmpeg to find it. FFmpeg takes the options and leaves those it did not use, which are ours
    // to free. If it fails, it frees the context.
    let code = unsafe {
        let mut options = options.disown();
        let code = avformat_open_input(&mut context, url.as_ptr(), ptr::null(), &mut options);
        av_dict_free(&mut options);
        code
    };
    watched.opening.store(ptr::null_mut(), Ordering::SeqCst);
    if code < 0 {
        return Err(Error::from(code));
    }
    watched.open.store(context, Ordering::SeqCst);
    // SAFETY: the context was opened just now, and nobody else holds it. The guard keeps the callback
    // for as long.
    let input = unsafe { Input::wrap_with_interrupt(context, interrupt.guard) };
    Ok(OpenInput { input, watched })
}

impl Watched {
    /// FFmpeg calls back on the thread that opens or reads the input, which thus neither closes it nor changes it
    /// meanwhile.
    fn progress(&self, given: &CStr) -> Progress<'_> {
        // SAFETY: the pointer is not null only while the input is being opened. FFmpeg frees it at the end of that, and
        // after the last time that it calls back. Its address is a text with a zero at its end, or null.
        let url = unsafe {
            let opening = self.opening.load(Ordering::SeqCst).as_ref();
            let url = opening.map_or(ptr::null_mut(), |opening| opening.url);
            (!url.is_null()).then(|| CStr::from_ptr(url))
        };
        match url {
            Some(url) => Progress::Opening { redirected: (url != given).then_some(url) },
            None => Progress::Reading(self.bytes()),
        }
    }

    fn bytes(&self) -> u64 {
        let context = self.open.load(Ordering::SeqCst);
        // SAFETY: the pointer is not null only while the input is open.
        let read = unsafe { context.as_ref().and_then(|open| open.pb.as_ref()) };
        read.map_or(0, |io| u64::try_from(io.bytes_read).unwrap_or_default())
    }
}

impl Drop for OpenInput {
    fn drop(&mut self) {
        // FFmpeg also calls back while it closes the input, when parts of it are gone already.
        self.watched.open.store(ptr::null_mut(), Ordering::SeqCst);
    }
}

impl Deref for OpenInput {
    type Target = Input;

    fn deref(&self) -> &Input {
        &self.input
    }
}

impl DerefMut for OpenInput {
    fn deref_mut(&mut self) -> &mut Input {
        &mut self.input
    }
}

/// Reads as far as is needed to know the streams. This decodes frames where the container does not say
/// enough, so the limits of decoding have to hold here too.
pub(crate) fn find_streams(input: &mut Input, options: &DecoderOptions) -> Result<(), Error> {
    // SAFETY: FFmpeg takes one set of options for each stream there is, may replace them, and leaves
    // them to us to free.
    let code = unsafe {
        let mut per_stream: Vec<*mut AVDictionary> =
            (0..input.nb_streams()).map(|_| options.dictionary().disown()).collect();
        let code = avformat_find_stream_info(input.as_mut_ptr(), per_stream.as_mut_ptr());
        per_stream.iter_mut().for_each(|options| av_dict_free(options));
        code
    };
    if code < 0 { Err(Error::from(code)) } else { Ok(()) }
}
