//! The thread of a stream: frames from one connection after another.

use std::time::Instant;

use super::Address;
use super::connection::Connection;
use super::options::NetworkStreamOptions;
use super::timeline::Timeline;
use crate::queue::Queue;
use crate::{CaptureError, CapturedFrame};

/// Receives until the stream ends for good.
pub(super) struct Receiver {
    address: Address,
    options: NetworkStreamOptions,
    connection: Option<Connection>,
    timeline: Timeline,
    sequence: u64,
    /// Attempts to reconnect since the last frame.
    attempts: u32,
}

impl Receiver {
    pub(super) fn new(
        address: Address,
        options: NetworkStreamOptions,
        connection: Connection,
    ) -> Self {
        let timeline = Timeline::new(connection.time_base());
        let connection = Some(connection);
        Self { address, options, connection, timeline, sequence: 0, attempts: 0 }
    }

    pub(super) fn run(mut self, queue: &Queue) {
        loop {
            match self.next() {
                // The newest frame always has room.
                Ok(frame) => drop(queue.push(frame)),
                Err(error) => match self.give_up(error) {
                    Some(error) => return queue.end(error),
                    None => self.attempts = self.attempts.saturating_add(1),
                },
            }
        }
    }

    fn next(&mut self) -> Result<CapturedFrame, CaptureError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(Connection::open(&self.address, &self.options)?),
        };
        let frame = connection.next()?;
        let timestamp = self.timeline.stamp(frame.timestamp(), Instant::now());
        let captured = CapturedFrame::new(frame.at(timestamp), self.sequence);
        self.sequence = self.sequence.saturating_add(1);
        self.attempts = 0;
        Ok(captured)
    }

    /// Waits until it is time for another attempt, or says why there is none.
    fn give_up(&mut self, error: CaptureError) -> Option<CaptureError> {
        // Many cameras serve few at a time: the old connection has to go first.
        self.connection = None;
        let is_final = error.is_end() || matches!(error, CaptureError::Unauthorized { .. });
        let delay = self.options.reconnect.delay(self.attempts).filter(|_| !is_final);
        match delay {
            Some(delay) if self.options.stopper.wait(delay) => Some(CaptureError::Stopped),
            Some(_) => None,
            None => Some(error),
        }
    }
}
