//! Sending: frames become packets, and packets leave one after the other.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use streamsdk_codec::rtp::{Packetizer, RtpPacket};
use streamsdk_codec::{VIDEO_CLOCK_RATE, VideoCodec};
use tokio::sync::mpsc;
use tokio::time::Instant;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use super::VideoLink;
use super::burst::BurstQueue;
use super::codec::{Negotiated, capability};
use super::feedback::{RtcpFeedback, VideoSendStats};
use crate::connection_state::ConnectionState;
use crate::error::EngineError;
use crate::{EndReason, SendError};

/// Payload of a packet: with all headers it stays under every usual limit of a path.
const MAX_RTP_PAYLOAD: usize = 1150;
/// Packets that leave at once.
const MAX_BURST_PACKETS: usize = 12;
/// Share of the time to the next frame over which a frame's packets are spread.
const SPREAD_SHARE: f64 = 0.6;
const MAX_SPREAD: Duration = Duration::from_millis(50);
/// Frames that wait for the one before them to leave.
const MAX_QUEUED_FRAMES: usize = 2;

/// The track that this side sends.
pub(crate) struct OutgoingTrack {
    pub(crate) engine: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
}

impl OutgoingTrack {
    pub(crate) fn new(codec: VideoCodec) -> Self {
        let ssrc = random();
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..RTCRtpCodingParameters::default()
            },
            codec: capability(codec),
            ..RTCRtpEncodingParameters::default()
        };
        let name = format!("video-{:08x}", random());
        let track = MediaStreamTrack::new(
            format!("streamsdk-{:08x}", random()),
            name.clone(),
            name,
            RtpCodecKind::Video,
            vec![encoding],
        );
        Self { engine: Arc::new(TrackLocalStaticRTP::new(track)), ssrc }
    }
}

/// Sends encoded frames on a track. Clones send on the same one.
#[derive(Debug, Clone)]
pub struct VideoSender {
    queue: mpsc::Sender<Outgoing>,
    /// From a time that is given to the one that the receiver sees.
    rtp_offset: u32,
    feedback: Arc<RtcpFeedback>,
    codec: VideoCodec,
    connection_state: ConnectionState,
}

impl VideoSender {
    pub(crate) fn start(
        track: &OutgoingTrack,
        negotiated: Negotiated,
        link: &VideoLink,
        connection_state: ConnectionState,
    ) -> Self {
        let (sender, queue) = mpsc::channel(MAX_QUEUED_FRAMES);
        let rtp_offset = random();
        let packetizer = Packetizer::new(negotiated.codec, MAX_RTP_PAYLOAD)
            .starting_at(random() as u16, rtp_offset);
        let writer = TrackWriter {
            track: Arc::clone(&track.engine),
            burst_queue: Arc::clone(&link.burst_queue),
            payload_type: negotiated.payload_type,
            ssrc: track.ssrc,
        };
        tokio::spawn(send_frames(writer, packetizer, queue, connection_state.clone()));
        let feedback = Arc::clone(&link.feedback);
        Self { queue: sender, rtp_offset, feedback, codec: negotiated.codec, connection_state }
    }

    /// How frames must be encoded.
    pub fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// What the receiver sees as the time of a frame that is sent at `rtp_time`.
    pub fn rtp_timestamp(&self, rtp_time: u32) -> u32 {
        rtp_time.wrapping_add(self.rtp_offset)
    }

    /// Sends a frame: for VP8 as the encoder gives it, for H264 with start codes.
    ///
    /// `rtp_time` is the frame's time in ticks of [`VIDEO_CLOCK_RATE`]; the receiver sees it with a random
    /// offset ([`VideoSender::rtp_timestamp`]). The packets of a large frame are spread over part of the time to the next, 50 ms at most.
    /// Waits while two frames are waiting already. `Ok` means queued: what is lost on the way is not known here.
    ///
    /// # Errors
    ///
    /// When the connection is over.
    pub async fn send(&self, rtp_time: u32, frame: Bytes) -> Result<(), SendError> {
        match self.queue.send(Outgoing::Frame { rtp_time, data: frame }).await {
            Ok(()) => Ok(()),
            Err(_) => Err(SendError::Ended(self.connection_state.ended().await)),
        }
    }

    /// [`VideoSender::send`] for a thread that is no task. Must not be called from one.
    ///
    /// # Errors
    ///
    /// When the connection is over.
    pub fn blocking_send(&self, rtp_time: u32, frame: Bytes) -> Result<(), SendError> {
        self.blocking_queue(Outgoing::Frame { rtp_time, data: frame })
    }

    /// Lets receivers know that the last frame is whole, to be called when no more come. Some, aiortc
    /// among them, know a frame to be whole only when something of another time follows it, and would
    /// keep the last one for ever. Must not be called from a task.
    ///
    /// # Errors
    ///
    /// When the connection is over.
    pub fn blocking_end(&self) -> Result<(), SendError> {
        self.blocking_queue(Outgoing::EndOfFrames)
    }

    fn blocking_queue(&self, outgoing: Outgoing) -> Result<(), SendError> {
        self.queue.blocking_send(outgoing).map_err(|_| {
            self.connection_state.end_reason().map_or(SendError::ChannelClosed, SendError::Ended)
        })
    }

    /// Why nothing more can be sent, if that is so.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.connection_state.end_reason()
    }

    /// An error if nothing more can be sent.
    ///
    /// # Errors
    ///
    /// Why nothing more can be sent, if that is so.
    pub fn check(&self) -> Result<(), SendError> {
        self.end_reason().map_or(Ok(()), |reason| Err(SendError::Ended(reason)))
    }

    /// Whether the peer asked for a key frame since this was last called.
    pub fn take_key_frame_request(&self) -> bool {
        self.feedback.take_key_frame_request()
    }

    /// What was sent, and what the peer says about it.
    pub fn stats(&self) -> VideoSendStats {
        self.feedback.sent()
    }
}

/// What waits to leave.
#[derive(Debug)]
enum Outgoing {
    Frame { rtp_time: u32, data: Bytes },
    EndOfFrames,
}

/// How packets get to the peer.
struct TrackWriter {
    track: Arc<TrackLocalStaticRTP>,
    burst_queue: Arc<BurstQueue>,
    payload_type: u8,
    ssrc: u32,
}

impl TrackWriter {
    async fn send(&self, packets: impl Iterator<Item = RtpPacket>) {
        let packets = packets.map(|packet| self.with_header(packet));
        if let Err(error) = self.burst_queue.send(&*self.track, packets).await {
            tracing::debug!(error = %EngineError::from(error), "packets were not sent");
        }
    }

    fn with_header(&self, packet: RtpPacket) -> rtp::Packet {
        let header = rtp::header::Header {
            version: 2,
            marker: packet.marker,
            payload_type: self.payload_type,
            sequence_number: packet.sequence_number,
            timestamp: packet.timestamp,
            ssrc: self.ssrc,
            ..rtp::header::Header::default()
        };
        rtp::Packet { header, payload: packet.payload }
    }
}

async fn send_frames(
    writer: TrackWriter,
    mut packetizer: Packetizer,
    mut queue: mpsc::Receiver<Outgoing>,
    connection_state: ConnectionState,
) {
    let mut pacer = Pacer::default();
    let sending = async {
        while let Some(outgoing) = queue.recv().await {
            let Outgoing::Frame { rtp_time, data } = outgoing else {
                writer.send(std::iter::once(packetizer.end_of_frames())).await;
                continue;
            };
            let mut packets = packetizer.packetize(rtp_time, &data).into_iter();
            let started = Instant::now();
            let spread = pacer.spread(rtp_time, started);
            let bursts = packets.len().div_ceil(MAX_BURST_PACKETS) as u32;
            for burst in 0..bursts {
                if burst > 0 {
                    tokio::time::sleep_until(started + spread * burst / bursts).await;
                }
                writer.send(packets.by_ref().take(MAX_BURST_PACKETS)).await;
            }
        }
    };
    tokio::select! {
        biased;
        () = sending => {}
        _ = connection_state.ended() => {}
    }
}

/// Over how long a frame may be spread.
#[derive(Debug, Default)]
struct Pacer {
    last: Option<(u32, Instant)>,
}

impl Pacer {
    fn spread(&mut self, rtp_time: u32, now: Instant) -> Duration {
        let Some((last_time, last)) = self.last.replace((rtp_time, now)) else {
            return MAX_SPREAD / 2;
        };
        let ticks = rtp_time.wrapping_sub(last_time);
        let interval = Duration::from_secs_f64(f64::from(ticks) / f64::from(VIDEO_CLOCK_RATE));
        // A frame that is late already is not held up.
        let late = now.saturating_duration_since(last).saturating_sub(interval);
        interval.mul_f64(SPREAD_SHARE).min(MAX_SPREAD).saturating_sub(late)
    }
}

/// Random enough that two streams do not meet.
fn random() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0_u8) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn frames_are_spread_over_part_of_their_interval_unless_they_are_late() {
        let mut pacer = Pacer::default();
        let start = Instant::now();
        pacer.spread(0, start);
        let spread = pacer.spread(3000, start + Duration::from_millis(33));
        assert!((19..=20).contains(&spread.as_millis()), "{spread:?}");
        assert_eq!(pacer.spread(93_000, start + Duration::from_millis(1033)), MAX_SPREAD);
        assert_eq!(pacer.spread(96_000, start + Duration::from_millis(1133)), Duration::ZERO);
    }
}
