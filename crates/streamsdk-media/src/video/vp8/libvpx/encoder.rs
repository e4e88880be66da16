use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;

use bytes::Bytes;
use vpx_sys::vp8e_enc_control_id as control;
use vpx_sys::{
    VPX_DL_REALTIME, VPX_EFLAG_FORCE_KF, VPX_ENCODER_ABI_VERSION, VPX_FRAME_IS_KEY,
    vpx_codec_cx_pkt_kind, vpx_codec_enc_cfg_t, vpx_enc_pass, vpx_img_fmt, vpx_kf_mode,
    vpx_rational, vpx_rc_mode,
};

use super::{Context, check};
use crate::video::encode::Packet;
use crate::video::vp8::encoding::{MAX_QUANTIZER, MIN_QUANTIZER, TICKS_PER_SECOND};
use crate::{Frame, PixelFormat};

/// An open encoder.
pub(in super::super) struct Encoder {
    context: Context,
    settings: vpx_codec_enc_cfg_t,
}

// SAFETY: the context can be sent, and the pointers in the settings, to the statistics of a first pass,
// are null.
unsafe impl Send for Encoder {}

impl Encoder {
    /// Opens an encoder for live video; `adjust` has the last word on its settings.
    pub(in super::super) fn open(
        width: u32,
        height: u32,
        adjust: impl FnOnce(&mut vpx_codec_enc_cfg_t),
    ) -> Result<Self, String> {
        let mut settings = default_settings()?;
        settings.g_w = width;
        settings.g_h = height;
        for_live_video(&mut settings);
        adjust(&mut settings);
        // SAFETY: libvpx clears and fills the context, and has copied the settings when it returns.
        // If it fails it has released what it allocated.
        let context = unsafe {
            Context::open(|context| {
                vpx_sys::vpx_codec_enc_init_ver(
                    context,
                    vpx_sys::vpx_codec_vp8_cx(),
                    &settings,
                    0,
                    VPX_ENCODER_ABI_VERSION as c_int,
                )
            })?
        };
        Ok(Self { context, settings })
    }

    /// Changes settings while running.
    pub(in super::super) fn configure(
        &mut self,
        adjust: impl FnOnce(&mut vpx_codec_enc_cfg_t),
    ) -> Result<(), String> {
        adjust(&mut self.settings);
        // SAFETY: the context is open, and libvpx copies the settings.
        let result =
            unsafe { vpx_sys::vpx_codec_enc_config_set(self.context.as_ptr(), &self.settings) };
        self.context.check(result)
    }

    /// How much time to save, and below which difference a block counts as unchanged.
    pub(in super::super) fn set_speed(
        &mut self,
        cpu_used: i32,
        threshold: i32,
    ) -> Result<(), String> {
        self.control(control::VP8E_SET_CPUUSED, cpu_used)?;
        self.control(control::VP8E_SET_STATIC_THRESHOLD, threshold)
    }

    /// Largest size of a key frame in percent of an average frame.
    pub(in super::super) fn limit_key_frames(&mut self, percent: u32) -> Result<(), String> {
        self.control(control::VP8E_SET_MAX_INTRA_BITRATE_PCT, percent as c_int)
    }

    /// Encodes a picture in I420 of the size that was opened; `None` if it was left out.
    pub(in super::super) fn encode(
        &mut self,
        picture: &Frame,
        start: i64,
        ticks: i64,
        key_frame: bool,
    ) -> Result<Option<Packet>, String> {
        if picture.format() != PixelFormat::I420
            || (picture.width(), picture.height()) != (self.settings.g_w, self.settings.g_h)
        {
            return Err("the picture is not what the encoder was opened for".to_owned());
        }
        let mut image = MaybeUninit::uninit();
        // SAFETY: libvpx fills the image. It then points to the planes, which `Frame` has checked to
        // be long enough for their rows, which outlive the call, and which libvpx only reads, row by
        // row without padding. The context is open.
        let result = unsafe {
            let luma = picture.planes()[0].data.as_ptr().cast_mut();
            let (width, height) = (picture.width(), picture.height());
            let format = vpx_img_fmt::VPX_IMG_FMT_I420;
            if vpx_sys::vpx_img_wrap(image.as_mut_ptr(), format, width, height, 1, luma).is_null() {
                return Err("libvpx refused the picture's size".to_owned());
            }
            let mut image = image.assume_init();
            for (index, plane) in picture.planes().iter().enumerate() {
                image.planes[index] = plane.data.as_ptr().cast_mut();
                image.stride[index] = plane.stride as c_int;
            }
            let flags = if key_frame { VPX_EFLAG_FORCE_KF } else { 0 };
            vpx_sys::vpx_codec_encode(
                self.context.as_ptr(),
                &image,
                start,
                ticks as _,
                flags as _,
                VPX_DL_REALTIME as _,
            )
        };
        self.context.check(result)?;
        Ok(self.take_packet())
    }

    fn take_packet(&mut self) -> Option<Packet> {
        let mut position = ptr::null();
        loop {
            // SAFETY: the context is open; a packet and its bytes stay valid until it is used again,
            // and the union holds a frame if the kind says so.
            unsafe {
                let packet = vpx_sys::vpx_codec_get_cx_data(self.context.as_ptr(), &mut position);
                let packet = packet.as_ref()?;
                if packet.kind == vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                    let frame = packet.data.frame;
                    let data = std::slice::from_raw_parts(frame.buf.cast(), frame.sz as usize);
                    let key_frame = frame.flags & VPX_FRAME_IS_KEY != 0;
                    return Some(Packet { data: Bytes::copy_from_slice(data), key_frame });
                }
            }
        }
    }

    fn control(&mut self, id: control, value: c_int) -> Result<(), String> {
        // SAFETY: the context is open, and the controls used here take one int or unsigned int.
        let result =
            unsafe { vpx_sys::vpx_codec_control_(self.context.as_ptr(), id as c_int, value) };
        self.context.check(result)
    }
}

fn default_settings() -> Result<vpx_codec_enc_cfg_t, String> {
    let mut settings = MaybeUninit::uninit();
    // SAFETY: libvpx fills the settings if it says that it succeeded. They cannot be made of zeros:
    // some of their enumerations have no zero.
    unsafe {
        let interface = vpx_sys::vpx_codec_vp8_cx();
        check(vpx_sys::vpx_codec_enc_config_default(interface, settings.as_mut_ptr(), 0))?;
        Ok(settings.assume_init())
    }
}

fn for_live_video(settings: &mut vpx_codec_enc_cfg_t) {
    settings.g_timebase = vpx_rational { num: 1, den: TICKS_PER_SECOND };
    settings.g_pass = vpx_enc_pass::VPX_RC_ONE_PASS;
    settings.g_lag_in_frames = 0;
    settings.g_error_resilient = 0;
    settings.kf_mode = vpx_kf_mode::VPX_KF_DISABLED;
    settings.rc_end_usage = vpx_rc_mode::VPX_CBR;
    settings.rc_min_quantizer = MIN_QUANTIZER;
    settings.rc_max_quantizer = MAX_QUANTIZER;
    settings.rc_undershoot_pct = 100;
    settings.rc_overshoot_pct = 15;
    // Milliseconds of video at the bitrate: how far it may be exceeded for a while.
    settings.rc_buf_sz = 1000;
    settings.rc_buf_initial_sz = 500;
    settings.rc_buf_optimal_sz = 600;
    // Frames are left out when the buffer is less full than this, in percent.
    settings.rc_dropframe_thresh = 30;
}
