//! What became of every frame of a session. Without a clock, a task or a connection.

use crate::{Drops, FrameError};

/// Texts of errors that are kept, each once.
const MAX_ERROR_TEXTS: usize = 16;
/// How far a frame number may be ahead of those before it: an hour of frames. What is further ahead is no
/// number but a mistake, and must not make millions of frames of it that were never sent.
const MAX_NUMBER_GAP: u32 = 120_000;

/// Counts each frame under what became of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// The highest frame number that the server has named.
    highest: u32,
    /// Results that arrived and could be read.
    arrived: u64,
    unreadable: u64,
    /// Of those that arrived, the ones with an error of the server's.
    failed: u64,
    queue_full: u64,
    odd_fields: u64,
    errors: Vec<FrameError>,
    /// What the server said of the stream as a whole.
    damage: Vec<String>,
}

/// The frames that this side sends as video, where it does.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SentVideo {
    pub(crate) sent: u64,
    /// They were there to be sent, and were left out.
    pub(crate) not_encoded: u64,
}

impl Ledger {
    /// Notes a result about frame `frame_id`, with what went wrong with it in the server's words.
    pub(crate) fn result(&mut self, frame_id: u32, errors: &[String]) {
        self.named(frame_id);
        self.arrived += 1;
        self.failed += u64::from(!errors.is_empty());
        errors.iter().for_each(|text| self.note_error(text));
    }

    pub(crate) fn unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// Notes fields of results that are not as they should be, and cost nothing but themselves.
    pub(crate) fn odd_fields(&mut self, count: u64) {
        self.odd_fields += count;
    }

    pub(crate) fn dropped(&mut self, count: u64) {
        self.queue_full += count;
    }

    /// Notes the number of a frame that the server knows of.
    pub(crate) fn named(&mut self, frame_id: u32) {
        if frame_id <= self.highest.saturating_add(MAX_NUMBER_GAP) {
            self.highest = self.highest.max(frame_id);
        }
    }

    /// Notes what the server says was damaged or missing in the stream as a whole.
    pub(crate) fn damaged(&mut self, texts: Vec<String>) {
        self.damage.extend(texts);
    }

    fn note_error(&mut self, text: &str) {
        if let Some(known) = self.errors.iter_mut().find(|known| known.text == text) {
            known.frames += 1;
        } else if self.errors.len() < MAX_ERROR_TEXTS {
            self.errors.push(FrameError { text: text.to_owned(), frames: 1 });
        }
    }

    pub(crate) fn arrived(&self) -> u64 {
        self.arrived
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    pub(crate) fn unreadable_results(&self) -> u64 {
        self.unreadable
    }

    pub(crate) fn odd(&self) -> u64 {
        self.odd_fields
    }

    pub(crate) fn errors(&self) -> &[FrameError] {
        &self.errors
    }

    pub(crate) fn damage(&self) -> &[String] {
        &self.damage
    }

    /// Frames that there were: those that this side sent, or else those that the server has named.
    pub(crate) fn frames(&self, video: Option<SentVideo>) -> u64 {
        let known = video.map_or(u64::from(self.highest), |video| video.sent);
        known.max(self.arrived + self.unreadable)
    }

    /// Frames that the caller did not get, by cause; `not_taken` is known to the queue.
    pub(crate) fn drops(&self, video: Option<SentVideo>, not_taken: u64) -> Drops {
        Drops {
            not_encoded: video.map_or(0, |video| video.not_encoded),
            not_returned: self.frames(video) - (self.arrived + self.unreadable),
            queue_full: self.queue_full,
            unreadable: self.unreadable,
            not_taken,
        }
    }

    /// Whether something that was promised is missing, damaged or failed. `every_frame` is whether the
    /// frames that were left out on the way were promised, too.
    pub(crate) fn has_loss(&self, video: Option<SentVideo>, every_frame: bool) -> bool {
        let Drops { not_encoded, not_returned, unreadable, .. } = self.drops(video, 0);
        let left_out = not_encoded + not_returned;
        unreadable + self.failed > 0 || !self.damage.is_empty() || every_frame && left_out > 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_that_the_server_never_named_again_are_counted() {
        let mut ledger = Ledger::default();
        ledger.result(1, &[]);
        ledger.result(3, &[]);
        ledger.unreadable();
        ledger.named(6);
        assert_eq!(ledger.frames(None), 6);
        let drops = ledger.drops(None, 0);
        assert_eq!((drops.not_returned, drops.unreadable), (3, 1));
    }

    #[test]
    fn a_number_that_cannot_be_one_makes_no_frames() {
        let mut ledger = Ledger::default();
        ledger.result(1, &[]);
        ledger.result(u32::MAX, &[]);
        ledger.named(u32::MAX - 1);
        assert_eq!((ledger.frames(None), ledger.drops(None, 0).total()), (2, 0));
        assert!(!ledger.has_loss(None, true));
    }

    #[test]
    fn each_text_is_kept_once_with_its_number_of_frames_and_not_endlessly_many() {
        let mut ledger = Ledger::default();
        for frame_id in 1..=100 {
            let text = format!("error {}", frame_id % 50);
            ledger.result(frame_id, &["always".to_owned(), text]);
        }
        assert_eq!((ledger.failed(), ledger.errors().len()), (100, MAX_ERROR_TEXTS));
        assert_eq!(ledger.errors()[0], FrameError { text: "always".to_owned(), frames: 100 });
        assert_eq!(ledger.errors()[1].frames, 2);
    }

    #[test]
    fn what_is_left_out_is_a_loss_only_where_every_frame_was_promised() {
        let video = Some(SentVideo { sent: 5, not_encoded: 0 });
        let mut ledger = Ledger::default();
        (1..=4).for_each(|frame_id| ledger.result(frame_id, &[]));
        assert!(ledger.has_loss(video, true) && !ledger.has_loss(video, false));
        let late = Some(SentVideo { sent: 4, not_encoded: 1 });
        assert!(ledger.has_loss(late, true) && !ledger.has_loss(late, false));
        let mut damaged = ledger.clone();
        damaged.damaged(vec!["a hole".to_owned()]);
        assert!(damaged.has_loss(None, false));
        ledger.unreadable();
        assert!(ledger.has_loss(None, false));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Result(u32, bool),
        Unreadable,
        Named(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (any::<u32>(), any::<bool>()).prop_map(|(id, failed)| Step::Result(id, failed)),
            (0..500_u32, any::<bool>()).prop_map(|(id, failed)| Step::Result(id, failed)),
            Just(Step::Unreadable),
            any::<u32>().prop_map(Step::Named),
            (0..500_u32).prop_map(Step::Named),
        ]
    }

    proptest! {
        /// Whatever a server says, the frames add up.
        #[test]
        fn every_frame_is_counted_once(
            steps in prop::collection::vec(step(), 0..200),
            sent in prop::option::of(0..300_u64),
        ) {
            let mut ledger = Ledger::default();
            for step in steps {
                match step {
                    Step::Result(id, true) => ledger.result(id, &["failed".to_owned()]),
                    Step::Result(id, false) => ledger.result(id, &[]),
                    Step::Unreadable => ledger.unreadable(),
                    Step::Named(id) => ledger.named(id),
                }
            }
            let video = sent.map(|sent| SentVideo { sent, not_encoded: 0 });
            let drops = ledger.drops(video, 0);
            let found = ledger.arrived() + drops.unreadable + drops.not_returned;
            prop_assert_eq!(found, ledger.frames(video));
            prop_assert!(ledger.failed() <= ledger.arrived());
        }
    }
}
