//! Pictures that are decoded when somebody asks for them.
//!
//! A frame of video builds on the one before it, so one cannot be decoded by itself: asking for a picture
//! decodes all before it that nobody asked for. Frames are kept for that; where nobody asks for any, a
//! few seconds of them are let go, and a key frame is asked for when somebody does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Serialize, Serializer};
use streamsdk_codec::EncodedFrame;
use streamsdk_media::video::{
    self, DecodeError, DecoderConfig, OpenError, TRACK_COLOR_SPACE, VideoDecoder,
};
use streamsdk_media::{Frame, TimeBase, Timestamp};
use streamsdk_transport::{IncomingFrame, VideoCodec};
use thiserror::Error;

/// Frames that are kept undecoded: five seconds at 30 a second.
const MAX_WAITING_FRAMES: usize = 150;
const MAX_WAITING_BYTES: usize = 16 << 20;

/// The frames of one track, each to be decoded when it is asked for.
pub struct LazyDecoder {
    chain: Mutex<Chain>,
    request_key_frame: Box<dyn Fn() + Send + Sync>,
}

struct Chain {
    codec: VideoCodec,
    decoder: Box<dyn VideoDecoder>,
    waiting: VecDeque<ChainLink>,
    waiting_bytes: usize,
    added: u64,
    /// Whether what comes next can be decoded: nothing before it was let go.
    in_step: bool,
    wanted: bool,
    stats: DecodeStats,
}

/// A frame that was not decoded.
struct ChainLink {
    number: u64,
    slot: Weak<Slot>,
    data: Bytes,
    timestamp: Timestamp,
}

type Slot = OnceLock<Result<Frame, PictureError>>;

/// What decoding has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DecodeStats {
    /// Frames that were decoded, those included that only others needed.
    pub decoded: u64,
    /// Frames that were let go because nobody asked for any.
    pub let_go: u64,
    /// Frames that could not be decoded.
    pub failed: u64,
    /// Time that decoding took.
    #[serde(rename = "time_s", serialize_with = "as_seconds")]
    pub time: Duration,
}

fn as_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PictureError {
    /// Nobody asked for a picture for so long that the frame, or one that it builds on, was let go. A key
    /// frame has been asked for: later frames will have pictures.
    #[error(
        "the frame was let go before anybody asked for its picture; later ones will have theirs"
    )]
    LetGo,
    /// The frame is broken. A key frame has been asked for where that helps.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The frame holds no picture.
    #[error("the frame holds no picture")]
    Empty,
}

impl LazyDecoder {
    /// A chain for frames of that codec. `request_key_frame` asks the sender for one; it is called from
    /// whichever thread asks for a picture.
    ///
    /// # Errors
    ///
    /// If the codec cannot be decoded here.
    pub fn new(
        codec: VideoCodec,
        request_key_frame: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        let config = DecoderConfig::default().untagged(TRACK_COLOR_SPACE.matrix);
        let chain = Chain {
            codec,
            decoder: video::decoder(codec, config)?,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            added: 0,
            in_step: false,
            wanted: false,
            stats: DecodeStats::default(),
        };
        Ok(Self { chain: Mutex::new(chain), request_key_frame: Box::new(request_key_frame) })
    }

    /// Adds the frame that comes after those before. Decodes nothing.
    pub fn add(self: &Arc<Self>, frame: &IncomingFrame) -> LazyPicture {
        let slot = Arc::new(Slot::new());
        let timestamp = Timestamp::new(i64::from(frame.rtp_time), TimeBase::RTP_VIDEO);
        let (number, codec, overflowed, wanted) = {
            let mut chain = self.chain();
            chain.added += 1;
            let number = chain.added;
            chain.in_step |= frame.key_frame;
            if chain.in_step {
                chain.waiting_bytes += frame.data.len();
                let slot = Arc::downgrade(&slot);
                chain.waiting.push_back(ChainLink {
                    number,
                    slot,
                    data: frame.data.clone(),
                    timestamp,
                });
            }
            let full =
                chain.waiting.len() > MAX_WAITING_FRAMES || chain.waiting_bytes > MAX_WAITING_BYTES;
            if full {
                chain.let_go();
            }
            (number, chain.codec, full, chain.wanted)
        };
        if overflowed && wanted {
            (self.request_key_frame)();
        }
        let (data, key_frame) = (frame.data.clone(), frame.key_frame);
        let encoded = EncodedFrame { codec, data, key_frame, timestamp };
        LazyPicture { number, slot, encoded, chain: Arc::clone(self) }
    }

    /// What was decoded and what was not.
    pub fn stats(&self) -> DecodeStats {
        self.chain().stats
    }

    fn decode(&self, picture: &LazyPicture) -> Result<Frame, PictureError> {
        let mut needs_key_frame = false;
        let decoded = {
            let mut chain = self.chain();
            chain.wanted = true;
            while chain.waiting.front().is_some_and(|link| link.number <= picture.number) {
                if let Some(link) = chain.waiting.pop_front() {
                    needs_key_frame |= chain.decode(&link);
                }
            }
            let let_go = || {
                needs_key_frame |= !chain.in_step;
                Err(PictureError::LetGo)
            };
            picture.slot.get_or_init(let_go).clone()
        };
        if needs_key_frame {
            (self.request_key_frame)();
        }
        decoded
    }

    fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chain {
    /// Returns whether only a key frame can help now.
    fn decode(&mut self, link: &ChainLink) -> bool {
        let started = Instant::now();
        let decoded = self.decoder.decode(&link.data, link.timestamp);
        self.stats.time += started.elapsed();
        self.waiting_bytes = self.waiting_bytes.saturating_sub(link.data.len());
        let picture = match decoded {
            Ok(picture) => {
                self.stats.decoded += 1;
                picture.ok_or(PictureError::Empty)
            }
            Err(error) => {
                self.stats.failed += 1;
                Err(PictureError::Decode(error))
            }
        };
        let needs_key_frame =
            matches!(&picture, Err(PictureError::Decode(error)) if error.needs_key_frame());
        // Whoever still holds the frame may ask for it later.
        if let Some(slot) = link.slot.upgrade() {
            let _ = slot.set(picture);
        }
        needs_key_frame
    }

    fn let_go(&mut self) {
        self.stats.let_go += self.waiting.len() as u64;
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.in_step = false;
    }
}

impl std::fmt::Debug for LazyDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LazyDecoder").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// A frame's picture, decoded when it is first asked for. Clones share it.
#[derive(Clone)]
pub struct LazyPicture {
    number: u64,
    slot: Arc<Slot>,
    encoded: EncodedFrame,
    chain: Arc<LazyDecoder>,
}

impl LazyPicture {
    /// The frame as it came. Its timestamp is the sender's, in ticks of 90 kHz, which wraps at 32 bits.
    pub fn encoded(&self) -> &EncodedFrame {
        &self.encoded
    }

    /// The picture in I420, in the colour space that the sender says it has, else BT.601. Decodes at the
    /// first call, on the caller's thread: this frame and all before it that nobody asked for.
    ///
    /// # Errors
    ///
    /// If the frame is broken, or was let go because nobody asked for a picture for five seconds.
    pub fn decode(&self) -> Result<Frame, PictureError> {
        match self.slot.get() {
            Some(picture) => picture.clone(),
            None => self.chain.decode(self),
        }
    }
}

impl std::fmt::Debug for LazyPicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LazyPicture").field("decoded", &self.slot.get().is_some()).finish()
    }
}
