//! What a decoder needs to show the newest frame of a stream.

use crate::EncodedFrame;

/// The frames of a stream from its newest key frame on, for whoever has to begin in the middle of it.
///
/// Keeps at most 600 frames and 8 MiB: a camera that gives key frames less often than that leaves
/// nothing to begin with until its next one.
#[derive(Debug, Default)]
pub struct GroupOfPictures {
    /// Empty, or a key frame first.
    frames: Vec<EncodedFrame>,
    bytes: usize,
}

const MAX_FRAMES: usize = 600;
const MAX_BYTES: usize = 8 << 20;

impl GroupOfPictures {
    /// Takes the stream's next frame. A key frame begins the group anew.
    pub fn push(&mut self, frame: EncodedFrame) {
        if frame.key_frame {
            self.clear();
        } else if self.frames.is_empty() {
            return;
        }
        self.bytes += frame.data.len();
        self.frames.push(frame);
        if self.frames.len() > MAX_FRAMES || self.bytes > MAX_BYTES {
            self.clear();
        }
    }

    /// The frames, a key frame first; none if the stream cannot be begun with at present.
    pub fn frames(&self) -> &[EncodedFrame] {
        &self.frames
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TimeBase, Timestamp, VideoCodec};

    fn frame(number: i64, key_frame: bool, bytes: usize) -> EncodedFrame {
        let timestamp = Timestamp::new(number, TimeBase::RTP_VIDEO);
        EncodedFrame { codec: VideoCodec::H264, data: vec![0; bytes].into(), key_frame, timestamp }
    }

    fn numbers(group: &GroupOfPictures) -> Vec<i64> {
        group.frames().iter().map(|frame| frame.timestamp.pts).collect()
    }

    #[test]
    fn it_begins_with_the_newest_key_frame() {
        let mut group = GroupOfPictures::default();
        group.push(frame(0, false, 1));
        assert!(group.frames().is_empty());
        (1..=3).for_each(|number| group.push(frame(number, number == 1, 1)));
        assert_eq!(numbers(&group), [1, 2, 3]);
        group.push(frame(4, true, 1));
        assert_eq!(numbers(&group), [4]);
    }

    #[test]
    fn one_that_grows_too_large_is_given_up_until_the_next_key_frame() {
        for (frames, bytes) in [(MAX_FRAMES + 1, 1), (3, MAX_BYTES / 2)] {
            let mut group = GroupOfPictures::default();
            (0..frames).for_each(|number| group.push(frame(number as i64, number == 0, bytes)));
            assert!(group.frames().is_empty());
            group.push(frame(1000, false, 1));
            assert!(group.frames().is_empty());
            group.push(frame(1001, true, 1));
            assert_eq!(numbers(&group), [1001]);
        }
    }
}
