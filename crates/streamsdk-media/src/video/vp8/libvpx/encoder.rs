use std::ffi::c_int;
use std::mem::MaybeUninit;

use bytes::Bytes;

use super::Context;
use super::shim::{self, VpxSettings};
use crate::video::encode::EncodedPicture;
use crate::{Frame, PixelFormat};

/// An open encoder.
pub(in super::super) struct VpxEncoder {
    context: Context,
    settings: VpxSettings,
}

impl VpxEncoder {
    pub(in super::super) fn open(settings: VpxSettings) -> Result<Self, String> {
        // SAFETY: the codec is new, and libvpx has copied the settings when it returns.
        let context = Context::open(|codec| unsafe { shim::open_encoder(codec, &settings) })?;
        Ok(Self { context, settings })
    }

    /// Changes settings while running.
    pub(in super::super) fn configure(
        &mut self,
        adjust: impl FnOnce(&mut VpxSettings),
    ) -> Result<(), String> {
        adjust(&mut self.settings);
        // SAFETY: the codec is open, and libvpx copies the settings.
        let result = unsafe { shim::configure(self.context.as_ptr(), &self.settings) };
        self.context.check(result)
    }

    /// How much time to save, and below which difference a block counts as unchanged.
    pub(in super::super) fn set_speed(
        &mut self,
        cpu_used: i32,
        threshold: u32,
    ) -> Result<(), String> {
        // SAFETY: the codec is open.
        let result = unsafe { shim::set_speed(self.context.as_ptr(), cpu_used, threshold) };
        self.context.check(result)
    }

    /// Largest size of a key frame in percent of an average frame.
    pub(in super::super) fn limit_key_frames(&mut self, percent: u32) -> Result<(), String> {
        // SAFETY: the codec is open.
        let result = unsafe { shim::limit_key_frames(self.context.as_ptr(), percent) };
        self.context.check(result)
    }

    /// Encodes a picture in I420 of the size that was opened; `None` if it was left out.
    pub(in super::super) fn encode(
        &mut self,
        picture: &Frame,
        start: i64,
        ticks: u32,
        key_frame: bool,
    ) -> Result<Option<EncodedPicture>, String> {
        if picture.format() != PixelFormat::I420
            || (picture.width(), picture.height()) != (self.settings.width, self.settings.height)
        {
            return Err("the picture is not what the encoder was opened for".to_owned());
        }
        let planes = picture.planes();
        let wrapped = shim::VpxPicture {
            planes: [0, 1, 2].map(|index| planes[index].data.as_ptr()),
            strides: [0, 1, 2].map(|index| planes[index].stride as c_int),
            width: picture.width(),
            height: picture.height(),
        };
        // SAFETY: the codec is open. The picture points to the planes, which `Frame` has checked to be
        // long enough for their rows, which outlive the call, and which libvpx only reads, row by row
        // without padding.
        let result = unsafe {
            shim::encode(self.context.as_ptr(), &wrapped, start, ticks, key_frame.into())
        };
        self.context.check(result)?;
        Ok(self.take_packet())
    }

    fn take_packet(&mut self) -> Option<EncodedPicture> {
        let mut packet = MaybeUninit::<shim::VpxPacket>::uninit();
        // SAFETY: the codec is open. A packet is filled if it says so, and its bytes stay as they are
        // until the codec is used again.
        unsafe {
            if shim::take_packet(self.context.as_ptr(), packet.as_mut_ptr()) != shim::ONE {
                return None;
            }
            let packet = packet.assume_init();
            let data = std::ptr::slice_from_raw_parts(packet.data, packet.length);
            Some(EncodedPicture {
                data: Bytes::copy_from_slice(&*data),
                key_frame: packet.key_frame != 0,
            })
        }
    }
}
