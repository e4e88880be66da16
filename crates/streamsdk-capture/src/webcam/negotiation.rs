//! Agreeing with a camera on format, size and rate.

use rustix::io::Errno;

use super::capabilities::{self, WebcamFormatInfo};
use super::device::Device;
use super::format::letters;
use super::v4l2::{FormatRequest, Fraction, PixelLayout, StreamParameters, requests};
use super::{WebcamFormat, WebcamOptions, WebcamRates};
use crate::CaptureError;

/// What the camera agreed to, whatever it was asked.
pub(super) struct Agreement {
    pub(super) format: WebcamFormat,
    pub(super) pixels: PixelLayout,
    /// Frames per second, if the camera says so.
    pub(super) rate: Option<f64>,
}

pub(super) fn agree(device: &Device, options: &WebcamOptions) -> Result<Agreement, CaptureError> {
    let offered = capabilities::offered(device);
    let wanted = match options.format {
        Some(format) => check(device, &offered, format)?,
        None => selected_format(device, &offered, options)?,
    };
    let pixels = set_format(device, options, wanted)?;
    let format = WebcamFormat::of_code(pixels.pixelformat)
        .filter(|given| options.format.is_none_or(|wanted| wanted == *given))
        .ok_or_else(|| unsupported(device, wanted.fourcc(), &letters(pixels.pixelformat)))?;
    Ok(Agreement { format, pixels, rate: set_rate(device, options.frame_rate)? })
}

fn check(
    device: &Device,
    offered: &[WebcamFormatInfo],
    format: WebcamFormat,
) -> Result<WebcamFormat, CaptureError> {
    let is_offered = offered.iter().any(|info| info.format == Some(format));
    is_offered.then_some(format).ok_or_else(|| unsupported(device, format.fourcc(), &list(offered)))
}

fn selected_format(
    device: &Device,
    offered: &[WebcamFormatInfo],
    options: &WebcamOptions,
) -> Result<WebcamFormat, CaptureError> {
    let (width, height) = options.resolution;
    let rates = |format: WebcamFormat| {
        let info = offered.iter().find(|info| info.format == Some(format))?;
        let has_size = info.modes.iter().any(|mode| mode.size.contains(width, height));
        has_size.then(|| capabilities::rates(device, format.code(), options.resolution))
    };
    choose(offered, options.frame_rate, rates)
        .ok_or_else(|| unsupported(device, &list_of_known(), &list(offered)))
}

fn set_format(
    device: &Device,
    options: &WebcamOptions,
    format: WebcamFormat,
) -> Result<PixelLayout, CaptureError> {
    let (width, height) = options.resolution;
    let mut request = FormatRequest::new(format.code(), width, height);
    match device.ask(&requests::SET_FORMAT, &mut request) {
        Ok(()) => Ok(request.pixels()),
        Err(Errno::INVAL) => {
            let mut current = FormatRequest::current();
            let asked = device.ask(&requests::GET_FORMAT, &mut current);
            asked.map_err(|errno| device.failed("asking for its format", errno))?;
            let PixelLayout { width: given, height: lines, pixelformat: fourcc, .. } =
                current.pixels();
            let wanted = format!("{format} of {width}x{height}");
            let there_is = format!("{} of {given}x{lines}", letters(fourcc));
            Err(unsupported(device, &wanted, &there_is))
        }
        Err(errno) => Err(device.failed("setting its format", errno)),
    }
}

/// Frames per second as the camera rounds them; `None` if it has no say in it.
fn set_rate(device: &Device, wanted: f64) -> Result<Option<f64>, CaptureError> {
    let mut parameters = StreamParameters::new(interval(wanted));
    match device.ask(&requests::SET_PARAMETERS, &mut parameters) {
        Ok(()) => Ok(parameters.time_per_frame().and_then(capabilities::rate)),
        Err(errno @ (Errno::BUSY | Errno::NODEV | Errno::IO)) => {
            Err(device.failed("setting its frame rate", errno))
        }
        Err(_) => Ok(None),
    }
}

/// Seconds per frame.
fn interval(rate: f64) -> Fraction {
    let thousandths = (rate * 1000.0).round().clamp(1.0, 1e9) as u32;
    match thousandths % 1000 {
        0 => Fraction { numerator: 1, denominator: thousandths / 1000 },
        _ => Fraction { numerator: 1000, denominator: thousandths },
    }
}

fn unsupported(device: &Device, wanted: &str, offered: &str) -> CaptureError {
    CaptureError::Unsupported {
        wanted: format!("{wanted} from {}", device.origin()),
        offered: offered.to_owned(),
    }
}

fn list(offered: &[WebcamFormatInfo]) -> String {
    let fourccs: Vec<_> = offered.iter().map(|info| info.fourcc.as_str()).collect();
    if fourccs.is_empty() { "nothing".to_owned() } else { fourccs.join(", ") }
}

fn list_of_known() -> String {
    WebcamFormat::BY_PREFERENCE.map(WebcamFormat::fourcc).join(", ")
}

/// The format that gives so many frames per second at the least cost, or else comes closest; `None` if
/// there is none that can be taken. `rates` gives those of a format at the size that is wished for, if
/// it has that.
fn choose(
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

    #[test]
    fn rates_become_intervals() {
        let shown = |rate| {
            let Fraction { numerator, denominator } = interval(rate);
            (numerator, denominator)
        };
        assert_eq!(shown(30.0), (1, 30));
        assert_eq!(shown(12.5), (1000, 12_500));
        assert_eq!(shown(29.97), (1000, 29_970));
        assert_eq!(shown(0.0), (1000, 1));
    }

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
