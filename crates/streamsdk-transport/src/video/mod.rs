//! Video on tracks: encoded frames go in on one side and come out, whole and in order, on the other.

mod bandwidth;
mod burst;
mod codec;
mod fast_path;
mod feedback;
mod receive;
mod send;
mod send_time;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use rtc::interceptor::{
    NackGeneratorBuilder, NackResponderBuilder, ReceiverReportBuilder, Registry,
    SenderReportBuilder, Slot,
};

use burst::BurstQueue;
pub use codec::offered_codecs;
pub(crate) use codec::{Negotiated, media_engine};
pub(crate) use fast_path::FastPath;
use feedback::RtcpFeedback;
pub use feedback::VideoSendStats;
pub use receive::{IncomingFrame, VideoMonitor, VideoReceiveStats, VideoReceiver};
pub(crate) use send::OutgoingTrack;
pub use send::VideoSender;

use crate::runtime::tuning::RuntimeTuning;

/// How often a missing packet is asked for.
const NACK_INTERVAL: Duration = Duration::from_millis(20);
const MAX_NACKS: u16 = 25;
/// Packets that are kept in case they are asked for again: a second at 5 Mbit/s.
const MAX_RETRANSMIT_PACKETS: u16 = 512;
const REPORT_INTERVAL: Duration = Duration::from_millis(500);
/// Just above the wire, so that a packet that is repeated is counted again.
const STATS_SLOT: usize = 3_500;
/// Above all that keeps or counts what is sent.
const BURST_SLOT: usize = 20_000;

/// Which way video goes, seen from the side that makes the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum VideoDirection {
    /// Both ways on one track slot.
    SendAndReceive,
    /// Only to the peer.
    SendOnly,
    /// Only from the peer.
    ReceiveOnly,
}

impl VideoDirection {
    /// Whether the side that makes the offer sends.
    pub fn sends(self) -> bool {
        self != Self::ReceiveOnly
    }

    /// Whether the side that makes the offer receives.
    pub fn receives(self) -> bool {
        self != Self::SendOnly
    }
}

/// The two ends of a connection's video on this side.
#[derive(Debug)]
#[non_exhaustive]
pub struct Video {
    /// What this side sends; `None` when it only receives.
    pub sender: Option<VideoSender>,
    /// What this side receives; `None` when it only sends.
    pub receiver: Option<VideoReceiver>,
}

/// What the ends of a connection's video share with the engine's chain of interceptors.
#[derive(Debug, Clone)]
pub(crate) struct VideoLink {
    tuning: Arc<RuntimeTuning>,
    feedback: Arc<RtcpFeedback>,
    burst_queue: Arc<BurstQueue>,
}

impl VideoLink {
    pub(crate) fn new(tuning: &Arc<RuntimeTuning>) -> Self {
        Self {
            tuning: Arc::clone(tuning),
            feedback: Arc::new(RtcpFeedback::new(&tuning.fast_path)),
            burst_queue: Arc::new(BurstQueue::new(Arc::clone(tuning))),
        }
    }
}

/// What handles the engine's RTP and RTCP.
pub(crate) fn interceptors(link: &VideoLink) -> Registry {
    let nack = NackGeneratorBuilder::new()
        .with_interval(NACK_INTERVAL)
        .with_max_nacks_per_packet(MAX_NACKS);
    Registry::new()
        .with(Slot::from(STATS_SLOT), feedback::StatsInterceptor::new(Arc::clone(&link.feedback)))
        .with(
            Slot::NackResponder,
            NackResponderBuilder::new().with_size(MAX_RETRANSMIT_PACKETS).build(),
        )
        .with(Slot::NackGenerator, nack.build())
        .with(
            Slot::ReceiverReport,
            ReceiverReportBuilder::new().with_interval(REPORT_INTERVAL).build(),
        )
        .with(Slot::SenderReport, SenderReportBuilder::new().with_interval(REPORT_INTERVAL).build())
        .with(Slot::from(BURST_SLOT), burst::BurstInjector::new(Arc::clone(&link.burst_queue)))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rtc::interceptor::{
        Interceptor, Packet, RTCPFeedback, RTPHeaderExtension, StreamInfo, TaggedPacket,
    };
    use rtc::rtcp::transport_feedbacks::transport_layer_nack::{NackPair, TransportLayerNack};
    use rtc::rtp;
    use rtc::sansio::Protocol;
    use rtc::shared::TransportContext;

    use super::*;
    use crate::video::codec::ABS_SEND_TIME;

    const SSRC: u32 = 7;

    fn stream() -> StreamInfo {
        let uri = ABS_SEND_TIME.to_owned();
        StreamInfo {
            ssrc: SSRC,
            rtp_header_extensions: vec![RTPHeaderExtension { uri, id: 3 }],
            rtcp_feedback: vec![RTCPFeedback { typ: "nack".to_owned(), parameter: String::new() }],
            ..StreamInfo::default()
        }
    }

    fn tagged(packet: Packet) -> TaggedPacket {
        let transport = TransportContext::default();
        TaggedPacket { now: Instant::now(), transport, message: packet.into() }
    }

    /// The RTP packets that leave.
    fn left(chain: &mut impl Interceptor) -> Vec<rtp::Packet> {
        let rtp = |packet: TaggedPacket| match packet.message.packet {
            Packet::Rtp(packet) => Some(packet),
            _ => None,
        };
        std::iter::from_fn(|| chain.poll_write()).filter_map(rtp).collect()
    }

    #[test]
    fn a_packet_that_is_repeated_is_the_one_that_was_sent() {
        let link = VideoLink::new(&Arc::default());
        let mut chain = interceptors(&link).build();
        chain.bind_local_stream(&stream());
        let mut sent = Vec::new();
        for sequence_number in 0..300 {
            let header = rtp::header::Header { sequence_number, ssrc: SSRC, ..Default::default() };
            let packet = rtp::Packet { header, ..Default::default() };
            let trigger = link.burst_queue.enqueue(std::iter::once(packet)).unwrap();
            chain.handle_write(tagged(Packet::Rtp(trigger))).unwrap();
            sent.extend(left(&mut chain));
        }
        assert!(sent.iter().all(|packet| packet.header.get_extension(3).is_some()));
        let pair = NackPair { packet_id: 0, lost_packets: u16::MAX };
        let nack = TransportLayerNack { media_ssrc: SSRC, nacks: vec![pair], sender_ssrc: 0 };
        chain.handle_read(tagged(Packet::Rtcp(vec![Box::new(nack)]))).unwrap();
        assert_eq!(left(&mut chain), sent[..17]);
        let stats = link.feedback.sent();
        assert_eq!((stats.packets, stats.nacks, stats.missed), (317, 17, 17));
    }
}
