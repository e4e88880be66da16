//! Video on tracks: encoded frames go in on one side and come out, whole and in order, on the other.

mod bandwidth;
mod burst;
mod codec;
mod feedback;
mod receive;
mod send;

use std::sync::Arc;
use std::time::Duration;

use rtc::interceptor::{
    NackGeneratorBuilder, NackResponderBuilder, ReceiverReportBuilder, Registry,
    SenderReportBuilder, Slot,
};

use burst::BurstQueue;
pub use codec::offered_codecs;
pub(crate) use codec::{Negotiated, media_engine};
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
/// Just above the wire, so that a packet that is repeated is stamped anew.
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
    feedback: Arc<RtcpFeedback>,
    burst_queue: Arc<BurstQueue>,
}

impl VideoLink {
    pub(crate) fn new(tuning: &Arc<RuntimeTuning>) -> Self {
        Self {
            feedback: Arc::default(),
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
