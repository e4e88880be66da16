//! Bars of known colours, written into files by the ffmpeg program.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it fails")]

#[path = "../../streamsdk-media/tests/support/bars.rs"]
mod bars;

use std::path::Path;

use streamsdk_capture::VideoFile;
use streamsdk_media::mp4::Mp4Writer;
use streamsdk_media::{ColorSpace, Frame, PixelFormat};

use self::bars::{LINES, SPACES, WIDTH, assert_bars, bars, bars_in, write_h264, write_video};

/// Less than what players take for BT.709.
const FEW_LINES: u32 = LINES - 2;

/// The first frame of a file that `write` makes.
fn through(name: &str, write: impl FnOnce(&Path)) -> Frame {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    write(&path);
    VideoFile::open(&path).unwrap().next_frame().unwrap().unwrap()
}

fn assert_came_through(frame: &Frame, space: ColorSpace, what: &str) {
    assert_eq!((frame.format(), frame.color_space()), (PixelFormat::I420, space), "{what}");
    assert_bars(frame, what);
}

#[test]
fn what_a_file_says_of_its_colours_counts_at_every_size() {
    for lines in [FEW_LINES, LINES] {
        for space in SPACES {
            for name in ["tagged.mp4", "tagged.mkv", "tagged.ts"] {
                let frame = through(name, |path| write_h264(path, &bars_in(space, lines)));
                assert_came_through(&frame, space, &format!("{name} in {space:?}, {lines} lines"));
            }
        }
    }
}

#[test]
fn the_size_decides_where_a_file_says_nothing() {
    for (lines, space) in [(FEW_LINES, ColorSpace::BT601), (LINES, ColorSpace::BT709)] {
        for codec in [&["-c:v", "libx264", "-qp", "10"], &["-c:v", "mpeg4", "-q:v", "2"]] {
            let frame =
                through("untagged.mp4", |path| write_video(path, &bars_in(space, lines), codec));
            assert_came_through(&frame, space, &format!("{codec:?}, {lines} lines"));
        }
    }
}

#[test]
fn vp8_is_bt601_and_motion_jpeg_is_bt601_in_full_range_at_every_size() {
    let vp8 = ["-c:v", "libvpx", "-b:v", "8M", "-deadline", "realtime"];
    let jpeg = ["-c:v", "mjpeg", "-q:v", "2"];
    for lines in [FEW_LINES, LINES] {
        let frame = bars_in(ColorSpace::BT601, lines);
        let frame = through("vp8.webm", |path| write_video(path, &frame, &vp8));
        assert_came_through(&frame, ColorSpace::BT601, "VP8");
        let frame = bars_in(ColorSpace::JPEG, lines);
        let frame = through("jpeg.avi", |path| write_video(path, &frame, &jpeg));
        assert_came_through(&frame, ColorSpace::JPEG, "MJPEG");
    }
}

#[test]
fn pixels_that_have_to_be_converted_keep_their_colours() {
    let full = "h264_metadata=matrix_coefficients=1:video_full_range_flag=1";
    let limited = "h264_metadata=matrix_coefficients=1:video_full_range_flag=0";
    for (pixels, space, tags) in [
        ("yuv444p", SPACES[2], limited),
        ("yuvj444p", SPACES[3], full),
        ("yuvj422p", SPACES[3], full),
        ("yuv422p10le", SPACES[2], limited),
    ] {
        let arguments = ["-pix_fmt", pixels, "-c:v", "libx264", "-qp", "10", "-bsf:v", tags];
        let frame = bars_in(space, FEW_LINES);
        let frame = through("other.mp4", |path| write_video(path, &frame, &arguments));
        assert_came_through(&frame, space, pixels);
    }
    // The ffmpeg program makes RGB of BT.601.
    let rgb = ["-pix_fmt", "rgb24", "-c:v", "rawvideo"];
    let frame = bars_in(ColorSpace::BT601, LINES);
    let frame = through("rgb.nut", |path| write_video(path, &frame, &rgb));
    assert_came_through(&frame, ColorSpace::BT601, "RGB");
}

/// Has an MP4 file say that its pictures are to be turned by 180°. How the ffmpeg program is told to do so
/// depends on its version.
fn turn_upside_down(path: &Path) {
    const MATRIX_AT: usize = 4 + 40;
    let mut file = std::fs::read(path).unwrap();
    let header = file.windows(4).position(|name| name == b"tkhd").unwrap();
    let matrix = &mut file[header + MATRIX_AT..][..36];
    let (one, minus_one) = (65_536_i32.to_be_bytes(), (-65_536_i32).to_be_bytes());
    for place in [0, 16] {
        assert_eq!(matrix[place..place + 4], one);
        matrix[place..place + 4].copy_from_slice(&minus_one);
    }
    std::fs::write(path, file).unwrap();
}

#[test]
fn a_turned_file_keeps_its_colour_space() {
    let frame = through("turned.mp4", |path| {
        write_h264(path, &bars_in(ColorSpace::BT709, FEW_LINES));
        turn_upside_down(path);
    });
    assert_eq!(frame.color_space(), ColorSpace::BT709);
    let green = frame.convert(PixelFormat::Rgb24).unwrap();
    let row = green.rows(0).nth(100).unwrap();
    let pixel = row.as_chunks::<3>().0[WIDTH as usize - 40];
    assert!(pixel[0] < 6 && pixel[1].abs_diff(136) < 4 && pixel[2] < 6, "{pixel:?}");
}

#[test]
fn a_file_of_our_own_has_the_colours_whatever_the_frames_were_in() {
    for lines in [FEW_LINES, LINES] {
        let frame = through("own.mp4", |path| {
            let mut writer = Mp4Writer::create(path, WIDTH, lines, 10.0).unwrap();
            writer.write(&bars(lines)).unwrap();
            writer.finish().unwrap();
        });
        assert_bars(&frame, &format!("RGB, {lines} lines"));
        for space in SPACES {
            let frame = through("own.mp4", |path| {
                let mut writer = Mp4Writer::create(path, WIDTH, lines, 10.0).unwrap();
                writer.write(&bars_in(space, lines)).unwrap();
                writer.finish().unwrap();
            });
            assert_bars(&frame, &format!("{space:?}, {lines} lines"));
        }
    }
}
