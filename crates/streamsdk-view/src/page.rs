use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::config::PageConfig;
use crate::error_response::ErrorResponse;
use crate::routes;
use crate::source::ViewSource;
use crate::stream::{CountedViewer, Stream};

/// A page that shows streams. Clones show the same ones; the last one that is dropped ends the page.
///
/// It serves nothing by itself: see [`PageServer`](crate::PageServer), or put [`LivePage::router`] into a server of your
/// own.
#[derive(Clone)]
pub struct LivePage {
    shared: Arc<Shared>,
    _end: Arc<DropGuard>,
}

/// What the page and its requests have in common.
pub(crate) struct Shared {
    pub(crate) config: PageConfig,
    streams: Mutex<Vec<Arc<Stream>>>,
    /// The viewers over WebRTC, by the name that they were given.
    viewers: Mutex<HashMap<String, CancellationToken>>,
    room: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl LivePage {
    /// A page without streams.
    pub fn new(config: PageConfig) -> Self {
        let stop = CancellationToken::new();
        let shared = Shared {
            room: Arc::new(Semaphore::new(config.max_viewers.min(Semaphore::MAX_PERMITS))),
            config,
            streams: Mutex::default(),
            viewers: Mutex::default(),
            stop: stop.clone(),
            tasks: TaskTracker::new(),
        };
        Self { shared: Arc::new(shared), _end: Arc::new(stop.drop_guard()) }
    }

    /// Shows what `source` gives, under `name`. It is taken from the source from now on, in the background. What is over
    /// stays on the page with its last picture; a stream of the same name is taken off.
    ///
    /// # Panics
    ///
    /// Outside of tokio's runtime.
    pub fn show(&self, name: impl Into<String>, source: impl ViewSource) {
        let stream = Arc::new(Stream::new(name.into(), &source));
        let mut streams = self.shared.streams();
        match streams.iter_mut().find(|shown| shown.name() == stream.name()) {
            Some(shown) => std::mem::replace(shown, Arc::clone(&stream)).remove(),
            None => streams.push(Arc::clone(&stream)),
        }
        drop(streams);
        let stop = self.shared.stop.clone();
        self.shared.tasks.spawn(async move {
            tokio::select! {
                () = stream.run(Box::new(source)) => {}
                () = stop.cancelled() => {}
            }
        });
    }

    /// Takes a stream off the page. Does nothing where there is none of that name.
    pub fn remove(&self, name: &str) {
        self.shared.streams().retain(|stream| {
            let stays = stream.name() != name;
            if !stays {
                stream.remove();
            }
            stays
        });
    }

    /// What answers browsers: the page at `/`, and what it asks for. It has no answer of its own for other paths.
    ///
    /// Serve it with axum's `into_make_service_with_connect_info::<SocketAddr>()`, or packets are made to fit an Ethernet,
    /// whatever is known of the way to a viewer.
    pub fn router(&self) -> Router {
        routes::router(Arc::clone(&self.shared))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl std::fmt::Debug for LivePage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LivePage")
    }
}

/// Somebody who looks, for as long as it is held.
pub(crate) struct ViewerPlace {
    pub(crate) counted: CountedViewer,
    pub(crate) room: OwnedSemaphorePermit,
}

impl Shared {
    pub(crate) fn all_streams(&self) -> Vec<Arc<Stream>> {
        self.streams().clone()
    }

    /// The stream called `name`, or the first one.
    pub(crate) fn stream(&self, name: Option<&str>) -> Result<Arc<Stream>, ErrorResponse> {
        let streams = self.streams();
        let mut streams = streams.iter();
        let stream = match name {
            Some(name) => streams.find(|stream| stream.name() == name),
            None => streams.next(),
        };
        stream.cloned().ok_or(ErrorResponse::NoStream)
    }

    /// A place for somebody who looks at `stream`.
    pub(crate) fn admit(&self, stream: &Arc<Stream>) -> Result<ViewerPlace, ErrorResponse> {
        let room = Arc::clone(&self.room).try_acquire_owned();
        let room = room.map_err(|_| ErrorResponse::TooManyViewers(self.config.max_viewers))?;
        Ok(ViewerPlace { counted: stream.count_viewer(), room })
    }

    /// What closes the viewer called `name`.
    pub(crate) fn note_viewer(&self, name: String) -> CancellationToken {
        let close = self.stop.child_token();
        self.viewers().insert(name, close.clone());
        close
    }

    /// Closes the viewer called `name`. Whether there is one.
    pub(crate) fn close_viewer(&self, name: &str) -> bool {
        let viewer = self.viewers().remove(name);
        viewer.iter().for_each(CancellationToken::cancel);
        viewer.is_some()
    }

    fn streams(&self) -> MutexGuard<'_, Vec<Arc<Stream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn viewers(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.viewers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
