//! The steady rate at which most videos come.

/// Notices where a video that comes at a steady rate leaves frames out.
pub(crate) struct Rhythm {
    tick: f64,
    last: Option<i64>,
    /// Packets since the newest one that was marked, which has 0.
    since_mark: u32,
    /// Ticks from packet to packet, and how many packets have kept to them.
    step: i64,
    steady: u32,
    longest: i64,
}

impl Rhythm {
    /// For a video whose clock has ticks of so many seconds.
    pub(crate) fn new(tick: f64) -> Self {
        Self { tick, last: None, since_mark: u32::MAX, step: 0, steady: 0, longest: 0 }
    }

    /// How many frames are missing before a packet of that decoding time. Only a mark tells a hole from a
    /// video that has no more frames there.
    pub(crate) fn missing_before(&mut self, time: Option<i64>, is_marked: bool) -> u64 {
        self.since_mark = if is_marked { 0 } else { self.since_mark.saturating_add(1) };
        let is_near_mark = self.since_mark <= MAX_MARK_DISTANCE;
        let Some(time) = time else { return 0 };
        let Some(last) = self.last.replace(time) else { return 0 };
        let step = time.saturating_sub(last);
        if self.keeps_to(step) {
            self.steady = self.steady.saturating_add(1);
            self.longest = self.longest.max(step);
            return 0;
        }
        if is_near_mark && self.is_hole(step) {
            // Rounded to whole frames.
            let frames = step.saturating_add(self.step / 2) / self.step;
            return u64::try_from(frames - 1).unwrap_or_default();
        }
        (self.step, self.steady) = (step, 0);
        if !self.is_cut(step) {
            self.longest = self.longest.max(step);
        }
        0
    }

    /// Clocks of other containers, whose times some have been, are as coarse as a millisecond.
    fn keeps_to(&self, step: i64) -> bool {
        step.abs_diff(self.step) as f64 <= (self.step as f64 / 10.0).max(0.0015 / self.tick)
    }

    fn is_hole(&self, step: i64) -> bool {
        self.step > 0 && self.steady >= MIN_STEADY_PACKETS && step > self.step && !self.is_cut(step)
    }

    fn is_cut(&self, step: i64) -> bool {
        step as f64 * self.tick > MAX_HOLE_SECONDS
    }

    /// In seconds.
    pub(crate) fn longest_step(&self) -> f64 {
        self.longest as f64 * self.tick
    }
}

/// In seconds: beyond that, two recordings were joined.
const MAX_HOLE_SECONDS: f64 = 10.0;
/// A mark is on the packet behind a hole or, as FFmpeg looks ahead, on one of the two before it.
const MAX_MARK_DISTANCE: u32 = 2;
/// Packets after which a rate is taken to be steady.
const MIN_STEADY_PACKETS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames that are missing in packets at these times in 90 kHz, with the numbers of those marked.
    fn missing(times: &[i64], marked: &[usize]) -> u64 {
        let mut rhythm = Rhythm::new(1.0 / 90_000.0);
        let packets = times.iter().enumerate();
        packets
            .map(|(index, &time)| rhythm.missing_before(Some(time), marked.contains(&index)))
            .sum()
    }

    fn steady(frames: i64) -> Vec<i64> {
        (0..frames).map(|frame| frame * 3600).collect()
    }

    #[test]
    fn a_gap_at_a_mark_is_as_many_frames_as_it_is_long() {
        let mut times = steady(30);
        times.drain(10..13);
        for marked in 8..=10 {
            assert_eq!(missing(&times, &[marked]), 3);
        }
        assert_eq!(missing(&times, &[7, 11]), 0);
        // Times that were milliseconds once.
        let times = [0, 33, 67, 100, 133, 167, 200, 300, 333, 367].map(|ms| ms * 90);
        assert_eq!(missing(&times, &[7]), 2);
    }

    #[test]
    fn cuts_and_rates_that_vary_are_no_gaps() {
        assert_eq!(missing(&steady(30), &[3, 9, 10, 11]), 0);
        let joined = |by: i64| {
            let second = steady(10).into_iter().map(|time| time + by);
            missing(&[steady(10), second.collect()].concat(), &[9, 10])
        };
        assert_eq!([joined(3600 * 90_000), joined(-90_000), joined(10 * 3600)], [0; 3]);
        let varied: Vec<i64> = (0..30).map(|frame| frame * frame * 900).collect();
        assert_eq!(missing(&varied, &[8, 15, 16]), 0);
    }
}
