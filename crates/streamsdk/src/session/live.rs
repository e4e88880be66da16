use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use streamsdk_capture::Damage;
use streamsdk_protocol::pairing::PairingStatistics;
use streamsdk_transport::{
    VideoCodec, VideoMonitor, VideoReceiveStats, VideoReceiver, VideoSendStats, VideoSender,
};
use streamsdk_video::{DecodeStats, EncodeStats, LazyDecoder, SentFrame};

use crate::latency::{Latency, LatencySamples};

/// Frames whose answer may still come: ten seconds at 60 a second.
const MAX_UNANSWERED: usize = 600;
/// Two times are the same frame's if they are no further apart, in ticks of 90 kHz: a millisecond.
const TOLERANCE: i64 = 90;

/// What is known about the video of a session, both ways.
#[derive(Debug, Default)]
pub(crate) struct VideoTracker {
    codec: OnceLock<VideoCodec>,
    encode: EncodeStats,
    sender: OnceLock<VideoSender>,
    monitor: OnceLock<VideoMonitor>,
    chain: OnceLock<Arc<LazyDecoder>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    unanswered: VecDeque<SentFrame>,
    last_sent: Option<(i64, Instant)>,
    last_answered: Option<i64>,
    pairing: PairingStatistics,
    to_data: LatencySamples,
    to_frame: LatencySamples,
    /// What was missing or damaged in what this side sends.
    damage: Vec<String>,
}

/// The video of a session: what was sent, what came back, and how long that took.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VideoStatistics {
    /// The codec that both sides agreed on; `None` if the server refused the track.
    pub codec: Option<VideoCodec>,
    /// Frames that were encoded and sent.
    pub encoded: u64,
    /// Frames that were sent as they came, encoded by a camera.
    pub forwarded: u64,
    /// Frames that were dropped because the encoder was not ready for them.
    pub not_encoded: u64,
    /// Frames that the encoder left out to keep the bitrate.
    pub left_out: u64,
    /// Frames that could not be encoded.
    pub unencodable: u64,
    /// Time that a frame takes to be encoded, on average.
    pub encode_time: Duration,
    /// The bitrate that the encoder is driven at, in bits per second; 0 where nothing is encoded.
    pub target_bitrate: u32,
    /// What left, and what the server says about it: loss, round trip, bandwidth.
    pub sent: VideoSendStats,
    /// What came back.
    pub received: VideoReceiveStats,
    /// What was decoded.
    pub decoded: DecodeStats,
    /// How frames and data came together.
    pub pairing: PairingStatistics,
    /// From a frame being there to be sent until the data about it arrived.
    pub to_data: Latency,
    /// From a frame being there to be sent until it came back.
    pub to_frame: Latency,
}

impl VideoTracker {
    pub(crate) fn encode_stats(&self) -> &EncodeStats {
        &self.encode
    }

    pub(crate) fn sends(&self, sender: &VideoSender) {
        // Set once, when the session starts; so are the others.
        let _ = self.sender.set(sender.clone());
        let _ = self.codec.set(sender.codec());
    }

    pub(crate) fn receives(&self, receiver: &VideoReceiver, chain: Arc<LazyDecoder>) {
        let _ = self.monitor.set(receiver.monitor());
        let _ = self.codec.set(receiver.codec());
        let _ = self.chain.set(chain);
    }

    /// Notes a frame that is on its way.
    pub(crate) fn sent(&self, frame: SentFrame) {
        let mut state = self.state();
        if state.unanswered.len() >= MAX_UNANSWERED {
            state.unanswered.pop_front();
        }
        state.unanswered.push_back(frame);
        state.last_sent = Some((frame.time, Instant::now()));
    }

    /// Notes that the data about the frame of that time arrived.
    pub(crate) fn data_arrived(&self, time: i64, at: Instant) {
        let mut state = self.state();
        if let Some(captured) = state.captured(time) {
            state.to_data.add(at.saturating_duration_since(captured));
            state.last_answered = state.last_answered.max(Some(time));
        }
    }

    /// Notes that the frame of that time came back.
    pub(crate) fn frame_arrived(&self, time: i64, at: Instant) {
        let mut state = self.state();
        if let Some(captured) = state.captured(time) {
            state.to_frame.add(at.saturating_duration_since(captured));
        }
    }

    /// Notes what the source of the frames says of itself when it is over.
    pub(crate) fn damaged(&self, damage: &Damage) {
        if damage.is_loss() {
            self.state().damage.push(damage.to_string());
        }
    }

    pub(crate) fn take_damage(&self) -> Vec<String> {
        std::mem::take(&mut self.state().damage)
    }

    pub(crate) fn request_key_frame(&self) {
        self.monitor.get().into_iter().for_each(VideoMonitor::request_key_frame);
    }

    pub(crate) fn paired(&self, statistics: PairingStatistics) {
        self.state().pairing = statistics;
    }

    /// Frames that came back and were given out without data.
    pub(crate) fn frames_without_data(&self) -> u64 {
        self.state().pairing.frames_without_data
    }

    /// Whether this side sends video.
    pub(crate) fn is_sending(&self) -> bool {
        self.sender.get().is_some()
    }

    pub(crate) fn frames_sent(&self) -> u64 {
        self.encode.encoded() + self.encode.forwarded()
    }

    /// Frames that were there and were not sent.
    pub(crate) fn not_encoded(&self) -> u64 {
        self.encode.not_taken() + self.encode.left_out() + self.encode.failed()
    }

    /// When the last frame left, if neither it nor a later one was answered.
    pub(crate) fn outstanding(&self) -> Option<Instant> {
        let state = self.state();
        let (time, left) = state.last_sent?;
        let answered = state.last_answered.is_some_and(|answered| answered >= time - TOLERANCE);
        (!answered).then_some(left)
    }

    pub(crate) fn statistics(&self) -> VideoStatistics {
        let state = self.state();
        VideoStatistics {
            codec: self.codec.get().copied(),
            encoded: self.encode.encoded(),
            forwarded: self.encode.forwarded(),
            not_encoded: self.encode.not_taken(),
            left_out: self.encode.left_out(),
            unencodable: self.encode.failed(),
            encode_time: self.encode.time_per_frame(),
            target_bitrate: self.encode.target_bitrate(),
            sent: self.sender.get().map(VideoSender::stats).unwrap_or_default(),
            received: self.monitor.get().map(VideoMonitor::stats).unwrap_or_default(),
            decoded: self.chain.get().map(|chain| chain.stats()).unwrap_or_default(),
            pairing: state.pairing,
            to_data: state.to_data.latency(),
            to_frame: state.to_frame.latency(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// When the frame of that time was there, if it is among the newest.
    fn captured(&self, time: i64) -> Option<Instant> {
        let place = self.unanswered.partition_point(|frame| frame.time < time - TOLERANCE);
        let frame = *self.unanswered.get(place)?;
        (frame.time <= time + TOLERANCE).then_some(frame.captured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_measured_from_its_own_frame_however_late_and_out_of_order() {
        let live = VideoTracker::default();
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        assert_eq!(live.outstanding(), None);
        for n in 0..10 {
            live.sent(SentFrame::new(n * 3000, after(33 * n as u64)));
        }
        live.data_arrived(2999, after(93));
        live.data_arrived(6001, after(126));
        live.frame_arrived(3000, after(133));
        live.data_arrived(4500, after(500));
        let statistics = live.statistics();
        assert_eq!((statistics.to_data.count, statistics.to_data.max.as_millis()), (2, 60));
        assert_eq!((statistics.to_frame.count, statistics.to_frame.max.as_millis()), (1, 100));
        assert!(live.outstanding().is_some());
        live.data_arrived(27_000, after(400));
        assert_eq!(live.outstanding(), None);
    }
}
