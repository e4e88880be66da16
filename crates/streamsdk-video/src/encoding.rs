//! The encoder of a track.

use std::time::Instant;

use bytes::Bytes;
use streamsdk_codec::VIDEO_CLOCK_RATE;
use streamsdk_media::Frame;
use streamsdk_media::video::{
    self, EncodeOptions, EncoderConfig, OpenError, TRACK_COLOR_SPACE, VideoEncoder,
};
use streamsdk_transport::{VideoCodec, VideoSender};

use crate::{EncodeStats, RateControl, SendOptions};

/// The encoder of one track, at the bitrate that its network takes.
pub(crate) struct Encoding {
    encoder: Box<dyn VideoEncoder>,
    rate: RateControl,
    frame_rate: FrameRate,
}

impl Encoding {
    pub(crate) fn new(
        codec: VideoCodec,
        options: &SendOptions,
        stats: &EncodeStats,
    ) -> Result<Self, OpenError> {
        let bitrate = options.bitrate;
        let config = EncoderConfig::default()
            .bitrate(bitrate.start)
            .threads(options.threads.unwrap_or(1))
            .color_space(TRACK_COLOR_SPACE);
        let encoder = video::encoder(codec, config)?;
        let rate = RateControl::new(bitrate);
        stats.count(|figures| figures.target = rate.target());
        Ok(Self { encoder, rate, frame_rate: FrameRate::default() })
    }

    /// Encodes a frame whose time is in ticks of the track, as a key frame where the peer asked for one.
    /// `None` for one that is left out, which is counted as such.
    pub(crate) fn encode(
        &mut self,
        frame: &Frame,
        time: i64,
        sender: &VideoSender,
        stats: &EncodeStats,
    ) -> Option<Bytes> {
        let now = Instant::now();
        self.follow_rates(sender, time, now, stats);
        let options = EncodeOptions::default().key_frame(sender.take_key_frame_request());
        let encoded = self.encoder.encode(frame, &options);
        stats.count(|figures| {
            figures.time += now.elapsed();
            match &encoded {
                Ok(Some(_)) => figures.encoded += 1,
                Ok(None) => figures.left_out += 1,
                Err(_) => figures.failed += 1,
            }
        });
        encoded
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "a frame was left out");
                None
            })
            .map(|encoded| encoded.data)
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
