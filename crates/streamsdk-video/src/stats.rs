//! What sending has come to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What sending has come to. Clones share the same figures.
#[derive(Debug, Clone, Default)]
pub struct EncodeStats {
    figures: Arc<Mutex<Figures>>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) encoded: u64,
    pub(crate) forwarded: u64,
    pub(crate) left_out: u64,
    pub(crate) failed: u64,
    pub(crate) not_taken: u64,
    pub(crate) time: Duration,
    pub(crate) target: u32,
}

impl EncodeStats {
    /// Frames that were encoded and sent.
    pub fn encoded(&self) -> u64 {
        self.figures().encoded
    }

    /// Frames that were sent as they came, encoded by somebody else.
    pub fn forwarded(&self) -> u64 {
        self.figures().forwarded
    }

    /// Frames that the encoder left out to keep the bitrate.
    pub fn left_out(&self) -> u64 {
        self.figures().left_out
    }

    /// Frames that could not be encoded.
    pub fn failed(&self) -> u64 {
        self.figures().failed
    }

    /// Frames that the producer gave up because the encoder was not ready for them.
    pub fn not_taken(&self) -> u64 {
        self.figures().not_taken
    }

    /// Time that a frame takes to be encoded, on average.
    pub fn time_per_frame(&self) -> Duration {
        let Figures { encoded, left_out, failed, time, .. } = self.figures();
        let frames = u32::try_from(encoded + left_out + failed).ok();
        frames.and_then(|frames| time.checked_div(frames)).unwrap_or_default()
    }

    /// The bitrate that the encoder is driven at, in bits per second; 0 while nothing is encoded.
    pub fn target_bitrate(&self) -> u32 {
        self.figures().target
    }

    fn figures(&self) -> Figures {
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Figures)) {
        count(&mut self.figures.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
