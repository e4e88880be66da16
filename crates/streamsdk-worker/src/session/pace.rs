use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use streamsdk_protocol::ack::AckWindow;
use streamsdk_protocol::control::ControlMessage;

use crate::workflow::DataSelection;

/// What the client says about the pace and the outputs, for the pipeline to follow.
#[derive(Debug)]
pub(crate) struct Pace {
    state: Mutex<State>,
    changed: Condvar,
    time_limit: Option<Instant>,
}

#[derive(Debug)]
struct State {
    window: AckWindow,
    selection: DataSelection,
    cancelled: bool,
}

/// Why the pipeline has to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The session is over.
    Cancelled,
    /// The time that the client asked for is used up.
    TimeLimit,
}

impl Pace {
    pub(crate) fn new(
        ack_window: u32,
        selection: DataSelection,
        time_limit: Option<Duration>,
    ) -> Self {
        Self {
            state: Mutex::new(State {
                window: AckWindow::new(ack_window),
                selection,
                cancelled: false,
            }),
            changed: Condvar::new(),
            time_limit: time_limit.map(|limit| Instant::now() + limit),
        }
    }

    pub(crate) fn obey(&self, message: ControlMessage) {
        let mut state = self.state();
        if let Some(frame_id) = message.ack {
            state.window.ack(frame_id);
        }
        if let Some(names) = message.data_output {
            state.selection = DataSelection::new(names);
        }
        drop(state);
        self.changed.notify_all();
    }

    pub(crate) fn selection(&self) -> DataSelection {
        self.state().selection.clone()
    }

    /// Blocks until frame `frame_id` may be produced.
    pub(crate) fn wait_for_turn(&self, frame_id: u32) -> Result<(), Stop> {
        self.wait(None, |state| state.window.admits(frame_id))
    }

    /// Blocks until `instant`.
    pub(crate) fn wait_until(&self, instant: Instant) -> Result<(), Stop> {
        self.wait(Some(instant), |_| Instant::now() >= instant)
    }

    /// Cancels when dropped.
    pub(crate) fn cancel_on_drop(self: &Arc<Self>) -> CancelOnDrop {
        CancelOnDrop(Arc::clone(self))
    }

    fn wait(&self, until: Option<Instant>, done: impl Fn(&State) -> bool) -> Result<(), Stop> {
        let mut state = self.state();
        loop {
            if state.cancelled {
                return Err(Stop::Cancelled);
            }
            if self.time_limit.is_some_and(|limit| Instant::now() >= limit) {
                return Err(Stop::TimeLimit);
            }
            if done(&state) {
                return Ok(());
            }
            let wake = [until, self.time_limit].into_iter().flatten().min();
            state = match wake.map(|at| at.saturating_duration_since(Instant::now())) {
                Some(time) => self
                    .changed
                    .wait_timeout(state, time)
                    .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state),
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Pace::cancel_on_drop`].
#[derive(Debug)]
pub(crate) struct CancelOnDrop(Arc<Pace>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.state().cancelled = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(time_limit: Option<Duration>) -> Arc<Pace> {
        Arc::new(Pace::new(1, DataSelection::Metadata, time_limit))
    }

    #[test]
    fn an_ack_lets_the_waiting_frame_through() {
        let pace = pace(None);
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
        let pace_of_session = pace(None);
        pace_of_session.obey(ControlMessage::ack(1));
        drop(pace_of_session.cancel_on_drop());
        assert_eq!(pace_of_session.wait_for_turn(3), Err(Stop::Cancelled));

        let limited = pace(Some(Duration::from_millis(20)));
        limited.obey(ControlMessage::ack(1));
        assert_eq!(limited.wait_for_turn(3), Err(Stop::TimeLimit));
    }

    #[test]
    fn the_selection_follows_the_client() {
        let pace = pace(None);
        pace.obey(ControlMessage::data_output(vec!["*".into()]));
        assert_eq!(pace.selection(), DataSelection::AllData);
    }
}
