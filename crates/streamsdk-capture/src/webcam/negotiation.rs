//! Agreeing with a camera on format, size and rate.

use rustix::io::Errno;

use super::capabilities::{self, WebcamFormatInfo};
use super::device::Device;
use super::format::letters;
use super::format_selection::choose;
use super::v4l2::{FormatRequest, Fraction, PixelLayout, StreamParameters, requests};
use super::{WebcamFormat, WebcamOptions};
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
