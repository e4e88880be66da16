//! What a container says about a stream that the bindings do not show.

#![allow(unsafe_code)]

use std::slice;

use ffmpeg_next::Stream;

/// What the decoder has to know before the first packet; may be empty.
pub(crate) fn extra_data<'a>(stream: &'a Stream<'_>) -> &'a [u8] {
    // SAFETY: the pointers are those of a stream that lives as long as what is returned, and FFmpeg keeps
    // as many bytes as it says, or none. Nobody changes them while the stream is borrowed.
    unsafe {
        let parameters = (*stream.as_ptr()).codecpar;
        let Some(parameters) = parameters.as_ref() else { return &[] };
        match usize::try_from(parameters.extradata_size) {
            Ok(size) if !parameters.extradata.is_null() => {
                slice::from_raw_parts(parameters.extradata, size)
            }
            _ => &[],
        }
    }
}

/// Width and height in pixels as they are encoded; `None` if they are not known.
pub(crate) fn encoded_size(stream: &Stream<'_>) -> Option<(u32, u32)> {
    // SAFETY: as above; the numbers are copied.
    let (width, height) = unsafe {
        let parameters = (*stream.as_ptr()).codecpar.as_ref()?;
        (parameters.width, parameters.height)
    };
    let side = |side: i32| u32::try_from(side).ok().filter(|side| *side > 0);
    Some((side(width)?, side(height)?))
}
