//! The part of Video4Linux that a camera needs: structures, requests, mapped buffers.

mod calls;
mod structs;

pub(super) use self::calls::{Call, Mapping, Plain, call, requests};
pub(super) use self::structs::{
    Buffer, BufferRequest, Capability, ControlQuery, ControlValue, FormatDescription,
    FormatRequest, Fraction, FrameInterval, FrameSize, MenuItem, PixelLayout, StreamParameters,
};

/// Capabilities of a device.
pub(super) mod capability {
    pub(in crate::webcam) const CAPTURE: u32 = 0x1;
    pub(in crate::webcam) const OUTPUT: u32 = 0x2;
    pub(in crate::webcam) const CAPTURE_PLANES: u32 = 0x1000;
    pub(in crate::webcam) const OUTPUT_PLANES: u32 = 0x2000;
    pub(in crate::webcam) const METADATA: u32 = 0x0080_0000;
    pub(in crate::webcam) const STREAMING: u32 = 0x0400_0000;
    /// The capabilities of the node are told apart from those of the whole device.
    pub(in crate::webcam) const OF_NODE: u32 = 0x8000_0000;
}

/// How sizes and intervals are described.
pub(super) mod description {
    pub(in crate::webcam) const DISCRETE: u32 = 1;
}

/// What the numbers of a picture stand for.
pub(super) mod colors {
    pub(in crate::webcam) const SPACE_SMPTE240M: u32 = 2;
    pub(in crate::webcam) const SPACE_REC709: u32 = 3;
    pub(in crate::webcam) const SPACE_JPEG: u32 = 7;
    pub(in crate::webcam) const SPACE_BT2020: u32 = 10;
    pub(in crate::webcam) const SPACE_DCI_P3: u32 = 12;

    pub(in crate::webcam) const ENCODING_DEFAULT: u32 = 0;
    pub(in crate::webcam) const ENCODING_709: u32 = 2;
    pub(in crate::webcam) const ENCODING_XV709: u32 = 4;
    pub(in crate::webcam) const ENCODING_BT2020: u32 = 6;
    pub(in crate::webcam) const ENCODING_BT2020_CONSTANT: u32 = 7;
    pub(in crate::webcam) const ENCODING_SMPTE240M: u32 = 8;

    pub(in crate::webcam) const FULL_RANGE: u32 = 1;
    pub(in crate::webcam) const LIMITED_RANGE: u32 = 2;

    /// Encoding and quantization are told.
    pub(in crate::webcam) const TOLD: u32 = 0xFEED_CAFE;
}

/// What is known of a filled buffer.
pub(super) mod buffer_flag {
    pub(in crate::webcam) const ERROR: u32 = 0x40;
    pub(in crate::webcam) const TIMESTAMP_MASK: u32 = 0xE000;
    pub(in crate::webcam) const TIMESTAMP_MONOTONIC: u32 = 0x2000;
}

/// Controls.
pub(super) mod control {
    pub(in crate::webcam) const INTEGER: u32 = 1;
    pub(in crate::webcam) const BOOLEAN: u32 = 2;
    pub(in crate::webcam) const MENU: u32 = 3;
    pub(in crate::webcam) const BUTTON: u32 = 4;
    pub(in crate::webcam) const CLASS: u32 = 6;
    pub(in crate::webcam) const BITMASK: u32 = 8;
    pub(in crate::webcam) const INTEGER_MENU: u32 = 9;

    pub(in crate::webcam) const DISABLED: u32 = 0x1;
    pub(in crate::webcam) const READ_ONLY: u32 = 0x4;
    pub(in crate::webcam) const INACTIVE: u32 = 0x10;
    pub(in crate::webcam) const WRITE_ONLY: u32 = 0x40;

    /// Added to an id, asks for the control after it.
    pub(in crate::webcam) const NEXT: u32 = 0x8000_0000;
}

/// The kind of buffer that a camera fills, with all of a picture in one piece.
pub(super) const CAPTURE: u32 = 1;

/// The time per frame is among the stream's parameters.
pub(super) const TIME_PER_FRAME: u32 = 0x1000;
