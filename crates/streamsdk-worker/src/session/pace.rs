use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use streamsdk_protocol::ack::AckWindow;
use streamsdk_protocol::control::ControlMessage;
use tracing::debug;

use crate::workflow::{DataSelection, Selection, first_name};

/// How long is waited at a time; whatever changes is noticed at once all the same.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// What the client says about the pace and the outputs, for the pipeline to follow.
#[derive(Debug)]
pub(crate) struct SessionPace {
    state: Mutex<PaceState>,
    changed: Condvar,
    has_track: bool,
    ack_timeout: Duration,
    time_limit: Option<Instant>,
}

/// How far and how long a session may go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PaceLimits {
    /// Frames that may be sent ahead of the last one acked.
    pub(crate) ack_window: u32,
    /// How long a frame may wait for an ack.
    pub(crate) ack_timeout: Duration,
    /// How long the session may take.
    pub(crate) time: Duration,
}

#[derive(Debug)]
struct PaceState {
    window: AckWindow,
    selection: Selection,
    /// What has been said from outside.
    stop: Option<Stop>,
}

/// Why the pipeline has to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The session is over.
    Cancelled,
    /// The time that the client asked for is used up.
    TimeLimit,
    /// The worker is.
    ShutDown,
    /// The client acknowledged nothing for so long.
    NoAck(Duration),
}

impl SessionPace {
    pub(crate) fn new(selection: Selection, has_track: bool, limits: PaceLimits) -> Self {
        let PaceLimits { ack_window, ack_timeout, time } = limits;
        Self {
            state: Mutex::new(PaceState {
                window: AckWindow::new(ack_window),
                selection,
                stop: None,
            }),
            changed: Condvar::new(),
            has_track,
            ack_timeout,
            // What no clock reaches is no limit.
            time_limit: Instant::now().checked_add(time),
        }
    }

    pub(crate) fn obey(&self, message: ControlMessage) {
        let mut state = self.state();
        if let Some(frame_id) = message.ack {
            state.window.ack(frame_id);
        }
        if let Some(names) = message.stream_output {
            match self.has_track {
                true => state.selection.image = first_name(names),
                false => debug!("there is no video track for a stream_output"),
            }
        }
        if let Some(names) = message.data_output {
            state.selection.data = DataSelection::new(names);
        }
        drop(state);
        self.changed.notify_all();
    }

    pub(crate) fn selection(&self) -> Selection {
        self.state().selection.clone()
    }

    /// Whether the pipeline may go on.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        self.reason_to_stop(&self.state()).map_or(Ok(()), Err)
    }

    /// Blocks until frame `frame_id` may be produced.
    pub(crate) fn wait_for_turn(&self, frame_id: u32) -> Result<(), Stop> {
        let started = Instant::now();
        let mut state = self.state();
        loop {
            if let Some(stop) = self.reason_to_stop(&state) {
                return Err(stop);
            }
            if state.window.admits(frame_id) {
                return Ok(());
            }
            // Whatever else the client says meanwhile.
            let left = self.ack_timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(Stop::NoAck(self.ack_timeout));
            }
            let waited = self.changed.wait_timeout(state, self.at_most(POLL_INTERVAL.min(left)));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// So long, or the rest of the session's time if that is shorter.
    pub(crate) fn at_most(&self, time: Duration) -> Duration {
        let left = |limit: Instant| limit.saturating_duration_since(Instant::now());
        self.time_limit.map_or(time, |limit| left(limit).min(time))
    }

    /// Cancels when dropped.
    pub(crate) fn cancel_on_drop(self: &Arc<Self>) -> CancelOnDrop {
        CancelOnDrop(Arc::clone(self))
    }

    /// Ends the pipeline, which says so to the client.
    pub(crate) fn shut_down(&self) {
        self.stop(Stop::ShutDown);
    }

    fn stop(&self, stop: Stop) {
        self.state().stop = Some(stop);
        self.changed.notify_all();
    }

    fn reason_to_stop(&self, state: &PaceState) -> Option<Stop> {
        if state.stop.is_some() {
            return state.stop;
        }
        let is_over = self.time_limit.is_some_and(|limit| Instant::now() >= limit);
        is_over.then_some(Stop::TimeLimit)
    }

    fn state(&self) -> MutexGuard<'_, PaceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`SessionPace::cancel_on_drop`].
#[derive(Debug)]
pub(crate) struct CancelOnDrop(Arc<SessionPace>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.stop(Stop::Cancelled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(has_track: bool, time_limit: Duration) -> Arc<SessionPace> {
        let selection = Selection { data: DataSelection::Metadata, image: Some("image".into()) };
        let ack_timeout = Duration::from_secs(60);
        let limits = PaceLimits { ack_window: 1, ack_timeout, time: time_limit };
        Arc::new(SessionPace::new(selection, has_track, limits))
    }

    #[test]
    fn an_ack_lets_the_waiting_frame_through() {
        let pace = pace(false, Duration::MAX);
        pace.obey(ControlMessage::ack(1));
        assert_eq!(pace.wait_for_turn(2), Ok(()));
        let waiting = std::thread::spawn({
            let pace = Arc::clone(&pace);
            move || pace.wait_for_turn(3)
        });
        pace.obey(ControlMessage::ack(2));
        assert_eq!(waiting.join().unwrap(), Ok(()));
    }

    #[test]
    fn waiting_ends_with_the_session_and_with_its_time_limit() {
        let pace_of_session = pace(false, Duration::MAX);
        pace_of_session.obey(ControlMessage::ack(1));
        drop(pace_of_session.cancel_on_drop());
        assert_eq!(pace_of_session.wait_for_turn(3), Err(Stop::Cancelled));

        let pace_of_worker = pace(false, Duration::MAX);
        pace_of_worker.obey(ControlMessage::ack(1));
        pace_of_worker.shut_down();
        assert_eq!(pace_of_worker.wait_for_turn(3), Err(Stop::ShutDown));

        let limited = pace(false, Duration::from_millis(20));
        limited.obey(ControlMessage::ack(1));
        assert_eq!(limited.wait_for_turn(3), Err(Stop::TimeLimit));
    }

    #[test]
    fn a_time_limit_past_all_clocks_is_none() {
        let pace = pace(false, Duration::MAX);
        assert_eq!((pace.check(), pace.at_most(POLL_INTERVAL)), (Ok(()), POLL_INTERVAL));
    }

    #[test]
    fn a_frame_waits_for_its_ack_within_a_limit_that_nothing_else_puts_off() {
        let ack_timeout = Duration::from_millis(100);
        let selection = Selection { data: DataSelection::Metadata, image: None };
        let limits = PaceLimits { ack_window: 1, ack_timeout, time: Duration::MAX };
        let pace = Arc::new(SessionPace::new(selection, false, limits));
        pace.obey(ControlMessage::ack(1));
        let waiting = std::thread::spawn({
            let pace = Arc::clone(&pace);
            move || pace.wait_for_turn(3)
        });
        while !waiting.is_finished() {
            pace.obey(ControlMessage::ack(1));
            std::thread::yield_now();
        }
        assert_eq!(waiting.join().unwrap(), Err(Stop::NoAck(ack_timeout)));
    }

    #[test]
    fn the_selection_follows_the_client_as_far_as_there_is_a_track() {
        for (has_track, image) in [(true, Some("other")), (false, Some("image"))] {
            let pace = pace(has_track, Duration::MAX);
            pace.obey(ControlMessage::data_output(vec!["*".into()]));
            pace.obey(ControlMessage::stream_output(vec![String::new(), "other".into()]));
            let Selection { data, image: selected } = pace.selection();
            assert_eq!((data, selected.as_deref()), (DataSelection::AllDataAnd(Vec::new()), image));
        }
    }
}
