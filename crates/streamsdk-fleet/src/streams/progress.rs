//! How far a stream is: by itself, or behind others who have begun it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use streamsdk_sinks::Place;

/// How far a stream is within an epoch: that of one session, or of all those that one node has.
#[derive(Debug)]
pub(crate) struct Progress {
    work: Option<String>,
    is_file: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    last: Place,
    /// The last frame of the file that there is a result of; 0 for none.
    frame: u32,
}

impl Progress {
    /// A session by itself, whose results are all new.
    pub(super) fn of_session(epoch: u64) -> Self {
        let state = State { last: Place { epoch, sequence: 0 }, frame: 0 };
        Self { work: None, is_file: false, state: Mutex::new(state) }
    }

    /// Goes on behind the place `last`. The results of a file go on behind the frame `after`, since whoever uploads it again gets
    /// all of them again.
    #[cfg(feature = "nats")]
    pub(crate) fn behind(last: Place, work: String, file_after: Option<u32>) -> Self {
        let (is_file, frame) = (file_after.is_some(), file_after.unwrap_or_default());
        Self { work: Some(work), is_file, state: Mutex::new(State { last, frame }) }
    }

    /// What is done in the stream, where others go on with it.
    pub(crate) fn work(&self) -> Option<&str> {
        self.work.as_deref()
    }

    /// The place of the last record.
    pub(crate) fn last(&self) -> Place {
        self.state().last
    }

    /// The last frame of the file that there is a result of; 0 for none.
    #[cfg(feature = "nats")]
    pub(crate) fn frame(&self) -> u32 {
        self.state().frame
    }

    /// The place for the result of a frame; `None` if it was there before. A frame without a number is always a new one.
    pub(super) fn next(&self, frame: u32) -> Option<Place> {
        let mut state = self.state();
        if self.is_file && frame != 0 {
            if frame <= state.frame {
                return None;
            }
            state.frame = frame;
        }
        state.last.sequence += 1;
        Some(state.last)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, feature = "nats"))]
mod tests {
    use super::*;

    fn places(progress: &Progress, frames: &[u32]) -> Vec<Option<u64>> {
        frames.iter().map(|frame| Some(progress.next(*frame)?.sequence)).collect()
    }

    #[test]
    fn a_file_goes_on_behind_the_last_frame_however_often_it_is_uploaded() {
        let progress = Progress::behind(Place { epoch: 4, sequence: 0 }, "count".into(), Some(2));
        assert_eq!(places(&progress, &[1, 2, 3, 4]), [None, None, Some(1), Some(2)]);
        assert_eq!(places(&progress, &[1, 2, 3, 4, 5]), [None, None, None, None, Some(3)]);
    }

    #[test]
    fn every_result_of_a_live_stream_is_new() {
        let progress = Progress::behind(Place { epoch: 4, sequence: 7 }, "count".into(), None);
        assert_eq!(places(&progress, &[1, 2, 1, 0]), [Some(8), Some(9), Some(10), Some(11)]);
    }
}
