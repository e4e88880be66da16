//! A track's frames, decoded as they come.

use std::time::{Duration, Instant};

use streamsdk_capture::{
    CaptureError, CapturedFrame, Damage, FrameProducer, ProducerFormat, StopHandle,
};
use streamsdk_codec::rtp::TimestampUnwrapper;
use streamsdk_media::video::{self, DecodeError, DecoderConfig, TRACK_COLOR_SPACE, VideoDecoder};
use streamsdk_media::{Frame, StreamClock, TimeBase, Timestamp};
use streamsdk_transport::{IncomingFrame, VideoCodec, VideoReceiver};
use tracing::debug;

/// What errors call the track.
const ORIGIN: &str = "the peer's video track";
/// A key frame takes a while to come: it is not asked for again in this time.
const KEY_FRAME_REQUEST_INTERVAL: Duration = Duration::from_millis(500);

/// The frames that a peer sends on a track, decoded on the thread that asks for them.
///
/// Frames are I420 in [`TRACK_COLOR_SPACE`], unless the stream says otherwise. Their times are in ticks of
/// [`TimeBase::RTP_VIDEO`], begin at 0 with the first frame that came, and grow whatever the sender's clock
/// does. A frame that cannot be decoded is left out and counted in [`FrameProducer::damage`], and a key
/// frame is asked for where that helps.
///
/// The connection keeps 128 frames, encoded; when more wait, frames are dropped up to the next key frame,
/// and [`CapturedFrame::dropped`] counts them. Where a consumer is slow, put
/// [`latest`](FrameProducer::latest) or [`buffered`](FrameProducer::buffered) in front of it.
///
/// [`next_frame`](FrameProducer::next_frame) waits for as long as it takes, whatever its time limit: the
/// [`StopHandle`] or the connection ends the wait. It must not be called from a task.
pub struct TrackDecoder {
    receiver: VideoReceiver,
    decoding: Result<TrackDecoding, CaptureError>,
    stop_handle: StopHandle,
    next_sequence: u64,
    /// Frames that were whole and could not be decoded.
    undecodable: u64,
    /// Frames that were whole and that the connection had no more room for, up to the newest one.
    overflowed: u64,
}

impl TrackDecoder {
    /// Of frames of at most `max_pixels`; a larger one ends the frames with an error. So does a codec that
    /// cannot be decoded here.
    pub fn new(receiver: VideoReceiver, max_pixels: u32) -> Self {
        let (stop_handle, monitor) = (StopHandle::default(), receiver.monitor());
        stop_handle.on_stop(move || monitor.close());
        let decoding = TrackDecoding::new(receiver.codec(), max_pixels);
        Self { receiver, decoding, stop_handle, next_sequence: 0, undecodable: 0, overflowed: 0 }
    }

    fn captured(&mut self, frame: Frame) -> CapturedFrame {
        let overflowed = self.receiver.stats().overflowed;
        let dropped = overflowed - std::mem::replace(&mut self.overflowed, overflowed);
        let sequence = self.next_sequence + dropped;
        self.next_sequence = sequence + 1;
        CapturedFrame::new(frame, sequence).dropped(dropped)
    }

    /// What comes next from the peer, encoded.
    fn next_encoded(&mut self) -> Result<IncomingFrame, CaptureError> {
        self.receiver.blocking_recv().ok_or_else(|| {
            if self.stop_handle.is_stopped() {
                return CaptureError::Stopped;
            }
            debug!(stats = ?self.receiver.stats(), "the track is over");
            CaptureError::EndOfStream
        })
    }
}

impl FrameProducer for TrackDecoder {
    /// Known from the first frame on, by whoever takes it.
    fn format(&self) -> Option<&ProducerFormat> {
        None
    }

    fn next_frame(&mut self, _timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        loop {
            let incoming = self.next_encoded()?;
            let decoding = self.decoding.as_mut().map_err(|error| error.clone())?;
            match decoding.decode(&incoming, &self.receiver)? {
                Some(frame) => return Ok(self.captured(frame)),
                None => self.undecodable += 1,
            }
        }
    }

    fn stop_handle(&self) -> StopHandle {
        self.stop_handle.clone()
    }

    fn damage(&self) -> Damage {
        let mut damage = Damage::default();
        damage.missing_frames = self.receiver.stats().lost;
        damage.undecodable_packets = self.undecodable;
        damage
    }
}

impl std::fmt::Debug for TrackDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrackDecoder")
            .field("codec", &self.receiver.codec())
            .field("undecodable", &self.undecodable)
            .finish_non_exhaustive()
    }
}

struct TrackDecoding {
    decoder: Box<dyn VideoDecoder>,
    clock: TrackClock,
    /// When a key frame was last asked for.
    asked: Option<Instant>,
}

impl TrackDecoding {
    fn new(codec: VideoCodec, max_pixels: u32) -> Result<Self, CaptureError> {
        let config =
            DecoderConfig::default().max_pixels(max_pixels).untagged(TRACK_COLOR_SPACE.matrix);
        let decoder = video::decoder(codec, config).map_err(unusable)?;
        Ok(Self { decoder, clock: TrackClock::new(), asked: None })
    }

    /// # Errors
    ///
    /// Where no later frame can be decoded either: they are too large, or of another kind.
    fn decode(
        &mut self,
        incoming: &IncomingFrame,
        receiver: &VideoReceiver,
    ) -> Result<Option<Frame>, CaptureError> {
        let timestamp = self.clock.time_of(incoming.rtp_time, incoming.arrived);
        match self.decoder.decode(&incoming.data, timestamp) {
            Ok(frame) => Ok(frame),
            Err(error @ (DecodeError::TooLarge { .. } | DecodeError::Unsupported { .. })) => {
                Err(unusable(error))
            }
            Err(error) => {
                debug!(%error, "a frame was not decoded");
                if self.key_frame_is_due(&error) {
                    receiver.request_key_frame();
                }
                Ok(None)
            }
        }
    }

    fn key_frame_is_due(&mut self, error: &DecodeError) -> bool {
        let is_coming =
            self.asked.is_some_and(|asked| asked.elapsed() < KEY_FRAME_REQUEST_INTERVAL);
        let is_due = error.needs_key_frame() && !is_coming;
        if is_due {
            self.asked = Some(Instant::now());
        }
        is_due
    }
}

fn unusable(error: impl std::error::Error) -> CaptureError {
    CaptureError::Failed { origin: ORIGIN.to_owned(), reason: error.to_string() }
}

/// Turns RTP times, which begin anywhere and wrap, into times that begin at 0 and grow. What is said about
/// a frame and the frame that goes back have one time, or nobody could tell that they belong together.
struct TrackClock {
    unwrapper: TimestampUnwrapper,
    stream: StreamClock,
}

impl TrackClock {
    fn new() -> Self {
        let stream = StreamClock::relayed(TimeBase::RTP_VIDEO).from_zero();
        Self { unwrapper: TimestampUnwrapper::default(), stream }
    }

    fn time_of(&mut self, rtp_time: u32, arrived: Instant) -> Timestamp {
        let own = Timestamp::new(self.unwrapper.unwrap(rtp_time), TimeBase::RTP_VIDEO);
        self.stream.stamp(Some(own), arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times of frames that come every 40 ms.
    fn times(rtp_times: impl IntoIterator<Item = u32>) -> Vec<i64> {
        let (mut clock, start) = (TrackClock::new(), Instant::now());
        let frames = (0..).zip(rtp_times);
        frames.map(|(n, time)| clock.time_of(time, start + FRAME_TIME * n).pts).collect()
    }

    #[test]
    fn times_begin_at_zero_and_go_on_where_the_clock_wraps() {
        let begin = u32::MAX - 5000;
        let times = times((0..10).map(|n| begin.wrapping_add(n * 3600)));
        assert_eq!(times, (0..10).map(|n| n * 3600).collect::<Vec<_>>());
    }

    #[test]
    fn a_clock_that_is_set_while_the_track_runs_makes_no_difference() {
        for step in [100 * 90_000, 3600 * 90_000, (100_u32 * 90_000).wrapping_neg(), 1 << 31] {
            let rtp_time = |n: u32| (n * 3600).wrapping_add(if n < 10 { 0 } else { step });
            let times = times((0..20).map(rtp_time));
            assert_eq!(times, (0..20).map(|n| n * 3600).collect::<Vec<_>>(), "{step}");
        }
    }

    const FRAME_TIME: Duration = Duration::from_millis(40);
}
