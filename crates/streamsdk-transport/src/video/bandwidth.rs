//! What the peer is told to send at most.
//!
//! Without an estimate aiortc stays at its default of half a megabit a second, whatever the picture. This one
//! knows loss only: it is generous, and falls when packets do not arrive.

/// Bits per second at the start and at the least and the most.
const START_BITRATE: f64 = 3e6;
const MIN_BITRATE: f64 = 300e3;
const MAX_BITRATE: f64 = 8e6;
/// Share of lost packets above which there is less, and below which there is more.
const HIGH_LOSS: f64 = 0.08;
const LOW_LOSS: f64 = 0.02;

/// An estimate of the bandwidth towards this side.
#[derive(Debug)]
pub(super) struct BandwidthEstimate {
    bits_per_second: f64,
    packets: u64,
    missing: u64,
}

impl BandwidthEstimate {
    pub(super) fn new() -> Self {
        Self { bits_per_second: START_BITRATE, packets: 0, missing: 0 }
    }

    /// The estimate, given how many packets were sent so far and how many of them did not arrive at first.
    pub(super) fn update(&mut self, packets: u64, missing: u64) -> f64 {
        let expected = packets.saturating_sub(self.packets);
        let lost = missing.saturating_sub(self.missing);
        (self.packets, self.missing) = (packets, missing);
        let loss = lost as f64 / expected.max(1) as f64;
        let factor = match loss {
            loss if loss > HIGH_LOSS => 1.0 - loss / 2.0,
            loss if loss < LOW_LOSS => 1.08,
            _ => 1.0,
        };
        self.bits_per_second = (self.bits_per_second * factor).clamp(MIN_BITRATE, MAX_BITRATE);
        self.bits_per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_lowers_the_estimate_and_its_absence_raises_it() {
        let mut estimate = BandwidthEstimate::new();
        assert_eq!(estimate.update(100, 40), START_BITRATE * 0.8);
        assert_eq!(estimate.update(200, 45), START_BITRATE * 0.8);
        for second in 3..100 {
            estimate.update(second * 100, 45);
        }
        assert_eq!(estimate.update(10_000, 45), MAX_BITRATE);
    }
}
