//! One stream from its beginning to its end: one session after the other.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use streamsdk::{Control, Event, FrameData, FrameJson, Outputs, Session, Summary};
use streamsdk_sinks::payload::{self, Origin};
use streamsdk_sinks::{Place, Record, StreamName};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use super::event::{StreamEvent, StreamNews};
use super::progress::Progress;
use super::status::{Ledger, StreamState};
use super::stream::Stream;
use crate::epochs::Epochs;
use crate::restart::{Restarts, is_good};
use crate::session_settings::StreamError;

/// What all streams have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) epochs: Epochs,
    /// Turns of those that wait for one.
    pub(super) turns: Semaphore,
    /// Who wants to know, if anybody does.
    pub(super) listener: Option<mpsc::Sender<StreamEvent>>,
}

/// A stream that runs.
pub(super) struct StreamRun {
    pub(super) name: StreamName,
    pub(super) stream: Stream,
    pub(super) ledger: Arc<Ledger>,
    pub(super) common: Arc<Common>,
    /// Cancelled when it is to end: what has arrived is still delivered.
    pub(super) stop: CancellationToken,
    /// Cancelled when it does nothing more by itself.
    pub(super) over: CancellationToken,
}

/// A session that is over, or did not come about.
struct SessionEnd {
    outcome: Result<Summary, StreamError>,
    gave_results: bool,
}

/// Closes a session when it is told to end, or has gone on for long enough. Its events end then.
async fn close_in_time(control: Control, stop: CancellationToken, limit: Option<Duration>) {
    let limit = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = limit => {}
    }
    control.close();
}

impl StreamRun {
    pub(super) async fn run(self) {
        let turn = async {
            match self.stream.waits_for_turn {
                true => self.common.turns.acquire().await.ok(),
                false => None,
            }
        };
        let turn = tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            turn = turn => turn,
        };
        // Thousands may wait for their turn, and as many be over: they do not have the room of a session.
        Box::pin(self.run_in_turn(turn)).await;
    }

    async fn run_in_turn(&self, turn: Option<SemaphorePermit<'_>>) {
        let state = self.run_sessions().await;
        drop(turn);
        self.ledger.set_state(state);
        self.over.cancel();
        self.tell(StreamNews::Over(state)).await;
    }

    /// Returns how the stream is when it does not begin again.
    async fn run_sessions(&self) -> StreamState {
        let mut restarts = Restarts::new(self.stream.restart);
        loop {
            let Some(end) = self.run_session().await else { return StreamState::Stopped };
            let wait = restarts.wait_after(&end.outcome, end.gave_results);
            let over = match &end.outcome {
                Ok(summary) if is_good(summary) => StreamState::Complete,
                _ => StreamState::Failed,
            };
            self.tell_end(end.outcome).await;
            if self.stop.is_cancelled() {
                return StreamState::Stopped;
            }
            let Some(wait) = wait else { return over };
            self.ledger.set_state(StreamState::Restarting);
            self.tell(StreamNews::Restarting(wait)).await;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.cancelled() => return StreamState::Stopped,
            }
        }
    }

    /// Returns `None` if the stream was told to end before there was a session.
    async fn run_session(&self) -> Option<SessionEnd> {
        self.ledger.set_state(StreamState::Starting);
        let started = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            started = self.stream.starter.start() => started,
        };
        Some(match started {
            Ok(session) => self.follow(session).await,
            Err(error) => SessionEnd { outcome: Err(error), gave_results: false },
        })
    }

    async fn follow(&self, mut session: Session) -> SessionEnd {
        let control = session.control();
        self.ledger.session_began(control.clone());
        self.stream.on_session.iter().for_each(|listener| listener(&session));
        self.tell(StreamNews::Started).await;
        let closing =
            tokio::spawn(close_in_time(control, self.stop.clone(), self.stream.session_limit));
        let progress = self.progress();
        let before = progress.last();
        let mut failure = None;
        while let Some(event) = session.next().await {
            match event {
                Ok(event) => self.take(event, &progress).await,
                Err(error) => failure = Some(StreamError::Session(error)),
            }
        }
        closing.abort();
        let summary = session.close().await;
        self.ledger.session_ended(&summary);
        let outcome = match failure {
            Some(error) => Err(error),
            None => Ok(summary),
        };
        SessionEnd { outcome, gave_results: progress.last() > before }
    }

    async fn take(&self, event: Event, progress: &Progress) {
        match &event {
            Event::Frame(frame) => self.deliver(frame, progress).await,
            Event::Data(data) => self.deliver(data, progress).await,
            Event::Reconnecting(news) => {
                self.ledger.set_state(StreamState::Reconnecting);
                self.ledger.went_wrong(news.cause.to_string());
            }
            Event::Reconnected(_) => self.ledger.set_state(StreamState::Running),
            _ => {}
        }
        self.tell(StreamNews::Session(event)).await;
    }

    /// Where the results of a session that begins now belong.
    fn progress(&self) -> Arc<Progress> {
        match &self.stream.progress {
            Some(progress) => Arc::clone(progress),
            None => Arc::new(Progress::of_session(self.common.epochs.next())),
        }
    }

    /// Hands a result to all outlets, in order, unless it was there before.
    async fn deliver(&self, data: &FrameData, progress: &Progress) {
        let Some(place) = progress.next(data.frame_id()) else { return };
        if self.stream.outlets.is_empty() {
            return;
        }
        let at = SystemTime::now();
        let image_urls = self.keep_images(place, data).await;
        let frame = match &image_urls {
            Some(urls) => FrameJson::with_image_urls(data, urls),
            None => FrameJson::new(data, self.stream.images),
        };
        let origin = Origin { stream: &self.name, place, work: progress.work() };
        let made = payload::of_frame(origin, frame, at);
        let payload = match made {
            Ok(payload) => payload,
            Err(error) => {
                let what = format!("a result cannot be written as JSON: {error}");
                self.ledger.went_wrong(what);
                return self.ledger.not_delivered();
            }
        };
        for outlet in &self.stream.outlets {
            let record = Record::new(self.name.clone(), place, payload.clone());
            if outlet.put(record).await.is_err() {
                self.ledger.not_delivered();
            }
        }
    }

    /// The URLs of a result's images, which are files by then. `None` where they are not kept.
    async fn keep_images(&self, place: Place, data: &FrameData) -> Option<Vec<Option<String>>> {
        let folder = Arc::clone(self.stream.image_folder.as_ref()?);
        let outputs = data.outputs().into_iter().flat_map(Outputs::iter);
        let images: Vec<_> = outputs.flat_map(|(_, output)| output.all_images()).collect();
        if images.is_empty() {
            return Some(Vec::new());
        }
        let saved = tokio::task::spawn_blocking(move || folder.save(place, &images)).await;
        let urls = saved.unwrap_or_default().into_iter();
        let told = urls.map(|url| {
            url.map_err(|error| self.ledger.went_wrong(format!("an image is not kept: {error}")))
                .ok()
        });
        Some(told.collect())
    }

    async fn tell_end(&self, outcome: Result<Summary, StreamError>) {
        let news = match outcome {
            Ok(summary) => StreamNews::Ended(Box::new(summary)),
            Err(error) => {
                self.ledger.went_wrong(error.to_string());
                StreamNews::Failed(error)
            }
        };
        self.tell(news).await;
    }

    /// Waits until whoever wants to know has room for it.
    async fn tell(&self, news: StreamNews) {
        if let Some(listener) = &self.common.listener {
            // It fails where nobody listens any more.
            let _ = listener.send(StreamEvent { stream: self.name.clone(), news }).await;
        }
    }
}
