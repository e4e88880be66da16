//! What of a video is missing or damaged.

use std::fmt;
use std::time::Duration;

/// What of a video is missing or damaged, as far as container and decoder tell.
///
/// ```
/// use streamsdk_capture::{Damage, FrameProducer, TestPattern};
///
/// let mut pattern = TestPattern::new(320, 180, 30.0).paced(false).limit(3);
/// assert_eq!((&mut pattern).frames().count(), 3);
/// assert_eq!(pattern.damage(), Damage::default());
/// assert_eq!(pattern.damage().to_string(), "nothing is missing or damaged");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Damage {
    /// Packets of which the container says that something may be wrong with them, for example where two
    /// recordings were joined. They are decoded like all others, so by themselves they are no loss.
    pub marked_packets: u64,
    /// Packets of before the first key frame that could not be decoded, as in a recording that begins
    /// anywhere. They are no loss: nobody could decode them.
    pub leading_packets: u64,
    /// Packets that could not be read or decoded.
    pub undecodable_packets: u64,
    /// Frames in which the decoder made up for what it missed.
    pub concealed_frames: u64,
    /// Frames that the container lists and does not have, or that lie in a gap that it marks. A gap of more
    /// than ten seconds counts as a cut.
    pub missing_frames: u64,
    /// How much earlier the file ends than it says, where it lists no frames.
    pub missing_end: Duration,
}

impl Damage {
    /// Whether something is missing or shows damage.
    pub fn is_loss(&self) -> bool {
        let frames = self.undecodable_packets.saturating_add(self.concealed_frames);
        frames.saturating_add(self.missing_frames) > 0 || !self.missing_end.is_zero()
    }

    /// The sum of both.
    #[cfg(feature = "ffmpeg")]
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            marked_packets: self.marked_packets.saturating_add(other.marked_packets),
            leading_packets: self.leading_packets.saturating_add(other.leading_packets),
            undecodable_packets: self.undecodable_packets.saturating_add(other.undecodable_packets),
            concealed_frames: self.concealed_frames.saturating_add(other.concealed_frames),
            missing_frames: self.missing_frames.saturating_add(other.missing_frames),
            missing_end: self.missing_end.saturating_add(other.missing_end),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.missing_end.as_secs_f64();
        let parts: Vec<String> = [
            counted(self.missing_frames, "frame is missing", "frames are missing"),
            (end > 0.0).then(|| format!("the last {end:.1} s are missing")),
            counted(self.undecodable_packets, "packet was unreadable", "packets were unreadable"),
            counted(self.concealed_frames, "frame is damaged", "frames are damaged"),
            counted(
                self.marked_packets,
                "packet was marked as damaged",
                "packets were marked as damaged",
            ),
            counted(
                self.leading_packets,
                "packet came before the first key frame",
                "packets came before the first key frame",
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        match parts.split_last() {
            None => f.write_str("nothing is missing or damaged"),
            Some((only, [])) => f.write_str(only),
            Some((last, others)) => write!(f, "{} and {last}", others.join(", ")),
        }
    }
}

fn counted(count: u64, one: &str, several: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {several}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_alone_are_no_loss_and_everything_is_said_in_one_sentence() {
        let marked = Damage { marked_packets: 11, leading_packets: 1, ..Damage::default() };
        assert!(!marked.is_loss());
        assert_eq!(
            marked.to_string(),
            "11 packets were marked as damaged and 1 packet came before the first key frame"
        );
        for (damage, said) in [
            (Damage { undecodable_packets: 1, ..marked }, "1 packet was unreadable, "),
            (Damage { concealed_frames: 2, ..marked }, "2 frames are damaged, "),
            (Damage { missing_frames: 1, ..marked }, "1 frame is missing, "),
            (
                Damage { missing_end: Duration::from_millis(2160), ..marked },
                "the last 2.2 s are missing, ",
            ),
        ] {
            assert!(damage.is_loss());
            assert!(damage.to_string().starts_with(said), "{damage}");
            #[cfg(feature = "ffmpeg")]
            assert_eq!(damage.and(Damage::default()), damage);
        }
    }
}
