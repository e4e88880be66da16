//! The end of a track at which frames go in.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use streamsdk_codec::VideoCodec;
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use super::VideoLink;
use super::codec::{Negotiated, capability};
use super::fast_path::FastPath;
use super::feedback::{RtcpFeedback, VideoSendStats};
use super::writer::{Outgoing, TrackWriter, Waiting, send_frames};
use crate::connection_state::ConnectionState;
use crate::{EndReason, SendError};

/// Frames that wait for the one before them to leave.
const MAX_QUEUED_FRAMES: usize = 2;

/// The track that this side sends.
pub(crate) struct OutgoingTrack {
    pub(crate) engine: Arc<TrackLocalStaticRTP>,
    pub(super) ssrc: u32,
}

impl OutgoingTrack {
    pub(crate) fn new(codec: VideoCodec, fast_path: &FastPath) -> Self {
        let ssrc = random();
        fast_path.expect(ssrc);
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
    queue: mpsc::Sender<Waiting>,
    /// For as long as the connection stands.
    writer: Weak<TrackWriter>,
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
        let writer = TrackWriter::new(track, negotiated, rtp_offset, link);
        let writer = Arc::new(writer);
        let ended = connection_state.clone();
        let feedback = Arc::clone(&link.feedback);
        let sender = Self {
            queue: sender,
            writer: Arc::downgrade(&writer),
            rtp_offset,
            feedback,
            codec: negotiated.codec,
            connection_state,
        };
        tokio::spawn(send_frames(writer, queue, ended));
        sender
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
    /// `rtp_time` is the frame's time in ticks of [`VIDEO_CLOCK_RATE`](crate::VIDEO_CLOCK_RATE); the receiver sees it with a random
    /// offset ([`VideoSender::rtp_timestamp`]). The packets of a large frame are spread over part of the time to the next, 50 ms at most.
    /// Waits while two frames are waiting already. `Ok` means queued: what is lost on the way is not known here.
    ///
    /// # Errors
    ///
    /// When the connection is over.
    pub async fn send(&self, rtp_time: u32, frame: Bytes) -> Result<(), SendError> {
        let Some(waiting) = self.send_at_once(rtp_time, frame) else { return Ok(()) };
        match self.queue.send(waiting).await {
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
        self.send_at_once(rtp_time, frame).map_or(Ok(()), |waiting| self.blocking_queue(waiting))
    }

    /// Lets receivers know that the last frame is whole, to be called when no more come. Some, aiortc
    /// among them, know a frame to be whole only when something of another time follows it, and would
    /// keep the last one for ever. Must not be called from a task.
    ///
    /// # Errors
    ///
    /// When the connection is over.
    pub fn blocking_end(&self) -> Result<(), SendError> {
        self.blocking_queue(Waiting::new(&self.writer, Outgoing::EndOfFrames))
    }

    /// Sends a frame, and returns what has to wait of it.
    fn send_at_once(&self, rtp_time: u32, data: Bytes) -> Option<Waiting> {
        let frame = Outgoing::Frame { rtp_time, data };
        let rest = match self.writer.upgrade() {
            Some(writer) => writer.send_at_once(frame)?,
            None => frame,
        };
        Some(Waiting::new(&self.writer, rest))
    }

    fn blocking_queue(&self, outgoing: Waiting) -> Result<(), SendError> {
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

/// Random enough that two streams do not meet.
pub(super) fn random() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0_u8) as u32
}
