//! libvpx's C interface: all that is unsafe about VP8.

#![allow(unsafe_code)]

mod decoder;
mod encoder;
mod shim;

use std::ffi::{CStr, c_char, c_int};
use std::ptr::NonNull;

pub(super) use self::decoder::VpxDecoder;
pub(super) use self::encoder::VpxEncoder;
pub(super) use self::shim::VpxSettings;

/// An open encoder or decoder.
struct Context(NonNull<shim::VpxCodec>);

// SAFETY: the codec belongs to this value alone, and libvpx ties nothing to the thread that made it.
unsafe impl Send for Context {}

impl Context {
    /// What `open` opens.
    fn open(open: impl FnOnce(*mut shim::VpxCodec) -> c_int) -> Result<Self, String> {
        // SAFETY: nothing is asked of the caller.
        let codec = NonNull::new(unsafe { shim::create() }).ok_or("there is no memory for it")?;
        let mut context = Self(codec);
        let result = open(context.as_ptr());
        context.check(result)?;
        Ok(context)
    }

    fn as_ptr(&mut self) -> *mut shim::VpxCodec {
        self.0.as_ptr()
    }

    fn check(&mut self, result: c_int) -> Result<(), String> {
        if result == 0 {
            return Ok(());
        }
        // SAFETY: the codec is not closed before this is dropped. The first text is constant, the other
        // lives until the codec is used again.
        let (reason, detail) =
            unsafe { (text(shim::reason(result)), text(shim::detail(self.as_ptr()))) };
        let reason = reason.unwrap_or_else(|| format!("libvpx's error {result}"));
        Err(detail.map_or_else(|| reason.clone(), |detail| format!("{reason}: {detail}")))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the codec is not used again.
        unsafe { shim::close(self.as_ptr()) };
    }
}

/// `None` if it is null.
///
/// # Safety
///
/// Otherwise it must be a text of C's.
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: the caller promises it.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
