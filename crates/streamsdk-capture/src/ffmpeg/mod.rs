//! What files and network streams have in common: opening, decoding, and pictures that become frames.

mod decoder;
mod input;
mod losses;
mod parameters;
mod picture;
mod promise;
mod served;
mod stream;

pub(crate) use self::decoder::{DecoderError, DecoderOptions};
pub(crate) use self::input::{OpenInput, Progress, find_streams, open};
pub(crate) use self::losses::Losses;
pub(crate) use self::parameters::{encoded_size, extra_data};
pub(crate) use self::picture::FrameConverter;
pub(crate) use self::served::ask_content_type;
pub(crate) use self::stream::{declared_rate, frame_time, rotation, shown_size, time_base, video};

/// FFmpeg's names of the containers that hold their own frames. Playlists (`hls`, `concat`, `dash`,
/// `image2` and others) would make FFmpeg read whatever they name.
pub(crate) const CONTAINERS: &str = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,av1,\
    obu,ivf,flv,ogg,asf,mxf,mjpeg,gif,dv,nut,yuv4mpegpipe";

/// Failures in a row after which nothing more is to be expected: some errors come for ever.
pub(crate) const MAX_FAILURES: u32 = 64;

/// 8192 by 4320: more than any camera gives.
pub(crate) const DEFAULT_MAX_PIXELS: u64 = 8192 * 4320;
