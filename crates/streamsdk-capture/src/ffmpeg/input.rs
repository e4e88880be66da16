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
    byte_counter: ByteCounter,
}

/// What a callback counts the bytes of: null unless an input is open.
#[derive(Clone, Default)]
struct ByteCounter(Arc<AtomicPtr<AVFormatContext>>);

/// Opens a file or an address. While FFmpeg waits for data, then and whenever the input is read, it
/// asks `interrupt` several times a second and before each piece of data; `true` ends the call with
/// [`Error::Exit`]. It is told how many bytes were read since the input is open, where FFmpeg counts
/// them: not for RTSP.
pub(crate) fn open(
    url: &CStr,
    options: Dictionary<'_>,
    mut interrupt: impl FnMut(u64) -> bool + Send + 'static,
) -> Result<OpenInput, Error> {
    let byte_counter = ByteCounter::default();
    let asked = byte_counter.clone();
    let interrupt = interrupt::new(Box::new(move || interrupt(asked.bytes())));
    // SAFETY: the context is a new one or null, which is checked before it is written to.
    let mut context = unsafe {
        let context = avformat_alloc_context();
        let Some(fields) = context.as_mut() else {
            return Err(Error::Other { errno: ENOMEM });
        };
        fields.interrupt_callback = interrupt.interrupt;
        context
    };
    // SAFETY: the address ends with a zero and outlives the call, as does the callback; a null format
    // asks FFmpeg to find it. FFmpeg takes the options and leaves those it did not use, which are ours
    // to free. If it fails, it frees the context.
    let code = unsafe {
        let mut options = options.disown();
        let code = avformat_open_input(&mut context, url.as_ptr(), ptr::null(), &mut options);
        av_dict_free(&mut options);
        code
    };
    if code < 0 {
        return Err(Error::from(code));
    }
    byte_counter.0.store(context, Ordering::SeqCst);
    // SAFETY: the context was opened just now, and nobody else holds it. The guard keeps the callback
    // for as long.
    let input = unsafe { Input::wrap_with_interrupt(context, interrupt.guard) };
    Ok(OpenInput { input, byte_counter })
}

impl ByteCounter {
    fn bytes(&self) -> u64 {
        let context = self.0.load(Ordering::SeqCst);
        // SAFETY: the pointer is not null only while the input is open. FFmpeg calls back on the
        // thread that is reading the input, which thus neither closes it nor changes it meanwhile.
        let read = unsafe { context.as_ref().and_then(|open| open.pb.as_ref()) };
        read.map_or(0, |io| u64::try_from(io.bytes_read).unwrap_or_default())
    }
}

impl Drop for OpenInput {
    fn drop(&mut self) {
        // FFmpeg also calls back while it closes the input, when parts of it are gone already.
        self.byte_counter.0.store(ptr::null_mut(), Ordering::SeqCst);
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
