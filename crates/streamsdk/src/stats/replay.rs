//! Which results of a video that is sent again the caller has already. Without a clock, a task or a connection.

use std::collections::VecDeque;

use thiserror::Error;

/// Times of frames that are kept to tell whether they are numbered alike again. A frame that is missing or
/// new on the second pass shifts all that come after it, so the last ones tell.
const MAX_KEPT_TIMES: usize = 1024;

/// Compares the results of each pass with those before.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// The highest frame number that the caller has, or that was given up.
    done: u32,
    /// The highest frame number of this pass.
    reached: u32,
    /// Numbers and times of the newest frames up to that one, in order.
    times: VecDeque<(u32, i64)>,
}

/// The server does not number the frames of a video as it did before the connection broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the server numbers the frames of the same video differently than before: frame {frame} was the one at \
     {before} of its time base and is now the one at {now}"
)]
pub(crate) struct Renumbered {
    pub(crate) frame: u32,
    pub(crate) before: i64,
    pub(crate) now: i64,
}

/// The server does not find as many frames in a video as it did before the connection broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the same video ended after frame {now}, though frame {before} of it had come before")]
pub(crate) struct Shortened {
    pub(crate) before: u32,
    pub(crate) now: u32,
}

impl Replay {
    /// Goes on with another pass.
    pub(crate) fn next_pass(&mut self) {
        self.reached = 0;
    }

    /// Notes that the server knows of a frame.
    pub(crate) fn named(&mut self, frame: u32) {
        self.reached = self.reached.max(frame);
    }

    /// Whether the video may end here.
    pub(crate) fn ends(&self) -> Result<(), Shortened> {
        let Self { done: before, reached: now, .. } = *self;
        if now < before { Err(Shortened { before, now }) } else { Ok(()) }
    }

    /// Whether the result about a frame is new. `time` is the frame's own, in whatever base.
    pub(crate) fn is_new(&mut self, frame: u32, time: Option<i64>) -> Result<bool, Renumbered> {
        self.named(frame);
        if frame > self.done {
            self.done = frame;
            if let Some(time) = time {
                if self.times.len() >= MAX_KEPT_TIMES {
                    self.times.pop_front();
                }
                self.times.push_back((frame, time));
            }
            return Ok(true);
        }
        let known = self.times.binary_search_by_key(&frame, |(number, _)| *number).ok();
        match (known.map(|place| self.times[place].1), time) {
            (Some(before), Some(now)) if before != now => Err(Renumbered { frame, before, now }),
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_frame_is_new_once_however_often_the_video_is_sent() {
        let mut replay = Replay::default();
        let mut new = |frame: u32| replay.is_new(frame, Some(i64::from(frame) * 3000));
        let passes = [1..=5, 1..=3, 1..=8];
        let delivered: Vec<_> =
            passes.into_iter().flatten().filter(|frame| new(*frame).unwrap()).collect();
        assert_eq!(delivered, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_pass_that_ends_before_what_came_already_is_an_error() {
        let mut replay = Replay::default();
        (1..=5).for_each(|frame| assert_eq!(replay.is_new(frame, None), Ok(true)));
        assert_eq!(replay.ends(), Ok(()));
        replay.next_pass();
        (1..=3).for_each(|frame| assert_eq!(replay.is_new(frame, None), Ok(false)));
        assert_eq!(replay.ends(), Err(Shortened { before: 5, now: 3 }));
        replay.named(5);
        assert_eq!(replay.ends(), Ok(()), "the rest of it was not sent, and is here");
    }

    #[test]
    fn other_numbers_for_the_same_frames_are_an_error_and_no_guess() {
        let mut replay = Replay::default();
        for frame in 1..=5000_u32 {
            assert_eq!(replay.is_new(frame, Some(i64::from(frame) * 40)), Ok(true));
        }
        assert!(replay.times.len() <= MAX_KEPT_TIMES);
        assert_eq!(replay.is_new(4998, Some(4998 * 40)), Ok(false));
        let renumbered = Renumbered { frame: 4999, before: 4999 * 40, now: 5000 * 40 };
        assert_eq!(replay.is_new(4999, Some(5000 * 40)), Err(renumbered));
        assert_eq!(replay.is_new(5000, None), Ok(false), "nothing is known of its time");
    }
}
