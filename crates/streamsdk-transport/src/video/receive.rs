//! Receiving: packets become frames again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use serde::Serialize;
use streamsdk_codec::VideoCodec;
use streamsdk_codec::rtp::{AssembledFrame, FrameAssembler, RtpPacket};
use streamsdk_protocol::pairing::SenderReport;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use super::VideoLink;
use super::bandwidth::BandwidthEstimate;
use super::feedback::RtcpFeedback;
use crate::connection_state::ConnectionState;

/// Frames that wait to be taken.
const MAX_QUEUED_FRAMES: usize = 128;
/// How long a stream may begin with something else than a key frame before one is asked for: its first
/// packets may come out of order.
const FIRST_PLI_DELAY: Duration = Duration::from_millis(50);
/// A key frame that was asked for is asked for again.
const PLI_INTERVAL: Duration = Duration::from_millis(400);
const REMB_INTERVAL: Duration = Duration::from_secs(1);

/// A frame of video as it came, encoded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IncomingFrame {
    /// The frame: for VP8 as a decoder takes it, for H264 with start codes.
    pub data: Bytes,
    /// The frame's time on the sender's RTP clock, 90 000 ticks a second; it wraps.
    pub rtp_time: u32,
    /// Whether a decoder can begin here.
    pub key_frame: bool,
    /// Whether no frame is missing between this one and the one before it.
    pub continuous: bool,
    /// Whether this is the first frame that the sender sent: a key frame that came before any was asked
    /// for.
    pub begins_stream: bool,
    /// When the first packet of the frame came.
    pub arrived: std::time::Instant,
}

/// What became of the frames that the peer sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VideoReceiveStats {
    /// Bytes of payload received.
    pub bytes: u64,
    /// Whole frames.
    pub frames: u64,
    /// Frames dropped because something of them, or of a frame that they build on, was lost.
    pub lost: u64,
    /// Frames dropped because nobody took them in time.
    pub overflowed: u64,
    /// Key frames that were asked for.
    pub key_frame_requests: u64,
}

/// Receives the frames of the peer's track.
#[derive(Debug)]
pub struct VideoReceiver {
    monitor: VideoMonitor,
    codec: VideoCodec,
    connection_state: ConnectionState,
    runtime: Handle,
}

/// Looks at what a [`VideoReceiver`] receives, from anywhere. Clones look at the same one.
#[derive(Debug, Clone)]
pub struct VideoMonitor {
    shared: Arc<ReceiverShared>,
    feedback: Arc<RtcpFeedback>,
}

#[derive(Debug, Default)]
struct ReceiverShared {
    queue: Mutex<FrameQueue>,
    changed: Notify,
    key_frame_wanted: Notify,
}

#[derive(Debug, Default)]
struct FrameQueue {
    frames: VecDeque<IncomingFrame>,
    stats: VideoReceiveStats,
    ended: bool,
    /// A frame was dropped for want of room: what builds on it is dropped as well.
    broken: bool,
}

impl VideoReceiver {
    pub(crate) fn start(
        tracks: mpsc::Receiver<Arc<dyn TrackRemote>>,
        codec: VideoCodec,
        link: &VideoLink,
        connection_state: ConnectionState,
    ) -> Self {
        let shared = Arc::new(ReceiverShared::default());
        tokio::spawn(receive_frames(tracks, codec, Arc::clone(&shared), connection_state.clone()));
        Self {
            monitor: VideoMonitor { shared, feedback: Arc::clone(&link.feedback) },
            codec,
            connection_state,
            runtime: Handle::current(),
        }
    }

    /// How the frames are encoded.
    pub fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// The next frame, whole and in order; `None` when the connection or the track is over. Cancelling
    /// loses nothing.
    ///
    /// 128 frames wait to be taken; then frames are dropped up to the next key frame, and counted.
    pub async fn recv(&mut self) -> Option<IncomingFrame> {
        loop {
            let shared = &self.monitor.shared;
            let changed = shared.changed.notified();
            {
                let mut queue = shared.queue();
                if let Some(frame) = queue.frames.pop_front() {
                    return Some(frame);
                }
                if queue.ended {
                    return None;
                }
            }
            tokio::select! {
                biased;
                () = changed => {}
                _ = self.connection_state.ended() => return shared.queue().frames.pop_front(),
            }
        }
    }

    /// [`VideoReceiver::recv`] for a thread that is no task. Must not be called from one.
    ///
    /// [`VideoMonitor::close`] ends the wait.
    pub fn blocking_recv(&mut self) -> Option<IncomingFrame> {
        let runtime = self.runtime.clone();
        runtime.block_on(self.recv())
    }

    /// What was received, and the way to ask for a key frame.
    pub fn monitor(&self) -> VideoMonitor {
        self.monitor.clone()
    }

    /// See [`VideoMonitor::request_key_frame`].
    pub fn request_key_frame(&self) {
        self.monitor.request_key_frame();
    }

    /// See [`VideoMonitor::stats`].
    pub fn stats(&self) -> VideoReceiveStats {
        self.monitor.stats()
    }

    /// The newest report of the peer about what it sends.
    pub fn sender_report(&self) -> Option<SenderReport> {
        self.monitor.feedback.sender_report()
    }
}

impl VideoMonitor {
    /// Asks the peer for a key frame.
    pub fn request_key_frame(&self) {
        self.shared.key_frame_wanted.notify_one();
    }

    /// Ends the frames: [`VideoReceiver::recv`] gives none that waits, and none that comes. The connection
    /// and what is sent on it go on.
    pub fn close(&self) {
        self.shared.queue().frames.clear();
        self.shared.end();
    }

    /// What was received and what was lost.
    pub fn stats(&self) -> VideoReceiveStats {
        let stats = self.shared.queue().stats;
        VideoReceiveStats { bytes: self.feedback.received_bytes(), ..stats }
    }
}

impl ReceiverShared {
    fn queue(&self) -> MutexGuard<'_, FrameQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.queue().ended = true;
        self.changed.notify_one();
    }
}

async fn receive_frames(
    mut tracks: mpsc::Receiver<Arc<dyn TrackRemote>>,
    codec: VideoCodec,
    shared: Arc<ReceiverShared>,
    connection_state: ConnectionState,
) {
    let receiving = async {
        if let Some(track) = tracks.recv().await {
            TrackReceiver::new(track, codec, &shared).await.run().await;
        }
    };
    tokio::select! {
        biased;
        () = receiving => {}
        _ = connection_state.ended() => {}
    }
    shared.end();
}

/// Receives one track.
struct TrackReceiver<'a> {
    track: Arc<dyn TrackRemote>,
    ssrc: u32,
    assembler: FrameAssembler,
    shared: &'a ReceiverShared,
    began: bool,
    /// When the next PLI is due.
    pli_at: Option<Instant>,
    estimate: BandwidthEstimate,
}

impl<'a> TrackReceiver<'a> {
    async fn new(
        track: Arc<dyn TrackRemote>,
        codec: VideoCodec,
        shared: &'a ReceiverShared,
    ) -> Self {
        let ssrc = track.ssrcs().await.first().copied().unwrap_or_default();
        let assembler = FrameAssembler::new(codec);
        let estimate = BandwidthEstimate::new();
        Self { track, ssrc, assembler, shared, began: false, pli_at: None, estimate }
    }

    async fn run(mut self) {
        let mut remb_interval = tokio::time::interval(REMB_INTERVAL);
        loop {
            let given_up = self.assembler.deadline().map(Instant::from_std);
            tokio::select! {
                biased;
                event = self.track.poll() => match event {
                    Some(TrackRemoteEvent::OnRtpPacket(packet)) => self.take(packet),
                    Some(TrackRemoteEvent::OnEnded) | None => return,
                    Some(_) => {}
                },
                () = due(given_up) => self.assembler.give_up(),
                () = due(self.pli_at) => self.send_pli().await,
                () = self.shared.key_frame_wanted.notified() => self.send_pli().await,
                _ = remb_interval.tick() => self.send_remb().await,
            }
            self.deliver_frames();
            self.schedule_pli();
        }
    }

    fn take(&mut self, packet: rtc::rtp::Packet) {
        self.ssrc = packet.header.ssrc;
        let rtc::rtp::Packet { header, payload } = packet;
        let packet = RtpPacket {
            sequence_number: header.sequence_number,
            timestamp: header.timestamp,
            marker: header.marker,
            payload,
        };
        self.assembler.push(packet, std::time::Instant::now());
    }

    fn deliver_frames(&mut self) {
        let now = std::time::Instant::now();
        while let Some(frame) = self.assembler.next_frame(now) {
            let asked = self.shared.queue().stats.key_frame_requests > 0;
            let begins_stream = !self.began && frame.key_frame && !asked;
            self.began = true;
            self.shared.queue().push(frame, begins_stream);
            self.shared.changed.notify_one();
        }
        self.shared.queue().stats.lost = self.assembler.lost_frames();
    }

    fn schedule_pli(&mut self) {
        let wanted = self.assembler.wants_key_frame() || self.shared.queue().broken;
        if !wanted {
            self.pli_at = None;
        } else if self.pli_at.is_none() {
            let delay = if self.began { Duration::ZERO } else { FIRST_PLI_DELAY };
            self.pli_at = Some(Instant::now() + delay);
        }
    }

    async fn send_remb(&mut self) {
        let (packets, missing) = self.assembler.packets();
        let bitrate = self.estimate.update(packets, missing) as f32;
        self.send_rtcp(ReceiverEstimatedMaximumBitrate {
            sender_ssrc: 0,
            bitrate,
            ssrcs: vec![self.ssrc],
        })
        .await;
    }

    async fn send_pli(&mut self) {
        self.pli_at = Some(Instant::now() + PLI_INTERVAL);
        self.shared.queue().stats.key_frame_requests += 1;
        self.send_rtcp(PictureLossIndication { sender_ssrc: 0, media_ssrc: self.ssrc }).await;
    }

    async fn send_rtcp(&self, packet: impl rtc::rtcp::Packet + 'static) {
        // A connection that takes no packet is over, and the next event says so.
        let _ = self.track.write_rtcp(vec![Box::new(packet)]).await;
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl FrameQueue {
    /// Adds a frame, if there is room for it and it builds on none that was dropped.
    fn push(&mut self, frame: AssembledFrame, begins_stream: bool) {
        if self.ended {
            return;
        }
        self.stats.frames += 1;
        let AssembledFrame { timestamp: rtp_time, key_frame, continuous, arrived, data } = frame;
        if self.frames.len() >= MAX_QUEUED_FRAMES || self.broken && !key_frame {
            self.broken = true;
            self.stats.overflowed += 1;
            return;
        }
        let continuous = continuous && !self.broken;
        self.broken = false;
        self.frames.push_back(IncomingFrame {
            data,
            rtp_time,
            key_frame,
            continuous,
            begins_stream,
            arrived,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(key_frame: bool) -> AssembledFrame {
        let arrived = std::time::Instant::now();
        let data = Bytes::from_static(b"x");
        AssembledFrame { timestamp: 0, key_frame, continuous: true, arrived, data }
    }

    #[test]
    fn what_comes_after_the_end_is_not_kept() {
        let mut queue = FrameQueue { ended: true, ..FrameQueue::default() };
        queue.push(frame(true), true);
        assert!(queue.frames.is_empty());
    }

    #[test]
    fn a_full_inbox_drops_up_to_the_next_key_frame_and_counts() {
        let mut queue = FrameQueue::default();
        for _ in 0..MAX_QUEUED_FRAMES {
            queue.push(frame(false), false);
        }
        assert!(!queue.broken && queue.frames.len() == MAX_QUEUED_FRAMES);
        queue.push(frame(true), false);
        assert!(queue.broken, "full");
        queue.frames.clear();
        queue.push(frame(false), false);
        assert!(queue.broken && queue.frames.is_empty(), "builds on what was dropped");
        queue.push(frame(true), false);
        assert!(!queue.broken);
        queue.push(frame(false), false);
        assert!(!queue.broken);
        let continuous: Vec<_> = queue.frames.iter().map(|frame| frame.continuous).collect();
        assert_eq!(continuous, [false, true]);
        assert_eq!(queue.stats.overflowed, 2);
    }
}
