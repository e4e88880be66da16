//! What happens in streams.

use std::time::Duration;

use streamsdk::{Event, Summary};
use streamsdk_sinks::StreamName;
use tokio::sync::mpsc;

use super::status::StreamState;
use crate::session_settings::StreamError;

/// Something that happened in a stream.
#[derive(Debug)]
#[non_exhaustive]
pub struct StreamEvent {
    /// In which.
    pub stream: StreamName,
    /// What it was.
    pub news: StreamNews,
}

/// What happened in a stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum StreamNews {
    /// There is a session.
    Started,
    /// Something happened in the session.
    Session(Event),
    /// The session has ended.
    Ended(Box<Summary>),
    /// The session failed, or could not be started.
    Failed(StreamError),
    /// Another session will be started after so long.
    Restarting(Duration),
    /// The stream has ended, and does nothing more.
    Over(StreamState),
}

/// What happens in all streams, in the order of each. See [`Streams::with_events`](crate::Streams::with_events).
#[derive(Debug)]
pub struct StreamEvents {
    pub(super) events: mpsc::Receiver<StreamEvent>,
}

impl StreamEvents {
    /// The next event; `None` when nothing more can happen: the [`Streams`](crate::Streams) are gone. Cancelling loses nothing.
    ///
    /// Who takes them slowly makes the streams wait, each by its own rules: the server of a file is held back, and a live session
    /// leaves out the oldest frames and counts them. Dropping this sets them free.
    pub async fn next(&mut self) -> Option<StreamEvent> {
        self.events.recv().await
    }
}
