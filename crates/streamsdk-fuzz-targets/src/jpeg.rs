//! A picture as a server, a webcam or a part of an MJPEG stream has it: the size that the header says is that of
//! the frame, and no memory is taken for what is too large.

use streamsdk_media::{PixelFormat, jpeg};

/// Larger ones would only make it slow.
const MAX_PIXELS: u64 = 1 << 16;

pub(crate) fn run(input: &[u8]) {
    let Ok((width, height)) = jpeg::dimensions(input) else { return };
    let pixels = u64::from(width) * u64::from(height);
    assert!(pixels > 0 && pixels <= jpeg::MAX_PIXELS);
    if pixels > MAX_PIXELS {
        return;
    }
    for format in [PixelFormat::Rgb24, PixelFormat::Gray8, PixelFormat::I420] {
        if let Ok(frame) = jpeg::decode(input, format) {
            assert_eq!((frame.width(), frame.height()), (width, height));
        }
    }
}
