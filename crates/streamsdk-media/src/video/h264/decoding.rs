use ffmpeg_next::decoder::Video as VideoDecoding;
use ffmpeg_next::util::frame::Video;
use ffmpeg_next::{Dictionary, Error, Packet, codec, decoder};

use crate::video::decode::DecoderEngine;
use crate::video::{DecodeError, DecoderConfig, VideoCodec, picture};
use crate::{ColorMatrix, Frame, Timestamp};

/// FFmpeg's decoder.
pub(in crate::video) struct H264Decoding {
    decoder: VideoDecoding,
    untagged: Option<ColorMatrix>,
}

impl DecoderEngine for H264Decoding {
    const CODEC: VideoCodec = VideoCodec::H264;

    fn open(config: &DecoderConfig) -> Result<Self, String> {
        crate::ffmpeg::init();
        let decoder = open(config).map_err(|error| error.to_string())?;
        Ok(Self { decoder, untagged: config.untagged })
    }

    fn decode(&mut self, data: &[u8], at: Timestamp) -> Result<Option<Frame>, DecodeError> {
        let picture = self.run(data, at).map_err(|error| Self::corrupt(error.to_string()))?;
        let Some(picture) = picture else { return Ok(None) };
        if picture.is_corrupt() || picture.has_decode_errors() {
            return Err(Self::corrupt("parts of a picture are missing"));
        }
        let pts = picture.pts().unwrap_or(at.pts);
        let format = picture.format();
        match picture::into_frame(picture, self.untagged).map_err(Self::corrupt)? {
            Some(frame) => Ok(Some(frame.at(Timestamp { pts, ..at }))),
            None => {
                Err(DecodeError::Unsupported { codec: Self::CODEC, what: format!("{format:?}") })
            }
        }
    }
}

impl H264Decoding {
    fn run(&mut self, data: &[u8], at: Timestamp) -> Result<Option<Video>, Error> {
        let mut packet = Packet::copy(data);
        packet.set_pts(Some(at.pts));
        self.decoder.send_packet(&packet)?;
        let mut picture = Video::empty();
        match self.decoder.receive_frame(&mut picture) {
            Ok(()) => Ok(Some(picture)),
            Err(Error::Other { errno: ffmpeg_next::error::EAGAIN }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn open(config: &DecoderConfig) -> Result<VideoDecoding, Error> {
    let implementation = decoder::find(codec::Id::H264).ok_or(Error::DecoderNotFound)?;
    let mut context = codec::Context::new_with_codec(implementation);
    context.set_threading(codec::threading::Config::count(1));
    context.set_flags(codec::Flags::LOW_DELAY | codec::Flags::UNALIGNED);
    let mut options = Dictionary::new();
    options.set("max_pixels", &config.max_pixels.to_string());
    context.decoder().open_as_with(implementation, options)?.video()
}
