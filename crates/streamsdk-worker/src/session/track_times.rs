use std::time::{Duration, Instant};

use streamsdk_media::{Frame, StreamClock, TimeBase, Timestamp};
use streamsdk_transport::VideoSender;

/// The times of the pictures on a track, which are known before the pictures are encoded.
///
/// What is sent on the track has times that grow from 0 already, so that nothing is changed of them there.
#[derive(Debug)]
pub(super) struct TrackTimes {
    clock: StreamClock,
    /// What the receiver sees of 0.
    offset: u32,
}

impl TrackTimes {
    pub(super) fn of(track: &VideoSender) -> Self {
        let clock = StreamClock::relayed(TimeBase::RTP_VIDEO).from_zero();
        Self { clock: clock.longest_step(Duration::MAX), offset: track.rtp_timestamp(0) }
    }

    /// The time of the next frame: for the track, and as the receiver sees it.
    pub(super) fn next(&mut self, frame: &Frame) -> (Timestamp, u32) {
        let time = self.clock.stamp(frame.timestamp(), Instant::now());
        // The clock of a track wraps.
        (time, self.offset.wrapping_add(time.pts as u32))
    }
}
