//! What a camera offers: formats, sizes, rates.

use super::WebcamFormat;
use super::device::{Device, text};
use super::format::letters;
use super::v4l2::{
    FormatDescription, Fraction, FrameInterval, FrameSize, IntervalRange, description, requests,
};

/// A pixel format that a camera offers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WebcamFormatInfo {
    /// The four letters by which drivers know it, without spaces.
    pub fourcc: String,
    /// What the driver calls it.
    pub description: String,
    /// What it is here; `None` for a format that cannot be taken.
    pub format: Option<WebcamFormat>,
    /// The sizes and rates; none if the driver does not tell them.
    pub modes: Vec<WebcamMode>,
}

/// A size of pictures, or several, and how fast they can come.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WebcamMode {
    /// The size.
    pub size: WebcamSize,
    /// The rates; for several sizes those of the largest.
    pub rates: WebcamRates,
}

/// One size, or all of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebcamSize {
    /// One.
    Discrete {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Each width with each height.
    Stepwise {
        /// Widths in pixels.
        width: WebcamSteps,
        /// Heights in pixels.
        height: WebcamSteps,
    },
}

/// Numbers from the least to the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebcamSteps {
    /// The least.
    pub min: u32,
    /// The greatest.
    pub max: u32,
    /// From one to the next, counted from the least; at least 1.
    pub step: u32,
}

/// How fast frames can come, in frames per second.
#[derive(Debug, Clone, PartialEq)]
pub enum WebcamRates {
    /// So fast and no other way; empty if the driver does not tell.
    Discrete(Vec<f64>),
    /// Anything from the slowest to the fastest.
    Range {
        /// The lowest rate.
        slowest: f64,
        /// The highest rate.
        fastest: f64,
        /// In what steps the time from frame to frame can be chosen, in seconds.
        interval_step: f64,
    },
}

impl WebcamSize {
    /// The only one, or the largest.
    pub fn largest(self) -> (u32, u32) {
        match self {
            Self::Discrete { width, height } => (width, height),
            Self::Stepwise { width, height } => (width.max, height.max),
        }
    }

    /// Whether a picture can be of that size.
    pub fn contains(self, width: u32, height: u32) -> bool {
        match self {
            Self::Discrete { .. } => self.largest() == (width, height),
            Self::Stepwise { width: widths, height: heights } => {
                widths.contains(width) && heights.contains(height)
            }
        }
    }

    fn read(answer: &FrameSize) -> Self {
        if answer.type_ == description::DISCRETE {
            let (width, height) = answer.discrete();
            return Self::Discrete { width, height };
        }
        let range = answer.range();
        let steps = |min, max, step: u32| WebcamSteps { min, max, step: step.max(1) };
        Self::Stepwise {
            width: steps(range.min_width, range.max_width, range.step_width),
            height: steps(range.min_height, range.max_height, range.step_height),
        }
    }
}

impl WebcamSteps {
    /// Whether it is one of them.
    pub fn contains(self, number: u32) -> bool {
        let above = number.checked_sub(self.min);
        number <= self.max && above.is_some_and(|above| above.is_multiple_of(self.step.max(1)))
    }
}

impl WebcamRates {
    /// The highest; `None` if none is known.
    pub fn fastest(&self) -> Option<f64> {
        match self {
            Self::Discrete(rates) => rates.iter().copied().max_by(f64::total_cmp),
            Self::Range { fastest, .. } => Some(*fastest),
        }
    }
}

/// All that a camera offers. What it does not tell is left out.
pub(super) fn offered(device: &Device) -> Vec<WebcamFormatInfo> {
    (0..MAX_FORMATS).map_while(|index| format(device, index)).collect()
}

fn format(device: &Device, index: u32) -> Option<WebcamFormatInfo> {
    let mut answer = FormatDescription::query(index);
    device.ask(&requests::FORMATS, &mut answer).ok()?;
    Some(WebcamFormatInfo {
        fourcc: letters(answer.pixelformat),
        description: text(&answer.description),
        format: WebcamFormat::of_code(answer.pixelformat),
        modes: modes(device, answer.pixelformat),
    })
}

fn modes(device: &Device, fourcc: u32) -> Vec<WebcamMode> {
    let mut modes = Vec::new();
    for index in 0..MAX_SIZES {
        let mut answer = FrameSize::query(fourcc, index);
        if device.ask(&requests::SIZES, &mut answer).is_err() {
            break;
        }
        let size = WebcamSize::read(&answer);
        modes.push(WebcamMode { size, rates: rates(device, fourcc, size.largest()) });
        if answer.type_ != description::DISCRETE {
            break;
        }
    }
    modes
}

/// The rates of one size.
pub(super) fn rates(device: &Device, fourcc: u32, size: (u32, u32)) -> WebcamRates {
    let mut rates = Vec::new();
    for index in 0..MAX_RATES {
        let mut answer = FrameInterval::query(fourcc, size, index);
        if device.ask(&requests::INTERVALS, &mut answer).is_err() {
            break;
        }
        if answer.type_ != description::DISCRETE {
            return range(answer.range()).unwrap_or(WebcamRates::Discrete(rates));
        }
        rates.extend(rate(answer.discrete()));
    }
    WebcamRates::Discrete(rates)
}

fn range(
    IntervalRange { min: shortest, max: longest, step }: IntervalRange,
) -> Option<WebcamRates> {
    Some(WebcamRates::Range {
        // A longest time without an end is written as one over zero.
        slowest: rate(longest).unwrap_or(0.0),
        fastest: rate(shortest)?,
        interval_step: rate(step).map_or(0.0, f64::recip),
    })
}

/// Frames per second; `None` if that is no rate of frames.
pub(super) fn rate(interval: Fraction) -> Option<f64> {
    let rate = f64::from(interval.denominator) / f64::from(interval.numerator);
    (rate > 0.0 && rate.is_finite()).then_some(rate)
}

/// A driver that never comes to an end is left at some point.
const MAX_FORMATS: u32 = 256;
const MAX_SIZES: u32 = 512;
const MAX_RATES: u32 = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use v4l::v4l_sys::v4l2_frmsize_stepwise;

    use crate::webcam::v4l2::Plain;

    fn fraction(numerator: u32, denominator: u32) -> Fraction {
        Fraction { numerator, denominator }
    }

    #[test]
    fn a_range_of_sizes_is_told_as_one() {
        let mut answer = FrameSize::zeroed();
        answer.type_ = 3;
        answer.__bindgen_anon_1.stepwise = v4l2_frmsize_stepwise {
            min_width: 16,
            max_width: 640,
            step_width: 8,
            min_height: 16,
            max_height: 480,
            step_height: 0,
        };
        let size = WebcamSize::read(&answer);
        assert_eq!(size.largest(), (640, 480));
        for (inside, width, height) in
            [(true, 24, 17), (false, 25, 17), (false, 8, 17), (false, 648, 17), (false, 24, 481)]
        {
            assert_eq!(size.contains(width, height), inside, "{width}x{height}");
        }
        answer.type_ = description::DISCRETE;
        assert_eq!(WebcamSize::read(&answer), WebcamSize::Discrete { width: 16, height: 640 });
    }

    #[test]
    fn rates_are_frames_per_second_and_what_is_none_is_left_out() {
        assert_eq!(rate(fraction(2, 25)), Some(12.5));
        assert_eq!(rate(fraction(0, 25)), None);
        assert_eq!(rate(fraction(1, 0)), None);
        assert_eq!(rate(fraction(0, 0)), None);
        let expected = WebcamRates::Range { slowest: 5.0, fastest: 50.0, interval_step: 0.01 };
        let intervals = |min, max, step| IntervalRange { min, max, step };
        let found = range(intervals(fraction(1, 50), fraction(1, 5), fraction(1, 100)));
        assert_eq!(found, Some(expected));
        let nothing = fraction(0, 0);
        assert_eq!(range(intervals(nothing, nothing, nothing)), None);
    }

    #[test]
    fn the_fastest_rate_is_found() {
        assert_eq!(WebcamRates::Discrete(vec![5.0, 30.0, 15.0]).fastest(), Some(30.0));
        assert_eq!(WebcamRates::Discrete(Vec::new()).fastest(), None);
    }
}
