//! What is known about a frame, within the frame: as text behind the encoded video, which the page takes off before the
//! video is decoded. So it comes with its picture or not at all, whatever is lost on the way.

use bytes::{BufMut, Bytes, BytesMut};

/// Stands at the very end, and tells the page that there is a text.
const MARK: &[u8] = b"streamsdk";
/// Of the text's length, in hexadecimal.
const LENGTH_DIGITS: usize = 8;

/// The video with a text behind it, which is JSON: without a byte that is zero, nothing in it looks like the beginning of
/// another part of H264.
pub(crate) fn with_text(video: &[u8], text: &str) -> Bytes {
    let mut whole = BytesMut::with_capacity(video.len() + text.len() + LENGTH_DIGITS + MARK.len());
    whole.put_slice(video);
    whole.put_slice(text.as_bytes());
    whole.put_slice(format!("{:0LENGTH_DIGITS$x}", text.len()).as_bytes());
    whole.put_slice(MARK);
    whole.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stands_behind_the_video_with_its_length() {
        assert_eq!(
            with_text(b"\0\0\x01vp8", "{\"n\":1}"),
            &b"\0\0\x01vp8{\"n\":1}00000007streamsdk"[..]
        );
    }
}
