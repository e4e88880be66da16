//! Video from the network as it was encoded.

use std::fmt;
use std::time::Instant;

use ffmpeg_next::codec::Id;
use streamsdk_codec::h264::{AccessUnit, AnnexBConverter, profile};
use streamsdk_codec::{EncodedFrame, VideoCodec};
use streamsdk_media::{PixelFormat, Timestamp};

use super::connection::{StreamConnection, TimestampSource};
use super::options::NetworkStreamOptions;
use super::reconnect::{ReconnectingReader, StreamReader, TimedFrame};
use super::{Address, H264Profile};
use crate::ffmpeg;
use crate::{CaptureError, Damage, EncodedProducer, ProducerFormat, StopHandle};

/// The H264 of a stream from the network, to be passed on without decoding it; opened by
/// [`NetworkStreamOptions::open_encoded`].
///
/// Begins with a key frame, also after a reconnection. Every key frame has its parameter sets, whatever
/// the stream does. Nothing is dropped: what is not taken waits at the server, which may not wait for
/// long. Timestamps are as those of [`NetworkStream`](super::NetworkStream).
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
            format: encoded.format,
            profile: encoded.annex_b.profile(),
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

/// A connection whose packets stay as they are.
struct EncodedReader {
    connection: StreamConnection,
    annex_b: AnnexBConverter,
    format: Option<ProducerFormat>,
    /// Whether there was a key frame, and until when there must have been one.
    has_begun: bool,
    must_begin: Option<Instant>,
    /// The time of the frame before, in the stream's own time base.
    last: Option<i64>,
}

impl StreamReader for EncodedReader {
    type Frame = AccessUnit;

    fn open(address: &Address, options: &NetworkStreamOptions) -> Result<Self, CaptureError> {
        let connection = StreamConnection::open(address, options)?;
        let stream = connection.stream()?;
        let codec = stream.parameters().id();
        if codec != Id::H264 {
            return Err(unsupported(codec.name()));
        }
        let annex_b = AnnexBConverter::new(ffmpeg::extra_data(&stream));
        let format = ffmpeg::encoded_size(&stream).map(|(width, height)| {
            let format = ProducerFormat::new(PixelFormat::I420, width, height);
            format.frame_rate(connection.clock().frame_rate(&stream))
        });
        // As long as a decoder would be given.
        let must_begin = Instant::now().checked_add(options.read_timeout.saturating_mul(2));
        Ok(Self { annex_b, format, has_begun: false, must_begin, last: None, connection })
    }

    fn clock(&self) -> TimestampSource {
        self.connection.clock()
    }

    fn damage(&self) -> Damage {
        self.connection.losses.damage()
    }

    fn next(&mut self) -> Result<TimedFrame<AccessUnit>, CaptureError> {
        loop {
            let packet = self.connection.next()?;
            let unit = packet.data().and_then(|data| self.annex_b.access_unit(data));
            let Some(frame) = unit else { continue };
            self.has_begun |= frame.key_frame;
            if self.has_begun {
                let timestamp = self.clock().timestamp(packet.pts().or(packet.dts()));
                self.check_order(timestamp)?;
                let waited = self.connection.take_waited();
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
        if self.annex_b.profile() == Some(H264Profile::Baseline) {
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

fn unsupported(offered: &str) -> CaptureError {
    CaptureError::Unsupported {
        wanted: "video that can be passed on as it is (H264 with its frames in order)".to_owned(),
        offered: offered.to_owned(),
    }
}

/// In seconds: more than any stream's.
const MAX_REORDERING: f64 = 2.0;
