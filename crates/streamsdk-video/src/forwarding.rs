//! Video that was encoded elsewhere, onto a track that may need a key frame when the stream has none.

use std::time::{Duration, Instant};

use bytes::Bytes;
use streamsdk_codec::GroupOfPictures;
use streamsdk_media::Timestamp;
use streamsdk_media::video::{
    self, DecodeError, DecoderConfig, EncodedFrame, OpenError, TRACK_COLOR_SPACE, VideoDecoder,
};
use streamsdk_transport::{VideoCodec, VideoSender};
use thiserror::Error;

use crate::encoding::Encoding;
use crate::pace::Pace;
use crate::{EncodeStats, SendOptions};

/// Larger pictures take one core too long to be encoded as they come.
const MAX_PIXELS: u32 = 1920 * 1088;
/// How long what came before a frame may take to be decoded: the stream waits meanwhile.
const MAX_CATCH_UP: Duration = Duration::from_secs(1);

/// What is forwarded on one track.
#[derive(Default)]
pub(crate) struct Forwarding {
    pace: Pace,
    passing: Passing,
    /// Whether it was tried in vain to begin between the last key frame and the next.
    must_wait: bool,
}

/// How frames are passed on.
#[derive(Default)]
enum Passing {
    /// Not at all: the receiver has nothing to begin with.
    #[default]
    NotBegun,
    AsTheyAre,
    Anew(Reencoding),
}

impl Forwarding {
    /// Sees to it that the receiver can begin with this frame if it has to: `reencoding` decodes what came
    /// before it.
    pub(crate) fn begin_with(
        &mut self,
        frame: &EncodedFrame,
        sender: &VideoSender,
        reencoding: impl FnOnce() -> Result<Reencoding, CannotBegin>,
    ) {
        if frame.key_frame {
            (self.passing, self.must_wait) = (Passing::AsTheyAre, false);
            // What was asked for is on its way.
            sender.take_key_frame_request();
        }
        let has_to_begin = match self.passing {
            Passing::NotBegun => true,
            Passing::AsTheyAre => sender.take_key_frame_request(),
            // The encoder gives what is asked for.
            Passing::Anew(_) => false,
        };
        if !has_to_begin || self.must_wait {
            return;
        }
        match reencoding() {
            Ok(reencoding) => self.passing = Passing::Anew(reencoding),
            Err(reason) => {
                tracing::debug!(%reason, "a receiver waits for the stream's next key frame");
                self.must_wait = true;
            }
        }
    }

    pub(crate) fn has_begun(&self) -> bool {
        !matches!(self.passing, Passing::NotBegun)
    }

    /// How long a frame of that time has to wait.
    pub(crate) fn wait(&mut self, time: i64, now: Instant) -> Duration {
        self.pace.wait(time, now)
    }

    /// What of a frame goes onto the track; `None` for one that is left out.
    pub(crate) fn pass(
        &mut self,
        frame: EncodedFrame,
        timestamp: Timestamp,
        sender: &VideoSender,
        stats: &EncodeStats,
    ) -> Option<Bytes> {
        let Passing::Anew(reencoding) = &mut self.passing else {
            stats.count(|figures| figures.forwarded += 1);
            return Some(frame.data);
        };
        match reencoding.encode(&frame, timestamp, sender, stats) {
            Ok(data) => data,
            Err(reason) => {
                tracing::debug!(%reason, "the stream cannot be decoded up to its next key frame");
                stats.count(|figures| figures.failed += 1);
                (self.passing, self.must_wait) = (Passing::NotBegun, true);
                None
            }
        }
    }
}

/// Decodes the frames of a stream and encodes them anew.
pub(crate) struct Reencoding {
    decoder: Box<dyn VideoDecoder>,
    encoding: Encoding,
}

/// Why a receiver cannot begin before the next key frame.
#[derive(Debug, Error)]
pub(crate) enum CannotBegin {
    #[error("what came before is not known")]
    NothingBefore,
    #[error(transparent)]
    Codec(#[from] OpenError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("decoding what came before takes longer than {MAX_CATCH_UP:?}")]
    TooSlow,
}

impl Reencoding {
    /// Decodes what came before the frame with which a receiver begins.
    pub(crate) fn after(
        before: &GroupOfPictures,
        codec: VideoCodec,
        options: &SendOptions,
        stats: &EncodeStats,
    ) -> Result<Self, CannotBegin> {
        if before.frames().is_empty() {
            return Err(CannotBegin::NothingBefore);
        }
        // As the receiver would take it.
        let config =
            DecoderConfig::default().max_pixels(MAX_PIXELS).untagged(TRACK_COLOR_SPACE.matrix);
        let mut decoder = video::decoder(codec, config)?;
        let encoding = Encoding::new(codec, options, stats)?;
        let begun = Instant::now();
        for frame in before.frames() {
            decoder.decode(&frame.data, frame.timestamp)?;
            if begun.elapsed() > MAX_CATCH_UP {
                return Err(CannotBegin::TooSlow);
            }
        }
        Ok(Self { decoder, encoding })
    }

    fn encode(
        &mut self,
        frame: &EncodedFrame,
        timestamp: Timestamp,
        sender: &VideoSender,
        stats: &EncodeStats,
    ) -> Result<Option<Bytes>, DecodeError> {
        let Some(picture) = self.decoder.decode(&frame.data, timestamp)? else {
            stats.count(|figures| figures.left_out += 1);
            return Ok(None);
        };
        let picture = picture.at(timestamp);
        Ok(self.encoding.encode(&picture, timestamp.pts, sender, stats))
    }
}
