//! What the client counts of a stream, and whether it adds up.

use anyhow::{Context, Result};
use serde_json::Value;

/// Frames of one session or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) returned: u64,
    /// They were sent, and the caller did not get them: each cause in the order of [`CAUSES`].
    pub(super) lost: [u64; CAUSES.len()],
    /// They were not sent: no frame that was sent is among them.
    pub(super) left_out: u64,
}

/// As they are called in `/state`, and as a sentence says them.
const CAUSES: [(&str, &str); 4] = [
    ("not_returned", "not returned by the server"),
    ("queue_full", "dropped because the caller was late"),
    ("unreadable", "unreadable"),
    ("not_taken", "not taken"),
];
const LEFT_OUT: [(&str, &str); 2] =
    [("not_encoded", "not encoded"), ("disconnected", "while there was no connection")];

impl Counts {
    /// From what `/state` says of a session, or of a stream.
    pub(super) fn of_state(told: &Value) -> Result<Self> {
        let number = |pointer: &str| {
            let number = told.pointer(pointer).and_then(Value::as_u64);
            number.with_context(|| format!("{pointer} is missing in {told}"))
        };
        let mut counts = Self {
            sent: number("/frames_sent")?,
            returned: number("/frames_returned")?,
            ..Self::default()
        };
        for (count, (name, _)) in counts.lost.iter_mut().zip(CAUSES) {
            *count = number(&format!("/dropped/{name}"))?;
        }
        for (name, _) in LEFT_OUT {
            counts.left_out += number(&format!("/dropped/{name}"))?;
        }
        Ok(counts)
    }

    /// From `369 of 374 frames returned, 9.7 fps, 5 not returned by the server; closed by the caller`, which the
    /// client says when a session has ended.
    pub(super) fn of_sentence(sentence: &str) -> Option<Self> {
        let frames = sentence.split(';').next()?;
        let mut parts = frames.split(", ");
        let (returned, rest) = parts.next()?.split_once(" of ")?;
        let sent = rest.strip_suffix(" frames returned")?.parse().ok()?;
        let mut counts = Self { sent, returned: returned.parse().ok()?, ..Self::default() };
        for part in parts {
            let Some((number, what)) = part.split_once(' ') else { continue };
            if let Some(cause) = CAUSES.iter().position(|(_, words)| *words == what) {
                counts.lost[cause] = number.parse().ok()?;
            } else if LEFT_OUT.iter().any(|(_, words)| *words == what) {
                counts.left_out += number.parse::<u64>().ok()?;
            }
        }
        Some(counts)
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.iter().sum()
    }

    /// Frames that are counted under no cause, or, where it is below 0, under more than one.
    pub(super) fn unexplained(&self) -> i64 {
        self.sent.cast_signed() - (self.returned + self.lost()).cast_signed()
    }

    /// What is in this and not in a part of it; `None` where that is no part of it.
    pub(super) fn without(&self, part: &Self) -> Option<Self> {
        let mut rest = Self {
            sent: self.sent.checked_sub(part.sent)?,
            returned: self.returned.checked_sub(part.returned)?,
            lost: self.lost,
            left_out: self.left_out.checked_sub(part.left_out)?,
        };
        for (count, less) in rest.lost.iter_mut().zip(part.lost) {
            *count = count.checked_sub(less)?;
        }
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sentence_and_the_state_say_the_same() {
        let sentence = "369 of 374 frames returned, 9.7 fps, 7 while there was no connection, \
                        5 not returned by the server; connected again once; closed by the caller";
        let state = json!({"frames_sent": 374, "frames_returned": 369, "dropped": {
            "disconnected": 7, "not_encoded": 0, "not_returned": 5, "not_taken": 0,
            "queue_full": 0, "unreadable": 0}});
        let counts = Counts::of_state(&state).unwrap();
        assert_eq!(Counts::of_sentence(sentence), Some(counts));
        assert_eq!((counts.unexplained(), counts.lost(), counts.left_out), (0, 5, 7));
    }

    #[test]
    fn other_sentences_count_nothing() {
        assert_eq!(Counts::of_sentence("started"), None);
        assert_eq!(Counts::of_sentence("connected again; frames lost on the way: 5"), None);
    }

    #[test]
    fn a_frame_without_a_cause_and_one_with_two_are_seen() {
        let of = |sentence| Counts::of_sentence(sentence).unwrap().unexplained();
        assert_eq!(of("9 of 10 frames returned, 1.0 fps; complete"), 1);
        assert_eq!(of("9 of 10 frames returned, 1.0 fps, 1 unreadable, 1 not taken; complete"), -1);
    }

    #[test]
    fn what_shrinks_is_no_whole() {
        let small = Counts { sent: 3, returned: 3, ..Counts::default() };
        let large = Counts { sent: 5, returned: 4, lost: [1, 0, 0, 0], left_out: 0 };
        let rest = Counts { sent: 2, returned: 1, lost: [1, 0, 0, 0], left_out: 0 };
        assert_eq!(large.without(&small), Some(rest));
        assert_eq!(small.without(&large), None);
    }
}
