//! The kernel's structures, as the crate `v4l` has them, with what a camera is asked by them.

use std::ops::Deref;
#[cfg(test)]
use std::ops::DerefMut;

use v4l::v4l_sys::{
    v4l2_buffer, v4l2_capability, v4l2_control, v4l2_fmtdesc, v4l2_format, v4l2_frmivalenum,
    v4l2_frmsize_discrete, v4l2_frmsizeenum, v4l2_query_ext_ctrl, v4l2_querymenu,
    v4l2_requestbuffers, v4l2_streamparm,
};
pub(crate) use v4l::v4l_sys::{
    v4l2_fract as Fraction, v4l2_frmival_stepwise as IntervalRange,
    v4l2_frmsize_stepwise as SizeRange, v4l2_pix_format as PixelLayout,
};

use super::calls::members;
use super::{CAPTURE, MAPPED, Plain, TIME_PER_FRAME};

/// They can be read anywhere, and written to in here alone, since some could hold an address.
macro_rules! structs {
    ($($name:ident: $kernel:ty),* $(,)?) => { $(
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub(crate) struct $name($kernel);

        impl Deref for $name {
            type Target = $kernel;

            fn deref(&self) -> &$kernel {
                &self.0
            }
        }

        #[cfg(test)]
        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut $kernel {
                &mut self.0
            }
        }
    )* };
}

structs! {
    Capability: v4l2_capability,
    FormatDescription: v4l2_fmtdesc,
    FrameSize: v4l2_frmsizeenum,
    FrameInterval: v4l2_frmivalenum,
    FormatRequest: v4l2_format,
    StreamParameters: v4l2_streamparm,
    BufferRequest: v4l2_requestbuffers,
    Buffer: v4l2_buffer,
    ControlQuery: v4l2_query_ext_ctrl,
    ControlValue: v4l2_control,
}

/// Packed, so that nothing in it can be borrowed.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct MenuItem(v4l2_querymenu);

impl FormatDescription {
    pub(crate) fn query(index: u32) -> Self {
        let mut this = Self::zeroed();
        (this.0.index, this.0.type_) = (index, CAPTURE);
        this
    }
}

impl FrameSize {
    pub(crate) fn query(fourcc: u32, index: u32) -> Self {
        let mut this = Self::zeroed();
        (this.0.index, this.0.pixel_format) = (index, fourcc);
        this
    }

    /// Width and height, where sizes are told one by one.
    pub(crate) fn discrete(&self) -> (u32, u32) {
        let v4l2_frmsize_discrete { width, height } = members::size(&self.0);
        (width, height)
    }

    pub(crate) fn range(&self) -> SizeRange {
        members::size_range(&self.0)
    }
}

impl FrameInterval {
    pub(crate) fn query(fourcc: u32, (width, height): (u32, u32), index: u32) -> Self {
        let mut this = Self::zeroed();
        (this.0.index, this.0.pixel_format) = (index, fourcc);
        (this.0.width, this.0.height) = (width, height);
        this
    }

    /// Seconds per frame, where intervals are told one by one.
    pub(crate) fn discrete(&self) -> Fraction {
        members::interval(&self.0)
    }

    pub(crate) fn range(&self) -> IntervalRange {
        members::interval_range(&self.0)
    }
}

impl FormatRequest {
    pub(crate) fn current() -> Self {
        let mut this = Self::zeroed();
        this.0.type_ = CAPTURE;
        this
    }

    /// Everything else is left to the driver: a stride that was read from it would be kept.
    pub(crate) fn new(fourcc: u32, width: u32, height: u32) -> Self {
        let mut this = Self::current();
        let mut pixels = this.pixels();
        (pixels.width, pixels.height, pixels.pixelformat) = (width, height, fourcc);
        this.0.fmt.pix = pixels;
        this
    }

    /// How the pixels lie in a buffer.
    pub(crate) fn pixels(&self) -> PixelLayout {
        members::pixels(&self.0)
    }
}

impl StreamParameters {
    pub(crate) fn new(time_per_frame: Fraction) -> Self {
        let mut this = Self::zeroed();
        this.0.type_ = CAPTURE;
        let mut capture = members::capture(&this.0);
        capture.timeperframe = time_per_frame;
        this.0.parm.capture = capture;
        this
    }

    /// `None` if the driver does not say.
    pub(crate) fn time_per_frame(&self) -> Option<Fraction> {
        let capture = members::capture(&self.0);
        (capture.capability & TIME_PER_FRAME != 0).then_some(capture.timeperframe)
    }
}

impl BufferRequest {
    pub(crate) fn new(count: u32) -> Self {
        let mut this = Self::zeroed();
        (this.0.count, this.0.type_, this.0.memory) = (count, CAPTURE, MAPPED);
        this
    }
}

impl Buffer {
    pub(crate) fn new(index: u32) -> Self {
        let mut this = Self::zeroed();
        (this.0.index, this.0.type_, this.0.memory) = (index, CAPTURE, MAPPED);
        this
    }

    /// Where it can be mapped from.
    pub(crate) fn offset(&self) -> u32 {
        members::offset(&self.0)
    }
}

impl ControlQuery {
    pub(crate) fn new(id: u32) -> Self {
        let mut this = Self::zeroed();
        this.0.id = id;
        this
    }

    pub(crate) fn name(&self) -> [u8; 32] {
        self.name.map(|letter| letter.to_ne_bytes()[0])
    }
}

impl ControlValue {
    pub(crate) fn new(id: u32, value: i32) -> Self {
        Self(v4l2_control { id, value })
    }
}

impl MenuItem {
    pub(crate) fn query(id: u32, index: u32) -> Self {
        let mut this = Self::zeroed();
        (this.0.id, this.0.index) = (id, index);
        this
    }

    pub(crate) fn name(&self) -> [u8; 32] {
        members::item_name(&self.0)
    }

    /// What stands in the place of the name in a menu of integers.
    pub(crate) fn number(&self) -> i64 {
        members::item_number(&self.0)
    }
}
