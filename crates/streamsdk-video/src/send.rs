//! Frames onto a track.

use std::time::{Duration, Instant};

use streamsdk_capture::{CaptureError, CapturedFrame, EncodedProducer, FrameProducer};
use streamsdk_media::video::{
    self, EncodeOptions, EncoderConfig, OpenError, TRACK_COLOR_SPACE, VideoEncoder,
};
use streamsdk_media::{StreamClock, TimeBase};
use streamsdk_transport::{SendError, VideoSender};
use thiserror::Error;

use crate::pace::Pace;
use crate::{BitrateLimits, EncodeStats, RateControl, off_track};

/// How long a producer may be silent before the connection is looked at.
const SILENCE: Duration = Duration::from_millis(500);
/// In bytes: 104 packets of the track's, where 128 is a common limit.
const MAX_FRAME_BYTES: usize = 120_000;

/// How frames are sent.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SendOptions {
    /// Between which bitrates. Default is [`BitrateLimits::default`].
    pub bitrate: BitrateLimits,
    /// Threads of the encoder. Default is 1: more pay only where as many cores are idle.
    pub threads: Option<u32>,
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

/// How passing on ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forwarded {
    /// The producer ended.
    Everything,
    /// The next frame is larger than what receivers can put together. It was not sent: the video has to be
    /// encoded anew.
    UpToOneTooLarge,
}

/// A track, and what has been sent on it by one producer after another.
///
/// Its methods block: they are to run on a thread of their own. [`FrameProducer::stopper`] ends them.
#[derive(Debug)]
pub struct TrackSender {
    sender: VideoSender,
    options: SendOptions,
    stats: EncodeStats,
    clock: StreamClock,
}

impl TrackSender {
    /// Prepares to send on a track. The figures go to `stats`.
    pub fn new(sender: VideoSender, options: SendOptions, stats: EncodeStats) -> Self {
        Self { sender, options, stats, clock: track_clock() }
    }

    /// Encodes the frames of a producer onto the track, until the producer ends (`Ok`) or something fails.
    ///
    /// `on_sent` is told of each frame before it leaves. A frame that cannot be encoded is left out and
    /// counted.
    pub fn send_frames(
        &mut self,
        producer: &mut dyn FrameProducer,
        mut on_sent: impl FnMut(SentFrame),
    ) -> Result<(), SendFramesError> {
        self.clock.restart();
        let mut encoding = Encoding::new(self)?;
        loop {
            match producer.next_frame(SILENCE) {
                Ok(captured) => encoding.send(&captured, &mut on_sent)?,
                Err(error) if error.is_timeout() => encoding.feed.sender.check()?,
                Err(error) => {
                    encoding.feed.end();
                    return if error.is_end() { Ok(()) } else { Err(error.into()) };
                }
            }
        }
    }

    /// Sends frames as they are, until the producer ends or something fails. They must be in the track's
    /// codec. Nobody can make the producer's encoder follow the network, nor give a key frame when
    /// one is asked for: after a loss the receiver waits for the next one that comes. Frames that come in
    /// a burst leave no more than a quarter faster than they were taken.
    ///
    /// `on_sent` is told of each frame before it leaves.
    pub fn forward(
        &mut self,
        producer: &mut dyn EncodedProducer,
        mut on_sent: impl FnMut(SentFrame),
    ) -> Result<Forwarded, SendFramesError> {
        self.clock.restart();
        let (mut pace, stopper) = (Pace::default(), producer.stopper());
        loop {
            let frame = match producer.next_encoded() {
                Ok(frame) => frame,
                // What cannot be passed on is encoded anew, and the frames go on.
                Err(error @ CaptureError::Unsupported { .. }) => return Err(error.into()),
                Err(error) => {
                    self.end();
                    return if error.is_end() {
                        Ok(Forwarded::Everything)
                    } else {
                        Err(error.into())
                    };
                }
            };
            if frame.data.len() > MAX_FRAME_BYTES {
                return Ok(Forwarded::UpToOneTooLarge);
            }
            let now = Instant::now();
            let time = self.clock.stamp(Some(frame.timestamp), now).pts;
            if stopper.wait(pace.wait(time, now)) {
                return Ok(Forwarded::Everything);
            }
            self.stats.count(|figures| figures.forwarded += 1);
            on_sent(SentFrame::new(time, now));
            // The clock of a track wraps.
            self.sender.blocking_send(time as u32, frame.data)?;
        }
    }
}

impl TrackSender {
    /// Has the last frame taken for whole. What ends the frames matters more than that this was not told.
    fn end(&self) {
        let _ = self.sender.blocking_end();
    }
}

/// However far a producer's times go forward, they are kept: what is said about its frames goes by them.
fn track_clock() -> StreamClock {
    StreamClock::relayed(TimeBase::RTP_VIDEO).from_zero().longest_step(Duration::MAX)
}

struct Encoding<'a> {
    feed: &'a mut TrackSender,
    encoder: Box<dyn VideoEncoder>,
    rate: RateControl,
    frame_rate: FrameRate,
}

impl<'a> Encoding<'a> {
    fn new(feed: &'a mut TrackSender) -> Result<Self, OpenError> {
        let SendOptions { bitrate, threads } = feed.options;
        let config = EncoderConfig::default()
            .bitrate(bitrate.start)
            .threads(threads.unwrap_or(1))
            .color_space(TRACK_COLOR_SPACE);
        let encoder = video::encoder(off_track(feed.sender.codec()), config)?;
        let rate = RateControl::new(bitrate);
        feed.stats.count(|figures| figures.target = rate.target());
        Ok(Self { feed, encoder, rate, frame_rate: FrameRate::default() })
    }

    fn send(
        &mut self,
        captured: &CapturedFrame,
        on_sent: &mut impl FnMut(SentFrame),
    ) -> Result<(), SendError> {
        let now = Instant::now();
        let waited = captured.arrived.elapsed().unwrap_or_default();
        self.feed.stats.count(|figures| figures.not_taken += captured.dropped);
        let timestamp = self.feed.clock.stamp(captured.frame.timestamp(), now);
        let time = timestamp.pts;
        self.follow_rates(time, now);

        let frame = captured.frame.clone().at(timestamp);
        let key_frame = self.feed.sender.take_key_frame_request();
        let encoded = self.encoder.encode(&frame, &EncodeOptions::default().key_frame(key_frame));
        self.feed.stats.count(|figures| figures.time += now.elapsed());
        match encoded {
            Ok(Some(encoded)) => {
                self.feed.stats.count(|figures| figures.encoded += 1);
                on_sent(SentFrame::new(time, now.checked_sub(waited).unwrap_or(now)));
                // The clock of a track wraps.
                self.feed.sender.blocking_send(time as u32, encoded.data)
            }
            Ok(None) => {
                self.feed.stats.count(|figures| figures.left_out += 1);
                self.feed.sender.check()
            }
            Err(error) => {
                tracing::warn!(%error, "a frame was left out");
                self.feed.stats.count(|figures| figures.failed += 1);
                self.feed.sender.check()
            }
        }
    }

    fn follow_rates(&mut self, time: i64, now: Instant) {
        if let Some(bitrate) = self.rate.update(&self.feed.sender.stats(), now) {
            self.encoder.set_bitrate(bitrate);
            self.feed.stats.count(|figures| figures.target = bitrate);
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
        let interval = time.saturating_sub(self.last.replace(time)?) as f64 / 90_000.0;
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
