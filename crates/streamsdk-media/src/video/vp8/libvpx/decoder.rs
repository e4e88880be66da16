use std::ffi::c_int;
use std::mem::MaybeUninit;

use super::Context;
use super::shim;
use crate::convert::Target;
use crate::{ColorSpace, Frame, PixelFormat};

/// An open decoder.
pub(in super::super) struct VpxDecoder(Context);

impl VpxDecoder {
    pub(in super::super) fn open() -> Result<Self, String> {
        // SAFETY: the codec is new.
        Context::open(|codec| unsafe { shim::open_decoder(codec) }).map(Self)
    }

    /// Decodes a frame; `None` if it is not to be shown.
    pub(in super::super) fn decode(&mut self, data: &[u8]) -> Result<Option<Frame>, String> {
        let length = u32::try_from(data.len()).map_err(|_| "the frame is too long")?;
        let mut corrupt: c_int = 0;
        // SAFETY: the codec is open, and the data outlives the call.
        let result =
            unsafe { shim::decode(self.0.as_ptr(), data.as_ptr(), length, &raw mut corrupt) };
        self.0.check(result)?;
        if corrupt != 0 {
            return Err("parts of a picture are missing".to_owned());
        }
        let mut picture = MaybeUninit::uninit();
        // SAFETY: the codec is open. A picture is filled if it says so, and stays as it is until the
        // codec is used again.
        unsafe {
            match shim::take_picture(self.0.as_ptr(), picture.as_mut_ptr()) {
                shim::NOTHING => Ok(None),
                shim::ONE => copy(&picture.assume_init()).map(Some),
                _ => Err("a picture that is not in I420".to_owned()),
            }
        }
    }
}

/// The picture without its borders. libvpx draws the next one where this is.
///
/// # Safety
///
/// The picture must be one that libvpx has just given out.
unsafe fn copy(picture: &shim::VpxPicture) -> Result<Frame, String> {
    let (width, height) = (picture.width, picture.height);
    let mut target = Target::new(PixelFormat::I420, width, height, ColorSpace::BT601);
    let row_bytes = [0, 1, 2].map(|plane| target.stride(plane));
    for (plane, rows) in target.planes().into_iter().enumerate() {
        let (start, stride) = (picture.planes[plane], picture.strides[plane] as isize);
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
