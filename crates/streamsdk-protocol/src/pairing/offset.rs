use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use super::time::{ServerTime, ticks_between};
use super::{Continuity, DataStamp, FrameStamp, PairingConfig, SenderReport};

/// What an offset between RTP time and `pts` rests on, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A sender report between the clock readings of two consecutive messages.
    Reported,
    /// The number of the frame, counted from the server's first.
    Counted,
    /// One offset fits nearly all frames and no other fits half as many.
    Voted,
    /// The majority of frames came right after the message that this offset gives them.
    Guessed,
}

/// Finds the offset from stamps alone. Remembers the last `window` stamps of each kind, whether
/// or not their frames and messages still wait.
#[derive(Debug)]
pub(super) struct OffsetEstimator {
    window: usize,
    tolerance: u32,
    hold: Duration,
    frames: VecDeque<FrameSample>,
    messages: VecDeque<MessageSample>,
    reports: VecDeque<SenderReport>,
    found: Option<(u32, Evidence)>,
    current_offset: Option<u32>,
    corrected: u64,
}

#[derive(Debug)]
struct FrameSample {
    rtp_time: u32,
    /// Number of the frame at the server, from 1, while it can be told by counting.
    number: Option<u32>,
    arrived: Duration,
}

#[derive(Debug)]
struct MessageSample {
    frame_id: u32,
    pts: u32,
    received_at: Option<ServerTime>,
    arrived: Duration,
}

impl MessageSample {
    fn was_taken_before(&self, time: ServerTime) -> Option<bool> {
        Some(time.is_at_or_after(self.received_at?))
    }
}

/// How many times as long a hold becomes, at most, when reports come that do not tell the offset.
const MAX_HOLD: u32 = 3;
/// Reports that may wait for messages that are slower than the reports.
const MAX_WAITING_REPORTS: usize = 8;
/// Frames that have to agree when frame 1 has no message.
const MIN_AGREEING_FRAMES: usize = 3;
/// Frames that a vote needs.
const MIN_VOTES: usize = 8;
/// How far the offsets of single frames may be apart, in ticks, and be one offset.
const MAX_SPREAD_TICKS: i64 = 12;

impl OffsetEstimator {
    pub(super) fn new(config: &PairingConfig) -> Self {
        Self {
            window: config.window,
            tolerance: config.tolerance,
            hold: config.hold,
            frames: VecDeque::new(),
            messages: VecDeque::new(),
            reports: VecDeque::new(),
            found: None,
            current_offset: None,
            corrected: 0,
        }
    }

    /// RTP time minus `pts`, modulo 2³².
    pub(super) fn value(&self) -> Option<u32> {
        self.found.map(|(offset, _)| offset)
    }

    pub(super) fn evidence(&self) -> Option<Evidence> {
        self.found.map(|(_, evidence)| evidence)
    }

    pub(super) fn corrected(&self) -> u64 {
        self.corrected
    }

    pub(super) fn see_frame(&mut self, stamp: FrameStamp) {
        let number = match stamp.continuity {
            Continuity::First => Some(1),
            Continuity::Next => self.frames.back().and_then(|last| last.number?.checked_add(1)),
            Continuity::AfterGap => None,
        };
        let FrameStamp { rtp_time, arrived, .. } = stamp;
        remember(&mut self.frames, FrameSample { rtp_time, number, arrived }, self.window);
        self.update_estimate();
    }

    pub(super) fn see_data(&mut self, stamp: DataStamp, pts: u32) {
        let DataStamp { frame_id, received_at, arrived, .. } = stamp;
        let message = MessageSample { frame_id, pts, received_at, arrived };
        remember(&mut self.messages, message, self.window);
        self.update_estimate();
    }

    pub(super) fn see_report(&mut self, report: SenderReport) {
        if report.ntp_time != 0 {
            remember(&mut self.reports, report, MAX_WAITING_REPORTS);
            self.update_estimate();
        }
    }

    /// Forgets the offset and all that it came from.
    pub(super) fn start_again(&mut self) {
        self.found = None;
        self.frames.clear();
        self.messages.clear();
        self.reports.clear();
    }

    fn update_estimate(&mut self) {
        let reported = self.reported().map(|offset| (offset, Evidence::Reported));
        let inferred = || self.found.is_none().then(|| self.inferred()).flatten();
        if let Some((offset, evidence)) = reported.or_else(inferred) {
            self.set_offset(offset, evidence);
        }
    }

    fn inferred(&self) -> Option<(u32, Evidence)> {
        let counted = self.counted().map(|offset| (offset, Evidence::Counted));
        let voted = || Some((self.voted()?, Evidence::Voted));
        let guessed = || Some((self.guessed()?, Evidence::Guessed));
        counted.or_else(voted).or_else(guessed)
    }

    fn set_offset(&mut self, offset: u32, evidence: Evidence) {
        let differs = |known| ticks_between(known, offset).unsigned_abs() > self.tolerance;
        if self.current_offset.is_some_and(differs) {
            self.corrected += 1;
        }
        self.current_offset = Some(offset);
        self.found = Some((offset, evidence));
    }

    /// The offset by the newest report that tells it; that report and older ones are used up.
    fn reported(&mut self) -> Option<u32> {
        let told = |(at, report)| Some((at, self.offset_by(report)?));
        let (at, offset) = self.reports.iter().enumerate().rev().find_map(told)?;
        self.reports.drain(..=at);
        Some(offset)
    }

    fn offset_by(&self, report: &SenderReport) -> Option<u32> {
        let frame = self.frame_of(report)?;
        let sent = ServerTime::from_ntp(report.ntp_time);
        let next = self.messages.iter().skip(1);
        let (message, _) = self.messages.iter().zip(next).rfind(|(message, next)| {
            message.frame_id.checked_add(1) == Some(next.frame_id)
                && message.was_taken_before(sent) == Some(true)
                && next.was_taken_before(sent) == Some(false)
                && message.arrived.abs_diff(frame.arrived) < ServerTime::MAX_APART
        })?;
        Some(report.rtp_time.wrapping_sub(message.pts))
    }

    fn frame_of(&self, report: &SenderReport) -> Option<&FrameSample> {
        self.frames.iter().rfind(|frame| frame.rtp_time == report.rtp_time)
    }

    /// The offset by the frames whose number is known and that all agree. Frame 1 is enough by
    /// itself; without it, servers that do not count as expected have to be noticed.
    fn counted(&self) -> Option<u32> {
        let mut numbered = self.frames.iter().filter_map(|frame| {
            let number = frame.number?;
            let message = self.messages.iter().find(|message| message.frame_id == number)?;
            Some((number, frame.rtp_time.wrapping_sub(message.pts)))
        });
        let (number, offset) = numbered.next()?;
        let mut agreeing = 1;
        for (_, other) in numbered {
            if ticks_between(offset, other).unsigned_abs() > self.tolerance {
                return None;
            }
            agreeing += 1;
        }
        (number == 1 || agreeing >= MIN_AGREEING_FRAMES).then_some(offset)
    }

    /// The offset that fits nearly all frames, if no other one comes near.
    fn voted(&self) -> Option<u32> {
        let most = self.frames.len().min(self.messages.len());
        if most < MIN_VOTES {
            return None;
        }
        let vote = Vote::count(self.frames.iter().flat_map(|frame| {
            self.messages.iter().map(|message| frame.rtp_time.wrapping_sub(message.pts))
        }))?;
        let clear = vote.votes >= MIN_VOTES && vote.votes * 4 >= most * 3;
        (clear && vote.runner_up * 2 <= vote.votes).then_some(vote.offset)
    }

    /// Once the hold is over, the offset by which most frames belong to the message that arrived
    /// last before them.
    fn guessed(&self) -> Option<u32> {
        if !self.hold_is_over() {
            return None;
        }
        let vote = Vote::count(self.frames.iter().filter_map(|frame| {
            let before = |message: &&MessageSample| message.arrived <= frame.arrived;
            let message = self.messages.iter().rfind(before)?;
            Some(frame.rtp_time.wrapping_sub(message.pts))
        }))?;
        Some(vote.offset)
    }

    fn hold_is_over(&self) -> bool {
        let full = self.frames.len().min(self.messages.len()) >= self.window;
        full || self.held().is_some_and(|(held, since_report)| {
            since_report >= self.hold || held >= self.hold.saturating_mul(MAX_HOLD)
        })
    }

    /// How long both frames and messages have been coming, and how long there was no report too.
    fn held(&self) -> Option<(Duration, Duration)> {
        let begun = self.frames.front()?.arrived.max(self.messages.front()?.arrived);
        let now = self.frames.back()?.arrived.max(self.messages.back()?.arrived);
        let reports = self.reports.iter().filter_map(|report| self.frame_of(report));
        let reported = reports.map(|frame| frame.arrived).max().unwrap_or_default();
        Some((now.saturating_sub(begun), now.saturating_sub(begun.max(reported))))
    }
}

/// The offset that most of many agree on.
struct Vote {
    offset: u32,
    votes: usize,
    /// Votes of the best offset that is not the same one.
    runner_up: usize,
}

impl Vote {
    fn count(offsets: impl Iterator<Item = u32>) -> Option<Self> {
        let mut offsets = offsets.peekable();
        // Relative to one of them, because they may lie around the point where 32 bits wrap.
        let base = *offsets.peek()?;
        let mut sorted: Vec<_> =
            offsets.map(|offset| i64::from(ticks_between(base, offset))).collect();
        sorted.sort_unstable();
        let mut end = 0;
        let groups = (0..sorted.len()).map(|start| {
            end += sorted[end..]
                .iter()
                .take_while(|&&at| at - sorted[start] <= MAX_SPREAD_TICKS)
                .count();
            (end - start, start)
        });
        let groups: Vec<_> = groups.collect();
        let &(votes, first) = groups.iter().max()?;
        let is_other =
            |(_, start): &&(_, usize)| (sorted[*start] - sorted[first]).abs() > MAX_SPREAD_TICKS;
        let runner_up = groups.iter().filter(is_other).map(|(votes, _)| *votes).max();
        let middle = sorted[first + votes / 2];
        Some(Self {
            offset: base.wrapping_add(middle as u32),
            votes,
            runner_up: runner_up.unwrap_or_default(),
        })
    }
}

fn remember<T>(queue: &mut VecDeque<T>, item: T, limit: usize) {
    if queue.len() >= limit {
        queue.pop_front();
    }
    queue.push_back(item);
}
