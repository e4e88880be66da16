//! Frames of a producer onto a track.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use streamsdk_capture::{CaptureError, CapturedFrame, FrameProducer};
use streamsdk_media::video::{self, EncodeOptions, EncoderConfig, OpenError, VideoEncoder};
use streamsdk_media::{TimeBase, Timestamp};
use streamsdk_transport::{SendError, VideoSender};
use thiserror::Error;

use crate::clock::TrackClock;
use crate::{BitrateLimits, RateControl, off_track};

/// How long a producer may be silent before the connection is looked at.
const SILENCE: Duration = Duration::from_millis(500);

/// How frames are sent.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SendOptions {
    /// Between which bitrates. Default is [`BitrateLimits::default`].
    pub bitrate: BitrateLimits,
    /// Threads of the encoder. Default is 1: more pay only where as many cores are idle.
    pub threads: Option<u32>,
}

/// What encoding has come to. Clones share the same figures.
#[derive(Debug, Clone, Default)]
pub struct EncodeStats {
    figures: Arc<Mutex<Figures>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    encoded: u64,
    left_out: u64,
    failed: u64,
    not_taken: u64,
    time: Duration,
    target: u32,
}

impl EncodeStats {
    /// Frames that were encoded and sent.
    pub fn encoded(&self) -> u64 {
        self.figures().encoded
    }

    /// Frames that the encoder left out to keep the bitrate.
    pub fn left_out(&self) -> u64 {
        self.figures().left_out
    }

    /// Frames that could not be encoded.
    pub fn failed(&self) -> u64 {
        self.figures().failed
    }

    /// Frames that the producer gave up because the encoder was not ready for them.
    pub fn not_taken(&self) -> u64 {
        self.figures().not_taken
    }

    /// Time that a frame takes to be encoded, on average.
    pub fn time_per_frame(&self) -> Duration {
        let Figures { encoded, left_out, failed, time, .. } = self.figures();
        let frames = u32::try_from(encoded + left_out + failed).ok();
        frames.and_then(|frames| time.checked_div(frames)).unwrap_or_default()
    }

    /// The bitrate that the encoder is driven at, in bits per second; 0 before the first frame.
    pub fn target_bitrate(&self) -> u32 {
        self.figures().target
    }

    fn figures(&self) -> Figures {
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, count: impl FnOnce(&mut Figures)) {
        count(&mut self.figures.lock().unwrap_or_else(PoisonError::into_inner));
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

/// Encodes the frames of a producer onto a track, until the producer ends (`Ok`) or something fails.
/// Blocks: it is to run on a thread of its own. [`FrameProducer::stopper`] ends it.
///
/// `on_sent` is told of each frame before it leaves. A frame that cannot be encoded is left out and counted.
pub fn send_frames(
    producer: &mut dyn FrameProducer,
    sender: &VideoSender,
    options: &SendOptions,
    stats: &EncodeStats,
    mut on_sent: impl FnMut(SentFrame),
) -> Result<(), SendFramesError> {
    let mut encoding = Encoding::new(sender, options, stats)?;
    loop {
        let captured = match producer.next_frame(SILENCE) {
            Ok(captured) => captured,
            Err(error) if error.is_timeout() && sender.end_reason().is_none() => continue,
            Err(error) if error.is_timeout() => return Ok(sender.check()?),
            Err(CaptureError::Stopped) => return Ok(()),
            Err(error) if error.is_end() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        encoding.send(&captured, &mut on_sent)?;
    }
}

struct Encoding<'a> {
    encoder: Box<dyn VideoEncoder>,
    sender: &'a VideoSender,
    stats: &'a EncodeStats,
    rate: RateControl,
    clock: TrackClock,
    frame_rate: FrameRate,
}

impl<'a> Encoding<'a> {
    fn new(
        sender: &'a VideoSender,
        options: &SendOptions,
        stats: &'a EncodeStats,
    ) -> Result<Self, OpenError> {
        let config = EncoderConfig::default()
            .bitrate(options.bitrate.start)
            .threads(options.threads.unwrap_or(1));
        let encoder = video::encoder(off_track(sender.codec()), config)?;
        let rate = RateControl::new(options.bitrate);
        stats.count(|figures| figures.target = rate.target());
        let (clock, frame_rate) = (TrackClock::default(), FrameRate::default());
        Ok(Self { encoder, sender, stats, rate, clock, frame_rate })
    }

    fn send(
        &mut self,
        captured: &CapturedFrame,
        on_sent: &mut impl FnMut(SentFrame),
    ) -> Result<(), SendError> {
        let now = Instant::now();
        let waited = captured.arrived.elapsed().unwrap_or_default();
        self.stats.count(|figures| figures.not_taken += captured.dropped);
        let Some(timestamp) = captured.frame.timestamp() else {
            self.stats.count(|figures| figures.failed += 1);
            return Ok(());
        };
        let time = self.clock.next(timestamp);
        self.follow_rates(time, now);

        let frame = captured.frame.clone().at(Timestamp::new(time, TimeBase::RTP_VIDEO));
        let key_frame = self.sender.take_key_frame_request();
        let encoded = self.encoder.encode(&frame, &EncodeOptions::default().key_frame(key_frame));
        self.stats.count(|figures| figures.time += now.elapsed());
        match encoded {
            Ok(Some(encoded)) => {
                self.stats.count(|figures| figures.encoded += 1);
                on_sent(SentFrame::new(time, now.checked_sub(waited).unwrap_or(now)));
                // The clock of a track wraps.
                self.sender.blocking_send(time as u32, encoded.data)
            }
            Ok(None) => {
                self.stats.count(|figures| figures.left_out += 1);
                self.sender.check()
            }
            Err(error) => {
                tracing::warn!(%error, "a frame was left out");
                self.stats.count(|figures| figures.failed += 1);
                self.sender.check()
            }
        }
    }

    fn follow_rates(&mut self, time: i64, now: Instant) {
        if let Some(bitrate) = self.rate.update(&self.sender.stats(), now) {
            self.encoder.set_bitrate(bitrate);
            self.stats.count(|figures| figures.target = bitrate);
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
