//! The part of Video4Linux that a camera needs: the structures, requests and system calls of the crate `v4l`, made
//! safe.

mod calls;
mod structs;

pub(super) use v4l::v4l_sys::{
    V4L2_CAP_TIMEPERFRAME as TIME_PER_FRAME, v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE as CAPTURE,
    v4l2_memory_V4L2_MEMORY_MMAP as MAPPED,
};

pub(super) use self::calls::members::encoding;
pub(super) use self::calls::{Call, Mapping, Plain, call, requests};
pub(super) use self::structs::{
    Buffer, BufferRequest, Capability, ControlQuery, ControlValue, FormatDescription,
    FormatRequest, Fraction, FrameInterval, FrameSize, IntervalRange, MenuItem, PixelLayout,
    StreamParameters,
};

/// Capabilities of a device.
pub(super) mod capability {
    /// The capabilities of the node are told apart from those of the whole device.
    pub(in crate::webcam) use v4l::v4l_sys::V4L2_CAP_DEVICE_CAPS as OF_NODE;
    pub(in crate::webcam) use v4l::v4l_sys::{
        V4L2_CAP_META_CAPTURE as METADATA, V4L2_CAP_STREAMING as STREAMING,
        V4L2_CAP_VIDEO_CAPTURE as CAPTURE, V4L2_CAP_VIDEO_CAPTURE_MPLANE as CAPTURE_PLANES,
        V4L2_CAP_VIDEO_OUTPUT as OUTPUT, V4L2_CAP_VIDEO_OUTPUT_MPLANE as OUTPUT_PLANES,
    };
}

/// How sizes and intervals are described.
pub(super) mod description {
    /// It is the same number for intervals.
    pub(in crate::webcam) use v4l::v4l_sys::v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_DISCRETE as DISCRETE;
}

/// What the numbers of a picture stand for.
pub(super) mod colors {
    /// Encoding and quantization are told.
    pub(in crate::webcam) use v4l::v4l_sys::V4L2_PIX_FMT_PRIV_MAGIC as TOLD;
    pub(in crate::webcam) use v4l::v4l_sys::{
        v4l2_colorspace_V4L2_COLORSPACE_BT2020 as SPACE_BT2020,
        v4l2_colorspace_V4L2_COLORSPACE_DCI_P3 as SPACE_DCI_P3,
        v4l2_colorspace_V4L2_COLORSPACE_JPEG as SPACE_JPEG,
        v4l2_colorspace_V4L2_COLORSPACE_REC709 as SPACE_REC709,
        v4l2_colorspace_V4L2_COLORSPACE_SMPTE240M as SPACE_SMPTE240M,
        v4l2_quantization_V4L2_QUANTIZATION_FULL_RANGE as FULL_RANGE,
        v4l2_quantization_V4L2_QUANTIZATION_LIM_RANGE as LIMITED_RANGE,
        v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_709 as ENCODING_709,
        v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_BT2020 as ENCODING_BT2020,
        v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_BT2020_CONST_LUM as ENCODING_BT2020_CONSTANT,
        v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_DEFAULT as ENCODING_DEFAULT,
        v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_SMPTE240M as ENCODING_SMPTE240M,
        v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_XV709 as ENCODING_XV709,
    };
}

/// What is known of a filled buffer.
pub(super) mod buffer_flag {
    pub(in crate::webcam) use v4l::v4l_sys::{
        V4L2_BUF_FLAG_ERROR as ERROR, V4L2_BUF_FLAG_TIMESTAMP_MASK as TIMESTAMP_MASK,
        V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC as TIMESTAMP_MONOTONIC,
    };
}

/// Controls.
pub(super) mod control {
    /// Added to an id, asks for the control after it.
    pub(in crate::webcam) use v4l::v4l_sys::V4L2_CTRL_FLAG_NEXT_CTRL as NEXT;
    pub(in crate::webcam) use v4l::v4l_sys::{
        V4L2_CTRL_FLAG_DISABLED as DISABLED, V4L2_CTRL_FLAG_INACTIVE as INACTIVE,
        V4L2_CTRL_FLAG_READ_ONLY as READ_ONLY, V4L2_CTRL_FLAG_WRITE_ONLY as WRITE_ONLY,
        v4l2_ctrl_type_V4L2_CTRL_TYPE_BITMASK as BITMASK,
        v4l2_ctrl_type_V4L2_CTRL_TYPE_BOOLEAN as BOOLEAN,
        v4l2_ctrl_type_V4L2_CTRL_TYPE_BUTTON as BUTTON,
        v4l2_ctrl_type_V4L2_CTRL_TYPE_CTRL_CLASS as CLASS,
        v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER as INTEGER,
        v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER_MENU as INTEGER_MENU,
        v4l2_ctrl_type_V4L2_CTRL_TYPE_MENU as MENU,
    };
}
