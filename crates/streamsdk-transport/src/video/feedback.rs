//! What a connection's RTP and RTCP tell, gathered while they pass.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport as EngineSenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::sansio::Protocol;
use serde::Serialize;
use streamsdk_codec::VIDEO_CLOCK_RATE;
use streamsdk_protocol::pairing::SenderReport;
use streamsdk_protocol::seconds;

use super::fast_path::{FastPath, Sent};

/// Seconds from the epoch of NTP to that of Unix.
const NTP_TO_UNIX: u64 = 2_208_988_800;
/// How many packets are remembered to have been asked for again: more than are kept to be sent again.
const MAX_REMEMBERED_NACKS: usize = 1024;

/// What the peer says about the video that it receives, and what was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct VideoSendStats {
    /// RTP packets sent, repeated ones included.
    pub packets: u64,
    /// Bytes of payload in them.
    pub bytes: u64,
    /// Packets that the peer asked for again.
    pub nacks: u64,
    /// Key frames that the peer asked for.
    pub key_frame_requests: u64,
    /// The bandwidth that the peer estimates, in bits per second.
    pub remb: Option<u64>,
    /// How many estimates of the bandwidth and reports of loss have come.
    pub reports: u64,
    /// Share of the packets that the peer was missing lately, 0 to 1, not counting those that came when
    /// they were sent again.
    pub loss: Option<f64>,
    /// Packets that did not arrive at first, whether or not they came when they were sent again.
    pub missed: u64,
    /// Time for a packet to go and come back.
    #[serde(rename = "round_trip_s", serialize_with = "seconds::serialize_option")]
    pub round_trip: Option<Duration>,
    /// When the newest report left that the peer has answered: the path was whole then, both ways. A
    /// report leaves, and is answered, every second or so, also when nothing more is sent.
    #[serde(skip)]
    pub confirmed: Option<Instant>,
}

impl VideoSendStats {
    /// Share of all packets that did not arrive at first, 0 to 1; 0 when none was sent.
    pub fn missed_share(&self) -> f64 {
        if self.packets == 0 { 0.0 } else { self.missed as f64 / self.packets as f64 }
    }
}

#[derive(Debug, Default)]
pub(super) struct RtcpFeedback {
    fast_path: Arc<FastPath>,
    key_frame_wanted: AtomicBool,
    received_bytes: AtomicU64,
    state: Mutex<FeedbackState>,
}

#[derive(Debug, Default)]
struct FeedbackState {
    sent: VideoSendStats,
    /// The newest packets that were asked for again, which a peer does more than once.
    nacked: VecDeque<u16>,
    sender_report: Option<SenderReport>,
}

impl FeedbackState {
    fn on_nack(&mut self, nack: &TransportLayerNack) {
        for pair in &nack.nacks {
            let mask = pair.lost_packets;
            let others = (0..16_u16).filter(|bit| mask & 1 << bit != 0);
            let others = others.map(|bit| pair.packet_id.wrapping_add(bit + 1));
            std::iter::once(pair.packet_id).chain(others).for_each(|id| self.count_nack(id));
        }
    }

    fn count_nack(&mut self, packet: u16) {
        self.sent.nacks += 1;
        if self.nacked.contains(&packet) {
            return;
        }
        self.sent.missed += 1;
        if self.nacked.len() >= MAX_REMEMBERED_NACKS {
            self.nacked.pop_front();
        }
        self.nacked.push_back(packet);
    }
}

impl RtcpFeedback {
    pub(super) fn new(fast_path: &Arc<FastPath>) -> Self {
        Self { fast_path: Arc::clone(fast_path), ..Self::default() }
    }

    /// Counts packets that have left, and their payload.
    pub(super) fn count_sent(&self, packets: u64, bytes: u64) {
        let mut state = self.state();
        state.sent.packets += packets;
        state.sent.bytes += bytes;
    }

    /// Whether a key frame was asked for since this was last called.
    pub(super) fn take_key_frame_request(&self) -> bool {
        self.key_frame_wanted.swap(false, Ordering::AcqRel)
    }

    pub(super) fn sent(&self) -> VideoSendStats {
        self.state().sent
    }

    pub(super) fn sender_report(&self) -> Option<SenderReport> {
        self.state().sender_report
    }

    pub(super) fn received_bytes(&self) -> u64 {
        self.received_bytes.load(Ordering::Relaxed)
    }

    fn take_rtcp(&self, packet: &dyn rtc::rtcp::Packet) {
        let any = packet.as_any();
        if any.is::<PictureLossIndication>() || any.is::<FullIntraRequest>() {
            self.state().sent.key_frame_requests += 1;
            self.key_frame_wanted.store(true, Ordering::Release);
        } else if let Some(remb) = any.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
            let mut state = self.state();
            state.sent.remb = Some(remb.bitrate as u64);
            state.sent.reports += 1;
        } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
            self.state().on_nack(nack);
            let (packets, bytes) = self.fast_path.repeat(nack);
            self.count_sent(packets, bytes);
        } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
            self.take_reception(&report.reports);
        } else if let Some(report) = any.downcast_ref::<EngineSenderReport>() {
            self.take_reception(&report.reports);
            let (rtp_time, ntp_time) = (report.rtp_time, report.ntp_time);
            self.state().sender_report = Some(SenderReport { rtp_time, ntp_time });
        }
    }

    fn take_reception(&self, reports: &[ReceptionReport]) {
        let Some(report) = reports.first() else { return };
        let mut state = self.state();
        state.sent.reports += 1;
        state.sent.loss = Some(f64::from(report.fraction_lost) / 256.0);
        // Of a peer that asks for nothing again, this is all that is known. Negative where packets came twice.
        let lost = u64::try_from(report.total_lost as i32).unwrap_or_default();
        state.sent.missed = state.sent.missed.max(lost);
        if report.last_sender_report != 0 {
            let now = (ntp_now() >> 16) as u32;
            let ticks = now.wrapping_sub(report.last_sender_report).wrapping_sub(report.delay);
            // More than half of the clock's range is a time in the future.
            if ticks < 1 << 31 {
                state.sent.round_trip = Some(duration(ticks));
                let left = Instant::now().checked_sub(duration(ticks.saturating_add(report.delay)));
                state.sent.confirmed = state.sent.confirmed.max(left);
            }
        }
    }

    /// Has the engine's reports say what has left around it.
    fn correct(&self, reports: &mut [Box<dyn rtc::rtcp::Packet>], now: Instant) {
        let Some(Sent { packets, bytes, newest }) = self.fast_path.sent() else { return };
        for packet in reports {
            let Some(report) = packet.as_any().downcast_ref::<EngineSenderReport>() else {
                continue;
            };
            let mut report = report.clone();
            report.packet_count = report.packet_count.wrapping_add(packets as u32);
            report.octet_count = report.octet_count.wrapping_add(bytes as u32);
            if let Some((rtp_time, left)) = newest {
                let since = now.saturating_duration_since(left).as_secs_f64();
                let ticks = since * f64::from(VIDEO_CLOCK_RATE);
                report.rtp_time = rtp_time.wrapping_add(ticks as u32);
            }
            *packet = Box::new(report);
        }
    }

    fn state(&self) -> MutexGuard<'_, FeedbackState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of ticks of the middle of an NTP time.
fn duration(ticks: u32) -> Duration {
    Duration::from_secs_f64(f64::from(ticks) / 65_536.0)
}

pub(super) fn ntp_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (since.as_secs() + NTP_TO_UNIX) << 32 | fraction
}

/// Stands in the engine's chain, and notes what passes.
#[derive(Default)]
pub(super) struct StatsInterceptor {
    feedback: Arc<RtcpFeedback>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl StatsInterceptor {
    pub(super) fn new(feedback: Arc<RtcpFeedback>) -> Self {
        Self { feedback, ..Self::default() }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for StatsInterceptor {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = rtc::shared::error::Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Self::Error> {
        match &packet.message.packet {
            Packet::Rtcp(packets) => {
                packets.iter().for_each(|packet| self.feedback.take_rtcp(&**packet));
            }
            Packet::Rtp(rtp) => {
                let bytes = rtp.payload.len() as u64;
                self.feedback.received_bytes.fetch_add(bytes, Ordering::Relaxed);
            }
            _ => {}
        }
        self.reads.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<Self::Rout> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, mut packet: TaggedPacket) -> Result<(), Self::Error> {
        match &mut packet.message.packet {
            Packet::Rtp(rtp) => self.feedback.count_sent(1, rtp.payload.len() as u64),
            Packet::Rtcp(reports) => self.feedback.correct(reports, packet.now),
            _ => {}
        }
        self.writes.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<Self::Wout> {
        self.writes.pop_front()
    }
}

impl Interceptor for StatsInterceptor {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}

    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}

    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use rtc::rtcp::transport_feedbacks::transport_layer_nack::NackPair;

    use super::*;

    #[test]
    fn the_round_trip_is_what_a_report_leaves_of_the_time_since_it_was_asked_for() {
        let feedback = RtcpFeedback::default();
        let asked = (ntp_now() >> 16) as u32 - 65_536;
        let report = ReceptionReport {
            last_sender_report: asked,
            delay: 65_536 * 9 / 10,
            fraction_lost: 64,
            ..ReceptionReport::default()
        };
        feedback.take_rtcp(&ReceiverReport { reports: vec![report], ..ReceiverReport::default() });
        let sent = feedback.sent();
        let round_trip = sent.round_trip.unwrap();
        assert!((90..300).contains(&round_trip.as_millis()), "{round_trip:?}");
        assert_eq!(sent.loss, Some(0.25));
        let confirmed = sent.confirmed.unwrap().elapsed();
        assert!((1000..1300).contains(&confirmed.as_millis()), "{confirmed:?}");
    }

    #[test]
    fn a_clock_that_runs_backwards_gives_no_round_trip() {
        let feedback = RtcpFeedback::default();
        let report = ReceptionReport {
            last_sender_report: ((ntp_now() >> 16) as u32).wrapping_add(1 << 20),
            ..ReceptionReport::default()
        };
        feedback.take_rtcp(&ReceiverReport { reports: vec![report], ..ReceiverReport::default() });
        assert_eq!((feedback.sent().round_trip, feedback.sent().confirmed), (None, None));
    }

    #[test]
    fn a_key_frame_is_asked_for_once() {
        let feedback = RtcpFeedback::default();
        feedback.take_rtcp(&PictureLossIndication::default());
        assert!(feedback.take_key_frame_request() && !feedback.take_key_frame_request());
    }

    #[test]
    fn a_packet_that_is_asked_for_again_and_again_was_missed_once() {
        let feedback = RtcpFeedback::default();
        let pair = NackPair { packet_id: u16::MAX, lost_packets: 0b101 };
        let nack = TransportLayerNack { nacks: vec![pair], ..TransportLayerNack::default() };
        feedback.take_rtcp(&nack);
        feedback.take_rtcp(&nack);
        let sent = VideoSendStats { packets: 60, ..feedback.sent() };
        assert_eq!((sent.nacks, sent.missed), (6, 3));
        assert_eq!(sent.missed_share(), 0.05);
    }
}
