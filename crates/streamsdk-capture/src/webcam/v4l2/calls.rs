//! Asking the kernel, and reading what it shares.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{self, NonNull};

use rustix::io::{Errno, Result, retry_on_intr};
use v4l::v4l_sys::{
    v4l2_buffer, v4l2_captureparm, v4l2_format, v4l2_fract, v4l2_frmival_stepwise,
    v4l2_frmivalenum, v4l2_frmsize_discrete, v4l2_frmsize_stepwise, v4l2_frmsizeenum,
    v4l2_pix_format, v4l2_querymenu, v4l2_streamparm,
};
use v4l::v4l2::{self, vidioc};

use super::structs::{
    Buffer, BufferRequest, Capability, ControlQuery, ControlValue, FormatDescription,
    FormatRequest, FrameInterval, FrameSize, MenuItem, StreamParameters,
};

/// What every pattern of bytes is a value of, as far as it is looked at.
///
/// # Safety
///
/// It has to be so, and none of it may be an address that the kernel writes to.
pub(crate) unsafe trait Plain: Sized {
    fn zeroed() -> Self {
        // SAFETY: zeros are a value, as every pattern of bytes is.
        unsafe { std::mem::zeroed() }
    }
}

macro_rules! plain {
    ($($name:ty),* $(,)?) => { $(
        // SAFETY: integers, arrays and unions of them. Where a union may hold an address, it is zero or an offset:
        // nothing outside `structs` can write to it, and there buffers are always mapped.
        unsafe impl Plain for $name {}
    )* };
}

plain!(u32, Capability, FormatDescription, FrameSize, FrameInterval, FormatRequest);
plain!(StreamParameters, BufferRequest, Buffer, ControlQuery, MenuItem, ControlValue);

macro_rules! members {
    ($($name:ident: $kernel:ty => $($member:ident).+: $value:ty),* $(,)?) => { $(
        pub(crate) fn $name(kernel: &$kernel) -> $value {
            // SAFETY: integers, of which every pattern of bytes is one, and all bytes of the union were written:
            // it began as zeros.
            unsafe { kernel.$($member).+ }
        }
    )* };
}

/// What is read of the kernel's unions.
pub(crate) mod members {
    use super::*;

    members! {
        size: v4l2_frmsizeenum => __bindgen_anon_1.discrete: v4l2_frmsize_discrete,
        size_range: v4l2_frmsizeenum => __bindgen_anon_1.stepwise: v4l2_frmsize_stepwise,
        interval: v4l2_frmivalenum => __bindgen_anon_1.discrete: v4l2_fract,
        interval_range: v4l2_frmivalenum => __bindgen_anon_1.stepwise: v4l2_frmival_stepwise,
        pixels: v4l2_format => fmt.pix: v4l2_pix_format,
        encoding: v4l2_pix_format => __bindgen_anon_1.ycbcr_enc: u32,
        capture: v4l2_streamparm => parm.capture: v4l2_captureparm,
        offset: v4l2_buffer => m.offset: u32,
        item_name: v4l2_querymenu => __bindgen_anon_1.name: [u8; 32],
        item_number: v4l2_querymenu => __bindgen_anon_1.value: i64,
    }
}

/// A request to a device that reads or writes a `T`.
pub(crate) struct Call<T> {
    request: vidioc::_IOC_TYPE,
    value: PhantomData<fn(T)>,
}

impl<T: Plain> Call<T> {
    /// # Safety
    ///
    /// `T` has to be what the kernel reads and writes for the request.
    const unsafe fn new(request: vidioc::_IOC_TYPE) -> Self {
        Self { request, value: PhantomData }
    }
}

macro_rules! requests {
    ($($name:ident: $value:ty = $request:ident),* $(,)?) => { $(
        // SAFETY: of each request `linux/videodev2.h` says what it is made with, and each of these has that.
        pub(crate) const $name: Call<$value> = unsafe { Call::new(vidioc::$request) };
    )* };
}

/// The requests, by what they do.
pub(crate) mod requests {
    use super::*;

    requests! {
        CAPABILITY: Capability = VIDIOC_QUERYCAP,
        FORMATS: FormatDescription = VIDIOC_ENUM_FMT,
        GET_FORMAT: FormatRequest = VIDIOC_G_FMT,
        SET_FORMAT: FormatRequest = VIDIOC_S_FMT,
        REQUEST_BUFFERS: BufferRequest = VIDIOC_REQBUFS,
        QUERY_BUFFER: Buffer = VIDIOC_QUERYBUF,
        QUEUE: Buffer = VIDIOC_QBUF,
        DEQUEUE: Buffer = VIDIOC_DQBUF,
        START: u32 = VIDIOC_STREAMON,
        SET_PARAMETERS: StreamParameters = VIDIOC_S_PARM,
        GET_CONTROL: ControlValue = VIDIOC_G_CTRL,
        SET_CONTROL: ControlValue = VIDIOC_S_CTRL,
        MENU_ITEM: MenuItem = VIDIOC_QUERYMENU,
        SIZES: FrameSize = VIDIOC_ENUM_FRAMESIZES,
        INTERVALS: FrameInterval = VIDIOC_ENUM_FRAMEINTERVALS,
        QUERY_CONTROL: ControlQuery = VIDIOC_QUERY_EXT_CTRL,
    }
}

/// Asks a device, again if a signal came between. What comes back replaces the value.
pub(crate) fn call<T: Plain>(fd: impl AsFd, call: &Call<T>, value: &mut T) -> Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    let value = ptr::from_mut(value).cast();
    // SAFETY: the value is what the request is made with, it is borrowed for the call, and whatever the kernel
    // writes is a value.
    retry_on_intr(|| unsafe { v4l2::ioctl(fd, call.request, value) }.map_err(errno))
}

fn errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// A buffer of the driver's, mapped to be read.
pub(crate) struct Mapping {
    start: NonNull<c_void>,
    length: usize,
}

// SAFETY: the mapping belongs to this value alone, and memory is mapped for all threads.
unsafe impl Send for Mapping {}

impl Mapping {
    pub(crate) fn new(fd: impl AsFd, offset: u32, length: usize) -> Result<Self> {
        let (fd, offset) = (fd.as_fd().as_raw_fd(), libc::off_t::from(offset));
        // SAFETY: the kernel chooses an address where nothing else is.
        let start = unsafe {
            v4l2::mmap(ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, fd, offset)
        };
        let start = NonNull::new(start.map_err(errno)?).ok_or(Errno::NOMEM)?;
        Ok(Self { start, length })
    }

    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The first bytes, or all if there are fewer.
    pub(crate) fn copy(&self, length: usize) -> Vec<u8> {
        let length = length.min(self.length);
        let mut bytes = Vec::with_capacity(length);
        // SAFETY: so many bytes are mapped as long as this value lives, and there is room for them. No
        // reference is made to the mapped bytes, which a device may change at any time.
        unsafe {
            ptr::copy_nonoverlapping(self.start.as_ptr().cast(), bytes.as_mut_ptr(), length);
            bytes.set_len(length);
        }
        bytes
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nothing refers to it any more. If it fails, nothing can be done.
        let _ = unsafe { v4l2::munmap(self.start.as_ptr(), self.length) };
    }
}
