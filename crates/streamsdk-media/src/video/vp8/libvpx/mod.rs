//! libvpx's C interface: all that is unsafe about VP8.

#![allow(unsafe_code)]

mod decoder;
mod encoder;

use std::ffi::CStr;

use vpx_sys::{vpx_codec_ctx_t, vpx_codec_err_t};

pub(super) use self::decoder::Decoder;
pub(super) use self::encoder::Encoder;

/// An open encoder or decoder.
struct Context(Box<vpx_codec_ctx_t>);

// SAFETY: the context belongs to this value alone, and libvpx ties nothing to the thread that made it.
unsafe impl Send for Context {}

impl Context {
    /// What `init` opens.
    ///
    /// # Safety
    ///
    /// If `init` says that it succeeded, it must have filled the context.
    unsafe fn open(
        init: impl FnOnce(*mut vpx_codec_ctx_t) -> vpx_codec_err_t,
    ) -> Result<Self, String> {
        let mut context = Box::<vpx_codec_ctx_t>::new_uninit();
        check(init(context.as_mut_ptr()))?;
        // SAFETY: the caller promises that it is filled.
        Ok(Self(unsafe { context.assume_init() }))
    }

    fn as_ptr(&mut self) -> *mut vpx_codec_ctx_t {
        &mut *self.0
    }

    fn check(&mut self, result: vpx_codec_err_t) -> Result<(), String> {
        check(result).map_err(|reason| {
            // SAFETY: the context is open; the text is null or lives until the context is used again.
            let detail = unsafe {
                let detail = vpx_sys::vpx_codec_error_detail(self.as_ptr());
                (!detail.is_null()).then(|| CStr::from_ptr(detail).to_string_lossy().into_owned())
            };
            detail.map_or_else(|| reason.clone(), |detail| format!("{reason}: {detail}"))
        })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context is open and not used again.
        unsafe { vpx_sys::vpx_codec_destroy(self.as_ptr()) };
    }
}

fn check(result: vpx_codec_err_t) -> Result<(), String> {
    if result == vpx_codec_err_t::VPX_CODEC_OK {
        return Ok(());
    }
    // SAFETY: the text is constant.
    let text = unsafe { CStr::from_ptr(vpx_sys::vpx_codec_err_to_string(result)) };
    Err(text.to_string_lossy().into_owned())
}
