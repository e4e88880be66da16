//! Frames onto a track.

use std::time::{Duration, Instant};

use streamsdk_capture::{CaptureError, CapturedFrame, FrameProducer, StopHandle};
use streamsdk_codec::GroupOfPictures;
use streamsdk_media::video::{EncodedFrame, OpenError};
use streamsdk_media::{StreamClock, TimeBase};
use streamsdk_transport::{SendError, VideoSender};
use thiserror::Error;

use crate::encoding::Encoding;
use crate::forwarding::{Forwarding, Reencoding};
use crate::{BitrateLimits, EncodeStats};

/// How long a producer may be silent before the connection is looked at.
const SILENCE: Duration = Duration::from_millis(500);
/// In bytes: 104 packets of the track's, where 128 is a common limit.
const MAX_FRAME_BYTES: usize = 120_000;

/// How frames are sent.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct SendOptions {
    pub(crate) bitrate: BitrateLimits,
    pub(crate) threads: Option<u32>,
}

impl SendOptions {
    /// Between which bitrates. Default is [`BitrateLimits::default`].
    pub fn bitrate(self, bitrate: BitrateLimits) -> Self {
        Self { bitrate, ..self }
    }

    /// Threads of the encoder. Default is 1: more pay only where as many cores are idle.
    pub fn threads(self, threads: u32) -> Self {
        Self { threads: Some(threads), ..self }
    }
}

/// A frame that is on its way.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SentFrame {
    /// Its time on the track in ticks of 90 kHz, from the first frame on.
    pub time: i64,
    /// When the producer had it.
    pub captured: Instant,
}

impl SentFrame {
    /// A frame of that time on its track, which was there at that moment.
    pub fn new(time: i64, captured: Instant) -> Self {
        Self { time, captured }
    }
}

/// Why frames are sent no longer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SendFramesError {
    /// There is no encoder for what was agreed on.
    #[error(transparent)]
    NoEncoder(#[from] OpenError),
    /// The producer failed.
    #[error(transparent)]
    Producer(#[from] CaptureError),
    /// The connection is over.
    #[error(transparent)]
    Connection(#[from] SendError),
}

/// What became of a frame that was to be forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum Forwarded {
    /// It is on its way.
    Sent,
    /// It was left out: the track has had no key frame yet, and nobody can begin with this one; or it was to
    /// be encoded anew and could not be.
    LeftOut,
    /// It was not sent: it is in another codec than the track, or larger than what receivers can put
    /// together. The video has to be encoded anew.
    Unsuitable,
    /// The producer was stopped before it was time for the frame.
    Stopped,
}

/// Sends frames on one track: it encodes them, or forwards what is encoded already.
///
/// Its methods block: they are to run on a thread of their own.
pub struct TrackSender {
    sender: VideoSender,
    options: SendOptions,
    stats: EncodeStats,
    clock: StreamClock,
    mode: Mode,
}

/// What the frames were before the track, so far.
enum Mode {
    Nothing,
    Encoding(Encoding),
    Forwarding(Forwarding),
}

impl TrackSender {
    /// Prepares to send on a track. The figures go to `stats`.
    pub fn new(sender: VideoSender, options: SendOptions, stats: EncodeStats) -> Self {
        Self { sender, options, stats, clock: track_clock(), mode: Mode::Nothing }
    }

    /// Encodes the frames of a producer onto the track, until the producer ends (`Ok`) or something fails.
    /// [`FrameProducer::stop_handle`] ends it.
    ///
    /// `on_sent` is told of each frame before it leaves. A frame that cannot be encoded is left out and
    /// counted.
    ///
    /// # Errors
    ///
    /// When the producer or the connection fails, or when there is no encoder.
    pub fn send_frames(
        &mut self,
        producer: &mut dyn FrameProducer,
        mut on_sent: impl FnMut(SentFrame),
    ) -> Result<(), SendFramesError> {
        loop {
            match producer.next_frame(SILENCE) {
                Ok(captured) => self.send(&captured, &mut on_sent)?,
                Err(error) if error.is_timeout() => self.check()?,
                Err(error) => {
                    self.end();
                    return if error.is_end() { Ok(()) } else { Err(error.into()) };
                }
            }
        }
    }

    /// Encodes a frame onto the track. One that cannot be encoded is left out and counted.
    ///
    /// `on_sent` is told of it before it leaves.
    ///
    /// # Errors
    ///
    /// When the connection is over, or when there is no encoder.
    pub fn send(
        &mut self,
        captured: &CapturedFrame,
        on_sent: impl FnOnce(SentFrame),
    ) -> Result<(), SendFramesError> {
        let encoding = match &mut self.mode {
            Mode::Encoding(encoding) => encoding,
            mode => {
                self.clock.restart();
                let encoding = Encoding::new(self.sender.codec(), &self.options, &self.stats)?;
                *mode = Mode::Encoding(encoding);
                let Mode::Encoding(encoding) = mode else { return Ok(()) };
                encoding
            }
        };
        let now = Instant::now();
        let waited = captured.arrived.elapsed().unwrap_or_default();
        let timestamp = self.clock.stamp(captured.frame.timestamp(), now);
        self.stats.count(|figures| figures.not_taken += captured.dropped);
        let frame = captured.frame.clone().at(timestamp);
        match encoding.encode(&frame, timestamp.pts, &self.sender, &self.stats) {
            Some(data) => {
                on_sent(SentFrame::new(timestamp.pts, now.checked_sub(waited).unwrap_or(now)));
                // The clock of a track wraps.
                self.sender.blocking_send(timestamp.pts as u32, data)?;
            }
            None => self.sender.check()?,
        }
        Ok(())
    }

    /// Sends a frame as it is. Nobody can make its encoder follow the network. Frames that come in a burst
    /// leave no more than a quarter faster than they were taken; `stop` ends the wait for that.
    ///
    /// `before` is what came before the frame, from the stream's newest key frame on. Where a receiver has to
    /// begin with this frame, on a track that is new or after a loss, and it is no key frame, it is decoded
    /// with what came before it and encoded anew, and so are those that follow up to the next key frame. Where
    /// that is not possible, receivers wait for that one: without an encoder and a decoder, for pictures larger
    /// than 1920 by 1088, and where decoding what came before takes longer than a second.
    ///
    /// `on_sent` is told of it before it leaves.
    ///
    /// # Errors
    ///
    /// When the connection is over.
    pub fn forward(
        &mut self,
        frame: EncodedFrame,
        before: &GroupOfPictures,
        stop: &StopHandle,
        on_sent: impl FnOnce(SentFrame),
    ) -> Result<Forwarded, SendError> {
        if frame.codec != self.sender.codec() || frame.data.len() > MAX_FRAME_BYTES {
            return Ok(Forwarded::Unsuitable);
        }
        if !matches!(self.mode, Mode::Forwarding(_)) {
            self.clock.restart();
            self.mode = Mode::Forwarding(Forwarding::default());
        }
        let Mode::Forwarding(forwarding) = &mut self.mode else { return Ok(Forwarded::Unsuitable) };
        let (options, stats) = (&self.options, &self.stats);
        let reencoding = || Reencoding::after(before, frame.codec, options, stats);
        forwarding.begin_with(&frame, &self.sender, reencoding);
        if !forwarding.has_begun() {
            self.stats.count(|figures| figures.left_out += 1);
            self.sender.check()?;
            return Ok(Forwarded::LeftOut);
        }
        let now = Instant::now();
        let timestamp = self.clock.stamp(Some(frame.timestamp), now);
        if stop.wait(forwarding.wait(timestamp.pts, now)) {
            return Ok(Forwarded::Stopped);
        }
        let Some(data) = forwarding.pass(frame, timestamp, &self.sender, &self.stats) else {
            self.sender.check()?;
            return Ok(Forwarded::LeftOut);
        };
        on_sent(SentFrame::new(timestamp.pts, now));
        // The clock of a track wraps.
        self.sender.blocking_send(timestamp.pts as u32, data)?;
        Ok(Forwarded::Sent)
    }

    /// Looks whether the connection still stands, where no frame comes to be sent.
    ///
    /// # Errors
    ///
    /// When it is over.
    pub fn check(&self) -> Result<(), SendError> {
        self.sender.check()
    }

    /// Has the last frame taken for whole: to be called after the last one. What ends the frames matters
    /// more than that this was not told.
    pub fn end(&self) {
        let _ = self.sender.blocking_end();
    }
}

impl std::fmt::Debug for TrackSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrackSender").field("sender", &self.sender).finish_non_exhaustive()
    }
}

/// However far a producer's times go forward, they are kept: what is said about its frames goes by them.
fn track_clock() -> StreamClock {
    StreamClock::relayed(TimeBase::RTP_VIDEO).from_zero().longest_step(Duration::MAX)
}
