//! A video that is made of nothing but its length.

use std::time::Duration;

/// Frames that come at a steady rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Video {
    pub frames: u32,
    /// From one frame to the next; nothing for a file that is read as fast as it goes.
    pub interval: Duration,
}

/// What a frame shows, by which it is known again.
pub(super) fn number_of(frame: u32) -> u32 {
    frame.wrapping_mul(2_654_435_761)
}

impl Video {
    /// When a frame is due after the first.
    pub(super) fn time_of(&self, frame: u32) -> Duration {
        self.interval * frame
    }

    /// A file of about `bytes` bytes that has the video in it.
    pub(super) fn file(&self, bytes: usize) -> Vec<u8> {
        let pattern = (0..).map(|place: usize| (place % 251) as u8);
        self.frames.to_le_bytes().into_iter().chain(pattern.take(bytes)).collect()
    }

    /// The video in a file; `None` if anything in it is not as it was written.
    pub(super) fn read(file: &[u8]) -> Option<Self> {
        let (frames, rest) = file.split_first_chunk()?;
        let is_whole = rest.iter().enumerate().all(|(place, byte)| *byte == (place % 251) as u8);
        let frames = u32::from_le_bytes(*frames);
        is_whole.then_some(Self { frames, interval: Duration::ZERO })
    }
}
