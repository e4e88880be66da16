//! Frames onto a track.

use std::time::{Duration, Instant};

use streamsdk_capture::{CaptureError, CapturedFrame, FrameProducer, StopHandle};
use streamsdk_codec::VIDEO_CLOCK_RATE;
use streamsdk_media::video::{
    self, EncodeOptions, EncodedFrame, EncoderConfig, OpenError, TRACK_COLOR_SPACE, VideoEncoder,
};
use streamsdk_media::{StreamClock, TimeBase};
use streamsdk_transport::{SendError, VideoCodec, VideoSender};
use thiserror::Error;

use crate::pace::Pace;
use crate::{BitrateLimits, EncodeStats, RateControl};

/// How long a producer may be silent before the connection is looked at.
const SILENCE: Duration = Duration::from_millis(500);
/// In bytes: 104 packets of the track's, where 128 is a common limit.
const MAX_FRAME_BYTES: usize = 120_000;

/// How frames are sent.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct SendOptions {
    bitrate: BitrateLimits,
    threads: Option<u32>,
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
    /// It was left out: the track has had no key frame yet, and nobody can begin with this one.
    NoKeyFrameYet,
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
        encoding.follow_rates(&self.sender, timestamp.pts, now, &self.stats);

        let frame = captured.frame.clone().at(timestamp);
        let key_frame = self.sender.take_key_frame_request();
        let encoded =
            encoding.encoder.encode(&frame, &EncodeOptions::default().key_frame(key_frame));
        self.stats.count(|figures| {
            figures.not_taken += captured.dropped;
            figures.time += now.elapsed();
            match &encoded {
                Ok(Some(_)) => figures.encoded += 1,
                Ok(None) => figures.left_out += 1,
                Err(_) => figures.failed += 1,
            }
        });
        match encoded {
            Ok(Some(encoded)) => {
                on_sent(SentFrame::new(timestamp.pts, now.checked_sub(waited).unwrap_or(now)));
                // The clock of a track wraps.
                self.sender.blocking_send(timestamp.pts as u32, encoded.data)?;
            }
            Ok(None) => self.sender.check()?,
            Err(error) => {
                tracing::warn!(%error, "a frame was left out");
                self.sender.check()?;
            }
        }
        Ok(())
    }

    /// Sends a frame as it is. Nobody can make its encoder follow the network, nor give a key frame when
    /// one is asked for: after a loss the receiver waits for the next one that comes. Frames that come in
    /// a burst leave no more than a quarter faster than they were taken; `stop` ends the wait for that.
    ///
    /// `on_sent` is told of it before it leaves.
    ///
    /// # Errors
    ///
    /// When the connection is over.
    pub fn forward(
        &mut self,
        frame: EncodedFrame,
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
        forwarding.has_begun |= frame.key_frame;
        if !forwarding.has_begun {
            self.stats.count(|figures| figures.left_out += 1);
            self.sender.check()?;
            return Ok(Forwarded::NoKeyFrameYet);
        }
        let now = Instant::now();
        let time = self.clock.stamp(Some(frame.timestamp), now).pts;
        if stop.wait(forwarding.pace.wait(time, now)) {
            return Ok(Forwarded::Stopped);
        }
        self.stats.count(|figures| figures.forwarded += 1);
        on_sent(SentFrame::new(time, now));
        // The clock of a track wraps.
        self.sender.blocking_send(time as u32, frame.data)?;
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

#[derive(Default)]
struct Forwarding {
    pace: Pace,
    /// Whether there was a key frame.
    has_begun: bool,
}

struct Encoding {
    encoder: Box<dyn VideoEncoder>,
    rate: RateControl,
    frame_rate: FrameRate,
}

impl Encoding {
    fn new(
        codec: VideoCodec,
        options: &SendOptions,
        stats: &EncodeStats,
    ) -> Result<Self, OpenError> {
        let SendOptions { bitrate, threads } = *options;
        let config = EncoderConfig::default()
            .bitrate(bitrate.start)
            .threads(threads.unwrap_or(1))
            .color_space(TRACK_COLOR_SPACE);
        let encoder = video::encoder(codec, config)?;
        let rate = RateControl::new(bitrate);
        stats.count(|figures| figures.target = rate.target());
        Ok(Self { encoder, rate, frame_rate: FrameRate::default() })
    }

    fn follow_rates(&mut self, sender: &VideoSender, time: i64, now: Instant, stats: &EncodeStats) {
        if let Some(bitrate) = self.rate.update(&sender.stats(), now) {
            self.encoder.set_bitrate(bitrate);
            stats.count(|figures| figures.target = bitrate);
        }
        if let Some(frame_rate) = self.frame_rate.update(time) {
            self.encoder.set_frame_rate(frame_rate);
        }
    }
}

/// How many frames a second come, smoothed.
#[derive(Debug, Default)]
struct FrameRate {
    last: Option<i64>,
    interval: f64,
    told: f64,
}

impl FrameRate {
    /// Returns the rate if it is clearly another than before.
    fn update(&mut self, time: i64) -> Option<f64> {
        let interval =
            time.saturating_sub(self.last.replace(time)?) as f64 / f64::from(VIDEO_CLOCK_RATE);
        // A pause is no rate.
        let interval = interval.clamp(1.0 / 240.0, 1.0);
        self.interval += (interval - self.interval) * if self.interval == 0.0 { 1.0 } else { 0.1 };
        let rate = 1.0 / self.interval;
        let differs = (rate / self.told - 1.0).abs() > 0.15;
        differs.then(|| {
            self.told = rate;
            rate
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_rate_is_told_when_it_changes_and_not_at_every_jitter() {
        let mut rate = FrameRate::default();
        let told: Vec<_> = (0..100).filter_map(|n| rate.update(n * 3000 + n % 3)).collect();
        assert_eq!(told.len(), 1);
        assert!((told[0] - 30.0).abs() < 0.5, "{told:?}");
        let told: Vec<_> = (0..100).filter_map(|n| rate.update(300_000 + n * 9000)).collect();
        assert!((told.last().unwrap() - 10.0).abs() < 1.5, "{told:?}");
    }
}
