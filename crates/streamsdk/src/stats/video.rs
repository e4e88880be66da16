use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use streamsdk_capture::Damage;
use streamsdk_protocol::pairing::PairingStatistics;
use streamsdk_protocol::seconds;
use streamsdk_transport::{
    VideoCodec, VideoMonitor, VideoReceiveStats, VideoReceiver, VideoSendStats, VideoSender,
};
use streamsdk_video::{DecodeStats, EncodeStats, LazyDecoder, SentFrame};

use super::departures::Departures;
use super::latency::{Latency, LatencySamples};

/// Frames whose answer may still come: ten seconds at 60 a second.
const MAX_UNANSWERED: usize = 600;
/// Two times are the same frame's if they are no further apart, in ticks of 90 kHz: a millisecond.
const TOLERANCE: i64 = 90;

/// What is known about the video of a session, both ways, over all links.
#[derive(Debug, Default)]
pub(crate) struct VideoTracker {
    encode: EncodeStats,
    state: Mutex<VideoState>,
}

#[derive(Debug, Default)]
struct VideoState {
    codec: Option<VideoCodec>,
    link: LinkVideo,
    /// Of the links before.
    before: Traffic,
    disconnected: u64,
    to_data: LatencySamples,
    to_frame: LatencySamples,
    /// What was missing or damaged in what this side sends.
    damage: Vec<String>,
}

/// The video of one link.
#[derive(Debug, Default)]
struct LinkVideo {
    sender: Option<VideoSender>,
    monitor: Option<VideoMonitor>,
    decoder: Option<Arc<LazyDecoder>>,
    pairing: PairingStatistics,
    unanswered: VecDeque<SentFrame>,
    departures: Departures,
    last_sent: Option<(i64, Instant)>,
    last_answered: Option<i64>,
    /// Since when an answer is owed.
    asked: Option<Instant>,
}

/// What went over tracks.
#[derive(Debug, Clone, Copy, Default)]
struct Traffic {
    sent: VideoSendStats,
    received: VideoReceiveStats,
    decoded: DecodeStats,
    pairing: PairingStatistics,
}

impl Traffic {
    /// What adds up is added up; the rest is what the later one says.
    fn then(self, later: Self) -> Self {
        let Self { mut sent, mut received, mut decoded, mut pairing } = later;
        sent.packets += self.sent.packets;
        sent.bytes += self.sent.bytes;
        sent.nacks += self.sent.nacks;
        sent.key_frame_requests += self.sent.key_frame_requests;
        sent.reports += self.sent.reports;
        sent.missed += self.sent.missed;
        received.bytes += self.received.bytes;
        received.frames += self.received.frames;
        received.lost += self.received.lost;
        received.overflowed += self.received.overflowed;
        received.key_frame_requests += self.received.key_frame_requests;
        decoded.decoded += self.decoded.decoded;
        decoded.let_go += self.decoded.let_go;
        decoded.failed += self.decoded.failed;
        decoded.time += self.decoded.time;
        pairing.paired += self.pairing.paired;
        pairing.frames_without_data += self.pairing.frames_without_data;
        pairing.data_without_frame += self.pairing.data_without_frame;
        pairing.evicted += self.pairing.evicted;
        pairing.corrected += self.pairing.corrected;
        Self { sent, received, decoded, pairing }
    }
}

impl LinkVideo {
    fn traffic(&self) -> Traffic {
        Traffic {
            sent: self.sender.as_ref().map(VideoSender::stats).unwrap_or_default(),
            received: self.monitor.as_ref().map(VideoMonitor::stats).unwrap_or_default(),
            decoded: self.decoder.as_ref().map(|decoder| decoder.stats()).unwrap_or_default(),
            pairing: self.pairing,
        }
    }

    fn confirmed(&self) -> Option<Instant> {
        self.sender.as_ref()?.stats().confirmed
    }

    fn frames_confirmed(&mut self) -> u64 {
        let confirmed = self.confirmed();
        self.departures.confirmed(confirmed)
    }

    fn outstanding(&self) -> Option<Instant> {
        let (time, left) = self.last_sent?;
        let answered = self.last_answered.is_some_and(|answered| answered >= time - TOLERANCE);
        (!answered).then_some(left)
    }

    /// When the frame of that time was there, if it is among the newest.
    fn captured(&self, time: i64) -> Option<Instant> {
        let place = self.unanswered.partition_point(|frame| frame.time < time - TOLERANCE);
        let frame = *self.unanswered.get(place)?;
        (frame.time <= time + TOLERANCE).then_some(frame.captured)
    }
}

/// The video of a session: what was sent, what came back, and how long that took.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// Frames that were there while there was no connection.
    pub disconnected: u64,
    /// Time that a frame takes to be encoded, on average.
    #[serde(rename = "encode_s", serialize_with = "seconds::serialize")]
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

    /// Notes the track that this side sends on.
    pub(crate) fn sends(&self, sender: &VideoSender) {
        let mut state = self.state();
        state.codec = Some(sender.codec());
        state.link.sender = Some(sender.clone());
    }

    /// Notes the track that frames come back on.
    pub(crate) fn receives(&self, receiver: &VideoReceiver, decoder: Arc<LazyDecoder>) {
        let mut state = self.state();
        state.codec = Some(receiver.codec());
        state.link.monitor = Some(receiver.monitor());
        state.link.decoder = Some(decoder);
    }

    /// Goes on with another link, whose tracks are to be noted next.
    pub(crate) fn next_link(&self) {
        let mut state = self.state();
        state.before = state.before.then(state.link.traffic());
        // Whether this side sends does not change.
        let sender = state.link.sender.take();
        state.link = LinkVideo { sender, ..LinkVideo::default() };
    }

    /// Notes frames that were there while there was no connection.
    pub(crate) fn left_out_disconnected(&self, frames: u64) {
        self.state().disconnected += frames;
    }

    /// Notes a frame that is on its way.
    pub(crate) fn sent(&self, frame: SentFrame) {
        let link = &mut self.state().link;
        if link.unanswered.len() >= MAX_UNANSWERED {
            link.unanswered.pop_front();
        }
        link.unanswered.push_back(frame);
        let now = Instant::now();
        link.departures.frame_left(now);
        link.last_sent = Some((frame.time, now));
        link.asked.get_or_insert(now);
    }

    /// Notes that the data about the frame of that time arrived.
    pub(crate) fn data_arrived(&self, time: i64, at: Instant) {
        let mut state = self.state();
        if let Some(captured) = state.link.captured(time) {
            state.to_data.add(at.saturating_duration_since(captured));
            let link = &mut state.link;
            link.last_answered = link.last_answered.max(Some(time));
            link.asked = link.outstanding().map(|_| at);
        }
    }

    /// Notes that the frame of that time came back.
    pub(crate) fn frame_arrived(&self, time: i64, at: Instant) {
        let mut state = self.state();
        if let Some(captured) = state.link.captured(time) {
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
        self.state().link.monitor.iter().for_each(VideoMonitor::request_key_frame);
    }

    pub(crate) fn paired(&self, statistics: PairingStatistics) {
        self.state().link.pairing = statistics;
    }

    /// Whether this side sends video.
    pub(crate) fn is_sending(&self) -> bool {
        self.state().link.sender.is_some()
    }

    pub(crate) fn frames_sent(&self) -> u64 {
        self.encode.encoded() + self.encode.forwarded()
    }

    /// Frames that were there and were not sent.
    pub(crate) fn not_encoded(&self) -> u64 {
        self.encode.not_taken() + self.encode.left_out() + self.encode.failed()
    }

    /// Frames that were there while there was no connection.
    pub(crate) fn disconnected(&self) -> u64 {
        self.state().disconnected
    }

    /// When the last frame left on this link, if neither it nor a later one was answered.
    pub(crate) fn outstanding(&self) -> Option<Instant> {
        self.state().link.outstanding()
    }

    /// Since when the server owes an answer on this link: when the first frame left after everything was
    /// answered, or when the last answer came that did not answer everything. Later frames do not put it off.
    pub(crate) fn asked(&self) -> Option<Instant> {
        self.state().link.asked
    }

    /// When the path was last known to be whole, both ways.
    pub(crate) fn confirmed(&self) -> Option<Instant> {
        self.state().link.confirmed()
    }

    /// Frames of this link that had left when the path was last known to be whole.
    pub(crate) fn frames_confirmed(&self) -> u64 {
        self.state().link.frames_confirmed()
    }

    /// When the last frame of this link left, where it is not known that the path was whole after that.
    pub(crate) fn unconfirmed_since(&self) -> Option<Instant> {
        let link = &mut self.state().link;
        link.frames_confirmed();
        link.departures.unconfirmed_since()
    }

    /// Whether anything was sent on this link.
    pub(crate) fn link_has_sent(&self) -> bool {
        self.state().link.last_sent.is_some()
    }

    pub(crate) fn statistics(&self) -> VideoStatistics {
        let state = self.state();
        let Traffic { sent, received, decoded, pairing } = state.before.then(state.link.traffic());
        VideoStatistics {
            codec: state.codec,
            encoded: self.encode.encoded(),
            forwarded: self.encode.forwarded(),
            not_encoded: self.encode.not_taken(),
            left_out: self.encode.left_out(),
            unencodable: self.encode.failed(),
            disconnected: state.disconnected,
            encode_time: self.encode.time_per_frame(),
            target_bitrate: self.encode.target_bitrate(),
            sent,
            received,
            decoded,
            pairing,
            to_data: state.to_data.latency(),
            to_frame: state.to_frame.latency(),
        }
    }

    fn state(&self) -> MutexGuard<'_, VideoState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_are_sent_later_put_off_no_answer_that_is_owed() {
        let live = VideoTracker::default();
        assert_eq!(live.asked(), None);
        let start = Instant::now();
        live.sent(SentFrame::new(0, start));
        let asked = live.asked().unwrap();
        live.sent(SentFrame::new(3000, start));
        assert_eq!(live.asked(), Some(asked));
        let answered = Instant::now() + Duration::from_secs(1);
        live.data_arrived(0, answered);
        assert_eq!(live.asked(), Some(answered));
        live.data_arrived(3000, answered);
        assert_eq!(live.asked(), None);
    }

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
