//! Frames from one connection after another.

use std::time::{Duration, Instant};

use streamsdk_media::{StreamClock, Timestamp};

use super::Address;
use super::connection::TimestampSource;
use super::options::NetworkStreamOptions;
use crate::{CaptureError, Damage};

/// A connection and what is made of its packets.
pub(super) trait StreamReader: Sized {
    type Frame;

    fn open(address: &Address, options: &NetworkStreamOptions) -> Result<Self, CaptureError>;

    fn clock(&self) -> TimestampSource;

    /// What of its video was missing or damaged so far.
    fn damage(&self) -> Damage;

    /// The next frame. After an error there is none.
    fn next(&mut self) -> Result<TimedFrame<Self::Frame>, CaptureError>;
}

/// A frame, perhaps with a timestamp of the stream's.
pub(super) struct TimedFrame<F> {
    pub(super) frame: F,
    pub(super) timestamp: Option<Timestamp>,
    /// For how long it was waited for since the frame before.
    pub(super) waited: Duration,
}

/// Connects again as often as the options say, and gives all frames a common time.
pub(super) struct ReconnectingReader<L> {
    address: Address,
    options: NetworkStreamOptions,
    reader: Option<L>,
    clock: StreamClock,
    /// That of the connections before this one.
    damage: Damage,
    /// Attempts to reconnect since the last frame.
    attempts: u32,
}

impl<L: StreamReader> ReconnectingReader<L> {
    pub(super) fn new(address: Address, options: NetworkStreamOptions, reader: L) -> Self {
        let clock = reader.clock().of_stream();
        let damage = Damage::default();
        Self { address, options, reader: Some(reader), clock, damage, attempts: 0 }
    }

    /// The next frame, after as many attempts as it takes. After an error there is none.
    pub(super) fn next(&mut self) -> Result<(L::Frame, Timestamp), CaptureError> {
        loop {
            match self.attempt() {
                // What FFmpeg has read already comes without a wait that could be ended.
                Ok(_) if self.options.stop_handle.is_stopped() => {
                    return Err(CaptureError::Stopped);
                }
                Ok(received) => {
                    self.attempts = 0;
                    let TimedFrame { frame, timestamp, waited } = received;
                    let time = self.clock.stamp_awaited(timestamp, Instant::now(), waited);
                    return Ok((frame, time));
                }
                Err(error) => self.prepare_another(error)?,
            }
        }
    }

    /// What was missing or damaged so far, on all connections.
    pub(super) fn damage(&self) -> Damage {
        let newest = self.reader.as_ref().map(StreamReader::damage);
        self.damage.and(newest.unwrap_or_default())
    }

    fn attempt(&mut self) -> Result<TimedFrame<L::Frame>, CaptureError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(L::open(&self.address, &self.options)?),
        };
        reader.next()
    }

    /// Waits until it is time for another attempt, or says why there is none.
    fn prepare_another(&mut self, error: CaptureError) -> Result<(), CaptureError> {
        // Many cameras serve few at a time: the old connection has to go first.
        self.damage = self.damage();
        self.reader = None;
        self.clock.restart();
        let delay = self.options.reconnect.delay(self.attempts).filter(|_| !is_final(&error));
        let Some(delay) = delay else { return Err(error) };
        if self.options.stop_handle.wait(delay) {
            return Err(CaptureError::Stopped);
        }
        self.attempts = self.attempts.saturating_add(1);
        Ok(())
    }
}

/// Whether trying again is of no use, or, with credentials that are wrong, of harm.
fn is_final(error: &CaptureError) -> bool {
    let is_refused = |error| {
        matches!(error, &CaptureError::Unauthorized { .. } | &CaptureError::Unsupported { .. })
    };
    error.is_end() || is_refused(error)
}
