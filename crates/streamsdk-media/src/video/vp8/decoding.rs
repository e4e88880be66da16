use super::libvpx::VpxDecoder;
use crate::video::decode::DecoderEngine;
use crate::video::{DecodeError, DecoderConfig, VideoCodec};
use crate::{Frame, Timestamp};

/// libvpx's decoder, which shows every picture at once.
pub(in crate::video) struct Vp8Decoding(VpxDecoder);

impl DecoderEngine for Vp8Decoding {
    const CODEC: VideoCodec = VideoCodec::Vp8;

    fn open(_config: &DecoderConfig) -> Result<Self, String> {
        VpxDecoder::open().map(Self)
    }

    fn decode(&mut self, data: &[u8], at: Timestamp) -> Result<Option<Frame>, DecodeError> {
        let frame = self.0.decode(data).map_err(Self::corrupt)?;
        Ok(frame.map(|frame| frame.at(at)))
    }
}
