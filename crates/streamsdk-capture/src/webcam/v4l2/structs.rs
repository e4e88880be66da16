//! The kernel's structures, as `linux/videodev2.h` has them. They hold nothing but integers, so that
//! whatever the kernel writes is a value.

use super::{CAPTURE, Plain};

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Capability {
    pub(crate) driver: [u8; 16],
    pub(crate) card: [u8; 32],
    pub(crate) bus: [u8; 32],
    version: u32,
    pub(crate) device: u32,
    pub(crate) node: u32,
    reserved: [u32; 3],
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct FormatDescription {
    index: u32,
    kind: u32,
    flags: u32,
    pub(crate) description: [u8; 32],
    pub(crate) fourcc: u32,
    bus_code: u32,
    reserved: [u32; 3],
}

impl FormatDescription {
    pub(crate) fn query(index: u32) -> Self {
        Self { index, kind: CAPTURE, ..Self::zeroed() }
    }
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct FrameSize {
    index: u32,
    fourcc: u32,
    pub(crate) kind: u32,
    /// Width and height, or the least, the greatest and the step of each.
    pub(crate) numbers: [u32; 6],
    reserved: [u32; 2],
}

impl FrameSize {
    pub(crate) fn query(fourcc: u32, index: u32) -> Self {
        Self { index, fourcc, ..Self::zeroed() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Fraction {
    pub(crate) numerator: u32,
    pub(crate) denominator: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct FrameInterval {
    index: u32,
    fourcc: u32,
    width: u32,
    height: u32,
    pub(crate) kind: u32,
    /// Seconds per frame, or the least, the greatest and the step of them.
    pub(crate) intervals: [Fraction; 3],
    reserved: [u32; 2],
}

impl FrameInterval {
    pub(crate) fn query(fourcc: u32, (width, height): (u32, u32), index: u32) -> Self {
        Self { index, fourcc, width, height, ..Self::zeroed() }
    }
}

/// How the pixels lie in a buffer.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct PixelLayout {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) fourcc: u32,
    field: u32,
    pub(crate) stride: u32,
    pub(crate) bytes: u32,
    pub(crate) colorspace: u32,
    /// Whether the fields that follow were filled.
    pub(crate) magic: u32,
    flags: u32,
    pub(crate) encoding: u32,
    pub(crate) quantization: u32,
    transfer: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct FormatRequest {
    kind: u32,
    /// The union that follows also holds pointers.
    align: [usize; 0],
    pub(crate) pixels: PixelLayout,
    rest: [u8; 152],
}

impl FormatRequest {
    pub(crate) fn current() -> Self {
        Self { kind: CAPTURE, ..Self::zeroed() }
    }

    /// Everything else is left to the driver: a stride that was read from it would be kept.
    pub(crate) fn new(fourcc: u32, width: u32, height: u32) -> Self {
        let pixels = PixelLayout { width, height, fourcc, ..Self::zeroed().pixels };
        Self { pixels, ..Self::current() }
    }
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct StreamParameters {
    kind: u32,
    capability: u32,
    mode: u32,
    time_per_frame: Fraction,
    rest: [u32; 46],
}

impl StreamParameters {
    pub(crate) fn new(time_per_frame: Fraction) -> Self {
        Self { kind: CAPTURE, time_per_frame, ..Self::zeroed() }
    }

    /// `None` if the driver does not say.
    pub(crate) fn time_per_frame(&self) -> Option<Fraction> {
        (self.capability & super::TIME_PER_FRAME != 0).then_some(self.time_per_frame)
    }
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct BufferRequest {
    pub(crate) count: u32,
    kind: u32,
    memory: u32,
    rest: [u32; 2],
}

impl BufferRequest {
    pub(crate) fn new(count: u32) -> Self {
        Self { count, kind: CAPTURE, memory: MAPPED, ..Self::zeroed() }
    }
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Buffer {
    pub(crate) index: u32,
    kind: u32,
    pub(crate) bytes_used: u32,
    pub(crate) flags: u32,
    field: u32,
    pub(crate) seconds: i64,
    pub(crate) microseconds: i64,
    timecode: [u32; 4],
    pub(crate) sequence: u32,
    memory: u32,
    place: Place,
    pub(crate) length: u32,
    reserved: [u32; 2],
}

/// An offset where buffers are mapped, a pointer elsewhere.
#[derive(Clone, Copy)]
#[repr(C)]
struct Place {
    align: [usize; 0],
    offset: u32,
    rest: [u8; size_of::<usize>() - size_of::<u32>()],
}

impl Buffer {
    pub(crate) fn new(index: u32) -> Self {
        Self { index, kind: CAPTURE, memory: MAPPED, ..Self::zeroed() }
    }

    /// Where it can be mapped from.
    pub(crate) fn offset(&self) -> u32 {
        self.place.offset
    }
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct ControlQuery {
    pub(crate) id: u32,
    pub(crate) kind: u32,
    pub(crate) name: [u8; 32],
    pub(crate) min: i64,
    pub(crate) max: i64,
    pub(crate) step: u64,
    pub(crate) default: i64,
    pub(crate) flags: u32,
    rest: [u32; 39],
}

impl ControlQuery {
    pub(crate) fn new(id: u32) -> Self {
        Self { id, ..Self::zeroed() }
    }
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct MenuItem {
    id: u32,
    index: u32,
    name: [u8; 32],
    reserved: u32,
}

impl MenuItem {
    pub(crate) fn query(id: u32, index: u32) -> Self {
        Self { id, index, ..Self::zeroed() }
    }

    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    /// What stands in the place of the name in a menu of integers.
    pub(crate) fn number(&self) -> i64 {
        self.name.first_chunk().map_or(0, |bytes| i64::from_ne_bytes(*bytes))
    }
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct ControlValue {
    pub(crate) id: u32,
    pub(crate) value: i32,
}

/// The driver owns the buffers, and they are mapped to be read.
const MAPPED: u32 = 1;

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn sizes_and_places_are_those_of_the_kernel() {
        assert_eq!(size_of::<Capability>(), 104);
        assert_eq!(size_of::<FormatDescription>(), 64);
        assert_eq!(size_of::<FrameSize>(), 44);
        assert_eq!(size_of::<FrameInterval>(), 52);
        assert_eq!(size_of::<FormatRequest>(), 208);
        assert_eq!(offset_of!(FormatRequest, pixels), 8);
        assert_eq!(size_of::<StreamParameters>(), 204);
        assert_eq!(size_of::<BufferRequest>(), 20);
        assert_eq!(size_of::<Buffer>(), 88);
        assert_eq!([offset_of!(Buffer, seconds), offset_of!(Buffer, sequence)], [24, 56]);
        assert_eq!([offset_of!(Buffer, place), offset_of!(Buffer, length)], [64, 72]);
        assert_eq!(size_of::<ControlQuery>(), 232);
        assert_eq!([offset_of!(ControlQuery, min), offset_of!(ControlQuery, flags)], [40, 72]);
        assert_eq!(size_of::<MenuItem>(), 44);
        assert_eq!(size_of::<ControlValue>(), 8);
    }
}
