use std::ffi::c_int;
use std::ptr;

use vpx_sys::vp8_dec_control_id as control;
use vpx_sys::{VPX_DECODER_ABI_VERSION, vpx_codec_dec_cfg_t, vpx_image_t, vpx_img_fmt};

use super::Context;
use crate::convert::Target;
use crate::{Frame, PixelFormat};

/// An open decoder.
pub(in super::super) struct Decoder(Context);

impl Decoder {
    pub(in super::super) fn open() -> Result<Self, String> {
        let settings = vpx_codec_dec_cfg_t { threads: 1, w: 0, h: 0 };
        // SAFETY: libvpx clears and fills the context, and has copied the settings when it returns.
        // If it fails it has released what it allocated.
        let context = unsafe {
            Context::open(|context| {
                vpx_sys::vpx_codec_dec_init_ver(
                    context,
                    vpx_sys::vpx_codec_vp8_dx(),
                    &settings,
                    0,
                    VPX_DECODER_ABI_VERSION as c_int,
                )
            })
        };
        context.map(Self)
    }

    /// Decodes a frame; `None` if it is not to be shown.
    pub(in super::super) fn decode(&mut self, data: &[u8]) -> Result<Option<Frame>, String> {
        let length = u32::try_from(data.len()).map_err(|_| "the frame is too long")?;
        // SAFETY: the context is open, and the data outlives the call.
        let result = unsafe {
            let no_deadline = 0;
            vpx_sys::vpx_codec_decode(
                self.0.as_ptr(),
                data.as_ptr(),
                length,
                ptr::null_mut(),
                no_deadline,
            )
        };
        self.0.check(result)?;
        if self.is_corrupt()? {
            return Err("parts of a picture are missing".to_owned());
        }
        let mut position = ptr::null();
        // SAFETY: the context is open; the picture is null or stays as it is until the next call.
        unsafe {
            let picture = vpx_sys::vpx_codec_get_frame(self.0.as_ptr(), &mut position);
            picture.as_ref().map(|picture| copy(picture)).transpose()
        }
    }

    fn is_corrupt(&mut self) -> Result<bool, String> {
        let mut corrupt: c_int = 0;
        let id = control::VP8D_GET_FRAME_CORRUPTED as c_int;
        // SAFETY: the context is open, and this control writes one int.
        let result = unsafe { vpx_sys::vpx_codec_control_(self.0.as_ptr(), id, &raw mut corrupt) };
        self.0.check(result)?;
        Ok(corrupt != 0)
    }
}

/// The picture without its borders. libvpx draws the next one where this is.
///
/// # Safety
///
/// The picture must be one that libvpx has just given out.
unsafe fn copy(picture: &vpx_image_t) -> Result<Frame, String> {
    if picture.fmt != vpx_img_fmt::VPX_IMG_FMT_I420 {
        return Err(format!("a picture that is not in I420 but {:?}", picture.fmt));
    }
    let mut target = Target::new(PixelFormat::I420, picture.d_w, picture.d_h);
    let row_bytes = [0, 1, 2].map(|plane| target.stride(plane));
    for (plane, rows) in target.planes().into_iter().enumerate() {
        let (start, stride) = (picture.planes[plane], picture.stride[plane] as isize);
        for (index, row) in rows.chunks_exact_mut(row_bytes[plane]).enumerate() {
            // SAFETY: a picture has as many rows of that many bytes as its size says, a stride apart.
            let source = unsafe {
                let start = start.offset(index as isize * stride);
                std::slice::from_raw_parts(start, row.len())
            };
            row.copy_from_slice(source);
        }
    }
    target.into_frame().map_err(|error| error.to_string())
}
