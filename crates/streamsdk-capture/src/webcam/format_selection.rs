//! Which format to ask a camera for.

use super::capabilities::WebcamFormatInfo;
use super::{WebcamFormat, WebcamRates};

/// The format that gives so many frames per second at the least cost, or else comes closest; `None` if
/// there is none that can be taken. `rates` gives those of a format at the size that is wished for, if
/// it has that.
pub(super) fn choose(
    offered: &[WebcamFormatInfo],
    wanted_rate: f64,
    rates: impl Fn(WebcamFormat) -> Option<WebcamRates>,
) -> Option<WebcamFormat> {
    let is_offered =
        |format: &WebcamFormat| offered.iter().any(|info| info.format == Some(*format));
    let candidates: Vec<_> = WebcamFormat::BY_PREFERENCE
        .into_iter()
        .filter(is_offered)
        .map(|format| Candidate { format, fastest: fastest(rates(format)) })
        .collect();
    let fast_enough = wanted_rate * (1.0 - MAX_RATE_DIFFERENCE);
    let fitting = candidates.iter().find(|candidate| candidate.fastest >= fast_enough);
    let chosen = fitting.or_else(|| closest(&candidates))?;
    Some(chosen.format)
}

struct Candidate {
    format: WebcamFormat,
    /// Frames per second at the size that is wished for; zero if that is not known, less if there is
    /// no such size.
    fastest: f64,
}

fn fastest(rates: Option<WebcamRates>) -> f64 {
    rates.map_or(-1.0, |rates| rates.fastest().unwrap_or(0.0))
}

/// The fastest at that size. Of several the one that is preferred, but where nothing is known of
/// them, compressed pictures are the least likely to be slow.
fn closest(candidates: &[Candidate]) -> Option<&Candidate> {
    let rank = |candidate: &Candidate| {
        let is_compressed = candidate.format == WebcamFormat::Mjpeg;
        (candidate.fastest, is_compressed && candidate.fastest <= 0.0)
    };
    candidates.iter().rev().max_by(|one, other| {
        let ((rate, compressed), (other_rate, other_compressed)) = (rank(one), rank(other));
        rate.total_cmp(&other_rate).then(compressed.cmp(&other_compressed))
    })
}

/// A rate of 29.97 does for one of 30.
const MAX_RATE_DIFFERENCE: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;
    use WebcamFormat::{Bgr24, Gray8, Mjpeg, Nv12, Yuyv};

    fn chosen(rate: f64, offers: &[(WebcamFormat, Option<&[f64]>)]) -> Option<WebcamFormat> {
        let info = |format: &WebcamFormat| WebcamFormatInfo {
            fourcc: format.to_string(),
            description: String::new(),
            format: Some(*format),
            modes: Vec::new(),
        };
        let offered: Vec<_> = offers.iter().map(|(format, _)| info(format)).collect();
        choose(&offered, rate, |wanted| {
            let (_, rates) = offers.iter().find(|(format, _)| *format == wanted)?;
            rates.map(|rates| WebcamRates::Discrete(rates.to_vec()))
        })
    }

    #[test]
    fn uncompressed_is_preferred_where_it_is_fast_enough() {
        let offers: &[(_, Option<&[f64]>)] =
            &[(Mjpeg, Some(&[30.0, 60.0])), (Yuyv, Some(&[10.0, 5.0])), (Nv12, None)];
        assert_eq!(chosen(10.0, offers), Some(Yuyv));
        assert_eq!(chosen(30.0, offers), Some(Mjpeg));
        assert_eq!(chosen(120.0, offers), Some(Mjpeg));
        let ntsc: &[(_, Option<&[f64]>)] = &[(Mjpeg, Some(&[30.0])), (Bgr24, Some(&[29.97]))];
        assert_eq!(chosen(30.0, ntsc), Some(Bgr24));
    }

    #[test]
    fn colours_are_worth_a_jpeg() {
        let offers: &[(_, Option<&[f64]>)] = &[(Gray8, Some(&[30.0])), (Mjpeg, Some(&[30.0]))];
        assert_eq!(chosen(30.0, offers), Some(Mjpeg));
        assert_eq!(chosen(30.0, &[(Gray8, Some(&[30.0]))]), Some(Gray8));
    }

    #[test]
    fn without_what_is_wished_for_the_closest_is_taken() {
        // The size is there, but not as fast.
        assert_eq!(chosen(60.0, &[(Yuyv, Some(&[10.0])), (Mjpeg, Some(&[5.0]))]), Some(Yuyv));
        // Nobody has the size.
        assert_eq!(chosen(30.0, &[(Yuyv, None), (Mjpeg, None)]), Some(Mjpeg));
        assert_eq!(chosen(30.0, &[(Yuyv, None), (Gray8, None)]), Some(Yuyv));
        // Rates are not told.
        assert_eq!(chosen(30.0, &[(Yuyv, Some(&[])), (Nv12, Some(&[]))]), Some(Yuyv));
        assert_eq!(chosen(30.0, &[(Yuyv, Some(&[])), (Mjpeg, Some(&[]))]), Some(Mjpeg));
        assert_eq!(chosen(30.0, &[]), None);
    }
}
