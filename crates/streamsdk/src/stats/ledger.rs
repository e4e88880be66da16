//! What became of every frame of a session. Without a clock, a task or a connection.

use crate::{Drops, FrameError};

/// Texts of errors that are kept, each once.
const MAX_ERROR_TEXTS: usize = 16;
/// How far a frame number may be ahead of those before it: an hour of frames. What is further ahead is no
/// number but a mistake, and must not make millions of frames of it that were never sent.
const MAX_NUMBER_GAP: u32 = 120_000;

/// Counts each frame under what became of it, over all links of a session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// The frames of the present link.
    link: LinkFrames,
    /// Frames that there were on the links before.
    frames_before: u64,
    /// Those of them that the server said nothing about.
    lost_before: u64,
    /// Those of them that came back without data.
    alone_before: u64,
    /// Those of them that were published.
    published_before: u64,
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

/// The frames of one link, in the numbers that the server gives them.
#[derive(Debug, Clone, Copy, Default)]
struct LinkFrames {
    /// The highest frame number that the server has named.
    highest: u32,
    /// Results that came, readable or not.
    came: u64,
    /// Frames that came back on a track without data.
    alone: u64,
    /// Frames that this side had sent as video before the link.
    sent_before: u64,
}

/// The frames that this side sends as video over all links, where it does.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SentVideo {
    pub(crate) sent: u64,
    /// They were there to be sent, and were left out.
    pub(crate) not_encoded: u64,
    /// They were there while there was no connection.
    pub(crate) disconnected: u64,
    /// Of the frames of the present link, those that were confirmed, where that is all that a server says of them.
    pub(crate) confirmed: Option<u64>,
}

impl Ledger {
    /// Notes a result about frame `frame_id`, with what went wrong with it in the server's words.
    pub(crate) fn result(&mut self, frame_id: u32, errors: &[String]) {
        self.named(frame_id);
        self.link.came += 1;
        self.arrived += 1;
        self.failed += u64::from(!errors.is_empty());
        errors.iter().for_each(|text| self.note_error(text));
    }

    /// Notes a frame that came back on a track, and nothing that was said about it.
    pub(crate) fn frame_alone(&mut self) {
        self.link.alone += 1;
    }

    pub(crate) fn unreadable(&mut self) {
        self.link.came += 1;
        self.unreadable += 1;
    }

    /// Begins with the frames of another link, which the server numbers from 1 again. Says how many of the
    /// link before are lost with it.
    pub(crate) fn next_link(&mut self, video: Option<SentVideo>) -> u64 {
        let (frames, lost) = (self.frames_of_link(video), self.lost_on_link(video));
        self.alone_before += self.alone_on_link(video);
        self.published_before += published_on_link(video);
        self.frames_before += frames;
        self.lost_before += lost;
        let sent_before = video.map_or(0, |video| video.sent);
        self.link = LinkFrames { sent_before, ..LinkFrames::default() };
        lost
    }

    /// The highest frame number that the server has named on this link.
    pub(crate) fn highest_on_link(&self) -> u32 {
        self.link.highest
    }

    /// Frames that there were on this link: those that this side sent, or else those that the server has
    /// named.
    fn frames_of_link(&self, video: Option<SentVideo>) -> u64 {
        let LinkFrames { highest, alone, sent_before, .. } = self.link;
        let known =
            video.map_or(u64::from(highest), |video| video.sent.saturating_sub(sent_before));
        known.max(self.accounted_on_link(video)).max(alone)
    }

    /// Frames of this link about which something came: a result, or, where nothing returns, that they arrived.
    fn accounted_on_link(&self, video: Option<SentVideo>) -> u64 {
        self.link.came + published_on_link(video)
    }

    /// Frames of this link that came back without data. Where all frames have a result already, what came alone
    /// is the picture of one that was not recognised as such.
    fn alone_on_link(&self, video: Option<SentVideo>) -> u64 {
        self.link.alone.min(self.frames_of_link(video) - self.accounted_on_link(video))
    }

    fn lost_on_link(&self, video: Option<SentVideo>) -> u64 {
        let accounted = self.accounted_on_link(video) + self.alone_on_link(video);
        self.frames_of_link(video) - accounted
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
        let highest = &mut self.link.highest;
        if frame_id <= highest.saturating_add(MAX_NUMBER_GAP) {
            *highest = (*highest).max(frame_id);
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

    /// Frames that came back without data, over all links.
    pub(crate) fn without_data(&self, video: Option<SentVideo>) -> u64 {
        self.alone_before + self.alone_on_link(video)
    }

    /// Frames that came back, with data or without.
    pub(crate) fn came_back(&self, video: Option<SentVideo>) -> u64 {
        self.arrived + self.without_data(video)
    }

    /// Frames that were sent where nothing returns, and arrived as far as it is known, over all links.
    pub(crate) fn published(&self, video: Option<SentVideo>) -> u64 {
        self.published_before + published_on_link(video)
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

    /// Frames that there were, over all links.
    pub(crate) fn frames(&self, video: Option<SentVideo>) -> u64 {
        self.frames_before + self.frames_of_link(video)
    }

    /// Frames that the caller did not get, by cause; `not_taken` is known to the queue.
    pub(crate) fn drops(&self, video: Option<SentVideo>, not_taken: u64) -> Drops {
        let SentVideo { not_encoded, disconnected, .. } = video.unwrap_or_default();
        Drops {
            not_encoded,
            disconnected,
            not_returned: self.lost_before + self.lost_on_link(video),
            queue_full: self.queue_full,
            unreadable: self.unreadable,
            not_taken,
        }
    }

    /// Whether something that was promised is missing, damaged or failed. `every_frame` is whether the
    /// frames that were left out on the way were promised, too.
    pub(crate) fn has_loss(&self, video: Option<SentVideo>, every_frame: bool) -> bool {
        let Drops { not_encoded, disconnected, not_returned, unreadable, .. } =
            self.drops(video, 0);
        // What was to be said about a frame was promised as well as the frame.
        let left_out = not_encoded + disconnected + not_returned + self.without_data(video);
        unreadable + self.failed > 0 || !self.damage.is_empty() || every_frame && left_out > 0
    }
}

fn published_on_link(video: Option<SentVideo>) -> u64 {
    video.and_then(|video| video.confirmed).unwrap_or_default()
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
    fn what_was_under_way_when_a_link_was_lost_is_lost_and_the_next_one_counts_anew() {
        let sent = |sent| Some(SentVideo { sent, ..SentVideo::default() });
        let mut ledger = Ledger::default();
        (1..=7).for_each(|frame_id| ledger.result(frame_id, &[]));
        assert_eq!(ledger.next_link(sent(10)), 3);
        (1..=5).for_each(|frame_id| ledger.result(frame_id, &[]));
        assert_eq!((ledger.frames(sent(15)), ledger.drops(sent(15), 0).not_returned), (15, 3));
        assert_eq!(ledger.next_link(sent(16)), 1);

        let mut ledger = Ledger::default();
        ledger.result(7, &[]);
        assert_eq!(ledger.next_link(None), 6, "the server named them");
        ledger.result(1, &[]);
        assert_eq!((ledger.frames(None), ledger.drops(None, 0).not_returned), (8, 6));
    }

    #[test]
    fn where_nothing_returns_a_frame_is_published_when_it_is_confirmed_and_else_lost_with_its_link()
    {
        let video = |sent, confirmed| {
            Some(SentVideo { sent, confirmed: Some(confirmed), ..SentVideo::default() })
        };
        let mut ledger = Ledger::default();
        assert_eq!(ledger.next_link(video(10, 7)), 3);
        assert_eq!((ledger.published(video(15, 5)), ledger.frames(video(15, 5))), (12, 15));
        assert_eq!(ledger.drops(video(15, 5), 0).not_returned, 3);
        assert_eq!(ledger.drops(video(15, 4), 0).not_returned, 4);
        assert_eq!(ledger.came_back(video(15, 5)), 0);
        assert!(ledger.has_loss(video(15, 5), true) && !ledger.has_loss(video(15, 5), false));
    }

    #[test]
    fn a_frame_that_came_back_without_data_is_counted_as_that_and_nothing_else() {
        let sent = Some(SentVideo { sent: 5, ..SentVideo::default() });
        let mut ledger = Ledger::default();
        (1..=3).for_each(|frame_id| ledger.result(frame_id, &[]));
        ledger.frame_alone();
        assert_eq!((ledger.came_back(sent), ledger.drops(sent, 0).not_returned), (4, 1));
        assert_eq!((ledger.frames(sent), ledger.without_data(sent)), (5, 1));
        assert!(ledger.has_loss(sent, true) && !ledger.has_loss(sent, false));
        assert_eq!(ledger.next_link(sent), 1);
        assert_eq!((ledger.came_back(sent), ledger.drops(sent, 0).not_returned), (4, 1));

        let mut apart = Ledger::default();
        for frame_id in 1..=5 {
            apart.result(frame_id, &[]);
            apart.frame_alone();
        }
        assert_eq!((apart.came_back(sent), apart.frames(sent)), (5, 5), "the same frames");
        assert_eq!((apart.came_back(None), apart.frames(None)), (5, 5));
        assert!(!apart.has_loss(sent, true));

        let mut without = Ledger::default();
        (0..5).for_each(|_| without.frame_alone());
        assert_eq!((without.came_back(None), without.frames(None)), (5, 5), "nobody named them");
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
        let video = Some(SentVideo { sent: 5, ..SentVideo::default() });
        let mut ledger = Ledger::default();
        (1..=4).for_each(|frame_id| ledger.result(frame_id, &[]));
        assert!(ledger.has_loss(video, true) && !ledger.has_loss(video, false));
        let late = Some(SentVideo { sent: 4, not_encoded: 1, ..SentVideo::default() });
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
        Alone,
        Named(u32),
        /// So many frames were sent, and the connection broke.
        Break(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (any::<u32>(), any::<bool>()).prop_map(|(id, failed)| Step::Result(id, failed)),
            (0..500_u32, any::<bool>()).prop_map(|(id, failed)| Step::Result(id, failed)),
            Just(Step::Unreadable),
            Just(Step::Alone),
            any::<u32>().prop_map(Step::Named),
            (0..500_u32).prop_map(Step::Named),
            (0..500_u64).prop_map(Step::Break),
        ]
    }

    proptest! {
        /// Whatever a server says, and however often the connection breaks, the frames add up.
        #[test]
        fn every_frame_is_counted_once(
            steps in prop::collection::vec(step(), 0..200),
            sends_video in any::<bool>(),
            confirmed in prop::option::of(0..500_u64),
        ) {
            let mut ledger = Ledger::default();
            let video = SentVideo { confirmed, ..SentVideo::default() };
            let mut video = sends_video.then_some(video);
            let mut lost = 0;
            for step in steps {
                match step {
                    Step::Result(id, true) => ledger.result(id, &["failed".to_owned()]),
                    Step::Result(id, false) => ledger.result(id, &[]),
                    Step::Unreadable => ledger.unreadable(),
                    Step::Alone => ledger.frame_alone(),
                    Step::Named(id) => ledger.named(id),
                    Step::Break(sent) => {
                        video.iter_mut().for_each(|video| video.sent += sent);
                        lost += ledger.next_link(video);
                    }
                }
            }
            let drops = ledger.drops(video, 0);
            let came = ledger.came_back(video) + ledger.published(video);
            let found = came + drops.unreadable + drops.not_returned;
            prop_assert_eq!(found, ledger.frames(video));
            prop_assert!(ledger.failed() <= ledger.arrived());
            prop_assert!(lost <= drops.not_returned);
        }
    }
}
