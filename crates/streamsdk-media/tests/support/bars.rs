//! Bars of known colours, and whether they came through. Tests of other crates use it, too.
#![allow(dead_code, clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use streamsdk_media::{ColorMatrix, ColorRange, ColorSpace, Frame, PixelFormat};

/// With 720 lines, from which on players take untagged video for BT.709.
pub(crate) const LINES: u32 = 720;
pub(crate) const WIDTH: u32 = BAR_WIDTH * BARS.len() as u32;

pub(crate) const SPACES: [ColorSpace; 8] = {
    use ColorMatrix::{Bt601, Bt709, Bt2020, Smpte240m};
    use ColorRange::{Full, Limited};
    [
        ColorSpace::new(Bt601, Limited),
        ColorSpace::new(Bt601, Full),
        ColorSpace::new(Bt709, Limited),
        ColorSpace::new(Bt709, Full),
        ColorSpace::new(Bt2020, Limited),
        ColorSpace::new(Bt2020, Full),
        ColorSpace::new(Smpte240m, Limited),
        ColorSpace::new(Smpte240m, Full),
    ]
};

const BAR_WIDTH: u32 = 80;
const BARS: [[u8; 3]; 8] = [
    [0, 136, 0],
    [255, 0, 0],
    [20, 20, 230],
    [230, 220, 20],
    [10, 200, 210],
    [200, 60, 180],
    [255, 255, 255],
    [128, 80, 40],
];

/// The bars in RGB.
pub(crate) fn bars(lines: u32) -> Frame {
    let row: Vec<u8> = BARS.iter().flat_map(|bar| bar.repeat(BAR_WIDTH as usize)).collect();
    Frame::packed(PixelFormat::Rgb24, WIDTH, lines, row.repeat(lines as usize)).unwrap()
}

/// The bars in I420 of a colour space.
pub(crate) fn bars_in(space: ColorSpace, lines: u32) -> Frame {
    bars(lines).convert_to(PixelFormat::I420, space).unwrap()
}

/// The mean over the inner half of each bar is within 3 of what it was in each channel.
pub(crate) fn assert_bars(frame: &Frame, what: &str) {
    let rgb = frame.convert(PixelFormat::Rgb24).unwrap();
    let (width, height) = (rgb.width() as usize, rgb.height() as usize);
    let bar_width = width / BARS.len();
    let mut wrong = Vec::new();
    for (index, expected) in BARS.into_iter().enumerate() {
        let left = index * bar_width + bar_width / 4;
        let mut sums = [0; 3];
        for row in rgb.rows(0).skip(height / 4).take(height / 2) {
            for pixel in &row.as_chunks::<3>().0[left..left + bar_width / 2] {
                sums = [0, 1, 2].map(|channel| sums[channel] + u32::from(pixel[channel]));
            }
        }
        let count = (height / 2 * (bar_width / 2)) as u32;
        let mean = sums.map(|sum| f64::from(sum) / f64::from(count));
        let is_near =
            mean.iter().zip(expected).all(|(mean, it)| (mean - f64::from(it)).abs() <= 3.0);
        if !is_near {
            wrong.push(format!("{expected:?} became {mean:.1?}"));
        }
    }
    assert!(wrong.is_empty(), "{what}: {}", wrong.join(", "));
}

/// Writes ten frames into a file by the ffmpeg program, whose encoder is given more arguments. The file
/// says nothing of its colours.
pub(crate) fn write_video(path: &Path, frame: &Frame, arguments: &[&str]) {
    let size = format!("{}x{}", frame.width(), frame.height());
    let is_full = frame.color_space().range == ColorRange::Full;
    let mut process = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "rawvideo", "-r", "10", "-s", &size])
        .args(["-pix_fmt", if is_full { "yuvj420p" } else { "yuv420p" }, "-i", "-"])
        .args(arguments)
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(&frame.to_packed().repeat(10)).unwrap();
    assert!(process.wait().unwrap().success(), "ffmpeg {arguments:?}");
}

/// H264 that says what it is in.
pub(crate) fn write_h264(path: &Path, frame: &Frame) {
    let ColorSpace { matrix, range } = frame.color_space();
    let matrix = match matrix {
        ColorMatrix::Bt709 => 1,
        ColorMatrix::Smpte240m => 7,
        ColorMatrix::Bt2020 => 9,
        _ => 6,
    };
    let full = u8::from(range == ColorRange::Full);
    let tags = format!("h264_metadata=matrix_coefficients={matrix}:video_full_range_flag={full}");
    write_video(path, frame, &["-c:v", "libx264", "-qp", "10", "-bf", "0", "-bsf:v", &tags]);
}
