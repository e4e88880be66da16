//! The functions and structures of `shim.c`.

use std::ffi::{c_char, c_int, c_uint};

/// An encoder or decoder of libvpx's, of which only its address is known here.
#[repr(C)]
pub(super) struct VpxCodec {
    _opaque: [u8; 0],
}

/// What an encoder for live video is told.
#[repr(C)]
#[derive(Clone)]
pub(in super::super) struct VpxSettings {
    pub(in super::super) width: u32,
    pub(in super::super) height: u32,
    pub(in super::super) threads: u32,
    pub(in super::super) ticks_per_second: u32,
    pub(in super::super) bitrate_kbit: u32,
    pub(in super::super) min_quantizer: u32,
    pub(in super::super) max_quantizer: u32,
    pub(in super::super) undershoot_percent: u32,
    pub(in super::super) overshoot_percent: u32,
    /// How far the bitrate may be exceeded for a while, in milliseconds of video.
    pub(in super::super) buffer_ms: u32,
    pub(in super::super) buffer_initial_ms: u32,
    pub(in super::super) buffer_optimal_ms: u32,
    /// Frames are left out when the buffer is less full than this.
    pub(in super::super) drop_frames_below_percent: u32,
}

#[repr(C)]
pub(super) struct VpxPacket {
    pub(super) data: *const u8,
    pub(super) length: usize,
    pub(super) key_frame: c_int,
}

#[repr(C)]
pub(super) struct VpxPicture {
    pub(super) planes: [*const u8; 3],
    pub(super) strides: [c_int; 3],
    pub(super) width: u32,
    pub(super) height: u32,
}

pub(super) const NOTHING: c_int = 0;
pub(super) const ONE: c_int = 1;

unsafe extern "C" {
    #[link_name = "streamsdk_vpx1_create"]
    pub(super) fn create() -> *mut VpxCodec;
    #[link_name = "streamsdk_vpx1_close"]
    pub(super) fn close(codec: *mut VpxCodec);
    #[link_name = "streamsdk_vpx1_reason"]
    pub(super) fn reason(result: c_int) -> *const c_char;
    #[link_name = "streamsdk_vpx1_detail"]
    pub(super) fn detail(codec: *mut VpxCodec) -> *const c_char;

    #[link_name = "streamsdk_vpx1_open_encoder"]
    pub(super) fn open_encoder(codec: *mut VpxCodec, settings: *const VpxSettings) -> c_int;
    #[link_name = "streamsdk_vpx1_configure"]
    pub(super) fn configure(codec: *mut VpxCodec, settings: *const VpxSettings) -> c_int;
    #[link_name = "streamsdk_vpx1_set_speed"]
    pub(super) fn set_speed(
        codec: *mut VpxCodec,
        cpu_used: c_int,
        static_threshold: c_uint,
    ) -> c_int;
    #[link_name = "streamsdk_vpx1_limit_key_frames"]
    pub(super) fn limit_key_frames(codec: *mut VpxCodec, percent: c_uint) -> c_int;
    #[link_name = "streamsdk_vpx1_encode"]
    pub(super) fn encode(
        codec: *mut VpxCodec,
        picture: *const VpxPicture,
        start: i64,
        ticks: u32,
        key_frame: c_int,
    ) -> c_int;
    #[link_name = "streamsdk_vpx1_take_packet"]
    pub(super) fn take_packet(codec: *mut VpxCodec, packet: *mut VpxPacket) -> c_int;

    #[link_name = "streamsdk_vpx1_open_decoder"]
    pub(super) fn open_decoder(codec: *mut VpxCodec) -> c_int;
    #[link_name = "streamsdk_vpx1_decode"]
    pub(super) fn decode(
        codec: *mut VpxCodec,
        data: *const u8,
        length: u32,
        corrupt: *mut c_int,
    ) -> c_int;
    #[link_name = "streamsdk_vpx1_take_picture"]
    pub(super) fn take_picture(codec: *mut VpxCodec, picture: *mut VpxPicture) -> c_int;
}
