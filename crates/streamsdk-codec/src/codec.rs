//! The codecs, and what is encoded with them.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use thiserror::Error;

use crate::Timestamp;

/// How video is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "UPPERCASE"))]
pub enum VideoCodec {
    /// VP8: what every WebRTC peer has.
    Vp8,
    /// H264, also called AVC.
    H264,
}

impl VideoCodec {
    /// All codecs, the preferred one first.
    pub const ALL: &[Self] = &[Self::Vp8, Self::H264];

    /// The name that SDP has for the codec.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::H264 => "H264",
        }
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for VideoCodec {
    type Err = UnknownVideoCodec;

    /// Takes [`VideoCodec::name`] in upper or lower case.
    fn from_str(name: &str) -> Result<Self, UnknownVideoCodec> {
        let has_name = |codec: &&Self| codec.name().eq_ignore_ascii_case(name);
        Self::ALL.iter().find(has_name).copied().ok_or_else(|| UnknownVideoCodec(name.to_owned()))
    }
}

/// The name is none of a codec that is known here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no known video codec: VP8 and H264 are")]
pub struct UnknownVideoCodec(pub String);

/// One encoded frame.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedFrame {
    /// How it is encoded.
    pub codec: VideoCodec,
    /// The bytes. H264 is NAL units behind start codes (Annex B), with the parameter sets in front
    /// of every key frame.
    pub data: Bytes,
    /// Whether it can be decoded without the frames before it.
    pub key_frame: bool,
    /// When the frame belongs: as the frame said that was encoded.
    pub timestamp: Timestamp,
}

impl fmt::Debug for EncodedFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedFrame")
            .field("codec", &self.codec)
            .field("bytes", &self.data.len())
            .field("key_frame", &self.key_frame)
            .field("timestamp", &self.timestamp)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_is_found_by_its_name_in_any_case() {
        assert_eq!("vp8".parse(), Ok(VideoCodec::Vp8));
        assert_eq!("H264".parse(), Ok(VideoCodec::H264));
        assert_eq!("AV1".parse::<VideoCodec>(), Err(UnknownVideoCodec("AV1".to_owned())));
        assert_eq!(VideoCodec::H264.to_string(), "H264");
    }
}
