//! What a path does to packets.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

/// One way of a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions {
    /// Time from one end to the other.
    pub delay: Duration,
    /// As much may come to the delay, anew for each packet, which is overtaken by none all the same.
    pub jitter: Duration,
    pub loss: Loss,
    /// Of 1: packets that are held back, so that later ones overtake them.
    pub reordered: f64,
    /// Of 1: packets that arrive twice.
    pub duplicated: f64,
    /// Bits per second; `None` for as many as there are.
    pub rate: Option<u64>,
    /// How much may wait where there is a rate; what comes beyond is lost.
    pub queue: Duration,
    /// The largest IP packet that passes.
    pub mtu: u32,
    /// Nothing passes.
    pub is_cut: bool,
}

/// Which packets are lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// Each with the same probability.
    Random(f64),
    /// Many at a time (Gilbert–Elliott): in the bad state half of them.
    Bursts { to_bad: f64, to_good: f64 },
}

/// Packets that are held back wait so long.
const HELD_BACK: Duration = Duration::from_millis(30);
/// Of 1: packets that are lost in the bad state.
const LOST_IN_BURST: f64 = 0.5;

impl Default for Conditions {
    /// A network without faults: 1 ms from end to end, and nothing is lost.
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(1),
            jitter: Duration::ZERO,
            loss: Loss::Random(0.0),
            reordered: 0.0,
            duplicated: 0.0,
            rate: None,
            queue: Duration::from_millis(200),
            mtu: 1500,
            is_cut: false,
        }
    }
}

impl Loss {
    /// Whether the next packet is lost. `is_bad` is the state of the path.
    pub(super) fn takes_next(self, is_bad: &mut bool, rng: &mut Rng) -> bool {
        match self {
            Self::Random(probability) => rng.f64() < probability,
            Self::Bursts { to_bad, to_good } => {
                let change = if *is_bad { to_good } else { to_bad };
                *is_bad ^= rng.f64() < change;
                *is_bad && rng.f64() < LOST_IN_BURST
            }
        }
    }

    /// Of 1: packets that are lost in the long run.
    pub fn mean(self) -> f64 {
        match self {
            Self::Random(probability) => probability,
            Self::Bursts { to_bad, to_good } => LOST_IN_BURST * to_bad / (to_bad + to_good),
        }
    }
}

impl Conditions {
    /// When a packet arrives that has left at `left`, after one that arrived at `before`.
    pub(super) fn arrival(
        &self,
        left: Instant,
        before: &mut Option<Instant>,
        rng: &mut Rng,
    ) -> Instant {
        let at = left + self.delay + self.jitter.mul_f64(rng.f64());
        let at = before.map_or(at, |before| before.max(at));
        *before = Some(at);
        if rng.f64() < self.reordered { at + HELD_BACK } else { at }
    }
}
