//! The pictures of a camera as frames, on the caller's thread.

use std::time::{Duration, Instant};

use rustix::io::Errno;
use streamsdk_media::{TimeBase, Timestamp};

use super::buffers::{Buffers, FilledBuffer};
use super::device::Device;
use super::failure;
use super::frame_decoder::FrameDecoder;
use super::stamps::{ClockReading, FrameClock, Sequence};
use super::wakeup::{PollOutcome, Wakeup};
use crate::{CaptureError, CapturedFrame, StopHandle};

/// A camera that is running.
pub(super) struct CaptureStream {
    /// Before the device: what is mapped goes first.
    buffers: Buffers,
    device: Device,
    pictures: FrameDecoder,
    wakeup: Wakeup,
    stop_handle: StopHandle,
    read_timeout: Duration,
    /// How long it takes for a picture to come after one that is old.
    frame_timeout: Duration,
    sequence_numbers: Sequence,
    clock: FrameClock,
    /// When one was taken, whether or not it could be decoded.
    last_picture: Instant,
    /// Pictures since the last frame that could not be decoded.
    undecodable: u32,
}

impl CaptureStream {
    pub(super) fn start(
        device: Device,
        pictures: FrameDecoder,
        rate: Option<f64>,
        read_timeout: Duration,
        stop_handle: StopHandle,
    ) -> Result<Self, CaptureError> {
        let wakeup =
            Wakeup::new(&stop_handle).map_err(|errno| device.failed("making an eventfd", errno))?;
        let buffers = Buffers::start(&device)?;
        let capacity = buffers.capacity();
        if capacity < pictures.least_bytes() {
            let reason = format!("its buffers of {capacity} bytes have no room for its pictures");
            return Err(CaptureError::Failed { origin: device.origin().to_owned(), reason });
        }
        Ok(Self {
            buffers,
            device,
            pictures,
            wakeup,
            stop_handle,
            read_timeout,
            frame_timeout: frame_timeout(rate),
            sequence_numbers: Sequence::default(),
            clock: FrameClock::default(),
            last_picture: Instant::now(),
            undecodable: 0,
        })
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn stop_handle(&self) -> StopHandle {
        self.stop_handle.clone()
    }

    /// The newest frame that was not given yet.
    pub(super) fn next(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        let started = Instant::now();
        loop {
            if self.stop_handle.is_stopped() {
                return Err(CaptureError::Stopped);
            }
            let left = timeout.saturating_sub(started.elapsed());
            let frame = match self.newest(left)? {
                Some(filled) => self.deliver(filled)?,
                None => None,
            };
            match frame {
                Some(frame) => return Ok(frame),
                None => self.wait(started, timeout)?,
            }
        }
    }

    /// The newest picture there is. If the camera had filled every buffer and then had none left, all
    /// of them are old, and one that is not will come soon.
    fn newest(&mut self, limit: Duration) -> Result<Option<FilledBuffer>, CaptureError> {
        let (newest, taken) = self.take_all(None)?;
        let was_starved = taken > 1 && taken == self.buffers.count();
        if newest.is_none() || !was_starved {
            return Ok(newest);
        }
        self.look(limit.min(self.frame_timeout))?;
        self.take_all(newest).map(|(newest, _)| newest)
    }

    /// Takes what is there and keeps the newest; says how many there were.
    fn take_all(
        &mut self,
        mut newest: Option<FilledBuffer>,
    ) -> Result<(Option<FilledBuffer>, usize), CaptureError> {
        let mut taken = 0;
        // A camera cannot fill more before they are given back, unless it is faster than this.
        while taken < self.buffers.count() {
            let filled = self.buffers.take(&self.device).map_err(|errno| self.failed(errno))?;
            let Some(filled) = filled else { break };
            taken += 1;
            let is_picture = !filled.is_damaged && filled.bytes >= self.pictures.least_bytes();
            let useless = if is_picture { newest.replace(filled) } else { Some(filled) };
            if let Some(useless) = useless {
                self.sequence_numbers.skip();
                self.give_back(&useless)?;
            }
        }
        Ok((newest, taken))
    }

    /// `None` if the picture cannot be decoded.
    fn deliver(&mut self, filled: FilledBuffer) -> Result<Option<CapturedFrame>, CaptureError> {
        let now = ClockReading::now();
        let bytes = self.buffers.copy(&filled, self.pictures.useful_bytes(filled.bytes));
        self.give_back(&filled)?;
        self.last_picture = Instant::now();
        let frame = match self.pictures.frame(bytes) {
            Ok(frame) => frame,
            Err(reason) => return self.skip(reason).map(|()| None),
        };
        self.undecodable = 0;
        let (pts, arrived) = self.clock.stamp(filled.taken_at, now);
        let (sequence, dropped) = self.sequence_numbers.number(filled.sequence);
        let frame = frame.at(Timestamp::new(pts, TimeBase::MICROSECONDS));
        let captured = CapturedFrame::new(frame, sequence).dropped(dropped);
        Ok(Some(CapturedFrame { arrived, ..captured }))
    }

    /// A picture may be damaged on its way, but not every one.
    fn skip(&mut self, reason: String) -> Result<(), CaptureError> {
        self.sequence_numbers.skip();
        self.undecodable = self.undecodable.saturating_add(1);
        if self.undecodable < MAX_UNDECODABLE {
            return Ok(());
        }
        Err(CaptureError::Decode { origin: self.device.origin().to_owned(), reason })
    }

    fn give_back(&self, filled: &FilledBuffer) -> Result<(), CaptureError> {
        self.buffers.give_back(&self.device, filled).map_err(|errno| self.failed(errno))
    }

    /// Waits until there may be a picture, unless there was time enough for one.
    fn wait(&self, started: Instant, timeout: Duration) -> Result<(), CaptureError> {
        let until_silent = self.read_timeout.saturating_sub(self.last_picture.elapsed());
        let left = timeout.saturating_sub(started.elapsed());
        if until_silent.is_zero() {
            let origin = self.device.origin().to_owned();
            Err(CaptureError::Silent { origin, waited: self.read_timeout })
        } else if left.is_zero() {
            Err(CaptureError::TimedOut { waited: timeout })
        } else {
            self.look(left.min(until_silent))
        }
    }

    fn look(&self, limit: Duration) -> Result<(), CaptureError> {
        match self.wakeup.wait(&self.device, limit) {
            Ok(PollOutcome::Ready) => Ok(()),
            Ok(PollOutcome::Failed) => Err(failure::in_trouble(self.device.origin())),
            Err(errno) => Err(self.device.failed("waiting for it", errno)),
        }
    }

    fn failed(&self, errno: Errno) -> CaptureError {
        self.device.failed("taking its pictures", errno)
    }
}

/// Two frames' time, as far as that can be known, and long enough for a machine that is busy.
fn frame_timeout(rate: Option<f64>) -> Duration {
    let two_frames = rate.and_then(|rate| Duration::try_from_secs_f64(2.0 / rate).ok());
    two_frames.unwrap_or_default().clamp(MIN_FRAME_TIMEOUT, MAX_FRAME_TIMEOUT)
}

/// As with streams from the network.
const MAX_UNDECODABLE: u32 = 64;

const MIN_FRAME_TIMEOUT: Duration = Duration::from_millis(500);
const MAX_FRAME_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_timeout_is_two_frames_within_limits() {
        assert_eq!(frame_timeout(Some(2.0)), Duration::from_secs(1));
        assert_eq!(frame_timeout(Some(0.5)), MAX_FRAME_TIMEOUT);
        for fast_or_odd in [Some(60.0), None, Some(0.0), Some(-1.0), Some(f64::NAN)] {
            assert_eq!(frame_timeout(fast_or_odd), MIN_FRAME_TIMEOUT, "{fast_or_odd:?}");
        }
    }
}
