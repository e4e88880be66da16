//! Video from the network as it was encoded.

use std::fmt;
use std::time::{Duration, Instant};

use streamsdk_codec::h264::{AccessUnit, profile};
use streamsdk_codec::{EncodedFrame, VideoCodec};
use streamsdk_media::Timestamp;

use super::camera::CameraUnits;
use super::connection::TimestampSource;
use super::demuxed::DemuxedUnits;
use super::options::NetworkStreamOptions;
use super::reconnect::{ReconnectingReader, StreamReader, TimedFrame};
use super::{Address, H264Profile};
use crate::{CaptureError, Damage, EncodedProducer, ProducerFormat, StopHandle};

/// The H264 of a stream from the network, to be passed on without decoding it; opened by
/// [`NetworkStreamOptions::open_encoded`].
///
/// Begins with a key frame, also after a reconnection. Every key frame has its parameter sets, whatever
/// the stream does. Nothing that is whole is dropped: what is not taken waits at the server, which may not wait for
/// long. H264 that an RTSP camera sends over TCP is not read by FFmpeg. Timestamps are as those of [`NetworkStream`](super::NetworkStream).
pub struct EncodedStream {
    origin: String,
    format: Option<ProducerFormat>,
    profile: Option<H264Profile>,
    stop_handle: StopHandle,
    receiver: ReconnectingReader<EncodedReader>,
}

impl EncodedStream {
    pub(super) fn open_with(options: NetworkStreamOptions) -> Result<Self, CaptureError> {
        let address = Address::parse(&options.url)?;
        let encoded = EncodedReader::open(&address, &options)?;
        Ok(Self {
            origin: address.origin().to_owned(),
            format: encoded.units.format(),
            profile: encoded.units.profile(),
            stop_handle: options.stop_handle.clone(),
            receiver: ReconnectingReader::new(address, options, encoded),
        })
    }

    /// What the stream says about itself; `None` if that is nothing.
    pub fn format(&self) -> Option<&ProducerFormat> {
        self.format.as_ref()
    }

    /// The profile of the frame that came last, or before the first one what is announced. `None` if
    /// nobody can know yet.
    pub fn profile(&self) -> Option<H264Profile> {
        self.profile
    }

    /// What was missing or damaged so far, as far as that can be known without decoding.
    pub fn damage(&self) -> Damage {
        self.receiver.damage()
    }
}

impl EncodedProducer for EncodedStream {
    /// The next frame.
    ///
    /// # Errors
    ///
    /// As [`NetworkStream`](super::NetworkStream) gives them. Also
    /// [`Unsupported`](CaptureError::Unsupported) when frames come in another order than they are to be
    /// shown in, or when no key frame has come for twice the
    /// [`read_timeout`](NetworkStreamOptions::read_timeout): live receivers cannot deal with that, and the
    /// stream has to be decoded.
    fn next_encoded(&mut self) -> Result<EncodedFrame, CaptureError> {
        let (AccessUnit { data, key_frame }, timestamp) = self.receiver.next()?;
        if key_frame {
            self.profile = profile(&data).or(self.profile);
        }
        Ok(EncodedFrame { codec: VideoCodec::H264, data, key_frame, timestamp })
    }

    fn stop_handle(&self) -> StopHandle {
        self.stop_handle.clone()
    }

    fn damage(&self) -> Damage {
        Self::damage(self)
    }
}

impl fmt::Debug for EncodedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedStream")
            .field("origin", &self.origin)
            .field("format", &self.format)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// A connection that gives the access units of a stream of H264.
pub(super) trait UnitSource: Send {
    fn clock(&self) -> TimestampSource;

    fn format(&self) -> Option<ProducerFormat>;

    /// As it was when the connection was made.
    fn profile(&self) -> Option<H264Profile>;

    /// What was missing or damaged so far.
    fn damage(&self) -> Damage;

    /// The next one, with parameter sets in front if it is a key frame, and its timestamp, if it has one. After an
    /// error there is none.
    fn next(&mut self) -> Result<(AccessUnit, Option<Timestamp>), CaptureError>;

    /// For how long it was waited since this was last asked.
    fn take_waited(&mut self) -> Duration;
}

/// A connection whose frames stay as they are.
struct EncodedReader {
    units: Box<dyn UnitSource>,
    /// Whether there was a key frame, and until when there must have been one.
    has_begun: bool,
    must_begin: Option<Instant>,
    /// The time of the frame before, in the stream's own time base.
    last: Option<i64>,
}

impl StreamReader for EncodedReader {
    type Frame = AccessUnit;

    fn open(address: &Address, options: &NetworkStreamOptions) -> Result<Self, CaptureError> {
        let units: Box<dyn UnitSource> = match CameraUnits::open(address, options)? {
            Some(units) => Box::new(units),
            None => Box::new(DemuxedUnits::open(address, options)?),
        };
        // As long as a decoder would be given.
        let must_begin = Instant::now().checked_add(options.read_timeout.saturating_mul(2));
        Ok(Self { units, has_begun: false, must_begin, last: None })
    }

    fn clock(&self) -> TimestampSource {
        self.units.clock()
    }

    fn damage(&self) -> Damage {
        self.units.damage()
    }

    fn next(&mut self) -> Result<TimedFrame<AccessUnit>, CaptureError> {
        loop {
            let (frame, timestamp) = self.units.next()?;
            self.has_begun |= frame.key_frame;
            if self.has_begun {
                self.check_order(timestamp)?;
                let waited = self.units.take_waited();
                return Ok(TimedFrame { frame, timestamp, waited });
            }
            if self.must_begin.is_some_and(|limit| Instant::now() > limit) {
                return Err(unsupported("H264 without key frames"));
            }
        }
    }
}

impl EncodedReader {
    fn check_order(&mut self, timestamp: Option<Timestamp>) -> Result<(), CaptureError> {
        // In this profile frames have no other order, whatever their timestamps say.
        if self.units.profile() == Some(H264Profile::Baseline) {
            return Ok(());
        }
        let Some(Timestamp { pts, time_base }) = timestamp else { return Ok(()) };
        let before = self.last.replace(pts);
        // A clock that was set back is no reordering.
        let back = before.map_or(0.0, |last| last.saturating_sub(pts) as f64 * time_base.seconds());
        match back > 0.0 && back < MAX_REORDERING {
            true => Err(unsupported("H264 with frames out of order")),
            false => Ok(()),
        }
    }
}

pub(super) fn unsupported(offered: &str) -> CaptureError {
    CaptureError::Unsupported {
        wanted: "video that can be passed on as it is (H264 with its frames in order)".to_owned(),
        offered: offered.to_owned(),
    }
}

/// In seconds: more than any stream's.
const MAX_REORDERING: f64 = 2.0;
