//! Asking the kernel, and reading what it shares.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};

use rustix::io::Result;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::structs::{
    Buffer, BufferRequest, Capability, ControlQuery, ControlValue, FormatDescription,
    FormatRequest, FrameInterval, FrameSize, MenuItem, StreamParameters,
};

/// What consists of integers only.
///
/// # Safety
///
/// Every pattern of bytes has to be a value, and none may hold an address that the kernel writes to.
pub(crate) unsafe trait Plain: Sized {
    fn zeroed() -> Self {
        // SAFETY: zeros are a value, as every pattern of bytes is.
        unsafe { std::mem::zeroed() }
    }
}

macro_rules! plain {
    ($($name:ty),*) => { $(
        // SAFETY: integers and arrays of them. What may be a pointer to the kernel is an offset in
        // `Buffer`, since that is always made for mapped memory, and left zero in `FormatRequest`.
        unsafe impl Plain for $name {}
    )* };
}

plain!(u32, Capability, FormatDescription, FrameSize, FrameInterval, FormatRequest);
plain!(StreamParameters, BufferRequest, Buffer, ControlQuery, MenuItem, ControlValue);

/// A request to a device that reads or writes a `T`.
pub(crate) struct Call<T> {
    opcode: Opcode,
    value: PhantomData<fn(T)>,
}

impl<T: Plain> Call<T> {
    const fn read(number: u8) -> Self {
        Self { opcode: opcode::read::<T>(GROUP, number), value: PhantomData }
    }

    const fn write(number: u8) -> Self {
        Self { opcode: opcode::write::<T>(GROUP, number), value: PhantomData }
    }

    const fn read_write(number: u8) -> Self {
        Self { opcode: opcode::read_write::<T>(GROUP, number), value: PhantomData }
    }
}

/// The requests, by what they do.
pub(crate) mod requests {
    use super::*;

    pub(crate) const CAPABILITY: Call<Capability> = Call::read(0);
    pub(crate) const FORMATS: Call<FormatDescription> = Call::read_write(2);
    pub(crate) const GET_FORMAT: Call<FormatRequest> = Call::read_write(4);
    pub(crate) const SET_FORMAT: Call<FormatRequest> = Call::read_write(5);
    pub(crate) const REQUEST_BUFFERS: Call<BufferRequest> = Call::read_write(8);
    pub(crate) const QUERY_BUFFER: Call<Buffer> = Call::read_write(9);
    pub(crate) const QUEUE: Call<Buffer> = Call::read_write(15);
    pub(crate) const DEQUEUE: Call<Buffer> = Call::read_write(17);
    pub(crate) const START: Call<u32> = Call::write(18);
    pub(crate) const SET_PARAMETERS: Call<StreamParameters> = Call::read_write(22);
    pub(crate) const GET_CONTROL: Call<ControlValue> = Call::read_write(27);
    pub(crate) const SET_CONTROL: Call<ControlValue> = Call::read_write(28);
    pub(crate) const MENU_ITEM: Call<MenuItem> = Call::read_write(37);
    pub(crate) const SIZES: Call<FrameSize> = Call::read_write(74);
    pub(crate) const INTERVALS: Call<FrameInterval> = Call::read_write(75);
    pub(crate) const QUERY_CONTROL: Call<ControlQuery> = Call::read_write(103);
}

/// Asks a device. What comes back replaces the value.
pub(crate) fn call<T: Plain>(fd: impl AsFd, call: &Call<T>, value: &mut T) -> Result<()> {
    let request = Request { opcode: call.opcode, value };
    // SAFETY: the request says how many bytes the kernel reads and writes, which are those of a value
    // that is borrowed for the call, and whatever it writes is a value.
    unsafe { ioctl(fd, request) }
}

struct Request<'a, T> {
    opcode: Opcode,
    value: &'a mut T,
}

// SAFETY: the pointer is to as many bytes as the opcode says, and there is no output besides them.
unsafe impl<T: Plain> Ioctl for Request<'_, T> {
    type Output = ();

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.opcode
    }

    fn as_ptr(&mut self) -> *mut c_void {
        ptr::from_mut(self.value).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> Result<()> {
        Ok(())
    }
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
        // SAFETY: the kernel chooses an address where nothing else is.
        let start = unsafe {
            mmap(ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED, fd, offset.into())?
        };
        let start = NonNull::new(start).ok_or(rustix::io::Errno::NOMEM)?;
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
        let _ = unsafe { munmap(self.start.as_ptr(), self.length) };
    }
}

const GROUP: u8 = b'V';
