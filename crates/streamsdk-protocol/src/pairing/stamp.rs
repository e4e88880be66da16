use std::time::Duration;

use super::time::{ServerTime, pts_to_90khz};
use crate::output::VideoMetadata;

/// What the receiver of a track knows about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameStamp {
    /// RTP time of the frame's packets.
    pub rtp_time: u32,
    /// How the frame follows the one before it.
    pub continuity: Continuity,
    /// When the frame's first packet arrived, since the session began. Not when the frame was
    /// whole or handed out, which with most jitter buffers is one frame late.
    pub arrived: Duration,
}

/// How a frame follows the one before it on its track, by RTP sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// The first frame on the track, a key frame, and the receiver has not asked for a key frame:
    /// the server's first.
    First,
    /// No packet is missing between this frame and the one pushed before it.
    Next,
    /// Anything else: packets are missing, a frame was not pushed, or the first frame is not
    /// [`Continuity::First`].
    AfterGap,
}

/// What the receiver of the data channel knows about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataStamp {
    /// Number of the frame that the message is about, from 1.
    pub frame_id: u32,
    /// Presentation time of that frame in 90 kHz, modulo 2³²; `None` when the message has no
    /// usable one.
    pub pts: Option<u32>,
    /// When the server took the frame.
    pub received_at: Option<ServerTime>,
    /// When the message's last chunk arrived, since the session began.
    pub arrived: Duration,
}

impl DataStamp {
    /// The stamp of a message with this metadata.
    pub fn new(metadata: Option<&VideoMetadata>, arrived: Duration) -> Self {
        let Some(metadata) = metadata else {
            return Self { frame_id: 0, pts: None, received_at: None, arrived };
        };
        let ticks = metadata.pts.zip(metadata.time_base).and_then(|(pts, time_base)| {
            // RTP time wraps, so only the low bits count.
            pts_to_90khz(pts, time_base).map(|ticks| ticks as u32)
        });
        let received_at = metadata.received_at.as_deref().and_then(ServerTime::from_iso8601);
        Self { frame_id: metadata.frame_id, pts: ticks, received_at, arrived }
    }
}

/// What an RTCP sender report (RFC 3550, 6.4.1) says about the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// RTP time of the last packet sent. A report whose RTP time is no frame's is ignored: some
    /// senders extrapolate it to the moment of the report.
    pub rtp_time: u32,
    /// NTP time at which that packet was sent, as it is on the wire; 0 when nothing was sent yet.
    pub ntp_time: u64,
}
