//! Pairing of the frames that come back on a video track with the messages about them.
//!
//! A server returns a frame twice: as a picture on an RTP track, and as a message on the data
//! channel. The message says the frame's presentation time (`pts`); the picture has an RTP time
//! that is `pts` in 90 kHz plus an offset, a random number that the server draws once and tells
//! nobody. [`Pairing`] finds the offset and puts the two together. It reads no clock: the caller
//! says what it saw and when ([`FrameStamp`], [`DataStamp`], [`SenderReport`]), and takes what is
//! done with [`Pairing::pop`].
//!
//! # What the server does, and what follows
//!
//! The server works strictly one frame at a time. It takes a frame and reads its clock
//! (`received_at`), runs the workflow, sends the message, encodes the picture, sends its packets,
//! and only then takes the next frame. Source frames that it skips to keep up are skipped before
//! they are counted. Therefore:
//!
//! - `frame_id` has no gaps, and the n-th frame that was ever encoded has `frame_id` n.
//! - RTP time minus `pts` is one number for the whole session, modulo 2³², to within a tick: the
//!   VP8 encoder rounds times to microseconds on the way. A source that jitters does so in both.
//! - The clock when a frame's last packet left lies between the frame's own `received_at` and the
//!   next frame's. An RTCP sender report gives that clock reading and the frame's RTP time.
//!
//! A `pts` difference alone cannot tell the offset: frames at a steady rate match as well when
//! every pair is one frame off. Nor does a `pts` of 0 help, as the first packets may be lost on
//! the server's own way in. What can, in the order of preference ([`Evidence`]):
//!
//! 1. **A sender report** whose clock reading falls between two consecutive messages is proof,
//!    however late either path is. One comes within 1.5 s of the first frame, and each later one
//!    checks the offset again and corrects it if need be.
//! 2. **Counting**: the server encodes a key frame first. When the first frame on the track is one
//!    that nobody asked for, it is frame 1, and while no packet is missing its successors are 2, 3
//!    and so on. This decides at once and is what happens in nearly all sessions. It is not proof:
//!    the server also encodes a key frame when the size or the receiver's bandwidth estimate
//!    changes, and H.264 has one wherever the scene does.
//! 3. **Votes**: at an unsteady rate one offset fits nearly all frames and every other offset few.
//! 4. **A guess**: each frame belongs to the message that arrived last before it, as it does at the
//!    server. The majority is taken once [`PairingConfig::hold`] is over. It is wrong where
//!    messages take longer than frames by more than encoding does, hence the hold.
//!
//! Until one of these decides, everything waits. An offset that later fits nothing is dropped and
//! sought again.

mod offset;
mod stamp;
mod time;

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

pub use offset::Evidence;
use offset::OffsetEstimator;
pub use stamp::{Continuity, DataStamp, FrameStamp, SenderReport};
use time::ticks_between;
pub use time::{ServerTime, pts_to_90khz};

/// Puts frames `F` and messages `D` together, and bounds what waits.
///
/// Call [`Pairing::pop`] until it returns `None` after every other call: what is done takes no
/// part in the bound on what waits.
#[derive(Debug)]
pub struct Pairing<F, D> {
    config: PairingConfig,
    offset: OffsetEstimator,
    frames: VecDeque<WaitingItem<F>>,
    data: VecDeque<WaitingItem<D>>,
    done: VecDeque<Paired<F, D>>,
    statistics: PairingStatistics,
}

/// How [`Pairing`] weighs waiting against pairing.
#[derive(Debug, Clone)]
#[must_use]
pub struct PairingConfig {
    pub(crate) window: usize,
    pub(crate) tolerance: u32,
    pub(crate) hold: Duration,
    pub(crate) reordering: usize,
}

impl Default for PairingConfig {
    fn default() -> Self {
        Self { window: 150, tolerance: 90, hold: Duration::from_millis(1600), reordering: 1 }
    }
}

impl PairingConfig {
    /// Most frames, and most messages, that wait; over it the oldest comes out alone. Default is
    /// 150.
    pub fn window(mut self, window: usize) -> Self {
        self.window = window;
        self
    }

    /// Largest difference between the times of a pair, in ticks of 90 kHz. Frames closer together
    /// than twice this may be confused when one is lost. Default is 90, which is 1 ms.
    pub fn tolerance(mut self, tolerance: u32) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// How long everything waits for good evidence of the offset before the best guess is used,
    /// from when both a frame and a message have arrived. A report that does not tell yet, because
    /// messages are slow or one is lost, starts it again, up to three times this in all. Two full
    /// windows end it. Default is 1.6 s: the server sends a report at least every 1.5 s.
    pub fn hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    /// How many complete pairs wait for an earlier frame or message that may only be late.
    /// Default is 1: neither path reorders by itself.
    pub fn reordering(mut self, reordering: usize) -> Self {
        self.reordering = reordering;
        self
    }
}

/// What comes out of [`Pairing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paired<F, D> {
    /// A frame and the message about it.
    Both(F, D),
    /// A frame whose message will not come, or not in time.
    FrameOnly(F),
    /// A message whose frame will not come, or not in time, or that is about no frame.
    DataOnly(D),
}

/// What [`Pairing`] has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PairingStatistics {
    /// Pairs that came out.
    pub paired: u64,
    /// Frames that came out alone.
    pub frames_without_data: u64,
    /// Messages that came out alone, those about no frame included.
    pub data_without_frame: u64,
    /// Frames and messages, of those that came out alone, that left because the window was full.
    pub evicted: u64,
    /// How often the offset turned out to be another one than was believed.
    pub corrected: u64,
    /// What the present offset rests on; `None` while it is sought.
    pub evidence: Option<Evidence>,
}

#[derive(Debug)]
struct WaitingItem<T> {
    /// A frame's RTP time, or a message's `pts` in 90 kHz, modulo 2³².
    time: u32,
    item: T,
}

/// Frames and messages that wait without one pair among them before the offset is doubted.
const MAX_UNPAIRED: usize = 30;

impl<F, D> Pairing<F, D> {
    /// A pairing that has seen nothing. A window of 0 is taken as 1.
    pub fn new(config: PairingConfig) -> Self {
        let window = config.window.max(1);
        let config = config.window(window);
        Self {
            offset: OffsetEstimator::new(&config),
            config,
            frames: VecDeque::new(),
            data: VecDeque::new(),
            done: VecDeque::new(),
            statistics: PairingStatistics::default(),
        }
    }

    /// Takes the next frame of the track.
    pub fn push_frame(&mut self, stamp: FrameStamp, frame: F) {
        let waiting = WaitingItem { time: stamp.rtp_time, item: frame };
        insert(&mut self.frames, waiting, self.config.reordering);
        self.offset.see_frame(stamp);
        self.settle();
    }

    /// Takes the next message. One without a `pts` comes out alone at once.
    pub fn push_data(&mut self, stamp: DataStamp, data: D) {
        let Some(time) = stamp.pts else {
            self.statistics.data_without_frame += 1;
            self.done.push_back(Paired::DataOnly(data));
            return;
        };
        insert(&mut self.data, WaitingItem { time, item: data }, self.config.reordering);
        self.offset.see_data(stamp, time);
        self.settle();
    }

    /// Takes a sender report of the track.
    pub fn push_report(&mut self, report: SenderReport) {
        self.offset.see_report(report);
        self.settle();
    }

    /// The next pair, frame or message that is done, in the order of the frames. Between two
    /// pairs, messages without a frame come before frames without a message.
    pub fn pop(&mut self) -> Option<Paired<F, D>> {
        self.done.pop_front()
    }

    /// Ends the session: nothing that waits is waited for any longer. Nothing is guessed now:
    /// while the offset is unknown, all comes out alone.
    pub fn finish(&mut self) {
        self.release_pairs(0);
        self.release_alone(self.frames.len(), self.data.len());
    }

    /// What happened so far.
    pub fn statistics(&self) -> PairingStatistics {
        PairingStatistics {
            corrected: self.offset.corrected(),
            evidence: self.offset.evidence(),
            ..self.statistics
        }
    }

    fn settle(&mut self) {
        self.release_pairs(self.config.reordering);
        self.doubt_offset();
        let too_many = |waiting: usize| waiting.saturating_sub(self.config.window);
        let (frames, data) = (too_many(self.frames.len()), too_many(self.data.len()));
        self.statistics.evicted += (frames + data) as u64;
        self.release_alone(frames, data);
    }

    /// Lets pairs go, and what waits before them once more than `reordering` pairs do too.
    fn release_pairs(&mut self, reordering: usize) {
        let pairs = self.pairs();
        let (mut frames, mut data) = (0, 0);
        for (at, &(frame, message)) in pairs.iter().enumerate() {
            let is_next = (frame, message) == (frames, data);
            if !is_next && pairs.len() - at <= reordering {
                break;
            }
            self.release_alone(frame - frames, message - data);
            self.release_pair();
            (frames, data) = (frame + 1, message + 1);
        }
    }

    /// Positions of the frames and messages that belong together, both ascending.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let Some(offset) = self.offset.value() else { return Vec::new() };
        let mut pairs = Vec::new();
        let mut unused = 0;
        for (at, frame) in self.frames.iter().enumerate() {
            if let Some(message) = self.nearest(frame.time.wrapping_sub(offset), unused) {
                pairs.push((at, message));
                unused = message + 1;
            }
        }
        pairs
    }

    /// Position of the message nearest to `pts`, if one from position `from` on is near enough.
    fn nearest(&self, pts: u32, from: usize) -> Option<usize> {
        let messages = self.data.iter().enumerate().skip(from);
        messages
            .map(|(at, message)| (ticks_between(message.time, pts).unsigned_abs(), at))
            .min()
            .filter(|(distance, _)| *distance <= self.config.tolerance)
            .map(|(_, at)| at)
    }

    /// Drops an offset that fits nothing of what has gathered on both sides.
    fn doubt_offset(&mut self) {
        let enough = self.config.window.min(MAX_UNPAIRED);
        let waiting = self.frames.len().min(self.data.len());
        if self.offset.value().is_some() && waiting >= enough && self.pairs().is_empty() {
            self.offset.start_again();
        }
    }

    fn release_pair(&mut self) {
        if let (Some(frame), Some(message)) = (self.frames.pop_front(), self.data.pop_front()) {
            self.statistics.paired += 1;
            self.done.push_back(Paired::Both(frame.item, message.item));
        }
    }

    fn release_alone(&mut self, frames: usize, data: usize) {
        self.statistics.frames_without_data += frames as u64;
        self.statistics.data_without_frame += data as u64;
        let messages = self.data.drain(..data).map(|message| Paired::DataOnly(message.item));
        let pictures = self.frames.drain(..frames).map(|frame| Paired::FrameOnly(frame.item));
        self.done.extend(messages.chain(pictures));
    }
}

/// Puts `new` at its place in time among the newest `reordering`, and after all others.
fn insert<T>(queue: &mut VecDeque<WaitingItem<T>>, new: WaitingItem<T>, reordering: usize) {
    let newest = queue.iter().rev().take(reordering);
    let overtaken = newest.take_while(|other| ticks_between(new.time, other.time) > 0).count();
    queue.insert(queue.len() - overtaken, new);
}

#[cfg(test)]
mod tests;
